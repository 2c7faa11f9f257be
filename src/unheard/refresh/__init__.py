"""Refresh named lists in place, on players and services, with less repetition: `unheard playlists refresh`."""
