"""MusiCNN's vector of one file: the mean over patches that are spread over it, made on all cores.

Every eighth patch is kept in any file of less than a quarter of an hour, so those go through the network while the rest
is still decoded. Each pair of patches is worked on by one core alone, because what a network does in a patch is too
little to be shared out, and outputs are added up in the order of the patches. So the vectors do not depend on how many
cores there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from unheard.arrays import Doubles, Floats
from unheard.features.musicnn_mel import MOST_PATCHES, evenly

if TYPE_CHECKING:
    from unheard.models.musicnn import Musicnn

T = TypeVar("T")
PATCHES_AT_ONCE = 2  # more do not make the convolutions behind the front end any faster
EARLY = 8  # a power of two


def mean_vector(patches: Iterable[Floats], network: Musicnn) -> Floats:
    """Return the mean of the network's outputs (200,) over a file's patches (frame, mel), at least one.

    Of a long file some patches are left out (`evenly`). Uses as many threads as torch may.
    """
    import torch

    def outputs(some: list[tuple[int, Floats]]) -> list[tuple[int, Doubles]]:
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack([patch for _, patch in some]))
            vectors = network(batch)[0].numpy().astype(np.float64)
        return [(number, vector) for (number, _), vector in zip(some, vectors, strict=True)]

    with _ONE_THREAD_PER_CALL as threads, ThreadPoolExecutor(threads) as pool:
        begun: list[Future[list[tuple[int, Doubles]]]] = []
        early: list[tuple[int, Floats]] = []

        def arriving() -> Iterator[tuple[int, Floats]]:
            for number, patch in enumerate(patches):
                numbered = number, patch.copy()  # a patch is a view, which would hold the frames around it
                if number % EARLY == 0 and number < EARLY * MOST_PATCHES:
                    early.append(numbered)
                    if len(early) % PATCHES_AT_ONCE == 0:
                        begun.append(pool.submit(outputs, early[-PATCHES_AT_ONCE:]))
                yield numbered

        kept = evenly(arriving())
        already = {number for number, _ in early[: len(begun) * PATCHES_AT_ONCE]}
        late = [numbered for numbered in kept if numbered[0] not in already]
        pairs = (late[first : first + PATCHES_AT_ONCE] for first in range(0, len(late), PATCHES_AT_ONCE))
        begun.extend(pool.submit(outputs, pair) for pair in pairs)
        vectors = dict(one for pair in begun for one in pair.result())
    total = sum((vectors[number] for number, _ in kept), start=np.zeros(1))
    return (total / len(kept)).astype(np.float32)


class _OneThreadPerCall:
    """Context in which new threads run each call of torch on one core; enters with the threads that torch may use.

    Files may be worked on side by side: the first one sets the number, the last one puts it back. Torch keeps the
    number for each thread from its first call on, so it is set in threads that end at once: those of the callers keep
    theirs.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside, self._threads = Lock(), 0, 1

    def __enter__(self) -> int:
        import torch

        with self._lock:
            if not self._n_inside:
                self._threads = _in_a_new_thread(torch.get_num_threads)
                _in_a_new_thread(lambda: torch.set_num_threads(1))
            self._n_inside += 1
            return self._threads

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        import torch

        with self._lock:
            self._n_inside -= 1
            if not self._n_inside:
                _in_a_new_thread(lambda: torch.set_num_threads(self._threads))


_ONE_THREAD_PER_CALL = _OneThreadPerCall()


def _in_a_new_thread(function: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()
