"""Recommend tracks for a playlist or for liked tracks, and find the neighbours of a track, each with its reasons.

Scores:
    playlist   dot product of the playlist's and the track's factors: the predicted preference, near 1 for a track that
               fits and near 0 for one that does not. A model with its own embedding space (`blend`) returns a weighted
               sum of standardised scores
    likes      reciprocal rank fusion (Cormack, Clarke & Büttcher, 2009): the sum over the seeds of 1 / (60 + rank of
               the track among the seed's neighbours). A track at rank 50 of two seeds beats the first track of one
               seed. The mean of the seeds' factors is not used: it lies near the popular tracks if the seeds differ
    similar    cosine of the centred factors, -1 to 1. In a list of warm and cold tracks, the cosines of both kinds are
               made comparable for the order (mixed_lists.py); the scores stay cosines

People see the match instead, the share of the candidates that a track ranks above (shown_scores.py).

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
from unheard.ranking import top_k
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.confidence import ConfidenceModel
from unheard.recommend.diversify import most_relevant_and_diverse, pool_size
from unheard.recommend.filters import rows_that_fit
from unheard.recommend.list_query import ListQuery, ScaledSimilarities
from unheard.recommend.options import DEFAULT_OPTIONS, ListOptions
from unheard.recommend.reasons import MAX_REASON_CANDIDATES, N_REASONS, Explanation, near_both, near_tracks
from unheard.recommend.recommenders import Recommender, Scores, space_of
from unheard.recommend.seeds import Seed, is_song_of, songs_of
from unheard.recommend.shortlist import Shortlist, Shortlists
from unheard.recommend.shown_scores import last_near, match_text, matches, matches_of_votes
from unheard.recommend.votes import Votes, similarities_to, tie_key

FIRST_SORTED_POOLS = 4  # candidates that are sorted first, in pools of `pool_size`


@dataclass(frozen=True)
class Recommendation:
    """One recommended track.

    rank            from 1
    score           see the docstring of this module
    reasons         up to N_REASONS that are near, nearest first; empty without `ListOptions.explain`
    agreeing_seeds  for likes, (number of seeds that are near the track, number of seeds)
    match           share of the other candidates that it ranks above, 0 to 1; None: unrelated (shown_scores.py)
    confidence      0 to 1 (confidence.py); None if it was not requested
    """

    rank: int
    row: int
    track_id: str
    label: str
    score: float
    reasons: tuple[Explanation, ...]
    match: float | None = None
    agreeing_seeds: tuple[int, int] | None = None
    confidence: float | None = None

    @property
    def match_text(self) -> str:
        """Return the match as people see it."""
        return match_text(self.match)

    @property
    def first_reason(self) -> str:
        """Return the nearest track and the number of agreeing seeds, for a narrow column."""
        near = self.reasons[0].label if self.reasons else ""
        n_agreeing, n_seeds = self.agreeing_seeds or (0, 0)
        if n_seeds < 2:
            return near
        if not n_agreeing:
            return f"not near any of the {n_seeds} seeds"
        count = f"{n_agreeing} of {n_seeds} seeds"
        return f"{near}, {count}" if near else count

    @property
    def why(self) -> str:
        """Return all reasons as text."""
        near = ", ".join(reason.label for reason in self.reasons)
        n_agreeing, n_seeds = self.agreeing_seeds or (0, 0)
        if n_seeds < 2:
            return f"near {near}" if near else ""
        if not n_agreeing:
            return f"not near any of the {n_seeds} seeds"
        count = f"near {n_agreeing} of {n_seeds} seeds"
        return f"{count}: {near}" if near else count


def recommend(
    catalogue: Catalogue,
    recommender: Recommender,
    *,
    playlist: int | None = None,
    likes: Sequence[Seed] = (),
    options: ListOptions = DEFAULT_OPTIONS,
    confidence_model: ConfidenceModel | None = None,
    shortlists: Shortlists | None = None,
    seed: int = 0,
) -> list[Recommendation]:
    """Return tracks for a playlist (its row) or for liked tracks, best first.

    confidence_model  measures the confidence of each result; None: results have no confidence
    shortlists        of the recommender, for a large catalogue (shortlist.py); None: every candidate is scored
    seed              breaks ties

    The tracks of a playlist without warm tracks, which has no factors, are taken as likes.

    Raise UserError unless exactly one of `playlist` and `likes` is given, and for a playlist without a track of the
    library.
    """
    if (playlist is None) == (not likes):
        raise UserError("expected a playlist or liked tracks, got both or neither; name one of them")
    query = ListQuery.of(catalogue, options, default="cold", seed=seed, shortlists=shortlists)
    if playlist is None:
        return _with_confidence(_for_likes(catalogue, recommender, likes, query), confidence_model)
    own = catalogue.plays[playlist].indices
    if not len(own):
        raise UserError(f"playlist {catalogue.playlists[playlist]!r} has no track of the library; scan its files")
    own_tracks = [int(row) for row in own]
    if not catalogue.warm.playlists[playlist].any():
        return _with_confidence(_for_likes(catalogue, recommender, own_tracks, query), confidence_model)

    def scores_of(rows: Rows) -> Scores:
        scores: Scores = recommender.scores(np.array([playlist], np.int32), rows)[0]
        return scores

    def shortlist(lists: Shortlists, k: int, depth: int) -> Shortlist:
        return lists.for_playlist(playlist, query.which, options.filters, k, depth)

    for part in query.parts(shortlist, songs_of(catalogue, own_tracks)):
        scores = scores_of(part.candidates)
        kept = _select(catalogue, recommender, scores, own_tracks, part, tie_key=playlist)
        if part.is_enough(scores, kept):
            break
    rows = part.candidates
    warm = own[catalogue.is_warm[own]]
    reasons: list[tuple[Explanation, ...]] = [()] * len(kept)
    if options.explain:
        reasons = near_tracks(catalogue, space_of(recommender), rows[kept], warm, candidates=query.candidates)
    others = ~is_song_of(catalogue, own_tracks, rows)
    outside = part.outside(songs_of(catalogue, own_tracks), int(others.sum()), scores_of)
    shown = matches(scores, np.array(kept, np.int32), others, outside=outside)
    found = _results(catalogue, rows, kept, scores, reasons, shown)
    return _with_confidence(found, confidence_model)


def similar(
    catalogue: Catalogue,
    recommender: Recommender,
    seed_track: Seed,
    *,
    options: ListOptions = DEFAULT_OPTIONS,
    confidence_model: ConfidenceModel | None = None,
    shortlists: Shortlists | None = None,
    seed: int = 0,
) -> list[Recommendation]:
    """Return the nearest candidates of one track. Reasons are warm tracks that are near both.

    The other arguments are those of `recommend`.
    """
    query = ListQuery.of(catalogue, options, default="all", seed=seed, shortlists=shortlists)
    vector = seed_track if isinstance(seed_track, int) else seed_track.vector

    def shortlist(lists: Shortlists, k: int, depth: int) -> Shortlist:
        return lists.for_track(vector, query.which, options.filters, k, depth)

    for part in query.parts(shortlist, songs_of(catalogue, [seed_track])):
        rows = part.candidates
        scores = similarities_to(recommender, seed_track, rows)
        others = ~is_song_of(catalogue, [seed_track], rows)
        scaled = ScaledSimilarities.of(catalogue, recommender, scores[None, :], others, part, [seed_track])
        ranked = scaled.values[0]
        kept = _select(catalogue, recommender, ranked, [seed_track], part, tie_key=tie_key(seed_track))
        if part.is_enough(ranked, kept):
            break
    space = space_of(recommender)
    reasons: list[tuple[Explanation, ...]] = [()] * len(kept)
    if options.explain and space is not None:
        if shortlists is None:
            warm = catalogue.candidates("warm", new=False)
        else:
            warm = shortlists.nearest_warm(vector, MAX_REASON_CANDIDATES)
        to_seed = similarities_to(space, seed_track, warm)
        to_seed = np.where(warm == tie_key(seed_track), -1, to_seed)  # a track is no reason for itself
        reasons = near_both(catalogue, space, rows[kept], warm, to_seed, candidates=query.candidates)
    outside = part.outside(
        songs_of(catalogue, [seed_track]),
        int(others.sum()),
        lambda rows: scaled.apply(similarities_to(recommender, seed_track, rows)[None, :], catalogue.is_warm[rows])[0],
    )
    shown = matches(ranked, np.array(kept, np.int32), others, scores, outside=outside)
    found = _results(catalogue, rows, kept, scores, reasons, shown)
    return _with_confidence(found, confidence_model)


def _for_likes(
    catalogue: Catalogue, recommender: Recommender, likes: Sequence[Seed], query: ListQuery
) -> list[Recommendation]:
    """Return the tracks with the best reciprocal rank fusion of the neighbours of all liked tracks."""

    def near_all(lists: Shortlists, k: int, depth: int) -> Shortlist:
        vectors = [like if isinstance(like, int) else like.vector for like in likes]
        return lists.for_tracks(vectors, query.which, query.options.filters, k, depth)

    for part in query.parts(near_all, songs_of(catalogue, likes)):
        votes = Votes(catalogue, recommender, likes, part)
        scores = votes.scores()
        kept = _select(catalogue, recommender, scores, likes, part, tie_key=tie_key(likes[0]))
        if part.is_enough(scores, kept):
            break
    rows = part.candidates
    near, ranks = votes.of_columns(kept)  # (seed, result)
    n_own = sum(isinstance(like, int) and bool(np.isin(like, query.candidates)) for like in likes)
    n_candidates = len(query.candidates)
    shown = matches_of_votes(scores[kept], near, n_candidates=n_candidates, n_own=n_own)
    last_agreeing = last_near(n_candidates)
    results = []
    for rank, column in enumerate(kept, start=1):
        own_ranks, own_near = ranks[:, rank - 1], near[:, rank - 1]
        by_rank = np.argsort(own_ranks, kind="stable")
        agreeing = [int(i) for i in by_rank if own_ranks[i] <= last_agreeing and own_near[i] > 0]
        reasons = tuple(
            Explanation(_label(catalogue, likes[i]), _track_id(catalogue, likes[i]), float(own_near[i]))
            for i in (agreeing[:N_REASONS] if query.options.explain else ())
        )
        n_agreeing = len(agreeing), len(likes)
        results.append(
            _result(catalogue, rank, int(rows[column]), scores[column], reasons, shown[rank - 1], n_agreeing)
        )
    return results


def _select(
    catalogue: Catalogue,
    recommender: Recommender,
    scores: Scores,
    seeds: Sequence[Seed],
    query: ListQuery,
    *,
    tie_key: int,
) -> list[int]:
    """Return the columns of the best candidates that the options allow, best first."""
    options, rows = query.options, query.candidates
    seed_songs = songs_of(catalogue, seeds)
    allowed = rows_that_fit(options.filters, catalogue.filter_columns, rows) & ~is_song_of(catalogue, seeds, rows)
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
    query: ListQuery,
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


def _with_confidence(found: list[Recommendation], confidence_model: ConfidenceModel | None) -> list[Recommendation]:
    """Return the results with their confidence."""
    if confidence_model is None:
        return found
    confidence = confidence_model.of_tracks(np.array([item.row for item in found], np.int32))
    return [replace(item, confidence=float(value)) for item, value in zip(found, confidence, strict=True)]


def _result(
    catalogue: Catalogue,
    rank: int,
    row: int,
    score: np.floating,
    reasons: tuple[Explanation, ...],
    match: float | None,
    agreeing_seeds: tuple[int, int] | None = None,
) -> Recommendation:
    track = catalogue.tracks[row]
    return Recommendation(rank, row, track.track_id, track.label, float(score), reasons, match, agreeing_seeds)


def _results(
    catalogue: Catalogue,
    rows: Rows,
    kept: Sequence[int],
    scores: Scores,
    reasons: Sequence[tuple[Explanation, ...]],
    shown: Sequence[float | None],
) -> list[Recommendation]:
    """Return the results at some columns of `rows` and `scores`, with one reason tuple and one match each."""
    return [
        _result(catalogue, rank, int(rows[column]), scores[column], reasons[rank - 1], shown[rank - 1])
        for rank, column in enumerate(kept, start=1)
    ]


def _label(catalogue: Catalogue, seed: Seed) -> str:
    return catalogue.tracks[seed].label if isinstance(seed, int) else seed.track.label


def _track_id(catalogue: Catalogue, seed: Seed) -> str:
    return catalogue.tracks.ids[seed] if isinstance(seed, int) else ""
