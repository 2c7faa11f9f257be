"""Recommend: rank tracks for a playlist, a listener or another track, and say why."""
