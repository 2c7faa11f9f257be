"""Combine the scores of a blend's members into one, not by fixed weights but by what is known of playlist and track.

How far each member can be trusted depends on the pair: an artist's mean says much of a track whose artist is on the
playlist, and nothing where the artist is new. A small network reads, for a playlist and a track,

    each member's score       dot products of embeddings, centred over the train tracks
    artist on the playlist    log(1 + number of the playlist's tracks by the track's artist)
    artist in the catalogue   log(1 + number of the artist's train tracks)
    length of the playlist    log(1 + number of its train tracks)

and adds a correction to a weighted sum of them. It is fitted by training/rankers/combine.py. Here is NumPy alone, in
float64, so that a score does not depend on what else is scored.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Floats, Indices

Counts = NDArray[np.integer]
PREFIX = "combiner."  # of the names of its arrays in an artefact
MAX_DEVIATIONS = 5.0  # inputs are clipped, so that a pair unlike all validation pairs gets no absurd score
N_OTHER_INPUTS = 3  # besides the members' scores


@dataclass(frozen=True)
class PairInputs:
    """What is known of q playlists, of n tracks, and of both.

    playlists      (q, k) embeddings of the members side by side
    tracks         (n, k) the same of the tracks
    artist_on      (q, n) number of the playlist's train tracks by the track's artist
    artist_tracks  (n,) number of the artist's train tracks
    length         (q,) number of the playlist's train tracks
    """

    playlists: Floats
    tracks: Floats
    artist_on: Counts
    artist_tracks: Counts
    length: Counts


@dataclass(frozen=True)
class Combiner:
    """A fitted network with f inputs and h hidden units.

    starts            (members + 1,) where the columns of each member start and end
    centre            (k,) mean embedding of the train tracks
    mean, deviation   (f,) of each input, over the pairs that it was fitted to
    linear            (f,) weights of the sum
    hidden, bias, out (f, h), (h,), (h,) layers of the correction: out . relu(hidden' z + bias)
    """

    starts: Indices
    centre: Floats
    mean: Floats
    deviation: Floats
    linear: Floats
    hidden: Floats
    bias: Floats
    out: Floats

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that an artefact stores, their names with `PREFIX`."""
        return {f"{PREFIX}{field.name}": getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Combiner | None:
        """Return the combiner among an artefact's arrays, None if it has none; ValueError if they do not fit."""
        if not any(name.startswith(PREFIX) for name in arrays):
            return None
        try:
            found = Combiner(**{field.name: arrays[f"{PREFIX}{field.name}"] for field in fields(Combiner)})
        except KeyError as error:
            raise ValueError(f"{error} is missing") from error
        f, h, k = len(found.starts) - 1 + N_OTHER_INPUTS, len(found.bias), len(found.centre)
        expected = {"mean": (f,), "deviation": (f,), "linear": (f,), "hidden": (f, h), "out": (h,)}
        for name, shape in expected.items():
            if getattr(found, name).shape != shape:
                raise ValueError(f"{PREFIX}{name} has shape {getattr(found, name).shape}, expected {shape}")
        if found.starts[-1] != k:
            raise ValueError(f"{PREFIX}starts do not fit {k} columns")
        return found

    def scores(self, inputs: PairInputs) -> Doubles:
        """Return scores (q, n)."""
        z = (pair_inputs(inputs, self.starts, self.centre) - self.mean) / self.deviation
        z = np.clip(z, -MAX_DEVIATIONS, MAX_DEVIATIONS)  # (q, n, f)
        units = np.maximum(z @ self.hidden.astype(np.float64) + self.bias, 0)
        scores: Doubles = z @ self.linear.astype(np.float64) + units @ self.out.astype(np.float64)
        return scores


def pair_inputs(inputs: PairInputs, starts: Indices, centre: Floats) -> Doubles:
    """Return the inputs of all pairs, (q, n, f)."""
    q, n = len(inputs.playlists), len(inputs.tracks)
    x, y = inputs.playlists.astype(np.float64), inputs.tracks.astype(np.float64)
    found = np.empty((q, n, len(starts) - 1 + N_OTHER_INPUTS))
    for member, (start, stop) in enumerate(itertools.pairwise(starts)):
        columns = slice(int(start), int(stop))
        centred = x[:, columns] @ centre[columns].astype(np.float64)
        found[:, :, member] = x[:, columns] @ y[:, columns].T - centred[:, None]
    found[:, :, -3] = np.log1p(inputs.artist_on)
    found[:, :, -2] = np.log1p(inputs.artist_tracks)
    found[:, :, -1] = np.log1p(inputs.length)[:, None]
    return found
