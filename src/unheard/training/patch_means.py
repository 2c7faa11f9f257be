"""MusiCNN's descriptions of one file: means over patches that are spread over it, made on all cores.

Each patch is worked on by one core alone, because what a network does in a patch is too little to be shared out, and
is added up in its place. So the vectors do not depend on how many cores there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unheard.spectrograms.musicnn_mel import evenly

if TYPE_CHECKING:
    from unheard.models.musicnn import Musicnn

Floats = NDArray[np.float32]
PATCHES_AT_ONCE = 2  # more do not make the convolutions behind the front end any faster
_ONE_FILE = Lock()


def mean_descriptions(patches: Iterable[Floats], networks: Sequence[Musicnn]) -> Floats:
    """What each network makes of a file's patches (frame, mel), of which a long file has more than are heard
    (`evenly`), (network, 200); at least one patch.

    Uses as many threads as torch may; one file at a time in a process, because all of its cores are taken.
    """
    import torch

    def describe(some: list[Floats]) -> NDArray[np.float64]:
        with torch.inference_mode():
            together = torch.from_numpy(np.stack(some))
            described = [network(together)[0].numpy().sum(axis=0, dtype=np.float64) for network in networks]
        return np.stack(described)

    with _ONE_FILE:
        heard = evenly(patches)
        pairs = [heard[first : first + PATCHES_AT_ONCE] for first in range(0, len(heard), PATCHES_AT_ONCE)]
        with _cores_apart() as threads, ThreadPoolExecutor(threads) as pool:
            total = sum(pool.map(describe, pairs), start=np.zeros((len(networks), 1)))
    return (total / len(heard)).astype(np.float32)


@contextmanager
def _cores_apart() -> Iterator[int]:
    """Threads that torch may use; meanwhile each of its calls stays on one core."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)
