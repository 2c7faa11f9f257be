"""Choose the number of factors and the lengths of lists from the amount of data.

docs/decisions/0016-little-data.md has the measurements.
"""

from __future__ import annotations

import numpy as np

MIN_FACTORS, MAX_FACTORS = 8, 200
PLAYS_PER_FACTOR = 20
MIN_TO_MEASURE = 30  # playlists, and candidates: with fewer a figure says nothing
MAX_LIST_SHARE = 0.5  # a list holds at most this share of the candidates
TRACKS_PER_RADIO, MAX_RADIOS = 12, 20


def n_factors(n_playlists: int, n_plays: int) -> int:
    """Return a number of latent factors: half of the playlists, at most one for 20 plays, 8 to 200."""
    return int(np.clip(min(n_playlists // 2, n_plays // PLAYS_PER_FACTOR), MIN_FACTORS, MAX_FACTORS))


def list_length(wanted: int, n_candidates: int) -> int:
    """Return the length of a list: a list of most of the candidates would recommend nothing."""
    return max(1, min(wanted, int(np.ceil(MAX_LIST_SHARE * n_candidates))))


def n_radios(n_tracks: int) -> int:
    """Return the number of radio lists of a library: one for 12 tracks, 1 to 20."""
    return int(np.clip(n_tracks // TRACKS_PER_RADIO, 1, MAX_RADIOS))
