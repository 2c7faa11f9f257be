"""Weights of a blend: learned from validation tracks, and shrunk the more, the fewer artists made these."""

from __future__ import annotations

import numpy as np
import pytest

from unheard.training.rankers.blend import ARTISTS_OF_HALF, blend_weights, shrunken


def scores_and_plays() -> tuple[list[np.ndarray], np.ndarray]:
    """Ranker 0 knows the plays, ranker 1 is noise."""
    rng = np.random.default_rng(0)
    taste = rng.normal(size=(200, 40))
    held = taste + rng.gumbel(size=taste.shape) > 2
    held[:, 0] |= ~held.any(axis=1)
    return [taste.astype(np.float32), rng.normal(size=taste.shape).astype(np.float32)], held


def test_many_artists_decide_and_few_leave_the_share_of_the_fits() -> None:
    scores, held = scores_and_plays()
    many = blend_weights(scores, held, [1, 3], 1_000_000)
    assert many[0] > 0.9
    few = blend_weights(scores, held, [1, 3], 1)
    assert few == pytest.approx([0.25, 0.75], abs=0.02)
    for weights in (many, few):
        assert weights.sum() == pytest.approx(1)


def test_without_plays_each_fit_weighs_the_same() -> None:
    scores, held = scores_and_plays()
    assert blend_weights(scores, np.zeros_like(held), [1, 2], 9).tolist() == pytest.approx([1 / 3, 2 / 3])


def test_shrinking_by_hand() -> None:
    learned, equal = np.array([6.0, 2.0]), np.array([0.5, 0.5])
    assert shrunken(learned, equal, ARTISTS_OF_HALF).tolist() == pytest.approx([0.625, 0.375])
    assert shrunken(learned, equal, 0).tolist() == [0.5, 0.5]
    assert shrunken(np.zeros(2), equal, 10).tolist() == [0.5, 0.5]
