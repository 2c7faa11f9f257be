"""MusiCNN's descriptions of one file: means over its patches, made on all cores while the file is still decoded.

Each patch is worked on by one core alone, because what a network does in a patch is too little to be shared out, and
is added up in its place. So the vectors do not depend on how many cores there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from unheard.models.musicnn import Musicnn

Floats = NDArray[np.float32]
PATCHES_AT_ONCE = 2  # more do not make the convolutions behind the front end any faster
WAITING_PER_THREAD = 4  # so many patches are decoded ahead
_ONE_FILE = Lock()


def mean_descriptions(patches: Iterable[Floats], networks: Sequence[Musicnn]) -> Floats:
    """What each network makes of all patches (frame, mel) of a file, (network, 200); at least one patch.

    Uses as many threads as torch may; one file at a time in a process, because all of its cores are taken.
    """
    import torch

    def describe(some: list[Floats]) -> NDArray[np.float64]:
        with torch.inference_mode():
            together = torch.from_numpy(np.stack(some))
            described = [network(together)[0].numpy().sum(axis=0, dtype=np.float64) for network in networks]
        return np.stack(described)

    source, n_patches = iter(patches), 0

    def pairs() -> Iterator[list[Floats]]:
        nonlocal n_patches
        while some := list(islice(source, PATCHES_AT_ONCE)):
            n_patches += len(some)
            yield some

    with _cores_apart() as threads:
        sums = map(describe, pairs()) if threads == 1 else _in_order(describe, pairs(), threads)
        total = sum(sums, start=np.zeros((len(networks), 1)))
    return (total / n_patches).astype(np.float32)


@contextmanager
def _cores_apart() -> Iterator[int]:
    """Threads that torch may use; meanwhile each of its calls stays on one core."""
    import torch

    with _ONE_FILE:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield threads
        finally:
            torch.set_num_threads(threads)


def _in_order(
    function: Callable[[list[Floats]], NDArray[np.float64]], arguments: Iterator[list[Floats]], threads: int
) -> Iterator[NDArray[np.float64]]:
    """Results of calls in threads, in the order of their arguments, which are drawn only a little ahead."""
    running: deque[Future[NDArray[np.float64]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for argument in arguments:
            running.append(pool.submit(function, argument))
            if len(running) * PATCHES_AT_ONCE > threads * WAITING_PER_THREAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
