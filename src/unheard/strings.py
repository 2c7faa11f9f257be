"""A sequence of strings in two arrays, which may be mapped from a file that processes share."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice, pairwise
from typing import overload

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Indices

ENCODE_AT_ONCE = 65_536  # strings


class Strings(Sequence[str]):
    """A sequence of strings.

    text    (bytes,) uint8, all strings in UTF-8, one after the other
    starts  (n + 1,) int64, where each string starts in `text`, and its end
    """

    def __init__(self, strings: Iterable[str]) -> None:
        parts: list[bytes] = []
        lengths: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]
        remaining = iter(strings)
        while some := list(islice(remaining, ENCODE_AT_ONCE)):
            encoded = [_encoded(string) for string in some]
            parts.append(b"".join(encoded))
            lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        self.text: NDArray[np.uint8] = np.frombuffer(b"".join(parts), np.uint8)
        self.starts: Indices = np.cumsum(np.concatenate(lengths))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        start, end = self._bounds(at)
        return self._buffer[start:end].tobytes().decode("utf-8", "surrogatepass") if start < end else ""

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), ENCODE_AT_ONCE):  # one copy of many bytes, and not of a few each time
            starts = self.starts[first : first + ENCODE_AT_ONCE + 1].tolist()
            text = self.text[starts[0] : starts[-1]].tobytes()
            for start, end in pairwise(starts):
                yield text[start - starts[0] : end - starts[0]].decode("utf-8", "surrogatepass")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Strings):
            return np.array_equal(self.starts, other.starts) and np.array_equal(self.text, other.text)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def encoded(self, at: int) -> bytes:
        """Return a string in UTF-8."""
        start, end = self._bounds(at)
        return self._buffer[start:end].tobytes()

    def _bounds(self, at: int) -> tuple[int, int]:
        """Return where a string starts and ends."""
        starts = self._offsets
        last = len(starts) - 1
        if at < 0:
            at += last
        if not 0 <= at < last:
            raise IndexError(f"string {at} of {last}")
        return starts[at], starts[at + 1]

    def first_at_least(self, string: str) -> int:
        """Return the number of the first string that is not below another one; the strings must be sorted.

        UTF-8 is sorted as the characters are.
        """
        wanted = _encoded(string)
        return bisect.bisect_left(range(len(self)), wanted, key=self.encoded)

    def containing(self, part: str) -> Indices:
        """Return the numbers of the strings that contain a part, ascending, by a search in the whole text."""
        wanted, text, starts, found = _encoded(part), self._text, self._offsets, []
        at, number = text.find(wanted), 0
        while 0 <= at < len(text):
            number = bisect.bisect_right(starts, at, lo=number) - 1
            end = starts[number + 1]
            if at + len(wanted) <= end:  # else it is in two strings, a part in each
                found.append(number)
                at = end - 1
            at = text.find(wanted, at + 1)
        return np.array(found, np.int64)

    @cached_property
    def _text(self) -> bytes:
        return self.text.tobytes()  # searched several times as fast as a mapped array

    @cached_property
    def _offsets(self) -> memoryview:
        return self.starts.data  # its items are numbers of Python, in half the time

    @cached_property
    def _buffer(self) -> memoryview:
        return self.text.data  # a slice of it costs a third of one of an array

    def __getstate__(self) -> dict[str, object]:
        return {"text": self.text, "starts": self.starts}


def _encoded(string: str) -> bytes:
    return string.encode("utf-8", "surrogatepass")
