"""Tests of maximal marginal relevance: a hand-worked list, the greedy definition, and less similar lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.errors import UserError
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.diversify import min_max_scaled, most_relevant_and_diverse
from unheard.recommend.models import make_recommender
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend, similar
from unheard.recommend.recommenders import FactorRecommender
from unheard.workspace import Workspace


def chosen(
    scores: list[float], similarity: np.ndarray, diversity: float, n: int, *, not_: tuple[int, ...] = ()
) -> list[int]:
    return most_relevant_and_diverse(
        np.array(scores), lambda i: similarity[i], diversity=diversity, n=n, accept=lambda i: i not in not_
    )


def test_a_list_by_hand() -> None:
    """Scores 5, 4, 3, 1 are scaled to 1, .75, .5, 0. With diversity .5, after index 0:

    place 1: .5 x .75 - .5 x .9 = -.075    place 2: .5 x .5 - .5 x .2 = .15    place 3: 0 - .5 x -.5 = .25
    Then 3 is chosen, and with it: 1: -.075 (nearest is still 0), 2: .25 - .5 x .8 = -.15. So 1 goes before 2.
    """
    similarity = np.array([[1, 0.9, 0.2, -0.5], [0.9, 1, 0.3, 0.1], [0.2, 0.3, 1, 0.8], [-0.5, 0.1, 0.8, 1]])
    scores = [5.0, 4, 3, 1]
    np.testing.assert_allclose(min_max_scaled(np.array(scores)), [1, 0.75, 0.5, 0])
    assert chosen(scores, similarity, 0.5, 4) == [0, 3, 1, 2]
    assert chosen(scores, similarity, 0.0, 4) == [0, 1, 2, 3]
    assert chosen(scores, similarity, 1.0, 2) == [0, 3]
    assert chosen(scores, similarity, 0.5, 2, not_=(0,)) == [1, 2]  # .375 + .5; then .25 - .15 against 0 - .05
    assert chosen([2.0, 2.0, 2.0], np.eye(3), 0.5, 9) == [0, 1, 2]  # equal scores go by place
    assert chosen([], np.eye(0), 0.5, 3) == []


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 12))
def test_every_choice_is_the_best_one_by_the_formula(seed: int, diversity: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.standard_normal(12))[::-1]
    x = rng.standard_normal((12, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    similarity, relevance = x @ x.T, min_max_scaled(scores)
    found = chosen(scores.tolist(), similarity, diversity, n)
    assert len(found) == len(set(found)) == n
    for turn, place in enumerate(found):
        before = found[:turn]
        gains = [
            (1 - diversity) * relevance[i] - diversity * max((similarity[i, j] for j in before), default=-1)
            for i in range(12)
        ]
        assert gains[place] >= max(gain for i, gain in enumerate(gains) if i not in before) - 1e-9


@pytest.fixture
def toy(workspace: Workspace, catalogue: Catalogue) -> FactorRecommender:
    found = make_recommender(workspace, catalogue, "toy")
    assert isinstance(found, FactorRecommender)
    return found


def test_diversity_reduces_similarities_and_keeps_scores_and_options(
    catalogue: Catalogue, toy: FactorRecommender
) -> None:
    def similarity(rows: list[int]) -> float:
        near = toy.similarities(np.array(rows), np.array(rows))
        return float(near[np.triu_indices(len(rows), k=1)].mean())

    everything = recommend(catalogue, toy, playlist=3, options=ListOptions(n=999, max_per_artist=None))
    best = {item.row: item.score for item in everything}
    lists = [recommend(catalogue, toy, playlist=3, options=ListOptions(n=8, diversity=d)) for d in (0.0, 0.3, 1.0)]
    spreads = [similarity([item.row for item in found]) for found in lists]
    assert spreads[0] > spreads[1] > spreads[2]
    for found in lists:
        assert found[0].row == lists[0][0].row
        assert [item.rank for item in found] == list(range(1, 9))
        assert all(item.score == best[item.row] for item in found)
        assert max(np.bincount(catalogue.main_artist[[item.row for item in found]])) <= 2
    assert lists[0] == recommend(catalogue, toy, playlist=3, options=ListOptions(n=8))
    for asked in (
        lambda d: similar(catalogue, toy, 4, options=ListOptions(n=8, diversity=d)),
        lambda d: recommend(catalogue, toy, likes=[4, 90], options=ListOptions(n=8, diversity=d)),
    ):
        assert similarity([item.row for item in asked(1.0)]) < similarity([item.row for item in asked(0.0)])


def test_a_list_continues_after_a_pool_that_the_artist_cap_used_up(
    catalogue: Catalogue, toy: FactorRecommender
) -> None:
    one_each = ListOptions(candidates="all", n=40, max_per_artist=1)
    capped = recommend(catalogue, toy, playlist=3, options=one_each)
    spread = recommend(catalogue, toy, playlist=3, options=one_each.changed(diversity=0.5))
    assert len(capped) == len(spread)


def test_invalid_queries_raise(workspace: Workspace, catalogue: Catalogue, toy: FactorRecommender) -> None:
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UserError, match="expected 0"):
            recommend(catalogue, toy, playlist=3, options=ListOptions(diversity=wrong))
    for name in ("random", "popularity"):
        with pytest.raises(UserError, match=f"{name} has no similarities between tracks"):
            similar(catalogue, make_recommender(workspace, catalogue, name), 3, options=ListOptions(diversity=0.5))
