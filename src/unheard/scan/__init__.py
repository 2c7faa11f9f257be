"""Scanning: audio files, tables, patches and vectors in; tracks, spectrograms and features out."""
