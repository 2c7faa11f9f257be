"""Tests of lists that hold warm and cold tracks: a hand-worked table, laws, and the share of both kinds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import sharp_world
from unheard.arrays import Mask
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.mixed_lists import kind_scales, scaled_by
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import similar
from unheard.recommend.recommenders import FactorRecommender, Scores


def comparable(similarities: Scores, cold: Mask, *, others: Mask) -> Scores:
    """Return similarities (seed, candidate), in which those of the kind with larger values are scaled down."""
    return scaled_by(kind_scales(similarities, cold, others=others), similarities, cold)


def test_the_kind_with_larger_values_is_scaled_down() -> None:
    """Ten candidates count: the nearest 5 of each kind. The fifth warm cosine is .2, the fifth cold one .8."""
    warm, cold = [0.4, 0.3, 0.25, 0.22, 0.2, -0.1], [0.96, 0.92, 0.9, 0.85, 0.8, -0.4]
    similarities = np.array([warm + cold], np.float32)
    is_cold = np.array([False] * 6 + [True] * 6)
    found = comparable(similarities, is_cold, others=np.ones(12, np.bool_))
    np.testing.assert_allclose(found[0, :6], warm, rtol=1e-6)
    np.testing.assert_allclose(found[0, 6:], np.array(cold) / 4, rtol=1e-6)


def test_lists_of_one_kind_do_not_change() -> None:
    similarities = np.random.default_rng(0).uniform(-1, 1, (3, 20)).astype(np.float32)
    everything = np.ones(20, np.bool_)
    for cold in (everything, ~everything):
        np.testing.assert_array_equal(comparable(similarities, cold, others=everything), similarities)


def test_the_order_within_a_kind_stays() -> None:
    rng = np.random.default_rng(1)
    similarities, cold = rng.uniform(-1, 1, (5, 60)).astype(np.float32), rng.random(60) < 0.3
    found = comparable(similarities, cold, others=rng.random(60) < 0.9)
    for kind in (cold, ~cold):
        np.testing.assert_array_equal(found[:, kind].argsort(axis=1), similarities[:, kind].argsort(axis=1))
    assert np.abs(found).max() <= 1


def test_kinds_without_a_positive_similarity_are_left_as_they_are() -> None:
    similarities = np.array([[0.5, 0.4, -0.2, -0.3]], np.float32)
    cold = np.array([False, False, True, True])
    np.testing.assert_array_equal(comparable(similarities, cold, others=np.ones(4, np.bool_)), similarities)


@pytest.mark.parametrize("kind", ["cold", "warm"])
def test_neighbours_of_both_kinds_are_as_frequent_as_in_the_library(catalogue: Catalogue, kind: str) -> None:
    """Without the correction, a cold track's neighbours are almost all cold."""
    space, cold = sharp_world.recommender(catalogue)
    rows = np.flatnonzero(cold if kind == "cold" else ~cold)[::5]
    options = ListOptions(n=10, max_per_artist=None, explain=False)
    plain = FactorRecommender("plain", space.tracks, space.playlists, space.centre)
    shares = {
        name: np.mean([cold[item.row] for row in rows for item in similar(catalogue, of, int(row), options=options)])
        for name, of in (("scaled", space), ("plain", plain))
    }
    base = cold[catalogue.candidates("all", new=True)].mean()
    assert abs(shares["scaled"] - base) < 0.06
    if kind == "cold":
        assert shares["plain"] > base + 0.3
