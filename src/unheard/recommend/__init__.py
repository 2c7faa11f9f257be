"""Recommend: rank tracks for playlists and for liked tracks, find neighbours, and explain the results."""
