"""Tests of metrics against hand-worked tables, brute force, and other libraries."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from unheard.metrics.accuracy import (
    Ranks,
    auc,
    average_precision_at_k,
    hit_at_k,
    ideal_dcg,
    ndcg_at_k,
    ndcg_of_lists,
    overlap_at_k,
    recall_at_k,
    reciprocal_rank,
    shares_below,
)

# Query A: |R| = 3 at ranks 1, 3 and 6. Query B: |R| = 1 at rank 4. Query C: |R| = 5 at ranks 2, 7, 8, 9, 10.
TABLE = Ranks.of(np.array([1, 0, 0, 2, 0, 2, 2, 2, 2]), np.array([4, 6, 1, 10, 3, 2, 8, 7, 9]), 3)


def log(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def test_recall_by_hand() -> None:
    np.testing.assert_allclose(recall_at_k(TABLE, 3), [2 / 3, 0, 1 / 5])
    np.testing.assert_allclose(recall_at_k(TABLE, 4), [2 / 3, 1 / 1, 1 / 5])


def test_ndcg_by_hand() -> None:
    a = (log(1) + log(3)) / (log(1) + log(2) + log(3))  # (1 + 1/2) / (1 + 0.6309 + 1/2) = 0.7039
    c = log(2) / (log(1) + log(2) + log(3) + log(4))  # |R| = 5 but only 4 places: 0.6309 / 2.5616 = 0.2463
    np.testing.assert_allclose(ndcg_at_k(TABLE, 4), [a, log(4) / log(1), c])
    np.testing.assert_allclose([a, c], [0.7039, 0.2463], atol=5e-5)


def test_average_precision_by_hand() -> None:
    a = (1 / 1 + 2 / 3) / 3  # min(4, 3) = 3
    c = (1 / 2) / 4  # min(4, 5) = 4
    np.testing.assert_allclose(average_precision_at_k(TABLE, 4), [a, (1 / 4) / 1, c])
    all_of_a = (1 / 1 + 2 / 3 + 3 / 6) / 3
    all_of_c = (1 / 2 + 2 / 7 + 3 / 8 + 4 / 9 + 5 / 10) / 5
    np.testing.assert_allclose(average_precision_at_k(TABLE, 500), [all_of_a, 1 / 4, all_of_c])


def test_reciprocal_rank_and_hit_by_hand() -> None:
    np.testing.assert_allclose(reciprocal_rank(TABLE), [1, 1 / 4, 1 / 2])
    np.testing.assert_array_equal(hit_at_k(TABLE, 2), [1, 0, 1])


def test_auc_by_hand() -> None:
    # A: 10 candidates, relevant at 1, 3, 6: of 3 x 7 pairs they win 7 + 6 + 4 = 17.
    # B: 5 candidates, one relevant tied with two others on ranks 3, 4, 5 (mid-rank 4): it wins 0 + 2 x 1/2 of 4 pairs.
    # C: 2 candidates, both relevant: undefined.
    query, mid = np.array([0, 0, 0, 1, 2, 2]), np.array([1, 3, 6, 4, 1, 2.0])
    np.testing.assert_allclose(auc(query, mid, np.array([10, 5, 2])), [17 / 21, 1 / 4, np.nan])
    shares = [7 / 7, 6 / 7, 4 / 7, 1 / 4, np.nan, np.nan]
    np.testing.assert_allclose(shares_below(query, mid, np.array([10, 5, 2])), shares)


def test_overlap_by_hand() -> None:
    first = np.array([[4, 2, 0, 1], [0, 1, 2, 3], [5, 4, -1, -1]], np.int32)
    second = np.array([[2, 4, 3, 5], [5, 4, 3, 2], [5, 4, 3, 2]], np.int32)
    np.testing.assert_allclose(overlap_at_k(first, second, 2, n_candidates=6), [2 / 2, 0, 2 / 2])
    np.testing.assert_allclose(overlap_at_k(first, second, 4, n_candidates=6), [2 / 4, 2 / 4, np.nan])
    assert np.isnan(overlap_at_k(first, second, 5, n_candidates=6)).all()


def test_a_query_without_relevant_candidates_raises() -> None:
    with pytest.raises(ValueError, match="every query needs a relevant candidate"):
        Ranks.of(np.array([0, 2]), np.array([1, 1]), 3)


relevance = st.lists(
    st.lists(st.booleans(), min_size=12, max_size=12).filter(any), min_size=1, max_size=5
)  # (query, 12 places of a ranking)


@settings(max_examples=150, deadline=None)
@given(lists=relevance, k=st.integers(1, 15))
def test_against_the_definitions_one_by_one(lists: list[list[bool]], k: int) -> None:
    places = np.array(lists)
    query, column = np.nonzero(places)
    ranks = Ranks.of(query, column + 1, len(lists))
    for i, line in enumerate(lists):
        n_relevant, head = sum(line), line[:k]
        assert recall_at_k(ranks, k)[i] == pytest.approx(sum(head) / n_relevant)
        assert hit_at_k(ranks, k)[i] == float(any(head))
        assert reciprocal_rank(ranks)[i] == pytest.approx(1 / (line.index(True) + 1))
        precisions = [sum(line[: j + 1]) / (j + 1) for j, hit in enumerate(head) if hit]
        assert average_precision_at_k(ranks, k)[i] == pytest.approx(sum(precisions) / min(k, n_relevant))
        dcg = sum(log(j + 1) for j, hit in enumerate(head) if hit)
        ideal = sum(log(j + 1) for j in range(min(k, n_relevant)))
        assert ndcg_at_k(ranks, k)[i] == pytest.approx(dcg / ideal)
        assert ndcg_of_lists(places[:, :k], places.sum(axis=1), k)[i] == pytest.approx(dcg / ideal)
        if not all(line):
            pairs = [(a, b) for a, x in enumerate(line) for b, y in enumerate(line) if x and not y]
            share = sum(a < b for a, b in pairs) / len(pairs)
            assert auc(query, (column + 1).astype(np.float64), np.full(len(lists), 12))[i] == pytest.approx(share)


def test_auc_with_ties_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (40, 30)).astype(float)
    labels = rng.random((40, 30)) < 0.3
    labels[:, 0], labels[:, 1] = True, False
    query, column = np.nonzero(labels)
    mid = np.array([(scores[q] > scores[q, c]).sum() + ((scores[q] == scores[q, c]).sum() + 1) / 2 for q, c in
                    zip(query, column, strict=True)])  # fmt: skip
    truth = [roc_auc_score(labels[i], scores[i]) for i in range(40)]
    np.testing.assert_allclose(auc(query, mid, np.full(40, 30)), truth)
    others = [scores[q][~labels[q]] for q in query]
    above = [
        ((scores[q, c] > rest) + (scores[q, c] == rest) / 2).mean()
        for q, c, rest in zip(query, column, others, strict=True)
    ]
    np.testing.assert_allclose(shares_below(query, mid, np.full(40, 30)), above)


RANX = """
import json, sys
import ranx
asked = json.load(sys.stdin)
qrels, run = ranx.Qrels(asked["qrels"]), ranx.Run(asked["run"])
print(json.dumps({name: float(ranx.evaluate(qrels, run, name)) for name in asked["metrics"]}))
"""


@pytest.mark.slow
def test_ndcg_recall_and_hit_against_ranx() -> None:
    """In a process of its own, where ranx need not compile for a minute before it answers."""
    places = np.random.default_rng(1).random((20, 60)) < 0.15
    places[:, 30] = True
    query, column = np.nonzero(places)
    ranks = Ranks.of(query, column + 1, 20)
    run = {f"q{i}": {f"c{j}": float(60 - j) for j in range(60)} for i in range(20)}
    qrels = {f"q{i}": {f"c{j}": 1 for j in np.flatnonzero(places[i])} for i in range(20)}
    ours = {"mrr": reciprocal_rank(ranks)}
    for k in (5, 20):
        ours |= {
            f"ndcg@{k}": ndcg_at_k(ranks, k),
            f"recall@{k}": recall_at_k(ranks, k),
            f"hit_rate@{k}": hit_at_k(ranks, k),
        }
    answer = subprocess.run(
        [sys.executable, "-c", RANX],
        input=json.dumps({"qrels": qrels, "run": run, "metrics": list(ours)}),
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout) == pytest.approx({name: float(values.mean()) for name, values in ours.items()})


def test_ideal_dcg_stops_at_k() -> None:
    np.testing.assert_allclose(ideal_dcg(np.array([1, 2, 9]), 2), [1, 1 + log(2), 1 + log(2)])
