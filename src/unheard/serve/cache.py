"""Least-recently-used caches: results of computations up to a number, HTTP responses up to a number of bytes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
MAX_RESULTS = 4096
MAX_BYTES = 64_000_000
PAUSE_S = 0.0005


class Cache:
    """Results by key, safe to use from several threads. Two threads may compute the same result at the same time."""

    def __init__(self, max_results: int = MAX_RESULTS) -> None:
        self._max_results = max_results
        self._results: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the result for `key`, computed if it is missing; errors of `compute` are not cached."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                found: T = self._results[key]
                return found
        result = compute()
        with self._lock:
            self._results[key] = result
            if len(self._results) > self._max_results:
                self._results.popitem(last=False)
        return result

    def clear(self) -> None:
        """Drop all results one by one: freeing thousands at once would block every thread for 0.2 s."""
        while True:
            with self._lock:
                if not self._results:
                    return
                _, result = self._results.popitem(last=False)
            del result
            time.sleep(PAUSE_S)


@dataclass(frozen=True)
class StoredResponse:
    """A complete response with status 200."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


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
        self._bytes += len(response.body) - (len(previous.body) if previous else 0)
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._responses.popitem(last=False)[1].body)
