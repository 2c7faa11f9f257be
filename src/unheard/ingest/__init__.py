"""Ingest: audio files, tags, spectrogram patches, vectors, track tables and playlists into the library."""
