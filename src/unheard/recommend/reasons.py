"""Find the tracks that explain a recommendation: known ones that are near it, compared with other candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender, Scores
from unheard.recommend.shown_scores import nearness_needed

N_REASONS = 3
MAX_REASON_CANDIDATES = 256  # warm tracks, the nearest to a query, that are compared with its results first

Near = list[tuple[int, float]]  # rows of tracks and their similarities, nearest first


@dataclass(frozen=True)
class Explanation:
    """A track that explains a recommendation because it is near; `similarity` is the centred cosine."""

    label: str
    track_id: str  # empty for a track from outside the library
    similarity: float


def near_tracks(
    catalogue: Catalogue, space: FactorRecommender | None, results: Rows, warm: Rows, *, candidates: Rows
) -> list[tuple[Explanation, ...]]:
    """Return for each result the nearest of some warm tracks; none for recommenders without a space."""
    if space is None:
        return [() for _ in results]
    found = [_nearest(warm, near) for near in space.roughly_similar(results, warm)]
    return _near_only(catalogue, space, found, candidates)


def near_both(
    catalogue: Catalogue, space: FactorRecommender, results: Rows, warm: Rows, to_seed: Scores, *, candidates: Rows
) -> list[tuple[Explanation, ...]]:
    """Return for each result the warm tracks whose smaller similarity, to the seed or to the result, is largest.

    to_seed  (warm,) similarities of the warm tracks to the seed

    The smaller one is at most the similarity to the seed, so each result is compared with the nearest warm tracks of
    the seed, and with all warm tracks only if one of the others could be a reason.
    """
    if not len(warm) or not len(results):
        return [() for _ in results]

    def to_both(results: Rows, columns: NDArray[np.intp]) -> Scores:
        near = np.minimum(space.roughly_similar(results, warm[columns]), to_seed[columns])
        near[results[:, None] == warm[columns]] = -1
        return near

    everything = np.arange(len(warm))
    if len(warm) <= MAX_REASON_CANDIDATES:
        found = [_nearest(warm, near) for near in to_both(results, everything)]
        return _near_only(catalogue, space, found, candidates)
    nearest = np.sort(np.argpartition(to_seed, -MAX_REASON_CANDIDATES)[-MAX_REASON_CANDIDATES:])
    bound = max(0.0, float(to_seed[nearest].min()))  # no other warm track has a larger minimum; below 0 is no reason
    found = []
    for result, near in zip(results, to_both(results, nearest), strict=True):
        if np.partition(near, -N_REASONS)[-N_REASONS] > bound:
            found.append(_nearest(warm[nearest], near))
        else:
            found.append(_nearest(warm, to_both(result[None], everything)[0]))
    return _near_only(catalogue, space, found, candidates)


def _near_only(
    catalogue: Catalogue, space: FactorRecommender, found: list[Near], candidates: Rows
) -> list[tuple[Explanation, ...]]:
    """Return the explanations of each result: those of its nearest tracks that are near, compared with candidates."""
    rows = np.array(sorted({row for nearest in found for row, _ in nearest}), np.int32)
    if not len(rows):
        return [() for _ in found]
    needed = dict(zip(rows.tolist(), nearness_needed(space, rows, candidates).tolist(), strict=True))
    tracks = catalogue.tracks
    return [
        tuple(
            Explanation(tracks[row].label, tracks.ids[row], similarity)
            for row, similarity in nearest
            if similarity > needed[row]
        )
        for nearest in found
    ]


def _nearest(warm: Rows, near: NDArray[np.float32]) -> Near:
    """Return the nearest warm tracks, nearest first; only those with a similarity above 0, that of chance."""
    lowest = np.partition(near, -N_REASONS)[-N_REASONS] if len(near) > N_REASONS else -np.inf
    nearest = np.flatnonzero(near >= lowest)
    best = nearest[np.argsort(-near[nearest], kind="stable")[:N_REASONS]]
    return [(int(warm[i]), float(near[i])) for i in best if near[i] > 0]
