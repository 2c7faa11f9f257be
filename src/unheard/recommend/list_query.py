"""The query behind a list: options with their ids looked up, and the candidates that are scored for it.

Of a small catalogue all candidates are scored. Of a large one a shortlist is (shortlist.py), a longer one if the caps
leave too few tracks or take a list further down than was searched, and at last all; what a list shows of the other
candidates, such as the match, counts these too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unheard.arrays import Mask, Rows
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.diversify import pool_size
from unheard.recommend.filters import NO_FILTERS
from unheard.recommend.mixed_lists import kind_scales, scaled_by
from unheard.recommend.options import ListOptions
from unheard.recommend.recommenders import Recommender, Scores, space_of
from unheard.recommend.seeds import Seed, songs_of
from unheard.recommend.shortlist import MORE, SHORTLIST, Kind, Shortlist, Shortlists
from unheard.recommend.shown_scores import Outside

DEEPER = 4  # times the depth, if caps take a list further down
KINDS: tuple[Kind, Kind] = ("warm", "cold")


@dataclass(frozen=True)
class ListQuery:
    """Options with their ids looked up.

    candidates  rows of the catalogue that are scored: all, or a shortlist
    which       what the candidates were chosen as
    excluded    rows that must not be returned
    seed        breaks ties
    shortlists  of the recommender; None: all candidates are scored
    depth       how many of the best candidates are among these; the others need not be the next ones
    complete    whether no other candidate could be returned
    """

    options: ListOptions
    candidates: Rows
    which: Candidates
    excluded: Rows
    seed: int
    shortlists: Shortlists | None = None
    depth: int = 0
    complete: bool = True

    @staticmethod
    def of(
        catalogue: Catalogue, options: ListOptions, *, default: Candidates, seed: int, shortlists: Shortlists | None
    ) -> ListQuery:
        """Look the ids up; raise UserError for an unknown one."""
        which = options.candidates or default
        candidates = catalogue.candidates(which, new=True)
        excluded = np.array([catalogue.track_row(name) for name in options.exclude], np.int32)
        return ListQuery(options, candidates, which, excluded, seed, shortlists)

    def parts(
        self, shortlist: Callable[[Shortlists, int, int], Shortlist], songs: Collection[int]
    ) -> Iterator[ListQuery]:
        """Yield queries with more and more candidates, at last with all; without shortlists, this query alone.

        shortlist  returns about the `k` best candidates, of which at least the `depth` best are needed
        songs      of the seeds: their versions are never returned
        """
        if self.shortlists is not None:
            left_out = self.shortlists.n_left_out(self.which, np.array(list(songs), np.int64), self.excluded)
            fewest, n = max(SHORTLIST, 2 * pool_size(self.options.n)), self.options.n
            depth = (pool_size(n) if self.options.diversity > 0 else n) + left_out
            for more, deeper in ((1, 1), (1, DEEPER), (MORE, MORE)):
                found = shortlist(self.shortlists, max(more * fewest, 2 * deeper * depth) + left_out, deeper * depth)
                yield replace(self, candidates=found.rows, depth=found.depth, complete=found.complete)
        yield replace(self, shortlists=None)

    def is_enough(self, scores: Scores, kept: Sequence[int]) -> bool:
        """Whether a list need not be chosen again from more candidates: it is full, and the search went as deep as it.

        scores  (candidate,) by which the columns `kept` were chosen
        """
        if self.complete or len(kept) < self.options.n:
            return self.complete
        return int((scores >= scores[kept].min()).sum()) <= self.depth

    def outside(self, songs: Collection[int], n_inside: int, scores_of: Callable[[Rows], Scores]) -> Outside | None:
        """Return the other candidates, without those of some songs; None if all are scored.

        n_inside  number of candidates that are scored, also without those songs
        """
        if self.shortlists is None:
            return None
        own = self.shortlists.n_of_songs(self.which, np.array(list(songs), np.int64))
        n = self.shortlists.n_candidates(self.which) - own - n_inside
        if self.options.filters == NO_FILTERS:  # no other candidate is above one that is listed
            return Outside(n, np.zeros(0, np.float32))
        return Outside(n, scores_of(self.shortlists.sample(self.which, self.candidates)))


@dataclass(frozen=True)
class ScaledSimilarities:
    """Similarities (seed, candidate) by which warm and cold tracks can be sorted together, and the factors of both."""

    values: Scores
    scales: Scores | None

    @staticmethod
    def of(
        catalogue: Catalogue,
        recommender: Recommender,
        similarities: Scores,
        others: Mask,
        query: ListQuery,
        seeds: Sequence[Seed],
    ) -> ScaledSimilarities:
        """Scale the similarities to the candidates of a query; `others` are those that are no seeds."""
        space, cold = space_of(recommender), ~catalogue.is_warm[query.candidates]
        if space is None or space.predicted is None:
            return ScaledSimilarities(similarities, None)
        totals = None
        if query.shortlists is not None:
            lists, songs = query.shortlists, np.array(list(songs_of(catalogue, seeds)), np.int64)
            n_warm, n_cold = (
                lists.n_candidates(query.which, kind) - lists.n_of_songs(query.which, songs, kind) for kind in KINDS
            )
            totals = n_warm, n_cold
        scales = kind_scales(similarities, cold, others=others, totals=totals)
        return ScaledSimilarities(scaled_by(scales, similarities, cold), scales)

    def apply(self, similarities: Scores, is_warm: Mask) -> Scores:
        """Scale similarities of the same seeds to other candidates."""
        return similarities if self.scales is None else scaled_by(self.scales, similarities, ~is_warm)
