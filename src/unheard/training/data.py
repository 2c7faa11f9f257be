"""Which tracks and which patches make a batch: a pure function of (seed, stage, epoch), so any step can be redone.

A batch is a list of items (rows of train tracks, several of them the same track if it gives several patches) and the
first frame of the patch that each gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.training.sources import Source

Items = NDArray[np.int64]


def epoch_rng(seed: int, stage: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng([seed, stage, epoch])


def n_steps(n_tracks: int, batch_size: int, patches_per_track: int) -> int:
    """Steps of one epoch: `patches_per_track` passes over the tracks in batches of about `batch_size`."""
    return max(1, round(n_tracks * patches_per_track / batch_size))


def shuffled(rng: np.random.Generator, n_tracks: int, batch_size: int, patches_per_track: int) -> list[Items]:
    """Every track `patches_per_track` times, in batches that differ by one item at most (none is too small to norm)."""
    passes = np.concatenate([rng.permutation(n_tracks) for _ in range(patches_per_track)])
    return np.array_split(passes, n_steps(n_tracks, batch_size, patches_per_track))


@dataclass(frozen=True)
class Batch:
    """items (batch,): places among the train tracks; stored: what their source gives for them."""

    items: Items
    stored: NDArray[Any]


def batches(
    source: Source, train: NDArray[np.integer], epoch: list[Items], rng: np.random.Generator, *, first: int = 0
) -> Iterator[Batch]:
    """Batches `first`, first + 1, ... of an epoch, each read while the one before is used.

    train  rows of `source` that items are places in
    rng    draws the patches; all of an epoch's draws are made here, so a resumed epoch sees the same ones
    """
    starts = [source.random_starts(train[items], rng) for items in epoch]

    def read(step: int) -> Batch:
        return Batch(epoch[step], source.batch(train[epoch[step]], starts[step]))

    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, first) if first < len(epoch) else None
        for step in range(first, len(epoch)):
            assert coming is not None
            batch = coming.result()
            coming = reader.submit(read, step + 1) if step + 1 < len(epoch) else None
            yield batch
