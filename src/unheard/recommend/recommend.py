"""Recommendations for one playlist or a few liked tracks, and neighbours of one track, each with its reasons.

What a score means:
    for a playlist   dot product of the playlist's and the track's factor: near 1 "would be in it", near 0 "would not";
                     of a model with places of its own (`blend`) a weighted sum of standardised scores
    for likes        reciprocal rank fusion (Cormack, Clarke & Büttcher, 2009): sum over the seeds of 1 / (60 + rank of
                     the track among that seed's neighbours). Two seeds that both put a track around place 50 outvote
                     one that puts it first. Averaging the seeds' factors instead would ask for what lies between them,
                     and between jazz and techno lies what everybody plays.
    similar          cosine of the centred factors, -1 to 1

Seeds, a playlist's own tracks, and other recordings of either are never returned. Neither diversity (diversify.py) nor
filters (filters.py) change a score: they choose among what was ranked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.ids import Rows
from unheard.library import Track
from unheard.ranking import top_k
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.confidence import ConfidenceModel
from unheard.recommend.diversify import most_relevant_and_diverse, pool_size
from unheard.recommend.duplicates import same_song
from unheard.recommend.filters import rows_that_fit
from unheard.recommend.options import DEFAULT_OPTIONS, ListOptions
from unheard.recommend.recommenders import RanksNewTracks, Recommender, Scores, space_of
from unheard.splits import Use

RANK_OFFSET = 60  # of the reciprocal rank fusion; the paper's value
AGREES_WITHIN = 0.1  # a seed agrees with a result among its nearest tenth of the candidates,
MOST_AGREEING = 100  # and its nearest 100
N_REASONS = 3
COMPANY = 256  # so many warm tracks, the nearest to a query, are its likely reasons
FIRST_LOOK = 4  # times the pool: so many of the best candidates are looked at first


@dataclass(frozen=True)
class NewTrack:
    """A track outside the library as a seed: its tags, its predicted factor (d,), and the statistics of its sound if
    they were made on the way (spectrograms/statistics.py)."""

    track: Track
    vector: NDArray[np.float32]
    statistics: NDArray[np.float32] | None = None


Seed = int | NewTrack  # a track's row, or a track from outside


@dataclass(frozen=True)
class Reason:
    """A track that a recommendation is near to; `similarity` is the centred cosine."""

    label: str
    track_id: str  # empty for a track from outside the library
    similarity: float


@dataclass(frozen=True)
class Recommendation:
    """One recommended track. `rank` starts at 1; what `score` means is told above.

    `confidence` (0 to 1, confidence_model.py) says how like anything known the track is; None if nobody asked.
    """

    rank: int
    row: int
    track_id: str
    label: str
    score: float
    reasons: tuple[Reason, ...]
    agreeing: tuple[int, int] | None = None  # for likes: so many of so many seeds
    confidence: float | None = None

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
        if not self.agreeing[0]:
            return f"none of {self.agreeing[1]} seeds has it among its nearest"
        count = f"{self.agreeing[0]} of {self.agreeing[1]} seeds agree"
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

    confidence_model     measures the confidence of each result; None: no confidence
    seed            breaks ties

    A playlist without warm tracks has no vector; its tracks are then taken as likes.
    """
    if (playlist is None) == (not likes):
        raise UserError("recommend for a playlist or for likes, one of the two")
    asked = _Asked.of(catalogue, options, default="cold", seed=seed)
    if playlist is None:
        return _sure(_for_likes(catalogue, recommender, likes, asked), confidence_model)
    own = catalogue.plays[playlist].indices
    if not len(own):
        raise UserError(f"playlist {catalogue.playlists[playlist]!r} has no track of the library; scan its files")
    own_tracks = [int(row) for row in own]
    if not catalogue.warm.playlists[playlist].any():
        return _sure(_for_likes(catalogue, recommender, own_tracks, asked), confidence_model)
    rows = asked.rows
    scores = recommender.scores(np.array([playlist], np.int32), rows)[0]
    kept = _pick(catalogue, recommender, scores, own_tracks, asked, query=playlist)
    warm = own[(catalogue.use[own] == Use.TRAIN) & catalogue.warm.known[own]]
    reasons: list[tuple[Reason, ...]] = [()] * len(kept)
    if options.explain:
        reasons = [_reasons(catalogue, warm, near) for near in _nearest(recommender, rows[kept], warm)]
    found = [
        _result(catalogue, rank, int(rows[column]), scores[column], reasons[rank - 1])
        for rank, column in enumerate(kept, start=1)
    ]
    return _sure(found, confidence_model)


