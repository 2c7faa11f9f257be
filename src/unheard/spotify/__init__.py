"""Write recommendations as playlists to Spotify, through spotipy, or to M3U8 files."""
