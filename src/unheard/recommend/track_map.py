"""Project the factors of all tracks onto a plane, for the map of the catalogue.

Distances are those of the centred unit vectors, whose cosines `similar` ranks by. Two projections:

    pca   the two directions of largest variance (Hotelling, 1933): fast, but keeps few neighbours
    tsne  t-SNE (van der Maaten and Hinton, 2008), initialised with `pca`: keeps neighbourhoods but not the distances
          between them. With more than MAX_LANDMARKS tracks it is fitted on a random sample; every other track is put
          at the mean of its N_NEAREST nearest landmarks, weighted by similarity, plus noise so that points are distinct

No map in two dimensions keeps all neighbours of a space with many, so a page with a map must show the true ones too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unheard import artefacts
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.ranking import blocks

KIND = "map"
Method = Literal["pca", "tsne"]
Plane = NDArray[np.float32]  # (track, 2), inside the square from -1 to 1

MAX_LANDMARKS = 5000
N_NEAREST = 5
PERPLEXITY = 30.0
NOISE = 0.006  # standard deviation, as a share of the width of the map
MIN_TRACKS = 20  # for t-SNE


@dataclass(frozen=True)
class TrackMap:
    """The point of each track of `ids`, the method, and a digest of the vectors that were projected."""

    ids: IdMap
    points: Plane
    method: Method
    digest: str


def project(ids: IdMap, directions: NDArray[np.floating], method: Method, *, rng: np.random.Generator) -> TrackMap:
    """Return a map of tracks from their unit vectors (track, d)."""
    digest = hashlib.blake2b(np.ascontiguousarray(directions, np.float32).tobytes(), digest_size=16)
    digest.update("\n".join(ids).encode())
    points = pca(directions) if method == "pca" else tsne(directions, rng=rng)
    return TrackMap(ids, points, method, digest.hexdigest())


def pca(directions: NDArray[np.floating]) -> Plane:
    """Return the projection onto the plane of largest variance, scaled into the square."""
    if not len(directions):
        return np.zeros((0, 2), np.float32)
    if directions.shape[1] < 2:
        directions = np.pad(directions, ((0, 0), (0, 2 - directions.shape[1])))
    centred = directions - directions.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return _into_square(centred @ vectors[:, :-3:-1])


def tsne(directions: NDArray[np.floating], *, rng: np.random.Generator, landmarks: int = MAX_LANDMARKS) -> Plane:
    """Return the t-SNE map of unit vectors (track, d); the PCA map of fewer than MIN_TRACKS tracks."""
    n = len(directions)
    if n < MIN_TRACKS:
        return pca(directions)
    from sklearn.manifold import TSNE

    chosen = np.sort(rng.choice(n, landmarks, replace=False)) if n > landmarks else np.arange(n)
    first = pca(directions[chosen])
    model = TSNE(
        init=1e-4 * first / max(float(first.std()), 1e-9),
        perplexity=min(PERPLEXITY, (len(chosen) - 1) / 4),
        metric="sqeuclidean",  # of unit vectors: 2 (1 - cosine)
        random_state=int(rng.integers(2**31)),
    )
    fitted = np.asarray(model.fit_transform(directions[chosen].astype(np.float32)), np.float64)
    if len(chosen) == n:
        return _into_square(fitted)
    points = np.empty((n, 2))
    for rows in blocks(n, len(chosen)):
        points[rows] = _interpolated(directions[rows] @ directions[chosen].T, fitted)
    points += NOISE * np.ptp(fitted) * rng.standard_normal((n, 2))
    points[chosen] = fitted
    return _into_square(points)


def _interpolated(near: NDArray[np.floating], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weighted means of the points of the nearest landmarks, from similarities (track, landmark)."""
    best = np.argpartition(near, near.shape[1] - N_NEAREST, axis=1)[:, -N_NEAREST:]
    weight = np.maximum(np.take_along_axis(near, best, axis=1), 0) ** 4 + 1e-9
    weight /= weight.sum(axis=1, keepdims=True)
    means: NDArray[np.float64] = np.einsum("tk,tkd->td", weight, points[best])
    return means


def _into_square(points: NDArray[np.floating]) -> Plane:
    """Return points centred and scaled by one factor, so that all coordinates are between -1 and 1."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-12)
    square: Plane = ((points - (low + high) / 2) / half).astype(np.float32)
    return square


def save_map(path: Path, track_map: TrackMap) -> None:
    """Write a map as an artefact."""
    config = {"method": track_map.method, "digest": track_map.digest}
    artefacts.save(path, KIND, config=config, arrays={"points": track_map.points}, ids={"track": track_map.ids})


def load_map(path: Path) -> TrackMap | None:
    """Return a stored map, None if there is no file; raise UserError if the file is damaged."""
    if not path.is_file():
        return None
    found = artefacts.load(path, KIND)
    ids, points = found.ids["track"], found.arrays["points"]
    if points.shape != (len(ids), 2):
        raise UserError(
            f"{path}: points of shape {points.shape}, expected ({len(ids)}, 2); delete it and run `unheard map`"
        )
    return TrackMap(ids, points, found.config["method"], found.config["digest"])
