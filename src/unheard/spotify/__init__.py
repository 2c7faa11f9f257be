"""Recommendations as playlists on Spotify, through spotipy."""
