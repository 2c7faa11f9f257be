"""Recommend tracks for a playlist or for liked tracks, and find the neighbours of a track, each with its reasons.

Scores:
    playlist   dot product of the playlist's and the track's factors: the predicted preference, near 1 for a track that
               fits and near 0 for one that does not. A model with its own embedding space (`blend`) returns a weighted
               sum of standardised scores
    likes      reciprocal rank fusion (Cormack, Clarke & Büttcher, 2009): the sum over the seeds of 1 / (60 + rank of
               the track among the seed's neighbours). A track at rank 50 of two seeds beats the first track of one
               seed. The mean of the seeds' factors is not used: it lies near the popular tracks if the seeds differ
    similar    cosine of the centred factors, -1 to 1

Seeds, a playlist's own tracks, other versions of either (sameness.py), and tracks whose files are gone are never
returned. Diversity (diversify.py) and filters (filters.py) select tracks from the ranking and change no score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows
from unheard.errors import UserError
from unheard.library import Track
from unheard.ranking import top_k
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.confidence import ConfidenceModel
from unheard.recommend.diversify import most_relevant_and_diverse, pool_size
from unheard.recommend.filters import rows_that_fit
from unheard.recommend.options import DEFAULT_OPTIONS, ListOptions
from unheard.recommend.recommenders import RanksNewTracks, Recommender, Scores, space_of
from unheard.recommend.sameness import rows_of_same_song
from unheard.splits import Use

RANK_OFFSET = 60  # of the reciprocal rank fusion; the paper's value
AGREEING_SHARE = 0.1  # a seed agrees with the tracks in this share of its neighbours,
MAX_AGREEING_RANK = 100  # down to this rank
N_REASONS = 3
MAX_REASON_CANDIDATES = 256  # warm tracks, the nearest to a query, that are compared with its results first
FIRST_SORTED_POOLS = 4  # candidates that are sorted first, in pools of `pool_size`


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


@dataclass(frozen=True)
class Explanation:
    """A track that explains a recommendation because it is near; `similarity` is the centred cosine."""

    label: str
    track_id: str  # empty for a track from outside the library
    similarity: float


@dataclass(frozen=True)
class Recommendation:
    """One recommended track.

    rank            from 1
    score           see the docstring of this module
    reasons         up to N_REASONS, nearest first; empty without `ListOptions.explain`
    agreeing_seeds  for likes, (number of seeds with the track among their neighbours, number of seeds)
    confidence      0 to 1 (confidence.py); None if it was not requested
    """

    rank: int
    row: int
    track_id: str
    label: str
    score: float
    reasons: tuple[Explanation, ...]
    agreeing_seeds: tuple[int, int] | None = None
    confidence: float | None = None

    @property
    def first_reason(self) -> str:
        """Return the nearest track and the number of agreeing seeds, for a narrow column."""
        near = f"{self.reasons[0].label} ({self.reasons[0].similarity:.2f})" if self.reasons else ""
        n_agreeing, n_seeds = self.agreeing_seeds or (0, 0)
        return f"{near}, {n_agreeing} of {n_seeds} seeds" if n_seeds > 1 else near

    @property
    def why(self) -> str:
        """Return all reasons as text."""
        near = ", ".join(f"{reason.label} ({reason.similarity:.2f})" for reason in self.reasons)
        n_agreeing, n_seeds = self.agreeing_seeds or (0, 0)
        if n_seeds < 2:
            return f"near {near}" if near else ""
        if not n_agreeing:
            return f"none of {n_seeds} seeds has it among its nearest"
        count = f"{n_agreeing} of {n_seeds} seeds agree"
        return f"{count}: {near}" if near else count


def recommend(
    catalogue: Catalogue,
    recommender: Recommender,
    *,
    playlist: int | None = None,
    likes: Sequence[Seed] = (),
    options: ListOptions = DEFAULT_OPTIONS,
    confidence_model: ConfidenceModel | None = None,
    seed: int = 0,
) -> list[Recommendation]:
    """Return tracks for a playlist (its row) or for liked tracks, best first.

    confidence_model  measures the confidence of each result; None: results have no confidence
    seed              breaks ties

    The tracks of a playlist without warm tracks, which has no factors, are taken as likes.

    Raise UserError unless exactly one of `playlist` and `likes` is given, and for a playlist without a track of the
    library.
    """
    if (playlist is None) == (not likes):
        raise UserError("expected a playlist or liked tracks, got both or neither; name one of them")
    query = _Query.of(catalogue, options, default="cold", seed=seed)
    if playlist is None:
        return _with_confidence(_for_likes(catalogue, recommender, likes, query), confidence_model)
    own = catalogue.plays[playlist].indices
    if not len(own):
        raise UserError(f"playlist {catalogue.playlists[playlist]!r} has no track of the library; scan its files")
    own_tracks = [int(row) for row in own]
    if not catalogue.warm.playlists[playlist].any():
        return _with_confidence(_for_likes(catalogue, recommender, own_tracks, query), confidence_model)
    rows = query.candidates
    scores = recommender.scores(np.array([playlist], np.int32), rows)[0]
    kept = _select(catalogue, recommender, scores, own_tracks, query, tie_key=playlist)
    warm = own[(catalogue.use[own] == Use.TRAIN) & catalogue.warm.known[own]]
    reasons: list[tuple[Explanation, ...]] = [()] * len(kept)
    if options.explain:
        reasons = [_reasons(catalogue, warm, near) for near in _similarities_to_warm(recommender, rows[kept], warm)]
    found = [
        _result(catalogue, rank, int(rows[column]), scores[column], reasons[rank - 1])
        for rank, column in enumerate(kept, start=1)
    ]
    return _with_confidence(found, confidence_model)


def similar(
    catalogue: Catalogue,
    recommender: Recommender,
    seed_track: Seed,
    *,
    options: ListOptions = DEFAULT_OPTIONS,
    confidence_model: ConfidenceModel | None = None,
    seed: int = 0,
) -> list[Recommendation]:
    """Return the nearest candidates of one track. Reasons are warm tracks that are near both.

    The other arguments are those of `recommend`.
    """
    query = _Query.of(catalogue, options, default="all", seed=seed)
    rows = query.candidates
    scores = _similarities(recommender, seed_track, rows)
    kept = _select(catalogue, recommender, scores, [seed_track], query, tie_key=_tie_key(seed_track))
    reasons = (
        _reasons_near_both(catalogue, recommender, seed_track, rows[kept]) if options.explain else [()] * len(kept)
    )
    found = [
        _result(catalogue, rank, int(rows[column]), scores[column], reasons[rank - 1])
        for rank, column in enumerate(kept, start=1)
    ]
    return _with_confidence(found, confidence_model)


@dataclass(frozen=True)
class _Query:
    """Options with their ids looked up.

    candidates  rows of the catalogue
    excluded    rows that must not be returned
    seed        breaks ties
    """

    options: ListOptions
    candidates: Rows
    excluded: Rows
    seed: int

    @staticmethod
    def of(catalogue: Catalogue, options: ListOptions, *, default: Candidates, seed: int) -> _Query:
        """Look the ids up; raise UserError for an unknown one."""
        candidates = catalogue.candidates(options.candidates or default, new=True)
        excluded = np.array([catalogue.track_row(name) for name in options.exclude], np.int32)
        return _Query(options, candidates, excluded, seed)


def _for_likes(
    catalogue: Catalogue, recommender: Recommender, likes: Sequence[Seed], query: _Query
) -> list[Recommendation]:
    """Return the tracks with the best reciprocal rank fusion of the neighbours of all liked tracks."""
    rows = query.candidates
    near = np.stack([_similarities(recommender, like, rows) for like in likes])  # (seed, candidate)
    keys = np.array([_tie_key(like) for like in likes])
    order = top_k(near, len(rows), seed=query.seed, queries=keys, candidates=rows)  # (seed, candidate)
    ranks = np.empty(near.shape, np.int64)
    np.put_along_axis(ranks, order, np.arange(1, len(rows) + 1)[None, :], axis=1)
    scores = (1 / (RANK_OFFSET + ranks)).sum(axis=0).astype(np.float32)
    kept = _select(catalogue, recommender, scores, likes, query, tie_key=int(keys[0]))
    last_agreeing = min(MAX_AGREEING_RANK, max(query.options.n, AGREEING_SHARE * len(rows)))
    results = []
    for rank, column in enumerate(kept, start=1):
        by_rank = np.argsort(ranks[:, column], kind="stable")
        agreeing = [int(i) for i in by_rank if ranks[i, column] <= last_agreeing]
        reasons = tuple(
            Explanation(_label(catalogue, likes[i]), _track_id(catalogue, likes[i]), float(near[i, column]))
            for i in (agreeing[:N_REASONS] if query.options.explain else ())
        )
        result = _result(catalogue, rank, int(rows[column]), scores[column], reasons, (len(agreeing), len(likes)))
        results.append(result)
    return results


def _select(
    catalogue: Catalogue,
    recommender: Recommender,
    scores: Scores,
    seeds: Sequence[Seed],
    query: _Query,
    *,
    tie_key: int,
) -> list[int]:
    """Return the columns of the best candidates that the options allow, best first."""
    options, rows, songs = query.options, query.candidates, catalogue.song
    seed_songs = {int(songs[s]) for s in seeds if isinstance(s, int)}
    for new in seeds:
        if isinstance(new, NewTrack):
            same = rows_of_same_song(catalogue.tracks, new.track)
            same += [catalogue.tracks.ids.row(name) for name in new.recordings if name in catalogue.tracks.ids]
            seed_songs |= {int(songs[row]) for row in same}
    allowed = rows_that_fit(options.filters, catalogue.tracks)[rows] & ~np.isin(songs[rows], list(seed_songs))
    if len(query.excluded):
        allowed &= ~np.isin(rows, query.excluded)
    kept: list[int] = []
    for k in (FIRST_SORTED_POOLS * pool_size(options.n), len(rows)):  # a few are usually enough; sorting all is slow
        order = top_k(scores[None, :], k, seed=query.seed, queries=np.array([tie_key]), candidates=rows)[0]
        order = order[allowed[order]]
        if len(order) >= pool_size(options.n) or k >= len(rows):
            kept = _select_in_order(catalogue, recommender, scores, order, seed_songs, query)
        if len(kept) >= options.n or k >= len(rows):
            break
    return kept


def _select_in_order(
    catalogue: Catalogue,
    recommender: Recommender,
    scores: Scores,
    order: NDArray[np.int32],
    seed_songs: Collection[int],
    query: _Query,
) -> list[int]:
    """Return the first of `order` (columns, best first), with each song once and the caps respected."""
    options, rows = query.options, query.candidates
    songs, n_of_artist, n_of_album = set(seed_songs), Counter[int](), Counter[int]()

    def accept(column: int) -> bool:
        song, artist = int(catalogue.song[rows[column]]), int(catalogue.main_artist[rows[column]])
        album = int(catalogue.album[rows[column]])
        if song in songs or (options.max_per_artist is not None and n_of_artist[artist] >= options.max_per_artist):
            return False
        if options.n_per_album is not None and n_of_album[album] >= options.n_per_album:
            return False
        songs.add(song)
        n_of_artist[artist] += 1
        n_of_album[album] += 1
        return True

    kept: list[int] = []
    if options.diversity > 0:
        space = space_of(recommender)
        if space is None:
            raise UserError(f"{recommender.name} has no similarities between tracks; leave diversity out")
        pool, order = order[: pool_size(options.n)], order[pool_size(options.n) :]
        chosen = most_relevant_and_diverse(
            scores[pool],
            lambda index: space.similarities(rows[pool[index : index + 1]], rows[pool])[0],
            diversity=options.diversity,
            n=options.n,
            accept=lambda index: accept(int(pool[index])),
        )
        kept = [int(pool[index]) for index in chosen]
    for column in order:  # all candidates without diversity; with it, those after a pool that the caps used up
        if len(kept) >= options.n:
            break
        if accept(int(column)):
            kept.append(int(column))
    return kept


def _similarities(recommender: Recommender, seed: Seed, rows: Rows) -> Scores:
    """Return the similarity of one seed to candidates, (candidate,)."""
    if isinstance(seed, int):
        near = recommender.similarities(np.array([seed], np.int32), rows)
    elif isinstance(recommender, RanksNewTracks):
        near = recommender.vector_similarities(seed.vector[None, :], rows)
    else:
        raise UserError(f"{recommender.name} cannot rank a track from outside the library; name a trained model")
    return near.reshape(-1)


def _reasons_near_both(
    catalogue: Catalogue, recommender: Recommender, seed: Seed, results: Rows
) -> list[tuple[Explanation, ...]]:
    """Return for each result the warm tracks whose smaller similarity, to the seed or to the result, is largest.

    That is at most the similarity to the seed, so each result is compared with the nearest warm tracks of the
    seed, and with all warm tracks only if one of the others could be a reason.
    """
    warm = catalogue.candidates("warm", new=False)
    space = space_of(recommender)
    if space is None or not len(warm) or not len(results):
        return [() for _ in results]
    if isinstance(seed, int):
        to_seed = space.roughly_similar(np.array([seed]), warm)[0]
    else:
        to_seed = _similarities(space, seed, warm)
    to_seed = np.where(warm == _tie_key(seed), -1, to_seed)  # a track is no reason for itself

    def to_both(results: Rows, columns: NDArray[np.intp]) -> Scores:
        near = np.minimum(space.roughly_similar(results, warm[columns]), to_seed[columns])
        near[results[:, None] == warm[columns]] = -1
        return near

    everything = np.arange(len(warm))
    if len(warm) <= MAX_REASON_CANDIDATES:
        return [_reasons(catalogue, warm, near) for near in to_both(results, everything)]
    nearest = np.sort(np.argpartition(to_seed, -MAX_REASON_CANDIDATES)[-MAX_REASON_CANDIDATES:])
    bound = max(0.0, float(to_seed[nearest].min()))  # no other warm track has a larger minimum; below 0 is no reason
    reasons = []
    for result, near in zip(results, to_both(results, nearest), strict=True):
        if np.partition(near, -N_REASONS)[-N_REASONS] > bound:
            reasons.append(_reasons(catalogue, warm[nearest], near))
        else:
            reasons.append(_reasons(catalogue, warm, to_both(result[None], everything)[0]))
    return reasons


def _similarities_to_warm(recommender: Recommender, results: Rows, warm: Rows) -> Scores:
    """Return centred cosines (result, warm track); -1 everywhere for recommenders without a space."""
    space = space_of(recommender)
    if space is None:
        return np.full((len(results), len(warm)), -1, np.float32)
    return space.roughly_similar(results, warm)


def _with_confidence(found: list[Recommendation], confidence_model: ConfidenceModel | None) -> list[Recommendation]:
    """Return the results with their confidence."""
    if confidence_model is None:
        return found
    confidence = confidence_model.of_tracks(np.array([item.row for item in found], np.int32))
    return [replace(item, confidence=float(value)) for item, value in zip(found, confidence, strict=True)]


def _reasons(catalogue: Catalogue, warm: Rows, near: NDArray[np.float32]) -> tuple[Explanation, ...]:
    """Return the nearest warm tracks, nearest first; only those with a similarity above 0, that of chance."""
    lowest = np.partition(near, -N_REASONS)[-N_REASONS] if len(near) > N_REASONS else -np.inf
    nearest = np.flatnonzero(near >= lowest)
    best = nearest[np.argsort(-near[nearest], kind="stable")[:N_REASONS]]
    return tuple(
        Explanation(catalogue.tracks[int(warm[i])].label, catalogue.tracks.ids[int(warm[i])], float(near[i]))
        for i in best
        if near[i] > 0
    )


def _result(
    catalogue: Catalogue,
    rank: int,
    row: int,
    score: np.floating,
    reasons: tuple[Explanation, ...],
    agreeing_seeds: tuple[int, int] | None = None,
) -> Recommendation:
    track = catalogue.tracks[row]
    return Recommendation(rank, row, track.track_id, track.label, float(score), reasons, agreeing_seeds)


def _tie_key(seed: Seed) -> int:
    """Return the number of a seed in the tie keys; tracks from outside the library share -1."""
    return seed if isinstance(seed, int) else -1


def _label(catalogue: Catalogue, seed: Seed) -> str:
    return catalogue.tracks[seed].label if isinstance(seed, int) else seed.track.label


def _track_id(catalogue: Catalogue, seed: Seed) -> str:
    return catalogue.tracks.ids[seed] if isinstance(seed, int) else ""
