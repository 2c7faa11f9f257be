"""Damage bytes: flipped bits, cuts, insertions, changed lengths, zeroed parts, and splices with another file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MOST_PLACES = 8
# What a length field is set to: none, one, around the signs of 16 and 32 bits, and all ones.
LENGTHS = (0, 1, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62)
HEAD = 512  # bytes in which lengths and types mostly are


def flip_bits(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    for at in _places(data, rng):
        data[at] ^= 1 << int(rng.integers(8))


def change_bytes(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    for at in _places(data, rng):
        data[at] = int(rng.integers(256))


def cut(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    del data[int(rng.integers(len(data) + 1)) :]


def remove(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    start = _place(data, rng)
    del data[start : start + int(rng.integers(1, 200))]


def insert(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    at, n = _place(data, rng), int(rng.integers(1, 300))
    data[at:at] = rng.bytes(n) if rng.random() < 0.5 else data[at : at + n] * int(rng.integers(1, 5))


def change_length(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """Write a number that a length field might have, in either byte order."""
    for _ in range(int(rng.integers(1, 3))):
        width = int(rng.choice([2, 4, 8]))
        value = int(rng.choice(len(LENGTHS)))
        written = (LENGTHS[value] & (256**width - 1)).to_bytes(width, "little" if rng.random() < 0.5 else "big")
        at = _place(data, rng)
        data[at : at + width] = written


def change_digits(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """Replace a run of digits, which are lengths and shapes in headers that are text."""
    digits = [at for at in range(len(data)) if 48 <= data[at] <= 57] or [0]
    at = digits[int(rng.integers(len(digits)))]
    end = at
    while end < len(data) and 48 <= data[end] <= 57:
        end += 1
    data[at:end] = [b"0", b"-1", b"9999999999999", b"1e308", b"NaN", b"4294967296"][int(rng.integers(6))]


def zero(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    start = _place(data, rng)
    data[start : start + int(rng.integers(1, 500))] = bytes(min(len(data) - start, int(rng.integers(1, 500))))


def splice(data: bytearray, rng: np.random.Generator, other: bytes) -> None:
    """End with the end of another file, or hold a part of it."""
    at, start = _place(data, rng), int(rng.integers(len(other) + 1))
    end = len(data) if rng.random() < 0.5 else at + int(rng.integers(1, 1000))
    data[at:end] = other[start : start + int(rng.integers(1, 20_000))]


MUTATIONS: tuple[Callable[[bytearray, np.random.Generator, bytes], None], ...] = (
    *(flip_bits, change_bytes, cut, remove, insert, change_length, change_length, change_digits, zero, splice),
)


def mutated(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Return `data` after one to three mutations; `other` is what may be spliced in."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if changed:
            MUTATIONS[int(rng.integers(len(MUTATIONS)))](changed, rng, other)
    return bytes(changed)


def _places(data: bytearray, rng: np.random.Generator) -> list[int]:
    return [_place(data, rng) for _ in range(int(rng.integers(1, MOST_PLACES)))]


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """Return a position, every second time near the start."""
    return int(rng.integers(min(HEAD, len(data)) if rng.random() < 0.5 else len(data))) if data else 0
