"""Search names of tracks, artists and playlists as people type them."""

from unheard.search.search_index import SearchIndex
from unheard.search.track_search import TrackSearch

__all__ = ["SearchIndex", "TrackSearch"]
