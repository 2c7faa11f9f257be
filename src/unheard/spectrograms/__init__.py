"""Spectrograms: from samples to mel frames, statistics and the memory-mapped store."""
