"""Sync with an OpenSubsonic server: its tracks, playlists, stars and play counts in; lists of unheard out."""
