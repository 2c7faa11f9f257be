"""Rankers: models that learn from described tracks and plays to order new tracks for playlists.

A network of the other kind (`models/networks.py`) predicts somebody's factors; a ranker may choose its own space. One
file a family: its configuration, and its modules if it has any of its own. How it is fitted is in training/rankers/.
"""
