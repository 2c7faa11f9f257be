"""Search names of tracks, artists and playlists as people type them; suggest names for wrong ones."""

from unheard.search.search_index import SearchIndex
from unheard.search.track_search import TrackSearch, did_you_mean, did_you_mean_tracks, near_names, near_tracks

__all__ = ["SearchIndex", "TrackSearch", "did_you_mean", "did_you_mean_tracks", "near_names", "near_tracks"]
