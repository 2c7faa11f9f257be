"""Answers that were given before, up to a number of them; the one that was not asked for longest goes first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 4096
PAUSE_S = 0.0005
MOST_BYTES = 64_000_000


class Remembered:
    """Values by key; may be used from many threads. Two threads may compute one value at the same time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made if it is not there; what `make` raises is not remembered."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                found: T = self._values[key]
                return found
        value = make()
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        return value

    def forget(self) -> None:
        """Drop everything, little by little: thousands of answers at once would hold up every thread for 0.2 s."""
        while True:
            with self._lock:
                if not self._values:
                    return
                _, value = self._values.popitem(last=False)
            del value
            time.sleep(PAUSE_S)


@dataclass(frozen=True)
class Response:
    """A whole answer with status 200."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


class Responses:
    """Whole answers by address, up to a number of bytes; the one that was not asked for longest goes first.

    Read and written by the event loop alone.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, Response] = OrderedDict()

    def get(self, key: Hashable) -> Response | None:
        """The answer, if it is there."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Hashable, response: Response) -> None:
        """Keep an answer."""
        before = self._kept.pop(key, None)
        self._kept[key] = response
        self._bytes += len(response.body) - (len(before.body) if before else 0)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._kept.popitem(last=False)[1].body)