def similar(
    catalogue: Catalogue,
    recommender: Recommender,
    query: Seed,
    *,
    options: ListOptions = DEFAULT_OPTIONS,
    confidence_model: ConfidenceModel | None = None,
    seed: int = 0,
) -> list[Recommendation]:
    """Return the nearest candidates of one track; reasons are warm tracks near both.

    Other arguments as in `recommend`.
    """
    asked = _Asked.of(catalogue, options, default="all", seed=seed)
    rows = asked.rows
    scores = _similarities(recommender, query, rows)
    kept = _pick(catalogue, recommender, scores, [query], asked, query=_key(query))
    reasons = _near_both(catalogue, recommender, query, rows[kept]) if options.explain else [()] * len(kept)
    found = [
        _result(catalogue, rank, int(rows[column]), scores[column], reasons[rank - 1])
        for rank, column in enumerate(kept, start=1)
    ]
    return _sure(found, confidence_model)


@dataclass(frozen=True)
class _Asked:
    """Options in rows of the catalogue: `rows` are the candidates, `excluded` the rows that must not be returned."""

    options: ListOptions
    rows: Rows
    excluded: Rows
    seed: int

    @staticmethod
    def of(catalogue: Catalogue, options: ListOptions, *, default: Candidates, seed: int) -> _Asked:
        """Look ids up; UserError for an unknown one."""
        rows = catalogue.candidates(options.candidates or default, new=True)
        excluded = np.array([catalogue.track_row(name) for name in options.exclude], np.int32)
        return _Asked(options, rows, excluded, seed)


def _for_likes(
    catalogue: Catalogue, recommender: Recommender, likes: Sequence[Seed], asked: _Asked
) -> list[Recommendation]:
    rows = asked.rows
    near = np.stack([_similarities(recommender, like, rows) for like in likes])  # (seed, candidate)
    keys = np.array([_key(like) for like in likes])
    order = top_k(near, len(rows), seed=asked.seed, queries=keys, candidates=rows)  # (seed, candidate)
    ranks = np.empty(near.shape, np.int64)
    np.put_along_axis(ranks, order, np.arange(1, len(rows) + 1)[None, :], axis=1)
    scores = (1 / (RANK_OFFSET + ranks)).sum(axis=0).astype(np.float32)
    kept = _pick(catalogue, recommender, scores, likes, asked, query=int(keys[0]))
    within = min(MOST_AGREEING, max(asked.options.n, AGREES_WITHIN * len(rows)))
    results = []
    for rank, column in enumerate(kept, start=1):
        by_rank = np.argsort(ranks[:, column], kind="stable")
        agreeing = [int(i) for i in by_rank if ranks[i, column] <= within]
        reasons = tuple(
            Reason(_label(catalogue, likes[i]), _track_id(catalogue, likes[i]), float(near[i, column]))
            for i in (agreeing[:N_REASONS] if asked.options.explain else ())
        )
        result = _result(catalogue, rank, int(rows[column]), scores[column], reasons, (len(agreeing), len(likes)))
        results.append(result)
    return results


def _pick(
    catalogue: Catalogue,
    recommender: Recommender,
    scores: Scores,
    seeds: Sequence[Seed],
    asked: _Asked,
    *,
    query: int,
) -> list[int]:
    """Columns of the best candidates that the options allow, best first."""
    options, rows, songs = asked.options, asked.rows, catalogue.song
    seen = {int(songs[s]) for s in seeds if isinstance(s, int)}
    for new in seeds:
        if isinstance(new, NewTrack):
            seen |= {int(songs[row]) for row in same_song(catalogue, new.track)}
    open_to = rows_that_fit(options.filters, catalogue.tracks)[rows] & ~np.isin(songs[rows], list(seen))
    if len(asked.excluded):
        open_to &= ~np.isin(rows, asked.excluded)
    kept: list[int] = []
    for k in (FIRST_LOOK * pool_size(options.n), len(rows)):  # a list needs few candidates, and sorting all takes time
        order = top_k(scores[None, :], k, seed=asked.seed, queries=np.array([query]), candidates=rows)[0]
        order = order[open_to[order]]
        if len(order) >= pool_size(options.n) or k >= len(rows):
            kept = _choose(catalogue, recommender, scores, order, seen, asked)
        if len(kept) >= options.n or k >= len(rows):
            break
    return kept


