"""Find a path between two tracks: a sequence whose steps are all short, from one sound to another.

With unit vectors x_0 = a, ..., x_{n-1} = b (the directions whose cosines are the similarities of `similar`), the path
minimises the energy

    E = sum_i (1 - x_i . x_{i+1}) = sum_i |x_i - x_{i+1}|^2 / 2

For free points and a fixed n, the minimum is the great circle from a to b in equal steps: the square weighs one long
step more than several short ones. The points are tracks, so the points of that circle (the waypoints) are approximated:
each waypoint gets the nearest tracks as its layer, every track belongs to one layer at most, and dynamic programming
(Viterbi, 1967) finds the path with the smallest energy that takes one track of each layer. So no track occurs twice,
and every step moves on. A step between tracks of one main artist costs more than any path without such a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows
from unheard.errors import UserError
from unheard.ranking import top_k
from unheard.recommend.catalogue import Catalogue

Directions = NDArray[np.float32]
WIDTH = 40  # tracks of a layer
MIN_LENGTH, MAX_LENGTH = 2, 100
SAME_ARTIST = 1e4  # energy of a step between tracks of one artist; without it a path has at most 2 * MAX_LENGTH


@dataclass(frozen=True)
class PathStep:
    """One track of a path; `similarity` is the cosine to the previous track, None for the first."""

    row: int
    track_id: str
    label: str
    similarity: float | None


def path_between(
    catalogue: Catalogue,
    directions: Directions,
    start: int,
    end: int,
    *,
    n: int,
    candidates: Rows,
    seed: int = 0,
) -> list[PathStep]:
    """Return `n` tracks from `start` to `end` (rows), both included; fewer if there are too few candidates.

    directions  (track, d) unit vectors, 0 for a track without an embedding
    candidates  rows that may lie between
    seed        breaks ties between tracks that are equally near to a waypoint

    No song occurs twice, and no artist twice in a row unless every path would do that. Raise UserError for a length
    outside MIN_LENGTH to MAX_LENGTH, equal ends, and a track without an embedding.
    """
    if not MIN_LENGTH <= n <= MAX_LENGTH:
        raise UserError(f"n {n}: expected a path of {MIN_LENGTH} to {MAX_LENGTH} tracks")
    if start == end:
        raise UserError("the path starts and ends at the same track; name two different tracks")
    for row in (start, end):
        if not directions[row].any():
            raise UserError(f"{catalogue.tracks[row].label} has no embedding; scan its file and run `unheard embed`")
    between = _between(catalogue, directions, candidates, (start, end))
    points = waypoints(directions[start], directions[end], min(n, len(between) + 2))
    layers = [np.array([start]), *layers_of(directions, between, points[1:-1], seed=seed), np.array([end])]
    rows = smoothest(directions, layers, catalogue.main_artist)
    steps = [None, *(float(directions[a] @ directions[b]) for a, b in pairwise(rows))]
    tracks = catalogue.tracks
    return [
        PathStep(row, tracks.ids[row], tracks[row].label, similarity)
        for row, similarity in zip(rows, steps, strict=True)
    ]


def waypoints(a: NDArray[np.float32], b: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Return `n` points in equal steps on the great circle between unit vectors, (n, d), both ends included.

    Opposite vectors have no shortest great circle; the points then change from one to the other in the middle.
    """
    angle = float(np.arccos(np.clip(a.astype(np.float64) @ b, -1, 1)))
    t = np.linspace(0, 1, n)[:, None]  # (point, 1)
    if np.sin(angle) < 1e-6:
        points = np.where(t < 0.5, a, b)
    else:
        points = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)  # slerp (Shoemake, 1985)
    path: Directions = points.astype(np.float32)
    return path


def layers_of(
    directions: Directions, between: Rows, points: NDArray[np.float32], *, width: int = WIDTH, seed: int = 0
) -> list[Rows]:
    """Return up to `width` tracks near each waypoint, nearest first; every track is in one layer at most.

    Layers choose in turns, the first waypoint first, so that all have almost the same number of tracks.
    """
    if not len(points):
        return []
    near = points @ directions[between].T  # (waypoint, track)
    k = min(len(between), width * len(points))  # the other layers cannot take more than these before its last turn
    order = top_k(near, k, seed=seed, queries=np.arange(len(points)), candidates=between)
    chosen: list[list[int]] = [[] for _ in points]
    taken: set[int] = set()
    nearest = [iter(columns.tolist()) for columns in order]
    for _ in range(width):
        for layer, left in zip(chosen, nearest, strict=True):
            column = next((column for column in left if column not in taken), None)
            if column is not None:
                taken.add(column)
                layer.append(column)
    return [between[layer] for layer in chosen]


def smoothest(directions: Directions, layers: Sequence[Rows], artists: NDArray[np.int32]) -> list[int]:
    """Return one row of each layer so that the energy of the path is smallest; see the docstring of this module."""
    energy = np.zeros(len(layers[0]))  # of the best path that ends at each track of the layer
    came_from: list[NDArray[np.intp]] = []
    for before, layer in pairwise(layers):
        step = 1.0 - directions[before].astype(np.float64) @ directions[layer].T  # (before, layer)
        step += SAME_ARTIST * (artists[before][:, None] == artists[layer][None, :])
        total = energy[:, None] + step
        came_from.append(total.argmin(axis=0))
        energy = total.min(axis=0)
    at = int(energy.argmin())
    path = [int(layers[-1][at])]
    for layer, origins in zip(reversed(layers[:-1]), reversed(came_from), strict=True):
        at = int(origins[at])
        path.append(int(layer[at]))
    return path[::-1]


def _between(catalogue: Catalogue, directions: Directions, candidates: Rows, ends: tuple[int, int]) -> Rows:
    """Return the candidates with an embedding, one of each song, without the songs of both ends."""
    songs = catalogue.song
    rows = candidates[directions[candidates].any(axis=1) & ~np.isin(songs[candidates], songs[list(ends)])]
    _, first = np.unique(songs[rows], return_index=True)
    return rows[np.sort(first)]
