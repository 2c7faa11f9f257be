"""Factors: latent factors of tracks and playlists, learned from plays or imported.

als.py        implicit ALS and the fold-in of newcomers (Hu, Koren and Volinsky 2008)
exact.py      the same in plain NumPy, the truth of the tests
scaling.py    factors to training targets and back
imported.py   the user's own factors
stage.py      the stage of a workspace: warm and full factors
store.py      the artefact
"""
