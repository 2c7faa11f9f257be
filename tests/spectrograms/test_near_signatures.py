"""Test the search for almost equal signatures against comparing all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from unheard.spectrograms.near_signatures import (
    DIRECTIONS,
    MAX_DURATION_GAP_S,
    MIN_COSINE,
    equal_rows,
    near_identical,
    near_pairs,
)

Signatures = NDArray[np.float32]


def all_pairs(signatures: Signatures) -> set[tuple[int, int]]:
    """The slow truth: every pair, the smaller row first, whose cosine and durations agree."""
    vectors, durations_s = signatures[:, :-1].astype(np.float64), signatures[:, -1]
    norms = np.linalg.norm(vectors, axis=1)
    return {
        (i, j)
        for j in range(len(signatures))
        for i in range(j)
        if norms[i] * norms[j] > 0
        and vectors[i] @ vectors[j] / (norms[i] * norms[j]) > MIN_COSINE
        and abs(durations_s[i] - durations_s[j]) < MAX_DURATION_GAP_S
    }


def ordered(pairs: NDArray[np.int64]) -> list[tuple[int, int]]:
    return [(min(pair), max(pair)) for pair in pairs.tolist()]


def some_signatures(width: int) -> Signatures:
    """80 rows of 8 songs, some of them equal to others, one of them without any sound."""
    rng = np.random.default_rng(1)
    noise = rng.choice([0.05, 0.1, 0.2, 0.3], (80, 1)) * rng.normal(size=(80, width))
    vectors = rng.normal(size=(8, width))[rng.integers(0, 8, 80)] + noise
    vectors[7] = 0  # similar to none
    durations_s = rng.integers(100, 106, 80) + rng.choice([0.0, 0.5], 80)
    return np.column_stack([vectors, durations_s]).astype(np.float32)


@pytest.mark.parametrize("chunk", [1, 3, 1024])
@pytest.mark.parametrize("width", [16, 256])  # fewer and more numbers than directions
def test_near_pairs_are_those_of_comparing_all(width: int, chunk: int) -> None:
    assert 16 < DIRECTIONS < 256
    signatures = some_signatures(width)
    found = [pair for block in near_pairs(signatures, chunk=chunk) for pair in ordered(block)]
    assert len(found) == len(set(found))
    assert set(found) == all_pairs(signatures)
    assert len(found) > 20


@pytest.mark.parametrize("shape", [(0, 0), (0, 257), (3, 1)])
def test_without_signatures_there_are_no_pairs(shape: tuple[int, int]) -> None:
    assert not list(near_pairs(np.zeros(shape, np.float32)))
    assert not len(near_identical(np.zeros(shape, np.float32)))


def test_equal_signatures_are_paired_with_the_first_of_them_only() -> None:
    distinct = some_signatures(64)
    copies = np.array([3, 3, 7, 20, 3])  # 7 has no sound, so its copy is similar to none
    signatures = np.concatenate([distinct, distinct[copies]])
    expected = all_pairs(distinct) | {(3, 80), (3, 81), (20, 83), (3, 84)}
    found = ordered(near_identical(signatures))
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_no_signatures_have_no_pairs() -> None:
    assert near_identical(np.zeros((0, 257), np.float32)).shape == (0, 2)
    assert near_identical(np.zeros((5, 257), np.float32)).shape == (0, 2)


def test_equal_rows_are_equal_in_every_matrix() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(300, 3)).astype(np.float32)[rng.integers(0, 300, 3000)]
    other = rng.integers(0, 2, (3000, 1)).astype(np.float32)
    seen: dict[bytes, int] = {}
    wanted = [
        seen.setdefault(a.tobytes() + b.tobytes(), row) for row, (a, b) in enumerate(zip(one, other, strict=True))
    ]
    firsts, first_of = equal_rows(one, other)
    assert first_of.tolist() == wanted
    assert firsts.tolist() == sorted(seen.values())
