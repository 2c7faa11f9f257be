"""Which tracks and which patches make a batch: a pure function of (seed, stage, epoch), so any step can be redone.

A batch is a list of items (places among the train tracks, several of them the same track if it gives several patches)
and the first frame of the patch that each gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.inference.sources import Source

Items = NDArray[np.int64]


def epoch_rng(seed: int, stage: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng([seed, stage, epoch])


def n_steps(n_items: int, batch_size: int) -> int:
    """Steps of an epoch of `n_items` in batches of about `batch_size`."""
    return max(1, round(n_items / batch_size))


def in_turn(rng: np.random.Generator, n_tracks: int, n_items: int) -> Items:
    """`n_items` tracks: pass after pass over all of them, each pass in another order."""
    passes = -(-n_items // n_tracks)
    return np.concatenate([rng.permutation(n_tracks) for _ in range(passes)])[:n_items]


def shuffled(rng: np.random.Generator, n_tracks: int, batch_size: int, n_items: int) -> list[Items]:
    """Tracks in turn, in batches that differ by one item at most (none is too small to norm)."""
    return np.array_split(in_turn(rng, n_tracks, n_items), n_steps(n_items, batch_size))


@dataclass(frozen=True)
class Epoch:
    """Items of each step, and the first frame of the patch of each item."""

    items: list[Items]
    starts: list[NDArray[np.int64]]

    @staticmethod
    def drawn(source: Source, train: NDArray[np.integer], items: list[Items], rng: np.random.Generator) -> Epoch:
        """Random patches of the tracks. All draws are made here, so that a resumed epoch sees the same ones."""
        return Epoch(items, [source.random_starts(train[places], rng) for places in items])


@dataclass(frozen=True)
class EveryPatch:
    """The patches that cover the train tracks: items (n,), places among those, and their first frames (n,)."""

    items: Items
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.items)

    @staticmethod
    def of(source: Source, train: NDArray[np.integer]) -> EveryPatch:
        covers = [source.cover(int(row), None) for row in train]
        items = np.repeat(np.arange(len(train)), [len(cover) for cover in covers])
        return EveryPatch(items, np.concatenate(covers))

    def epoch(self, rng: np.random.Generator, batch_size: int) -> Epoch:
        """All of it in another order."""
        order, steps = rng.permutation(len(self)), n_steps(len(self), batch_size)
        return Epoch(np.array_split(self.items[order], steps), np.array_split(self.starts[order], steps))


@dataclass(frozen=True)
class Batch:
    """items (batch,): places among the train tracks; stored: what their source gives for them."""

    items: Items
    stored: NDArray[Any]


def batches(source: Source, train: NDArray[np.integer], epoch: Epoch, *, first: int = 0) -> Iterator[Batch]:
    """Batches `first`, first + 1, ... of an epoch, each read while the one before is used.

    train  rows of `source` that items are places in
    """
    steps = len(epoch.items)

    def read(step: int) -> Batch:
        return Batch(epoch.items[step], source.batch(train[epoch.items[step]], epoch.starts[step]))

    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, first) if first < steps else None
        for step in range(first, steps):
            assert coming is not None
            batch = coming.result()
            coming = reader.submit(read, step + 1) if step + 1 < steps else None
            yield batch
