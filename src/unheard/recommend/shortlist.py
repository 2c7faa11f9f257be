"""Choose the few candidates of a large catalogue that can be in a list; recommend.py scores these exactly.

Below `min_tracks` every candidate is scored. Above, the best SHORTLIST by the vectors behind the scores are found
first, by an index (unheard.index), or by a scan in single precision while there is none. Scores, order and ties of a
list are then computed as for a small catalogue, so two tracks that both are found stand as they would without an index.

    playlist   dot products with the factors; for a model with its own embeddings, of those, and of the factors of warm
               tracks. For members that a combiner adds up, the dot product is its weighted sum of the members, and the
               tracks by the artists on the playlist are added, because the combiner may raise these
    similar    centred cosines. Warm and cold tracks have different ranges and are searched each by itself

Filters are a mask over the vectors. If few tracks fit, all of them are scored.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats, Mask, Rows
from unheard.errors import UserError
from unheard.index.row_vectors import Vectors, unit_vectors
from unheard.index.stored_index import AllowedRows, Index
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.combined import PairScorer
from unheard.recommend.filters import NO_FILTERS, Filters, rows_that_fit
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, Recommender

MIN_TRACKS = 100_000  # with fewer, all are scored: docs/decisions/0020-the-index.md
MIN_TRACKS_VARIABLE = "UNHEARD_INDEX_FROM"  # sets another number
SHORTLIST = 500  # candidates of a search
UNFILTERED = 200  # candidates of the search without the filters, to which those that fit are compared
COMBINED = 6  # times as many for a combiner, which moves candidates further than the arithmetic of scores does
MORE = 20  # times as many, if caps and exclusions leave too few
FEW = 2000  # tracks that fit a filter: all are scored
MAX_BY_ARTISTS = 4000  # of the tracks by the artists on a playlist
MIN_OF_EACH = 300  # candidates of each liked track
SAMPLE = 1000  # candidates that stand for those outside a shortlist
MAX_MASKS = 32
Kind = Literal["warm", "cold"]
IndexName = Literal["embeddings", "factors", "directions"]


@dataclass(frozen=True)
class Selection:
    """Which tracks a search may find: candidates (new: as `Catalogue.candidates`) that fit, of one kind or of both."""

    which: Candidates
    filters: Filters = NO_FILTERS
    kind: Kind | None = None
    new: bool = True


@dataclass(frozen=True)
class Shortlist:
    """Rows of candidates, ascending.

    depth     how many of the best candidates are among them; the others need not be the next ones
    complete  whether no other candidate fits the filters
    """

    rows: Rows
    depth: int
    complete: bool = False


@dataclass
class Search:
    """A search among the vectors of all tracks, by an index or else by a scan."""

    vectors: Vectors
    index: Index | None
    _allowed: OrderedDict[Selection, AllowedRows] = field(default_factory=OrderedDict)

    def nearest(self, query: Floats, k: int, depth: int, selection: Selection, mask: Mask, n_whole: int) -> Rows:
        """Return the rows of about `k` tracks of a selection with the largest dot products with a query (d,).

        depth    how many of the nearest are needed
        mask     (n,) the tracks of the selection
        n_whole  number of tracks of the selection without its filters
        """
        if self.index is None:
            return self.vectors.nearest(query, k, mask)
        allowed = self._allowed.get(selection)
        if allowed is None:
            allowed = self._allowed[selection] = self.index.allowed(mask)
            _drop_oldest(self._allowed)
        return self.index.nearest(query, k, allowed, depth=depth, n_whole=n_whole)


OpenIndex = Callable[[IndexName, Vectors], Index | None]


class Shortlists:
    """Shortlists of one recommender over one catalogue; make it with `shortlists`."""

    def __init__(
        self, catalogue: Catalogue, recommender: FactorRecommender | EmbeddingRecommender, open_index: OpenIndex
    ):
        self.catalogue, self.recommender, self._open_index = catalogue, recommender, open_index
        self._masks: OrderedDict[Selection, Mask] = OrderedDict()
        self._numbers: OrderedDict[Selection, int] = OrderedDict()
        self._searches: dict[IndexName, Search] = {}
        self._samples: dict[Candidates, Rows] = {}
        self._all_vectors: dict[IndexName, Vectors] = {}

    # -------------------------------------------------------------------------------------------------- lists

    def for_playlist(self, playlist: int, which: Candidates, filters: Filters, k: int, depth: int) -> Shortlist:
        """Return a shortlist for a playlist (its row): about the `k` best that fit, and the best of all candidates.

        depth  how many of the best are needed: an index is read as far as they demand
        """
        parts: list[tuple[IndexName, Floats, Kind | None]]
        if isinstance(self.recommender, FactorRecommender):
            parts = [("factors", self.recommender.playlists[playlist], None)]
        else:
            query = self.recommender.ranking.playlists[playlist]
            if self.recommender.pairs is not None:
                query, k = weighted_members(self.recommender.pairs, query), COMBINED * k
            parts = [("embeddings", query, None)]
            warm_cold = self.recommender.warm_cold
            if warm_cold is not None:
                parts = [("embeddings", query, "cold"), ("factors", warm_cold.warm.playlists[playlist], "warm")]
        found = self._found(parts, which, filters, k, depth)
        if isinstance(self.recommender, EmbeddingRecommender) and self.recommender.pairs is not None:
            by_artists = self._by_artists(self.recommender.pairs, playlist, query, Selection(which, filters))
            found = replace(found, rows=np.union1d(found.rows, by_artists))
        return found

    def for_track(self, seed: int | Floats, which: Candidates, filters: Filters, k: int, depth: int) -> Shortlist:
        """Return a shortlist of the nearest of a track (its row, or factors (d,) from outside the catalogue)."""
        query = self._direction(seed)
        kinds: tuple[Kind | None, ...] = ("warm", "cold") if self.space.predicted is not None else (None,)
        return self._found([("directions", query, kind) for kind in kinds], which, filters, k, depth)

    def for_tracks(
        self, seeds: list[int | Floats], which: Candidates, filters: Filters, k: int, depth: int
    ) -> Shortlist:
        """Return a shortlist of the nearest of several tracks; the more there are, the fewer of each."""
        of_each = max(k // len(seeds), MIN_OF_EACH)
        found = [self.for_track(seed, which, filters, of_each, min(of_each, depth)) for seed in seeds]
        rows = _union([one.rows for one in found])
        return Shortlist(rows, min(one.depth for one in found), all(one.complete for one in found))

    def nearest_warm(self, seed: int | Floats, k: int) -> Rows:
        """Return the nearest warm tracks of a track, which may explain a recommendation."""
        return self._rows("directions", self._direction(seed), Selection("warm", new=False), k, depth=1)

    def n_candidates(self, which: Candidates, kind: Kind | None = None) -> int:
        """Return the number of candidates, of one kind or of both."""
        return self._number(Selection(which, kind=kind))

    def n_of_songs(self, which: Candidates, songs: Rows, kind: Kind | None = None) -> int:
        """Return how many candidates, of one kind or of both, are versions of some songs."""
        return int(self._mask(Selection(which, kind=kind))[self._songs.rows_of(songs)].sum())

    def n_left_out(self, which: Candidates, songs: Rows, excluded: Rows) -> int:
        """Return how many candidates are versions of some songs, or excluded (rows)."""
        return self.n_of_songs(which, songs) + int(self._mask(Selection(which))[excluded].sum())

    def sample(self, which: Candidates, rows: Rows) -> Rows:
        """Return up to SAMPLE candidates at random, always the same ones, without some rows."""
        if which not in self._samples:
            candidates = self.catalogue.candidates(which, new=True)
            drawn = np.random.default_rng(0).choice(candidates, min(SAMPLE, len(candidates)), replace=False)
            self._samples[which] = np.sort(drawn)
        found = self._samples[which]
        return found[~np.isin(found, rows)]

    # ----------------------------------------------------------------------------------------------- searches

    @property
    def space(self) -> FactorRecommender:
        """The vectors behind similarities."""
        return self.recommender.space

    def searched(self) -> Iterator[tuple[IndexName, Vectors]]:
        """Yield the name and the vectors of each search that this recommender needs."""
        names: list[IndexName] = ["factors", "directions"]
        if isinstance(self.recommender, EmbeddingRecommender):
            names = ["embeddings", *(names if self.recommender.warm_cold is not None else names[1:])]
        for name in names:
            yield name, self._vectors(name)

    def kinds(self, name: IndexName) -> list[Mask]:
        """Return the tracks (n,) that the searches with an index may find, each kind by itself; none: all tracks."""
        if name == "directions":
            kinds = [~self._is_cold, self._is_cold] if self.space.predicted is not None else []
        elif isinstance(self.recommender, EmbeddingRecommender) and self.recommender.warm_cold is not None:
            kinds = [self._is_cold if name == "embeddings" else ~self._is_cold]
        else:  # one matrix of both; cold tracks lie elsewhere, so what they need to be found is measured for them too
            kinds = [~self._is_cold, self._is_cold]
        return [kind for kind in kinds if kind.any()]

    def open_all(self) -> None:
        """Open every index now, also one that was made since; lists of the meantime use what was open before."""
        self._searches = {name: Search(vectors, self._open_index(name, vectors)) for name, vectors in self.searched()}

    @property
    def is_indexed(self) -> bool:
        """Whether every search has an index that is not outdated."""
        found = [self._search(name).index for name, _ in self.searched()]
        return all(index is not None and not index.is_outdated for index in found)

    def __getstate__(self) -> dict[str, object]:
        """Leave mapped files out of what is sent to another process, which opens them itself."""
        return {**vars(self), "_searches": {}}

    def queries(self, name: IndexName, n: int, rng: np.random.Generator) -> Floats:
        """Return up to `n` queries as they are asked of an index, (query, d), to make it: playlists, or tracks."""
        if name != "directions":
            playlists = self._ranking(name).playlists
            if self.catalogue.plays.shape[0]:
                rows = rng.permutation(len(playlists))[: 10 * n]
                rows = rows[np.any(playlists[rows], axis=1)][:n]
                found = playlists[rows]
                pairs = self.recommender.pairs if isinstance(self.recommender, EmbeddingRecommender) else None
                if name == "embeddings" and pairs is not None and len(found):
                    found = np.stack([weighted_members(pairs, one) for one in found])
                if len(found):
                    return found
        vectors = self._vectors(name)
        return vectors.take(rng.choice(len(vectors), min(n, len(vectors)), replace=False))

    def _found(
        self,
        parts: list[tuple[IndexName, Floats, Kind | None]],
        which: Candidates,
        filters: Filters,
        k: int,
        depth: int,
    ) -> Shortlist:
        def rows_of(filters: Filters, k: int, depth: int) -> list[Rows]:
            return [self._rows(name, query, Selection(which, filters, kind), k, depth) for name, query, kind in parts]

        if all(self._search(name).index is None for name, _, _ in parts):  # a scan finds the `k` best
            depth = k
        if filters == NO_FILTERS:
            return Shortlist(_union(rows_of(filters, k, depth)), depth)
        rows = rows_of(NO_FILTERS, UNFILTERED, 1)
        if self._number(Selection(which, filters)) <= FEW:
            fitting = np.flatnonzero(self._mask(Selection(which, filters)))
            return Shortlist(_union([*rows, fitting]), len(fitting), complete=True)
        return Shortlist(_union([*rows, *rows_of(filters, k, depth)]), depth)

    def _rows(self, name: IndexName, query: Floats, selection: Selection, k: int, depth: int) -> Rows:
        mask, n_whole = self._mask(selection), self._number(replace(selection, filters=NO_FILTERS))
        return self._search(name).nearest(np.ascontiguousarray(query, np.float32), k, depth, selection, mask, n_whole)

    def _search(self, name: IndexName) -> Search:
        searches = self._searches
        if name not in searches:
            vectors = self._vectors(name)
            searches[name] = Search(vectors, self._open_index(name, vectors))
        return searches[name]

    def _number(self, selection: Selection) -> int:
        number = self._numbers.get(selection)  # threads share the cache: another one may drop the entry at any time
        if number is None:
            number = self._numbers[selection] = int(np.count_nonzero(self._mask(selection)))
            _drop_oldest(self._numbers)
        return number

    def _ranking(self, name: IndexName) -> FactorRecommender:
        if isinstance(self.recommender, FactorRecommender):
            return self.recommender
        if name == "factors" and self.recommender.warm_cold is not None:
            return self.recommender.warm_cold.warm
        return self.recommender.ranking

    def _vectors(self, name: IndexName) -> Vectors:
        if name == "directions":
            return self._unit_vectors
        return self._all_vectors.setdefault(name, Vectors(self._ranking(name).tracks))

    @cached_property
    def _unit_vectors(self) -> Vectors:
        return unit_vectors(self.space.tracks, self.space.centre, min_length=self.space.min_length)

    def _direction(self, seed: int | Floats) -> Floats:
        vector = self.space.tracks[seed] if isinstance(seed, int) else seed
        direction: Floats = self.space.directions(vector[None, :])[0].astype(np.float32)
        return direction

    def _mask(self, selection: Selection) -> Mask:
        """Return which tracks belong to a selection, (n,)."""
        mask = self._masks.get(selection)
        if mask is None:
            mask = np.zeros(len(self.catalogue), np.bool_)
            mask[self.catalogue.candidates(selection.which, new=selection.new)] = True
            if selection.filters != NO_FILTERS:
                mask &= rows_that_fit(selection.filters, self.catalogue.filter_columns)
            if selection.kind is not None:
                mask &= self._is_cold if selection.kind == "cold" else ~self._is_cold
            self._masks[selection] = mask
            _drop_oldest(self._masks)
        return mask

    @property
    def _is_cold(self) -> Mask:
        warm_cold = self.recommender.warm_cold if isinstance(self.recommender, EmbeddingRecommender) else None
        return ~self.catalogue.is_warm if warm_cold is None else warm_cold.cold

    def _by_artists(self, pairs: PairScorer, playlist: int, query: Floats, selection: Selection) -> Rows:
        """Return the tracks of a selection by the artists on a playlist, the best MAX_BY_ARTISTS of more."""
        own = pairs.plays.indices[pairs.plays.indptr[playlist] : pairs.plays.indptr[playlist + 1]]
        rows = self._artists.rows_of(self.catalogue.main_artist[own])
        rows = rows[self._mask(selection)[rows]]
        if len(rows) > MAX_BY_ARTISTS:
            products = self._vectors("embeddings").take(rows) @ query
            rows = rows[np.argpartition(products, -MAX_BY_ARTISTS)[-MAX_BY_ARTISTS:]]
        return rows

    @cached_property
    def _artists(self) -> RowGroups:
        return RowGroups.of(self.catalogue.main_artist)

    @cached_property
    def _songs(self) -> RowGroups:
        return RowGroups.of(self.catalogue.song)


@dataclass(frozen=True)
class RowGroups:
    """The rows of each group: `rows` (n,) group after group, and where each group starts (groups + 1,)."""

    rows: NDArray[np.int32]
    starts: NDArray[np.int32]

    @staticmethod
    def of(group: Rows) -> RowGroups:
        """Return the groups of a number for each row (n,)."""
        counts = np.bincount(group) if len(group) else np.zeros(0, np.int64)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return RowGroups(np.argsort(group, kind="stable").astype(np.int32), starts)

    def group(self, number: int) -> Rows:
        """Return the rows of one group."""
        return self.rows[self.starts[number] : self.starts[number + 1]]

    def rows_of(self, groups: Rows) -> Rows:
        """Return the rows of some groups; a group that is named twice counts once."""
        parts = [self.group(one) for one in np.unique(groups)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def min_tracks() -> int:
    """Return the number of tracks from which shortlists are used; UserError if the variable is no number."""
    text = os.environ.get(MIN_TRACKS_VARIABLE, str(MIN_TRACKS))
    if not text.isdecimal():
        raise UserError(f"{MIN_TRACKS_VARIABLE}={text!r}: expected a number of tracks, such as {MIN_TRACKS}")
    return int(text)


def shortlists(catalogue: Catalogue, recommender: Recommender, open_index: OpenIndex) -> Shortlists | None:
    """Return the shortlists of a recommender; None for one whose scores are no products of vectors."""
    if isinstance(recommender, FactorRecommender | EmbeddingRecommender):
        return Shortlists(catalogue, recommender, open_index)
    return None


def ranks_outside(sample: Floats, values: Floats, n: int) -> NDArray[np.int64]:
    """Return how many candidates outside a shortlist are above each value (seed, candidate), by the share of a sample.

    sample  (seed, sample) scores of some of the `n` candidates outside, ascending
    """
    n_sample = sample.shape[1]
    above = [n_sample - np.searchsorted(line, own, side="right") for line, own in zip(sample, values, strict=True)]
    ranks: NDArray[np.int64] = np.round(n * np.stack(above) / max(1, n_sample)).astype(np.int64)
    return ranks


def weighted_members(pairs: PairScorer, query: Floats) -> Floats:
    """Return a playlist's embedding (k,) weighted so that dot products are the combiner's weighted sum of members."""
    combiner = pairs.combiner
    n_members = len(combiner.starts) - 1
    weights = combiner.linear[:n_members] / combiner.deviation[:n_members]
    return (query * np.repeat(weights, np.diff(combiner.starts))).astype(np.float32)


def _union(rows: list[Rows]) -> Rows:
    joined = np.sort(np.concatenate(rows))  # np.unique takes three times as long
    return joined[np.concatenate([[True], joined[1:] != joined[:-1]])].astype(np.int32) if len(joined) else joined


def _drop_oldest(cache: OrderedDict[Selection, Any]) -> None:
    while len(cache) > MAX_MASKS:
        cache.popitem(last=False)
