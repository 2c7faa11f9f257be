"""Factors: latent factors of tracks and playlists, learned from plays or imported."""
