"""Playlists and play counts from the formats people have them in, matched to the tracks of a library."""

from unheard.ingest.playlists.imported import Imported
from unheard.ingest.playlists.read import read_playlists

__all__ = ["Imported", "read_playlists"]