def _choose(
    catalogue: Catalogue,
    recommender: Recommender,
    scores: Scores,
    order: NDArray[np.int32],
    songs_seen: Collection[int],
    asked: _Asked,
) -> list[int]:
    """The first of `order` (columns, best first) that may stand beside each other."""
    options, rows = asked.options, asked.rows
    seen, of_artist = set(songs_seen), dict[int, int]()

    def may_join(column: int) -> bool:
        song, artist = int(catalogue.song[rows[column]]), int(catalogue.main_artist[rows[column]])
        if song in seen or (options.max_per_artist is not None and of_artist.get(artist, 0) >= options.max_per_artist):
            return False
        seen.add(song)
        of_artist[artist] = of_artist.get(artist, 0) + 1
        return True

    kept: list[int] = []
    if options.diversity > 0:
        space = space_of(recommender)
        if space is None:
            raise UserError(f"{recommender.name} does not say what is like what; leave diversity out")
        pool, order = order[: pool_size(options.n)], order[pool_size(options.n) :]
        places = most_relevant_and_diverse(
            scores[pool],
            lambda place: space.similarities(rows[pool[place : place + 1]], rows[pool])[0],
            diversity=options.diversity,
            n=options.n,
            may_join=lambda place: may_join(int(pool[place])),
        )
        kept = [int(pool[place]) for place in places]
    for column in order:  # without diversity, all of them; otherwise when the pool was used up by the artist cap
        if len(kept) >= options.n:
            break
        if may_join(int(column)):
            kept.append(int(column))
    return kept


def _similarities(recommender: Recommender, query: Seed, rows: Rows) -> Scores:
    """Similarity of one seed to candidates, (candidate,)."""
    if isinstance(query, int):
        near = recommender.similarities(np.array([query], np.int32), rows)
    elif isinstance(recommender, RanksNewTracks):
        near = recommender.vector_similarities(query.vector[None, :], rows)
    else:
        raise UserError(f"{recommender.name} cannot place a track from outside the library; name a trained model")
    return near.reshape(-1)


def _near_both(catalogue: Catalogue, recommender: Recommender, query: Seed, results: Rows) -> list[tuple[Reason, ...]]:
    """For each result the warm tracks whose lesser similarity, to the query and to the result, is largest.

    That is at most the similarity to the query, so the result is compared with the query's nearest first; with all
    others only if one of them could be nearer.
    """
    warm = catalogue.candidates("warm", new=False)
    space = space_of(recommender)
    if space is None or not len(warm) or not len(results):
        return [() for _ in results]
    if isinstance(query, int):
        to_query = space.roughly_similar(np.array([query]), warm)[0]
    else:
        to_query = _similarities(space, query, warm)
    to_query = np.where(warm == _key(query), -1, to_query)  # neither explains itself

    def smaller(results: Rows, among: NDArray[np.intp]) -> Scores:
        near = np.minimum(space.roughly_similar(results, warm[among]), to_query[among])
        near[results[:, None] == warm[among]] = -1
        return near

    everybody = np.arange(len(warm))
    if len(warm) <= COMPANY:
        return [_reasons(catalogue, warm, near) for near in smaller(results, everybody)]
    company = np.sort(np.argpartition(to_query, -COMPANY)[-COMPANY:])  # in order, as ties are
    left_out = max(0.0, float(to_query[company].min()))  # nobody else is nearer; below 0 is no reason
    reasons = []
    for result, near in zip(results, smaller(results, company), strict=True):
        if np.partition(near, -N_REASONS)[-N_REASONS] > left_out:
            reasons.append(_reasons(catalogue, warm[company], near))
        else:
            reasons.append(_reasons(catalogue, warm, smaller(result[None], everybody)[0]))
    return reasons


def _nearest(recommender: Recommender, results: Rows, warm: Rows) -> Scores:
    """Centred cosines (result, warm track); none for recommenders without a notion of near."""
    space = space_of(recommender)
    if space is None:
        return np.full((len(results), len(warm)), -1, np.float32)
    return space.roughly_similar(results, warm)


def _sure(found: list[Recommendation], confidence_model: ConfidenceModel | None) -> list[Recommendation]:
    """Results with their confidence."""
    if confidence_model is None:
        return found
    confidence = confidence_model.of_tracks(np.array([item.row for item in found], np.int32))
    return [replace(item, confidence=float(value)) for item, value in zip(found, confidence, strict=True)]


def _reasons(catalogue: Catalogue, warm: Rows, near: NDArray[np.float32]) -> tuple[Reason, ...]:
    """The nearest warm tracks, nearest first; only those that are more alike than chance."""
    least = np.partition(near, -N_REASONS)[-N_REASONS] if len(near) > N_REASONS else -np.inf
    nearest = np.flatnonzero(near >= least)
    best = nearest[np.argsort(-near[nearest], kind="stable")[:N_REASONS]]
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
