"""Scan audio files, tables, patches and vectors; store tracks, spectrograms and features."""
