"""The combiner of a blend: a score worked by hand, the laws of every recommender's scores, and damaged arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unheard.models.combiner import PREFIX, Combiner, PairInputs, pair_inputs

# Two members, of one and of two columns; two hidden units.
BY_HAND = Combiner(
    starts=np.array([0, 1, 3]),
    centre=np.array([1, 0, 0], np.float32),
    mean=np.zeros(5, np.float32),
    deviation=np.array([1, 2, 1, 1, 1], np.float32),
    linear=np.array([0.5, 1, 0, 0, 0], np.float32),
    hidden=np.array([[1, 0], [0, 0], [0, 1], [0, 0], [0, 0]], np.float32),
    bias=np.array([-1, 0], np.float32),
    out=np.array([2, 3], np.float32),
)
PAIR = PairInputs(
    playlists=np.array([[2, 1, 1]], np.float32),
    tracks=np.array([[2, 1, 3]], np.float32),
    artist_on=np.array([[1]]),
    artist_tracks=np.array([4]),
    length=np.array([9]),
)


def test_a_pair_by_hand() -> None:
    inputs = pair_inputs(PAIR, BY_HAND.starts, BY_HAND.centre)
    # The first member: 2 (2 - 1); the second: 1 1 + 1 3; then logarithms of 1 + counts.
    np.testing.assert_allclose(inputs[0, 0], [2, 4, np.log(2), np.log(5), np.log(10)])
    # .5 2 + 1 (4 / 2); units relu(2 - 1) = 1 and relu(log 2).
    np.testing.assert_allclose(BY_HAND.scores(PAIR), [[3 + 2 * 1 + 3 * np.log(2)]])


def test_inputs_are_clipped() -> None:
    far = replace(PAIR, playlists=np.array([[1e6, 1, 1]], np.float32))
    np.testing.assert_allclose(BY_HAND.scores(far), [[0.5 * 5 + 2 + 2 * 4 + 3 * np.log(2)]])


def test_a_score_does_not_depend_on_what_else_is_scored() -> None:
    rng = np.random.default_rng(0)
    k, members, q, n, h = 24, 3, 7, 50, 16
    f = members + 3
    centre, mean, linear, bias, out = (rng.normal(size=size).astype(np.float32) for size in (k, f, f, h, h))
    deviation, hidden = rng.uniform(0.5, 2, f).astype(np.float32), rng.normal(size=(f, h)).astype(np.float32)
    combiner = Combiner(np.array([0, 8, 16, 24]), centre, mean, deviation, linear, hidden, bias, out)
    playlists, tracks = (rng.normal(size=(size, k)).astype(np.float32) for size in (q, n))
    on, of, length = rng.integers(0, 4, (q, n)), rng.integers(0, 9, n), rng.integers(0, 30, q)
    together = combiner.scores(PairInputs(playlists, tracks, on, of, length)).astype(np.float32)
    for row in range(q):
        for column in range(0, n, 7):
            alone = PairInputs(playlists[[row]], tracks[[column]], on[[row]][:, [column]], of[[column]], length[[row]])
            assert combiner.scores(alone).astype(np.float32) == together[row, column]


def test_arrays_come_back_and_damaged_ones_are_named() -> None:
    found = Combiner.from_arrays(BY_HAND.arrays)
    assert found is not None
    np.testing.assert_array_equal(found.scores(PAIR), BY_HAND.scores(PAIR))
    assert Combiner.from_arrays({"factors": BY_HAND.mean}) is None
    for name, array, message in (
        ("out", None, "combiner.out.* is missing"),
        ("out", np.zeros(3, np.float32), r"combiner.out has shape \(3,\), expected \(2,\)"),
        ("starts", np.array([0, 1, 4]), "do not fit 3 columns"),
    ):
        arrays = BY_HAND.arrays
        del arrays[f"{PREFIX}{name}"]
        if array is not None:
            arrays[f"{PREFIX}{name}"] = array
        with pytest.raises(ValueError, match=message):
            Combiner.from_arrays(arrays)
