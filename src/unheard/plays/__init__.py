"""Plays: which playlist or listener has which tracks. Read them from files, match them to the library, store them."""

from unheard.plays.imported import Imported
from unheard.plays.importing import Source, import_playlists
from unheard.plays.plays import Play, Plays
from unheard.plays.storage import PlayCounts, Playlist, count_plays, read_playlists, read_plays, replace_playlists

__all__ = [
    "Imported",
    "Play",
    "PlayCounts",
    "Playlist",
    "Plays",
    "Source",
    "count_plays",
    "import_playlists",
    "read_playlists",
    "read_plays",
    "replace_playlists",
]
