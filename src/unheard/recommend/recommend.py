"""Recommendations for one playlist or a few liked tracks, and neighbours of one track, each with its reasons.

What a score means:
    for a playlist   dot product of the playlist's and the track's factor: near 1 "would be in it", near 0 "would not"
    for likes        reciprocal rank fusion (Cormack, Clarke & Büttcher, 2009): sum over the seeds of 1 / (60 + rank of
                     the track among that seed's neighbours). Two seeds that both put a track around place 50 outvote
                     one that puts it first. Averaging the seeds' factors instead would ask for what lies between them,
                     and between jazz and techno lies what everybody plays.
    similar          cosine of the centred factors, -1 to 1

Seeds, a playlist's own tracks, and other recordings of either are never returned.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.ids import Rows
from unheard.library import Track
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.duplicates import same_song, song_numbers
from unheard.recommend.ranking import top_k
from unheard.recommend.recommenders import FactorRecommender, OracleRecommender, Recommender, Scores
from unheard.splits import Use

RANK_OFFSET = 60  # of the reciprocal rank fusion; the paper's value
AGREES_WITHIN = 0.1  # a seed agrees with a result among its nearest tenth of the candidates,
MOST_AGREEING = 100  # and its nearest 100
N_REASONS = 3


@dataclass(frozen=True)
class NewTrack:
    """A track outside the library as a seed: its tags and its predicted factor (d,)."""

    track: Track
    vector: NDArray[np.float32]


Seed = int | NewTrack  # a track's row, or a track from outside


@dataclass(frozen=True)
class Reason:
    """A track that a recommendation is near to; `similarity` is the centred cosine."""

    label: str
    track_id: str  # empty for a track from outside the library
    similarity: float


@dataclass(frozen=True)
class Recommendation:
    """One recommended track. `rank` starts at 1; what `score` means is told above."""

    rank: int
    row: int
    track_id: str
    label: str
    score: float
    reasons: tuple[Reason, ...]
    agreeing: tuple[int, int] | None = None  # for likes: so many of so many seeds

    @property
    def first_reason(self) -> str:
        """The strongest reason, for a narrow column."""
        near = f"{self.reasons[0].label} ({self.reasons[0].similarity:.2f})" if self.reasons else ""
        several = self.agreeing is not None and self.agreeing[1] > 1
        return f"{near}, {self.agreeing[0]} of {self.agreeing[1]} seeds" if several and self.agreeing else near

    @property
    def why(self) -> str:
        """The reasons in words."""
        near = ", ".join(f"{reason.label} ({reason.similarity:.2f})" for reason in self.reasons)
        if self.agreeing is None or self.agreeing[1] == 1:
            return f"near {near}" if near else ""
        count = f"{self.agreeing[0]} of {self.agreeing[1]} seeds agree"
        return f"{count}: {near}" if near else count


def recommend(
    catalogue: Catalogue,
    recommender: Recommender,
    *,
    playlist: int | None = None,
    likes: Sequence[Seed] = (),
    candidates: Candidates = "cold",
    n: int = 10,
    max_per_artist: int | None = 2,
    exclude: Collection[int] = (),
    seed: int = 0,
) -> list[Recommendation]:
    """Up to `n` tracks for a playlist (its row) or for liked tracks, best first.

    candidates      cold: test tracks and tracks that are new since the split; warm: train tracks with plays; all
    max_per_artist  at most this many by one main artist; None for any number
    exclude         rows that must not be returned
    seed            breaks ties

    A playlist without warm tracks has no vector; its tracks are then taken as likes.
    """
    if (playlist is None) == (not likes):
        raise UserError("recommend for a playlist or for likes, one of the two")
    rows = catalogue.candidates(candidates, new=True)
    if playlist is None:
        return _for_likes(catalogue, recommender, likes, rows, n, max_per_artist, exclude, seed)
    own = catalogue.plays[playlist].indices
    if not len(own):
        raise UserError(f"playlist {catalogue.playlists[playlist]!r} has no track of the library; scan its files")
    if not catalogue.warm.playlists[playlist].any():
        own_likes = [int(row) for row in own]
        return _for_likes(catalogue, recommender, own_likes, rows, n, max_per_artist, exclude, seed)
    scores = recommender.scores(np.array([playlist], np.int32), rows)[0]
    kept = _pick(catalogue, scores, rows, [int(r) for r in own], n, max_per_artist, exclude, seed, query=playlist)
    warm = own[(catalogue.use[own] == Use.TRAIN) & catalogue.warm.known[own]]
    nearest = _nearest(recommender, rows[kept], warm)
    return [
        _result(catalogue, rank, int(rows[column]), scores[column], _reasons(catalogue, warm, nearest[rank - 1]))
        for rank, column in enumerate(kept, start=1)
    ]


def similar(
    catalogue: Catalogue,
    recommender: Recommender,
    query: Seed,
    *,
    candidates: Candidates = "all",
    n: int = 10,
    max_per_artist: int | None = 2,
    exclude: Collection[int] = (),
    seed: int = 0,
) -> list[Recommendation]:
    """The `n` nearest candidates of one track; reasons are warm tracks near both. Options as in `recommend`."""
    rows = catalogue.candidates(candidates, new=True)
    scores = _similarities(recommender, query, rows)
    kept = _pick(catalogue, scores, rows, [query], n, max_per_artist, exclude, seed, query=_key(query))
    warm = catalogue.candidates("warm", new=False)
    nearest = _nearest(recommender, rows[kept], warm)
    if len(nearest) and len(warm):
        nearest = np.minimum(nearest, _similarities(recommender, query, warm)[None, :])
    results = []
    for rank, column in enumerate(kept, start=1):
        near = nearest[rank - 1].copy()
        near[(warm == _key(query)) | (warm == rows[column])] = -1  # neither explains itself
        reasons = _reasons(catalogue, warm, near)
        results.append(_result(catalogue, rank, int(rows[column]), scores[column], reasons))
    return results


def _for_likes(
    catalogue: Catalogue,
    recommender: Recommender,
    likes: Sequence[Seed],
    rows: Rows,
    n: int,
    max_per_artist: int | None,
    exclude: Collection[int],
    seed: int,
) -> list[Recommendation]:
    near = np.stack([_similarities(recommender, like, rows) for like in likes])  # (seed, candidate)
    keys = np.array([_key(like) for like in likes])
    order = top_k(near, len(rows), seed=seed, queries=keys, candidates=rows)  # (seed, candidate)
    ranks = np.empty(near.shape, np.int64)
    np.put_along_axis(ranks, order, np.arange(1, len(rows) + 1)[None, :], axis=1)
    scores = (1 / (RANK_OFFSET + ranks)).sum(axis=0).astype(np.float32)
    kept = _pick(catalogue, scores, rows, likes, n, max_per_artist, exclude, seed, query=int(keys[0]))
    within = min(MOST_AGREEING, max(n, AGREES_WITHIN * len(rows)))
    results = []
    for rank, column in enumerate(kept, start=1):
        by_rank = np.argsort(ranks[:, column], kind="stable")
        agreeing = [int(i) for i in by_rank if ranks[i, column] <= within]
        reasons = tuple(
            Reason(_label(catalogue, likes[i]), _track_id(catalogue, likes[i]), float(near[i, column]))
            for i in agreeing[:N_REASONS]
        )
        result = _result(catalogue, rank, int(rows[column]), scores[column], reasons, (len(agreeing), len(likes)))
        results.append(result)
    return results


def _pick(
    catalogue: Catalogue,
    scores: Scores,
    rows: Rows,
    seeds: Sequence[Seed],
    n: int,
    max_per_artist: int | None,
    exclude: Collection[int],
    seed: int,
    *,
    query: int,
) -> list[int]:
    """Columns of the best candidates that no rule forbids, best first."""
    songs = song_numbers(catalogue)
    seen = {int(songs[s]) for s in seeds if isinstance(s, int)}
    for new in seeds:
        if isinstance(new, NewTrack):
            seen |= {int(songs[row]) for row in same_song(catalogue, new.track)}
    banned = set(exclude)
    of_artist: dict[int, int] = {}
    kept: list[int] = []
    order = top_k(scores[None, :], len(rows), seed=seed, queries=np.array([query]), candidates=rows)[0]
    for column in order:
        row = int(rows[column])
        song, artist = int(songs[row]), int(catalogue.main_artist[row])
        full = max_per_artist is not None and of_artist.get(artist, 0) >= max_per_artist
        if len(kept) >= n:
            break
        if row in banned or song in seen or full:
            continue
        seen.add(song)
        of_artist[artist] = of_artist.get(artist, 0) + 1
        kept.append(int(column))
    return kept


def _similarities(recommender: Recommender, query: Seed, rows: Rows) -> Scores:
    """Similarity of one seed to candidates, (candidate,)."""
    if isinstance(query, int):
        near = recommender.similarities(np.array([query], np.int32), rows)
    elif isinstance(recommender, FactorRecommender):
        near = recommender.vector_similarities(query.vector[None, :], rows)
    else:
        raise UserError(f"{recommender.name} cannot place a track from outside the library; name a trained model")
    return near.reshape(-1)


def _nearest(recommender: Recommender, results: Rows, warm: Rows) -> Scores:
    """Similarities (result, warm track); none for recommenders without a notion of near."""
    if not isinstance(recommender, FactorRecommender | OracleRecommender):
        return np.full((len(results), len(warm)), -1, np.float32)
    return recommender.similarities(results, warm)


def _reasons(catalogue: Catalogue, warm: Rows, near: NDArray[np.float32]) -> tuple[Reason, ...]:
    """The nearest warm tracks, nearest first; only those that are more alike than chance."""
    best = np.argsort(-near, kind="stable")[:N_REASONS]
    return tuple(
        Reason(catalogue.tracks[int(warm[i])].label, catalogue.tracks.ids[int(warm[i])], float(near[i]))
        for i in best
        if near[i] > 0
    )


def _result(
    catalogue: Catalogue,
    rank: int,
    row: int,
    score: np.floating,
    reasons: tuple[Reason, ...],
    agreeing: tuple[int, int] | None = None,
) -> Recommendation:
    track = catalogue.tracks[row]
    return Recommendation(rank, row, track.track_id, track.label, float(score), reasons, agreeing)


def _key(seed: Seed) -> int:
    """What names a seed as a query of the tie keys; tracks from outside share one."""
    return seed if isinstance(seed, int) else -1


def _label(catalogue: Catalogue, seed: Seed) -> str:
    return catalogue.tracks[seed].label if isinstance(seed, int) else seed.track.label


def _track_id(catalogue: Catalogue, seed: Seed) -> str:
    return catalogue.tracks.ids[seed] if isinstance(seed, int) else ""
