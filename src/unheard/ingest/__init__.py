"""Read audio files, tags, spectrogram patches, vectors and tables of tracks."""
