"""Compute recall that few popular tracks cannot decide.

Most plays are of few tracks, so recall@k hangs on whether these are in the list. Two remedies, both of which rank all
candidates as usual and only weight the relevant ones differently. With w_i the weight of relevant track i of a query:

    recall@k = sum of w_i over the hits in the first k / sum of w_i over all relevant tracks

    bands              w_i is 1 for tracks of one band of popularity and 0 for others. A band holds about a third of the
                       relevant plays: `high` the plays of the most played tracks, `low` those of the least played
    inverse plays      w_i = 1 / plays of track i, a self-normalised estimate by inverse propensities (Schnabel et al.,
                       Recommendations as Treatments, 2016; Yang et al., Unbiased Offline Recommender Evaluation, 2018)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.metrics.accuracy import Values

BANDS = ("low", "middle", "high")
INVERSE = "recall-inverse-plays"


def recall_weights(track: NDArray[np.integer]) -> dict[str, Values]:
    """Return the weights (entry,) of each metric of this module, by the name of the metric.

    track  (entry,) track of each relevant play; the plays of a track are the number of its entries
    """
    plays = np.bincount(track)[track] if len(track) else np.zeros(0)
    band = popularity_band(plays)
    return {INVERSE: 1 / plays} | {f"recall-{name}": (band == i).astype(np.float64) for i, name in enumerate(BANDS)}


def popularity_band(plays: NDArray[np.number]) -> NDArray[np.int64]:
    """Return the band of each relevant play, (entry,), 0 .. 2 for BANDS, from the `plays` (entry,) of its track.

    Plays are ordered by their track's plays and cut in thirds. Tracks with equal plays are in one band, that of the
    middle of their plays, so thirds are exact only where many numbers of plays occur; a band may be empty.
    """
    ordered = np.sort(plays)
    middle = (np.searchsorted(ordered, plays, "left") + np.searchsorted(ordered, plays, "right")) / 2
    return np.floor(len(BANDS) * middle / max(len(plays), 1)).astype(np.int64)


def weighted_recall_at_k(
    query: NDArray[np.integer], rank: NDArray[np.integer], weight: Values, k: int, n_queries: int
) -> Values:
    """Return the weighted recall@k of each query, (query,); NaN where the weights of a query are all 0.

    Entry i is a relevant candidate of query[i] at rank[i] (from 1), with weight[i] >= 0; in any order.
    """
    total = np.bincount(query, weights=weight, minlength=n_queries)
    hits = np.bincount(query, weights=weight * (rank <= k), minlength=n_queries)
    recall: Values = np.divide(hits, total, out=np.full(n_queries, np.nan), where=total > 0)
    return recall
