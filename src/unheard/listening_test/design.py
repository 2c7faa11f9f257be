"""Who hears what, when: a balanced design (Williams, 1949; Bailey, 2008, "Design of Comparative Experiments").

    seeds       every rater gets a window of the seeds; the windows follow each other around a circle, so that every
                seed is heard equally often, or once more than another where the numbers do not divide (incomplete
                blocks). Within the window the seeds stand in a row of a Williams square.
    rate        per seed one candidate of every condition, in a row of a Williams square: over the raters every
                condition stands in every place, and behind every other, equally often
    ab          per seed one round of a round robin (every condition meets one other; with an odd number one rests)
                and, if it is not in the round, the pair of reference and anchor; sides change from rater to rater
    rank        the candidates of all conditions come from the same place of their lists, and the places 1 to k take
                turns over the raters of a seed
    repeat      one item of the first half once more at the end; in ab with sides changed

So every (seed, condition) is judged once by every rater of the seed. Where conditions name the same track it is heard
once, for all of them; in ab, two conditions that agree are compared at the next place where they do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from unheard.listening_test.study import ANCHOR, REFERENCE, Item, Kind

Lists = Mapping[str, Mapping[str, Sequence[str]]]  # by seed, by condition: track ids, best first


def williams(n: int) -> list[list[int]]:
    """Rows of 0 .. n-1. Over all rows every number is in every place, and behind every other one, equally often.

    n rows for even n, 2 n for odd; the first n are always a Latin square.
    """
    first = [0]
    low, high = 1, n - 1
    while len(first) < n:
        first.append(low if len(first) % 2 else high)
        low, high = (low + 1, high) if len(first) % 2 == 0 else (low, high - 1)
    rows = [[(value + row) % n for value in first] for row in range(n)]
    return rows + [row[::-1] for row in rows] if n % 2 and n > 1 else rows


def round_robin(n: int) -> list[list[tuple[int, int]]]:
    """Rounds in which each of 0 .. n-1 meets one other (one rests if n is odd); over all rounds, every pair once."""
    players = [*range(n), *([-1] if n % 2 else [])]
    rounds = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        met = zip(players[:half], players[: -half - 1 : -1], strict=True)
        rounds.append([(min(a, b), max(a, b)) for a, b in met if min(a, b) >= 0])
        players = [players[0], players[-1], *players[1:-1]]
    return rounds


def windows(n_seeds: int, n_raters: int, size: int) -> list[list[int]]:
    """The seeds of each rater: consecutive windows around a circle."""
    return [[(rater * size + place) % n_seeds for place in range(size)] for rater in range(n_raters)]


def plan(
    lists: Lists,
    conditions: Sequence[str],
    *,
    kind: Kind,
    n_raters: int,
    seeds_per_rater: int,
    rng: np.random.Generator,
) -> list[tuple[Item, ...]]:
    """The items of every rater, in their order. Every list of `lists` is equally long."""
    seeds = [str(seed) for seed in rng.permutation(sorted(lists))]
    labels = [str(label) for label in rng.permutation(conditions)]  # which number of the squares means what
    blocks = windows(len(seeds), n_raters, seeds_per_rater)
    hearers: dict[int, list[int]] = defaultdict(list)
    for rater, block in enumerate(blocks):
        for seed in block:
            hearers[seed].append(rater)
    of_seed = _ratings if kind == "rate" else _comparisons
    screens = {
        (rater, seed): items
        for seed, raters in sorted(hearers.items())
        for rater, items in zip(raters, of_seed(seeds[seed], lists[seeds[seed]], labels, len(raters), rng), strict=True)
    }
    rows = williams(seeds_per_rater)
    planned: list[tuple[Item, ...]] = []
    for rater, row in enumerate(_turns(n_raters, len(rows), rng)):
        block = blocks[rater]
        ordered = [item for place in rows[row] for item in screens[rater, block[place]]]
        planned.append(_numbered([*ordered, _repeat(ordered, kind, rng)]))
    return planned


def _turns(n: int, of: int, rng: np.random.Generator) -> list[int]:
    """0 .. of-1 in turns, n of them, shuffled: each equally often, or once more than another."""
    return [int(turn) for turn in rng.permutation(np.arange(n) % of)]


def _ratings(
    seed: str, lists: Mapping[str, Sequence[str]], labels: Sequence[str], n: int, rng: np.random.Generator
) -> list[list[Item]]:
    """What each of the n raters of one seed rates."""
    rows = williams(len(labels))
    k = len(lists[labels[0]])
    blocks = []
    for row, rank in zip(_turns(n, len(rows), rng), _turns(n, k, rng), strict=True):
        named: dict[str, list[str]] = {}
        for place in rows[row]:
            named.setdefault(lists[labels[place]][rank], []).append(labels[place])
        blocks.append([Item("", seed, (track,), (tuple(of_track),)) for track, of_track in named.items()])
    return blocks


def _comparisons(
    seed: str, lists: Mapping[str, Sequence[str]], labels: Sequence[str], n: int, rng: np.random.Generator
) -> list[list[Item]]:
    """What each of the n raters of one seed compares."""
    rounds = round_robin(len(labels))
    k = len(lists[labels[0]])
    hidden = (min(labels.index(REFERENCE), labels.index(ANCHOR)), max(labels.index(REFERENCE), labels.index(ANCHOR)))
    swapped: dict[tuple[int, int], bool] = {}
    blocks = []
    for turn, rank in zip(_turns(n, len(rounds), rng), _turns(n, k, rng), strict=True):
        pairs = [*rounds[turn], *([] if hidden in rounds[turn] else [hidden])]
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
    """What two lists have at the first place from `rank` on (around the end) where they differ; None if nowhere."""
    for place in range(len(a)):
        first, second = a[(rank + place) % len(a)], b[(rank + place) % len(b)]
        if first != second:
            return first, second
    return None


def _repeat(items: Sequence[Item], kind: Kind, rng: np.random.Generator) -> Item:
    """An item of the first half once more, under the number that it will have."""
    hidden = [place for place, item in enumerate(items) if kind == "ab" and _is_hidden_pair(item)]
    places = hidden[: (len(hidden) + 1) // 2] or range((len(items) + 1) // 2)
    place = int(rng.choice(np.array(places)))
    item, turn = items[place], 1 if kind == "rate" else -1
    return Item("", item.seed, item.tracks[::turn], item.conditions[::turn], _number(place))


def _is_hidden_pair(item: Item) -> bool:
    return {name for of_track in item.conditions for name in of_track} == {REFERENCE, ANCHOR}


def _numbered(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple(
        Item(_number(place), item.seed, item.tracks, item.conditions, item.repeat_of)
        for place, item in enumerate(items)
    )


def _number(place: int) -> str:
    return f"{place + 1:03d}"
