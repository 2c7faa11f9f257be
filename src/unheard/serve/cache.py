"""Least-recently-used caches of results and of HTTP responses, each up to a number of bytes.

The size of a result is an estimate: arrays and bytes count fully, of a collection a few elements stand for all.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
MAX_RESULTS = 4096
MAX_RESULT_BYTES = 128_000_000
MAX_BYTES = 64_000_000
ENTRY_BYTES = 500  # of the cache itself, for each response
SAMPLED, MAX_DEPTH = 8, 4
PAUSE_S = 0.0005


class Cache:
    """Results by key, safe to use from several threads. What one thread computes, others wait for.

    A result may be computed from others, but not in a circle. Without `max_bytes` sizes are not estimated.
    """

    def __init__(self, max_results: int = MAX_RESULTS, max_bytes: int | None = MAX_RESULT_BYTES) -> None:
        self._max_results, self._max_bytes, self._bytes = max_results, max_bytes, 0
        self._results: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._in_work: dict[Hashable, threading.Event] = {}

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the result for `key`, computed if it is missing; errors of `compute` are not cached."""
        while True:
            with self._lock:
                if key in self._results:
                    self._results.move_to_end(key)
                    found: T = self._results[key][0]
                    return found
                other = self._in_work.get(key)
                if other is None:
                    mine = self._in_work[key] = threading.Event()
                    break
            other.wait()  # then its result is there; after an error this thread computes it
        try:
            return self._computed(key, compute)
        finally:
            with self._lock:
                del self._in_work[key]
            mine.set()

    def _computed(self, key: Hashable, compute: Callable[[], T]) -> T:
        result = compute()
        size = 0 if self._max_bytes is None else size_of(result) + size_of(key)
        with self._lock:
            _, previous = self._results.pop(key, (None, 0))
            self._results[key] = result, size
            self._bytes += size - previous
            while len(self._results) > 1 and self._is_full:
                self._bytes -= self._results.popitem(last=False)[1][1]
        return result

    @property
    def _is_full(self) -> bool:
        return len(self._results) > self._max_results or (self._max_bytes is not None and self._bytes > self._max_bytes)

    def clear(self) -> None:
        """Drop all results one by one: freeing thousands at once would block every thread for 0.2 s."""
        while True:
            with self._lock:
                if not self._results:
                    return
                _, (result, size) = self._results.popitem(last=False)
                self._bytes -= size
            del result
            time.sleep(PAUSE_S)


def size_of(value: object, depth: int = MAX_DEPTH) -> int:
    """Return about how many bytes a value occupies; of objects of other classes, their attributes are counted."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    own = sys.getsizeof(value, 64)
    if isinstance(value, Mapping):
        parts: Collection[object] = value.items()
    elif isinstance(value, Collection) and not isinstance(value, str | bytes | bytearray | memoryview):
        parts = value
    else:
        parts = tuple(vars(value).values()) if hasattr(value, "__dict__") and not isinstance(value, type) else ()
    if not depth or not len(parts):
        return own
    some = [size_of(part, depth - 1) for part in islice(parts, SAMPLED)]
    return own + len(parts) * sum(some) // len(some)


@dataclass(frozen=True)
class StoredResponse:
    """A complete response with status 200."""

    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def n_bytes(self) -> int:
        """What it occupies."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers) + ENTRY_BYTES


class StoredResponses:
    """Responses by address. Only the event loop reads and writes them."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._responses: OrderedDict[Hashable, StoredResponse] = OrderedDict()

    def get(self, key: Hashable) -> StoredResponse | None:
        """Return the response for `key`, or None."""
        if key in self._responses:
            self._responses.move_to_end(key)
        return self._responses.get(key)

    def put(self, key: Hashable, response: StoredResponse) -> None:
        """Store a response, and drop the least recently used ones beyond the limit."""
        previous = self._responses.pop(key, None)
        self._responses[key] = response
        self._bytes += response.n_bytes + size_of(key) if previous is None else response.n_bytes - previous.n_bytes
        while self._bytes > self._max_bytes:
            dropped, oldest = self._responses.popitem(last=False)
            self._bytes -= oldest.n_bytes + size_of(dropped)
