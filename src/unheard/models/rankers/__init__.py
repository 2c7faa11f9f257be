"""Define rankers: models that learn from features and plays to rank new tracks for playlists.

A network (`models/networks.py`) predicts given factors; a ranker may learn its own embedding space. Each family has one
file here with its configuration and modules, and one in training/rankers/ with its fit.
"""
