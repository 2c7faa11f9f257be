"""Which tracks and which patches make a batch: a pure function of (seed, stage, epoch), so any step can be repeated.

A batch is a list of items, which are indices of train tracks (a track that gives several patches appears several
times), and the first frame of the patch of each item.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unheard.arrays import Indices, Rows
from unheard.inference.input_sources import Source

CPU = torch.device("cpu")
AHEAD = 3  # batches that are read before they are needed


def epoch_rng(seed: int, stage: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng([seed, stage, epoch])


def n_steps(n_items: int, batch_size: int) -> int:
    """Return the number of steps of an epoch of `n_items` in batches of about `batch_size`."""
    return max(1, round(n_items / batch_size))


def cycled(rng: np.random.Generator, n_tracks: int, n_items: int) -> Indices:
    """Return `n_items` tracks: pass after pass over all of them, each pass in another random order."""
    passes = -(-n_items // n_tracks)
    return np.concatenate([rng.permutation(n_tracks) for _ in range(passes)])[:n_items]


def shuffled(rng: np.random.Generator, n_tracks: int, batch_size: int, n_items: int) -> list[Indices]:
    """Return `cycled` tracks in batches that differ by one item at most, so that none is too small for batch norm."""
    return np.array_split(cycled(rng, n_tracks, n_items), n_steps(n_items, batch_size))


@dataclass(frozen=True)
class Epoch:
    """Items of each step, and the first frame of the patch of each item."""

    items: list[Indices]
    starts: list[Indices]

    @staticmethod
    def drawn(source: Source, train: Rows, items: list[Indices], rng: np.random.Generator) -> Epoch:
        """Draw random patches of the tracks, all at once, so that a resumed epoch gets the same ones."""
        return Epoch(items, [source.random_starts(train[batch], rng) for batch in items])


@dataclass(frozen=True)
class EveryPatch:
    """All patches that cover the train tracks: items (n,), and their first frames (n,)."""

    items: Indices
    starts: Indices

    def __len__(self) -> int:
        return len(self.items)

    @staticmethod
    def of(source: Source, train: Rows) -> EveryPatch:
        covers = [source.cover(int(row), None) for row in train]
        items = np.repeat(np.arange(len(train)), [len(cover) for cover in covers])
        return EveryPatch(items, np.concatenate(covers))

    def epoch(self, rng: np.random.Generator, batch_size: int) -> Epoch:
        """Return all patches in random order."""
        order, steps = rng.permutation(len(self)), n_steps(len(self), batch_size)
        return Epoch(np.array_split(self.items[order], steps), np.array_split(self.starts[order], steps))


@dataclass(frozen=True)
class Batch:
    """items (batch,): indices of train tracks; stored: what their source returns for them."""

    items: Indices
    stored: Tensor


def batches(
    source: Source, train: Rows, epoch: Epoch, *, device: torch.device = CPU, first: int = 0
) -> Iterator[Batch]:
    """Yield batches `first`, first + 1, ... of an epoch; the next ones are read while one is used.

    train   rows of `source`, which items index
    device  where `stored` goes; its copy to CUDA overlaps with the step before
    """
    steps = len(epoch.items)

    def read(step: int) -> Batch:
        stored = torch.from_numpy(source.batch(train[epoch.items[step]], epoch.starts[step]))
        return Batch(epoch.items[step], stored.pin_memory() if device.type == "cuda" else stored)

    with ThreadPoolExecutor(1) as reader:
        coming = deque(reader.submit(read, step) for step in range(first, min(first + AHEAD, steps)))
        for step in range(first + AHEAD, steps + AHEAD):
            if not coming:
                return
            batch = coming.popleft().result()
            if step < steps:
                coming.append(reader.submit(read, step))
            yield Batch(batch.items, batch.stored.to(device, non_blocking=True))
