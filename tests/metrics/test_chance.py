"""Tests of chance expectations against all rankings, and against simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from unheard.metrics import chance, diversity
from unheard.metrics.accuracy import Ranks, average_precision_at_k, hit_at_k, ndcg_at_k, recall_at_k, reciprocal_rank


@pytest.mark.parametrize(("n", "r"), [(1, 1), (4, 1), (6, 3), (7, 7), (9, 2), (10, 5)])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_against_every_placement_of_the_relevant_candidates(n: int, r: int, k: int) -> None:
    placements = np.array(list(combinations(range(1, n + 1), r)))  # (placement, r): all equally likely
    ranks = Ranks.of(np.repeat(np.arange(len(placements)), r), placements.ravel(), len(placements))
    ns, rs = np.array([n, n]), np.array([r, r])
    assert chance.chance_recall(ns, rs, k)[0] == pytest.approx(recall_at_k(ranks, k).mean())
    assert chance.chance_hit(ns, rs, k)[0] == pytest.approx(hit_at_k(ranks, k).mean())
    assert chance.chance_ndcg(ns, rs, k)[0] == pytest.approx(ndcg_at_k(ranks, k).mean())
    assert chance.chance_average_precision(ns, rs, k)[1] == pytest.approx(average_precision_at_k(ranks, k).mean())
    assert chance.chance_reciprocal_rank(ns, rs)[1] == pytest.approx(reciprocal_rank(ranks).mean())


def test_large_numbers_stay_exact() -> None:
    n, r = np.array([20_000]), np.array([3])
    assert chance.chance_hit(n, r, 20)[0] == pytest.approx(1 - (1 - 20 / n[0]) ** 3, rel=1e-3)
    harmonic = np.log(20_000) + 0.5772 - 3 / 2  # sum of (1 - i/N)^2 / i = H - 2 + 1/2, nearly
    assert chance.chance_reciprocal_rank(n, r)[0] == pytest.approx(3 / 20_000 * harmonic, rel=1e-3)
    assert chance.chance_recall(n, r, 20)[0] == 20 / 20_000


def test_figures_of_random_lists_against_simulation() -> None:
    rng = np.random.default_rng(0)
    n, k, n_queries = 60, 5, 40
    groups = np.array([0] * 20 + [1] * 10 + list(range(2, 32)))
    found: dict[str, list[float]] = {"gini": [], "skew": [], "coverage": [], "distinct": []}
    for _ in range(1500):
        lists = rng.random((n_queries, n)).argsort(axis=1)[:, :k]
        counts = diversity.occurrences(lists, n)
        found["gini"].append(diversity.gini(counts))
        found["skew"].append(diversity.skewness(counts))
        found["coverage"].append(diversity.coverage(counts))
        found["distinct"].append(float(diversity.distinct_share(lists, groups, k).mean()))
    share = k / n
    assert np.mean(found["coverage"]) == pytest.approx(chance.chance_coverage(n_queries, share), abs=0.002)
    assert np.mean(found["distinct"]) == pytest.approx(chance.chance_distinct(groups, k), abs=0.003)
    # A sample of 60 candidates has a little less inequality and skewness than the binomial law.
    assert np.mean(found["gini"]) == pytest.approx(diversity.chance_gini(n_queries, share), rel=0.03)
    assert np.mean(found["skew"]) == pytest.approx(diversity.chance_skewness(n_queries, share), rel=0.15)


def test_coverage_is_1_for_lists_as_long_as_the_catalogue() -> None:
    assert chance.chance_coverage(5, 1.0) == 1
    assert diversity.chance_gini(5, 1.0) == 0
    assert np.isnan(diversity.chance_skewness(5, 1.0))
