"""ListenBrainz: a user's listens as plays, and lists as playlists of theirs."""
