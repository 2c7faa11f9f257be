"""Decide whether two tracks are the same recording, by their acoustic fingerprints and signatures.

Tracks with enough known bits are compared by the frames of their fingerprints alone, at all offsets. Short and steady
ones, such as a jingle or a drone, have few bits; they are the same if their signatures, durations and spectra are
almost equal too. Long steady noise, such as rain, fills the whole spectrum, and one rain is like another: it is never
the same by its sound. The limits are measured by bench/bench_sameness.py (docs/results/sameness.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats, Indices
from unheard.spectrograms.acoustic_fingerprint import N_BITS, compare, known_bits, signs, spectrum_of

MAX_ERROR = 0.2
MIN_BITS = 400  # below, the fingerprint alone is not enough
MIN_BITS_TO_DIFFER = 96
MIN_COSINE, MAX_GAP_S, MAX_SPECTRUM_DB = 0.99, 0.5, 1.5  # of short and steady tracks
SPECTRUM_RANGE_DB = 30.0  # below the loudest band; weaker bands depend on the codec
MAX_NOISE_S, MAX_LOUD_SHARE = 10.0, 0.5  # a longer steady track with more loud bands is noise
SKETCH = 32  # numbers by which candidates are found
MIN_KNOWN = 6  # of the bits of a frame in a sketch
SPAN = 4  # frames between the two that make one number: neighbours overlap
MAX_BUCKET = 64  # tracks with the same number; more of them share a habit, not a recording
MIN_SHARED = 2


class Prints(NamedTuple):
    """What identifies a recording: its fingerprint (384,), and its signature (257,) with the duration at the end."""

    fingerprint: Floats
    signature: Floats


def is_same_recording(one: Prints, other: Prints) -> bool:
    """Return whether two tracks are the same recording, perhaps in other encodings or with other silences."""
    found = compare(one.fingerprint, other.fingerprint)
    if found.n_bits >= MIN_BITS:
        return found.error <= MAX_ERROR
    if found.n_bits >= MIN_BITS_TO_DIFFER and found.error > MAX_ERROR:
        return False
    cosine = float(one.signature[:-1] @ other.signature[:-1])
    if cosine < MIN_COSINE or abs(float(one.signature[-1]) - float(other.signature[-1])) > MAX_GAP_S:
        return False
    spectra = np.stack([spectrum_of(one.fingerprint), spectrum_of(other.fingerprint)])
    spectra = np.maximum(spectra, -SPECTRUM_RANGE_DB)
    loud = (spectra > -SPECTRUM_RANGE_DB).any(axis=0)
    distance = np.sqrt(np.mean((spectra[0] - spectra[1])[loud] ** 2))
    is_noise = one.signature[-1] > MAX_NOISE_S and loud.mean() > MAX_LOUD_SHARE
    return bool(distance <= MAX_SPECTRUM_DB and not is_noise)


def is_short_or_steady(fingerprints: Floats) -> NDArray[np.bool_]:
    """Return whether each fingerprint, (n, 384), has too few bits to be compared alone, (n,)."""
    n_bits: NDArray[np.int64] = known_bits(fingerprints).sum(axis=1, dtype=np.int64)
    return n_bits < MIN_BITS


def sketch(fingerprint: Floats) -> NDArray[np.int64]:
    """Return up to `SKETCH` numbers of a fingerprint, most of which its other encodings have too.

    A number joins the signs of two frames. Those with the smallest hashes are taken (bottom-k sketch, Broder, 1997), so
    that two fingerprints choose the same ones wherever they begin.
    """
    bits, enough = signs(fingerprint), known_bits(fingerprint) >= MIN_KNOWN
    pairs = bits[:-SPAN] | (bits[SPAN:] << N_BITS)
    numbers = np.unique(pairs[enough[:-SPAN] & enough[SPAN:]].astype(np.uint64))
    mixed = (numbers * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)
    return numbers[np.argsort(mixed, kind="stable")[:SKETCH]].astype(np.int64)


def likely_pairs(fingerprints: Floats) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows, the smaller one first, whose sketches share numbers; these are worth a comparison."""
    buckets: defaultdict[int, list[int]] = defaultdict(list)
    for row, fingerprint in enumerate(fingerprints):
        for number in sketch(fingerprint).tolist():
            buckets[number].append(row)
    shared: defaultdict[tuple[int, int], int] = defaultdict(int)
    for rows in buckets.values():
        if 1 < len(rows) <= MAX_BUCKET:
            for at, later in enumerate(rows):
                for earlier in rows[:at]:
                    shared[earlier, later] += 1
    yield from sorted(pair for pair, n in shared.items() if n >= MIN_SHARED)


def joining_pairs(prints: Prints, candidates: Iterable[Indices]) -> list[tuple[int, int]]:
    """Return pairs of the same recording that join all tracks of each recording, the smaller row first, in order.

    prints      arrays (n, 384) and (n, 257)
    candidates  blocks of pairs of rows (pair, 2) that are worth a comparison

    Pairs whose tracks are joined by other pairs already are not compared: n equal tracks take n - 1 comparisons.
    """
    joined: list[tuple[int, int]] = []
    groups = _Groups(len(prints.fingerprint))
    for block in candidates:
        pairs = np.sort(block, axis=1)
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        limits = [*np.flatnonzero(np.diff(pairs[:, 0], prepend=-1)), len(pairs)]
        for start, stop in pairwise(limits):
            one, others = int(pairs[start, 0]), groups.outside(int(pairs[start, 0]), pairs[start:stop, 1])
            while len(others):
                other, others = int(others[0]), others[1:]
                if _are_same(prints, one, other):
                    joined.append((one, other))
                    groups.join(one, other)
                    others = groups.outside(one, others)
    return sorted(joined)


def _are_same(prints: Prints, one: int, other: int) -> bool:
    a, b = (Prints(prints.fingerprint[row], prints.signature[row]) for row in (one, other))
    return is_same_recording(a, b)


class _Groups:
    """Disjoint sets of n rows, of which every row knows its number; the smaller of two joined sets is renumbered."""

    def __init__(self, n: int) -> None:
        self._number = np.arange(n)
        self._members: dict[int, list[int]] = {}

    def outside(self, row: int, others: Indices) -> Indices:
        """Return those of `others` that are not in the set of a row."""
        outside: Indices = others[self._number[others] != self._number[row]]
        return outside

    def join(self, one: int, other: int) -> None:
        sets = [(number, self._members.pop(number, [number])) for number in self._number[[one, other]].tolist()]
        (_, smaller), (number, larger) = sorted(sets, key=lambda named: len(named[1]))
        self._number[smaller] = number
        self._members[number] = larger + smaller
