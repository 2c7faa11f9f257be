"""Hand-worked tables of what people see of scores: matches, their text, and which tracks are near."""

from __future__ import annotations

import numpy as np
import pytest

from unheard.recommend.catalogue import Catalogue
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend
from unheard.recommend.recommenders import FactorRecommender
from unheard.recommend.shown_scores import last_near, match_text, matches, matches_of_votes, nearness_needed


def test_a_match_is_the_share_of_other_candidates_below() -> None:
    """Five candidates, the first is the seed itself: .9 is above all 3 others, .5 above 2, -.1 above none."""
    scores = np.array([1, 0.9, 0.5, 0.2, -0.1], np.float32)
    others = np.array([False, True, True, True, True])
    found = matches(scores, np.array([1, 2, 3, 4]), others, scores)
    assert found == [1, round(2 / 3, 6), round(1 / 3, 6), None]
    assert [match_text(match) for match in found] == ["100 %", "67 %", "33 %", "unrelated"]


def test_equal_scores_have_equal_matches() -> None:
    scores = np.array([3, 3, 1], np.float32)
    assert matches(scores, np.array([0, 1, 2]), np.ones(3, np.bool_)) == [1, 1, 0]
    assert matches(scores[:1], np.array([0]), np.ones(1, np.bool_)) == [1]


def test_the_match_of_votes_lies_between_the_ranks_of_the_seeds() -> None:
    """Among 41 candidates two seeds give ranks 1 and 1, 5 and 9, 21 and 21, 41 and 41."""
    ranks = np.array([[1, 5, 21, 41], [1, 9, 21, 41]])
    near = np.where(ranks < 41, 0.4, -0.2).astype(np.float32)
    scores = (1 / (60 + ranks)).sum(axis=0).astype(np.float32)
    found = matches_of_votes(scores, near, n_candidates=41, n_own=0)
    assert found[0] == pytest.approx(1, abs=1e-4)
    # 2 / (1/65 + 1/69) - 60 = 6.94: six of the 40 other candidates
    assert found[1] == pytest.approx(1 - 5.94 / 40, abs=1e-3)
    assert found[2] == pytest.approx(0.5, abs=1e-4)
    assert found[3] is None


def test_a_seed_that_is_a_candidate_takes_the_first_rank() -> None:
    """Its nearest track has rank 2, and is the best that there can be."""
    scores = np.array([1 / 62], np.float32)
    found = matches_of_votes(scores, np.ones((1, 1), np.float32), n_candidates=100, n_own=1)
    assert found == [pytest.approx(1, abs=1e-4)]


@pytest.mark.parametrize(
    ("match", "text"),
    [(1.0, "100 %"), (0.9996, "100 %"), (0.9985, "99.9 %"), (0.99, "99.0 %"), (0.984, "98 %"), (0.0, "0 %")],
)
def test_match_text(match: float, text: str) -> None:
    assert match_text(match) == text


@pytest.mark.parametrize(("n", "last"), [(1, 3), (15, 3), (72, 7), (500, 50), (40_000, 100)])
def test_tracks_near_a_seed_are_a_tenth_within_bounds(n: int, last: int) -> None:
    assert last_near(n) == last


def test_near_is_nearer_than_nine_tenths_and_than_chance() -> None:
    """Twenty tracks on a circle, 18 degrees apart; a reason at 0 degrees needs to be nearer than the third nearest."""
    angles = np.deg2rad(18.0 * np.arange(20))
    tracks = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    space = FactorRecommender("circle", tracks, np.zeros((0, 2), np.float32), np.zeros(2, np.float32))
    needed = nearness_needed(space, np.array([0]), np.arange(20))
    assert needed == pytest.approx(np.cos(np.deg2rad(36)), abs=1e-6)  # two at 18 degrees are nearer, no other
    opposite = nearness_needed(space, np.array([0]), np.array([9, 10, 11]))
    assert opposite == [0]


def test_no_match_is_shown_beside_seeds_that_are_not_near(catalogue: Catalogue) -> None:
    """All candidates point away from two seeds: whatever leads the list is unrelated, and no reason is named."""
    tracks = np.tile(np.array([[-1, 0.1]], np.float32), (len(catalogue), 1))
    tracks[:, 1] += np.linspace(0, 0.2, len(tracks))
    seeds = [catalogue.track_row("t00-0"), catalogue.track_row("t11-3")]
    tracks[seeds] = [1, 0]
    space = FactorRecommender("hand", tracks, np.zeros((1, 2), np.float32), np.zeros(2, np.float32))
    for item in recommend(catalogue, space, likes=seeds, options=ListOptions(n=5)):
        assert item.match_text == "unrelated"
        assert item.agreeing_seeds == (0, 2)
        assert item.why == "not near any of the 2 seeds"
        assert item.reasons == ()
