"""Plan which rater hears which items in which order: a balanced design.

Williams (1949); Bailey, "Design of Comparative Experiments" (2008).

    seeds       every rater gets a window of the seeds; the windows follow each other around a circle, so that every
                seed is used equally often, or once more than another if the numbers do not divide (incomplete
                blocks). Within the window the order of seeds is a row of a Williams square.
    rate        for each seed one candidate of every condition, in the order of a row of a Williams square: over the
                raters every condition is at every position, and after every other condition, equally often
    ab          for each seed one round of a round robin (every condition is compared with one other; with an odd number
                one is left over) and, if it is not in the round, the pair of reference and anchor; the sides alternate
                from rater to rater
    rank        the candidates of all conditions have the same rank in their lists, and the ranks 1 to k alternate over
                the raters of a seed
    repeat      one item of the first half is repeated at the end; in ab with sides swapped

Every (seed, condition) is judged once by every rater of the seed. If several conditions have the same track, it is
presented once, for all of them; in ab, two conditions with the same track are compared at the next rank where they
differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from unheard.listening_test.study import ANCHOR, REFERENCE, Item, Kind

Lists = Mapping[str, Mapping[str, Sequence[str]]]  # by seed, by condition: track ids, best first


def williams(n: int) -> list[list[int]]:
    """Return rows of 0 .. n-1 in which every number is at every position, and after every other one, equally often.

    There are n rows for even n, 2 n for odd n; the first n are always a Latin square.
    """
    first = [0]
    low, high = 1, n - 1
    while len(first) < n:
        first.append(low if len(first) % 2 else high)
        low, high = (low + 1, high) if len(first) % 2 == 0 else (low, high - 1)
    rows = [[(value + row) % n for value in first] for row in range(n)]
    return rows + [row[::-1] for row in rows] if n % 2 and n > 1 else rows


def round_robin(n: int) -> list[list[tuple[int, int]]]:
    """Return rounds of pairs of 0 .. n-1, every pair in one of the rounds; if n is odd, each round leaves one over."""
    players = [*range(n), *([-1] if n % 2 else [])]
    rounds = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        pairs = zip(players[:half], players[: -half - 1 : -1], strict=True)
        rounds.append([(min(a, b), max(a, b)) for a, b in pairs if min(a, b) >= 0])
        players = [players[0], players[-1], *players[1:-1]]
    return rounds


def windows(n_seeds: int, n_raters: int, size: int) -> list[list[int]]:
    """Return the seeds of each rater: consecutive windows around a circle."""
    return [[(rater * size + position) % n_seeds for position in range(size)] for rater in range(n_raters)]


def plan(
    lists: Lists,
    conditions: Sequence[str],
    *,
    kind: Kind,
    n_raters: int,
    seeds_per_rater: int,
    rng: np.random.Generator,
) -> list[tuple[Item, ...]]:
    """Return the items of every rater, in order. All lists of `lists` must be equally long."""
    seeds = [str(seed) for seed in rng.permutation(sorted(lists))]
    labels = [str(label) for label in rng.permutation(conditions)]  # the condition of each number of the squares
    blocks = windows(len(seeds), n_raters, seeds_per_rater)
    raters_of_seed: dict[int, list[int]] = defaultdict(list)
    for rater, block in enumerate(blocks):
        for seed in block:
            raters_of_seed[seed].append(rater)
    of_seed = _ratings if kind == "rate" else _comparisons
    screens = {
        (rater, seed): items
        for seed, raters in sorted(raters_of_seed.items())
        for rater, items in zip(raters, of_seed(seeds[seed], lists[seeds[seed]], labels, len(raters), rng), strict=True)
    }
    rows = williams(seeds_per_rater)
    planned: list[tuple[Item, ...]] = []
    for rater, row in enumerate(_balanced(n_raters, len(rows), rng)):
        block = blocks[rater]
        ordered = [item for position in rows[row] for item in screens[rater, block[position]]]
        planned.append(_numbered([*ordered, _repeat(ordered, kind, rng)]))
    return planned


def _balanced(n: int, of: int, rng: np.random.Generator) -> list[int]:
    """Return n of the numbers 0 .. of-1, shuffled: each equally often, or once more than another."""
    return [int(number) for number in rng.permutation(np.arange(n) % of)]


def _ratings(
    seed: str, lists: Mapping[str, Sequence[str]], labels: Sequence[str], n: int, rng: np.random.Generator
) -> list[list[Item]]:
    """Return the items that each of the n raters of one seed rates."""
    rows = williams(len(labels))
    k = len(lists[labels[0]])
    blocks = []
    for row, rank in zip(_balanced(n, len(rows), rng), _balanced(n, k, rng), strict=True):
        named: dict[str, list[str]] = {}
        for position in rows[row]:
            named.setdefault(lists[labels[position]][rank], []).append(labels[position])
        blocks.append([Item("", seed, (track,), (tuple(of_track),)) for track, of_track in named.items()])
    return blocks


def _comparisons(
    seed: str, lists: Mapping[str, Sequence[str]], labels: Sequence[str], n: int, rng: np.random.Generator
) -> list[list[Item]]:
    """Return the pairs that each of the n raters of one seed compares."""
    rounds = round_robin(len(labels))
    k = len(lists[labels[0]])
    hidden = (min(labels.index(REFERENCE), labels.index(ANCHOR)), max(labels.index(REFERENCE), labels.index(ANCHOR)))
    swapped: dict[tuple[int, int], bool] = {}
    blocks = []
    for number_of_round, rank in zip(_balanced(n, len(rounds), rng), _balanced(n, k, rng), strict=True):
        this_round = rounds[number_of_round]
        pairs = [*this_round, *([] if hidden in this_round else [hidden])]
        items = []
        for number in rng.permutation(len(pairs)):
            first, second = pairs[number]
            swapped[first, second] = not swapped.get((first, second), bool(rng.integers(2)))
            a, b = (second, first) if swapped[first, second] else (first, second)
            tracks = _different(lists[labels[a]], lists[labels[b]], rank)
            if tracks is not None:
                items.append(Item("", seed, tracks, ((labels[a],), (labels[b],))))
        blocks.append(items)
    return blocks


def _different(a: Sequence[str], b: Sequence[str], rank: int) -> tuple[str, str] | None:
    """Return the tracks of two lists at the first rank from `rank` on (cyclically) where they differ, or None."""
    for position in range(len(a)):
        first, second = a[(rank + position) % len(a)], b[(rank + position) % len(b)]
        if first != second:
            return first, second
    return None


def _repeat(items: Sequence[Item], kind: Kind, rng: np.random.Generator) -> Item:
    """Return a repetition of an item of the first half; `repeat_of` is the number that the item will get."""
    hidden = [position for position, item in enumerate(items) if kind == "ab" and _is_hidden_pair(item)]
    positions = hidden[: (len(hidden) + 1) // 2] or range((len(items) + 1) // 2)
    position = int(rng.choice(np.array(positions)))
    item, order = items[position], 1 if kind == "rate" else -1
    return Item("", item.seed, item.tracks[::order], item.conditions[::order], _number(position))


def _is_hidden_pair(item: Item) -> bool:
    return {name for of_track in item.conditions for name in of_track} == {REFERENCE, ANCHOR}


def _numbered(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple(
        Item(_number(position), item.seed, item.tracks, item.conditions, item.repeat_of)
        for position, item in enumerate(items)
    )


def _number(position: int) -> str:
    return f"{position + 1:03d}"
