"""Run all stages from a music folder to playlists: `unheard go`."""
