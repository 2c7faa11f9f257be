"""Seeds of a list: tracks of the catalogue, or from outside the library, and the songs of which they are recordings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Mask, Rows
from unheard.library import Track
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.sameness import rows_of_same_song


@dataclass(frozen=True)
class NewTrack:
    """A seed from outside the library.

    track       its tags and its path
    vector      (d,) predicted factors
    statistics  mel and MFCC statistics (spectrograms/statistics.py), None if the encoder does not compute them
    recordings  ids of the tracks that are the same recording
    """

    track: Track
    vector: NDArray[np.float32]
    statistics: NDArray[np.float32] | None = None
    recordings: Collection[str] = frozenset()


Seed = int | NewTrack  # a row of the catalogue, or a track from outside the library


def songs_of(catalogue: Catalogue, seeds: Sequence[Seed]) -> set[int]:
    """Return the numbers of the songs of which the seeds are recordings."""
    songs = {int(catalogue.song[s]) for s in seeds if isinstance(s, int)}
    for new in seeds:
        if isinstance(new, NewTrack):
            same = rows_of_same_song(catalogue.tracks, new.track)
            same += [catalogue.tracks.ids.row(name) for name in new.recordings if name in catalogue.tracks.ids]
            songs |= {int(catalogue.song[row]) for row in same}
    return songs


def is_song_of(catalogue: Catalogue, seeds: Sequence[Seed], rows: Rows) -> Mask:
    """Return which rows are recordings of the songs of the seeds, (row,)."""
    return np.isin(catalogue.song[rows], list(songs_of(catalogue, seeds)))
