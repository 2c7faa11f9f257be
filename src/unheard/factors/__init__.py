"""Compute or import latent factors of tracks and playlists.

als.py                implicit ALS and the fold-in of new rows (Hu, Koren and Volinsky 2008)
als_reference.py      the same in plain NumPy, the reference of the tests
explicit.py           explicit factorisation with biases (Koren, Bell and Volinsky 2009)
scaling.py            factors to training targets and back
imported_factors.py   factors from the user's files
stage.py              the command `unheard factors`: warm and full factors
store.py              the artefact
"""
