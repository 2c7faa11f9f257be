"""Compute MusiCNN's vector of one file, the mean over patches that are spread over it, on all cores.

Every eighth patch is used of any file shorter than a quarter of an hour, so these patches are computed while the file
is still decoded. Each pair of patches is computed on one core, because a patch is too little work to be divided.
Outputs are added in the order of the patches, so the vectors do not depend on the number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from unheard.arrays import Doubles, Floats
from unheard.features.musicnn_mel import MAX_PATCHES, Patch, spread_evenly

if TYPE_CHECKING:
    from unheard.models.musicnn import Musicnn

T = TypeVar("T")
PATCHES_AT_ONCE = 2  # larger batches are not faster
EARLY_STEP = 8  # a power of two


def mean_vector(patches: Iterable[Patch], network: Musicnn) -> Floats:
    """Return the mean of the network's outputs (200,) over a file's patches, at least one.

    Some patches of a long file are left out (`spread_evenly`). Uses the number of threads that torch is set to.
    """
    import torch

    def outputs(some: list[tuple[int, Patch]]) -> list[tuple[int, Doubles]]:
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack([patch.log_mel() for _, patch in some]))
            vectors = network(batch)[0].numpy().astype(np.float64)
        return [(number, vector) for (number, _), vector in zip(some, vectors, strict=True)]

    with _ONE_THREAD_PER_CALL as threads, ThreadPoolExecutor(threads) as pool:
        running: list[Future[list[tuple[int, Doubles]]]] = []
        early: list[tuple[int, Patch]] = []

        def arriving() -> Iterator[tuple[int, Patch]]:
            for number, patch in enumerate(patches):
                numbered = number, patch
                if number % EARLY_STEP == 0 and number < EARLY_STEP * MAX_PATCHES:
                    early.append(numbered)
                    if len(early) % PATCHES_AT_ONCE == 0:
                        running.append(pool.submit(outputs, early[-PATCHES_AT_ONCE:]))
                yield numbered

        kept = spread_evenly(arriving())
        done_early = {number for number, _ in early[: len(running) * PATCHES_AT_ONCE]}
        late = [numbered for numbered in kept if numbered[0] not in done_early]
        pairs = (late[first : first + PATCHES_AT_ONCE] for first in range(0, len(late), PATCHES_AT_ONCE))
        running.extend(pool.submit(outputs, pair) for pair in pairs)
        vectors = dict(one for pair in running for one in pair.result())
    total = sum((vectors[number] for number, _ in kept), start=np.zeros(1))
    return (total / len(kept)).astype(np.float32)


class _OneThreadPerCall:
    """Context in which new threads run torch on one core each; `with` returns the number of threads of torch.

    Several files may be processed at the same time: the first one sets the number, the last one restores it. A thread
    keeps the number that torch had at its first call, so the number is set in short-lived threads, and the threads of
    the callers keep their own.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside, self._threads = Lock(), 0, 1

    def __enter__(self) -> int:
        import torch

        with self._lock:
            if not self._n_inside:
                self._threads = _in_new_thread(torch.get_num_threads)
                _in_new_thread(lambda: torch.set_num_threads(1))
            self._n_inside += 1
            return self._threads

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        import torch

        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                _in_new_thread(lambda: torch.set_num_threads(self._threads))


_ONE_THREAD_PER_CALL = _OneThreadPerCall()


def _in_new_thread(function: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()
