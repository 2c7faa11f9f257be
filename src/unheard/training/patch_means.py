"""MusiCNN's descriptions of one file: means over patches that are spread over it, made on all cores.

Every eighth patch is kept in any file of less than a quarter of an hour, so those are described while the rest is still
decoded. Each pair of patches is worked on by one core alone, because what a network does in a patch is too little to be
shared out, and descriptions are added up in the order of the patches. So the vectors do not depend on how many cores
there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unheard.spectrograms.musicnn_mel import MOST_PATCHES, evenly

if TYPE_CHECKING:
    from unheard.models.musicnn import Musicnn

Floats = NDArray[np.float32]
PATCHES_AT_ONCE = 2  # more do not make the convolutions behind the front end any faster
EARLY = 8  # a power of two
_ONE_FILE = Lock()


def mean_descriptions(patches: Iterable[Floats], networks: Sequence[Musicnn]) -> Floats:
    """What each network makes of a file's patches (frame, mel), of which a long file has more than are heard
    (`evenly`), (network, 200); at least one patch.

    Uses as many threads as torch may; one file at a time in a process, because all of its cores are taken.
    """
    import torch

    def describe(some: list[tuple[int, Floats]]) -> list[tuple[int, NDArray[np.float64]]]:
        with torch.inference_mode():
            together = torch.from_numpy(np.stack([patch for _, patch in some]))
            described = np.stack([network(together)[0].numpy() for network in networks], axis=1, dtype=np.float64)
        return [(number, one) for (number, _), one in zip(some, described, strict=True)]  # (network, 200) each

    with _ONE_FILE, _cores_apart() as threads, ThreadPoolExecutor(threads) as pool:
        begun: list[Future[list[tuple[int, NDArray[np.float64]]]]] = []
        early: list[tuple[int, Floats]] = []

        def arriving() -> Iterator[tuple[int, Floats]]:
            for number, patch in enumerate(patches):
                numbered = number, patch.copy()  # a patch is a view, which would hold the frames around it
                if number % EARLY == 0 and number < EARLY * MOST_PATCHES:
                    early.append(numbered)
                    if len(early) % PATCHES_AT_ONCE == 0:
                        begun.append(pool.submit(describe, early[-PATCHES_AT_ONCE:]))
                yield numbered

        kept = evenly(arriving())
        already = {number for number, _ in early[: len(begun) * PATCHES_AT_ONCE]}
        late = [numbered for numbered in kept if numbered[0] not in already]
        pairs = (late[first : first + PATCHES_AT_ONCE] for first in range(0, len(late), PATCHES_AT_ONCE))
        begun.extend(pool.submit(describe, pair) for pair in pairs)
        described = dict(one for pair in begun for one in pair.result())
    total = sum((described[number] for number, _ in kept), start=np.zeros((len(networks), 1)))
    return (total / len(kept)).astype(np.float32)


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
