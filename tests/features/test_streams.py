"""Test that several readers of one stream read what each reads alone, in bounded memory, and fail together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.ingest.sounds import cut, song, write
from unheard.errors import AudioError
from unheard.features.streams import WAITING_BLOCKS, read_together
from unheard.ingest.audio import decode_at_rates, decode_blocks

pytestmark = pytest.mark.slow

Blocks = Iterator[NDArray[np.float32]]
RATES = (22_050, 16_000)


def whole(blocks: Blocks) -> NDArray[np.float32]:
    return np.concatenate(list(blocks))


@pytest.mark.parametrize("name", ["a.flac", "b.mp3", "c.opus"])
@pytest.mark.parametrize("seconds", [1.5, 20.0])
def test_every_reader_gets_what_it_would_get_alone(name: str, seconds: float, tmp_path: Path) -> None:
    path = write(tmp_path / name, song(0, seconds, rate=48_000), rate=48_000)
    stream = decode_at_rates(path, sample_rates=RATES)
    found = read_together(stream, [(0, whole), (1, whole), (0, whole)])
    for samples, rate in zip(found, (*RATES, RATES[0]), strict=True):
        np.testing.assert_array_equal(samples, whole(decode_blocks(path, sample_rate=rate)))


def test_nobody_gets_far_ahead() -> None:
    """A slow reader stops the stream after as many blocks as a queue has room for."""
    given: list[int] = []
    ahead: list[int] = []
    go = threading.Event()

    def stream() -> Iterator[tuple[NDArray[np.float32]]]:
        for number in range(5 * WAITING_BLOCKS):
            given.append(number)
            yield (np.full(1, number, np.float32),)

    def slow(blocks: Blocks) -> int:
        go.wait(10)
        ahead.append(len(given))
        return sum(1 for _ in blocks)

    def quick(blocks: Blocks) -> int:
        n = 0
        for n, _ in enumerate(blocks, start=1):
            if n == WAITING_BLOCKS:
                go.set()
        return n

    assert read_together(stream(), [(0, slow), (0, quick)]) == [5 * WAITING_BLOCKS] * 2
    assert ahead[0] <= WAITING_BLOCKS + 2


def test_a_cut_file_raises_behind_its_samples(tmp_path: Path) -> None:
    path = cut(write(tmp_path / "a.flac", song(2, 20.0)), tmp_path / "half.flac")
    for n_readers in (1, 2):
        with pytest.raises(AudioError, match="copy or encode it again"):
            read_together(decode_at_rates(path, sample_rates=RATES), [(0, whole)] * n_readers)


@pytest.mark.parametrize("n_blocks", [0, 1, 10, 5 * WAITING_BLOCKS])
def test_a_reader_may_stop_or_fail_while_the_others_go_on(n_blocks: int) -> None:
    def stream() -> Iterator[tuple[NDArray[np.float32]]]:
        for number in range(n_blocks):
            yield (np.full(1, number, np.float32),)

    def none(_blocks: Blocks) -> int:
        return -1

    def broken(_blocks: Blocks) -> int:
        raise ArithmeticError("by its own fault")

    def count(blocks: Blocks) -> int:
        return sum(1 for _ in blocks)

    readers: list[Callable[[Blocks], int]] = [none, count, count]
    assert read_together(stream(), [(0, reader) for reader in readers]) == [-1, n_blocks, n_blocks]
    for order in ("b", "cb", "bc"):
        with pytest.raises(ArithmeticError, match="by its own fault"):
            read_together(stream(), [(0, broken if letter == "b" else count) for letter in order])
