"""Where playlists' embeddings begin, and that they rank new tracks after few visits."""

from __future__ import annotations

import numpy as np
import pytest

from unheard.training.rankers.content_softmax import INITIAL_LENGTH, initial_embeddings


@pytest.mark.parametrize("d", [3, 8, 20])
def test_embeddings_begin_in_the_direction_of_the_factors(d: int) -> None:
    rng = np.random.default_rng(d)
    # Beyond 8 numbers only noise is left out: the factors lie near a plane of 3 dimensions.
    factors = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, d)) + 1e-4 * rng.normal(size=(40, d))).astype(np.float32)
    factors[5] = 0
    begun = initial_embeddings(factors, 8)
    assert begun.shape == (40, 8)
    assert not begun[5].any()
    others = np.delete(np.arange(40), 5)
    assert np.linalg.norm(begun[others], axis=1) == pytest.approx(np.full(39, INITIAL_LENGTH * 8**0.5), rel=1e-5)
    unit = factors[others] / np.linalg.norm(factors[others], axis=1, keepdims=True)
    np.testing.assert_allclose(begun[others] @ begun[others].T / (8 * INITIAL_LENGTH**2), unit @ unit.T, atol=1e-3)


def test_playlists_without_any_factors_begin_at_zero() -> None:
    assert not initial_embeddings(np.zeros((4, 12), np.float32), 8).any()
