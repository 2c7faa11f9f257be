"""Tests of the design: its balance, by counting."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.study_world import paper_study
from unheard.listening_test.design import plan, round_robin, williams, windows
from unheard.listening_test.study import ANCHOR, REFERENCE, Item, Study


@given(st.integers(1, 12))
def test_williams_squares(n: int) -> None:
    rows = williams(n)
    assert all(sorted(row) == list(range(n)) for row in rows)
    for position in range(n):
        assert set(Counter(row[position] for row in rows).values()) == {len(rows) // n}
        assert len({row[position] for row in rows[:n]}) == n  # the first n are a Latin square
    followed = Counter(pair for row in rows for pair in pairwise(row))
    assert len(followed) == n * (n - 1)
    assert len(set(followed.values())) <= 1


@given(st.integers(2, 12))
def test_round_robins(n: int) -> None:
    rounds = round_robin(n)
    assert sorted(pair for met in rounds for pair in met) == [(a, b) for a in range(n) for b in range(a + 1, n)]
    for met in rounds:
        players = [player for pair in met for player in pair]
        assert len(set(players)) == len(players) >= n - 1


@given(st.integers(1, 9), st.integers(1, 30), st.data())
def test_windows_are_even(n_seeds: int, n_raters: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, n_seeds))
    blocks = windows(n_seeds, n_raters, size)
    assert all(len(set(block)) == size for block in blocks)
    n_blocks = Counter(seed for block in blocks for seed in block)
    counts = [n_blocks[seed] for seed in range(n_seeds)]
    assert max(counts) - min(counts) <= 1


def judged(study: Study) -> Counter[tuple[str, str]]:
    return Counter(
        (item.seed, name)
        for rater in study.raters
        for item in rater.items
        if not item.repeat_of
        for conditions in item.conditions
        for name in conditions
    )


def test_every_seed_and_model_is_rated_equally_often() -> None:
    study = paper_study(n_raters=12, n_seeds=8)
    assert set(judged(study).values()) == {12}
    assert len(judged(study)) == 8 * 5
    blocks = paper_study(n_raters=12, n_seeds=8, per_rater=2)
    assert set(judged(blocks).values()) == {3}  # 12 raters, 2 of 8 seeds each
    assert {len(rater.items) for rater in blocks.raters} == {2 * 5 + 1}


def test_places_and_ranks_are_balanced() -> None:
    """Ten raters are the ten rows of a Williams square of five: every condition twice in every position of a seed."""
    study = paper_study(n_raters=10, n_seeds=4, k=2)
    positions: Counter[tuple[str, str, int]] = Counter()
    tracks: Counter[str] = Counter()
    for rater in study.raters:
        items = [item for item in rater.items if not item.repeat_of]
        for block in range(4):
            for position, item in enumerate(items[5 * block : 5 * block + 5]):
                assert item.seed == items[5 * block].seed
                positions[item.seed, item.conditions[0][0], position] += 1
                tracks[item.tracks[0]] += 1
    assert set(positions.values()) == {2}
    assert len(positions) == 4 * 5 * 5
    assert set(tracks.values()) == {5}  # both ranks of each list


def test_no_position_reveals_a_model() -> None:
    """Within one rater the position of a model changes from seed to seed without a fixed step."""
    study = paper_study(n_raters=10, n_seeds=8)
    steps = set()
    for rater in study.raters:
        positions = [number % 5 for number, item in enumerate(rater.items[:-1]) if item.conditions[0][0] == "a"]
        steps.add(tuple((after - before) % 5 for before, after in pairwise(positions)))
        assert len(set(steps)) > 0
    assert len(steps) == 10
    assert all(len(set(step)) > 1 for step in steps)


def test_a_track_of_several_models_is_presented_once() -> None:
    lists = {"s": {"a": ("x", "y"), "b": ("x", "z"), REFERENCE: ("r", "y"), ANCHOR: ("n", "m")}}
    planned = plan(lists, tuple(lists["s"]), kind="rate", n_raters=4, seeds_per_rater=1, rng=np.random.default_rng(0))
    for items in planned:
        first = {item.tracks[0]: set(item.conditions[0]) for item in items if not item.repeat_of}
        assert {name for names in first.values() for name in names} == set(lists["s"])
        assert first.get("x", {"a", "b"}) == {"a", "b"}
        assert first.get("y", {"a", REFERENCE}) == {"a", REFERENCE}


def test_pairs() -> None:
    study = paper_study("ab", n_raters=10, n_seeds=5)
    met: Counter[tuple[str, frozenset[str]]] = Counter()
    left: Counter[str] = Counter()
    for rater in study.raters:
        hidden = 0
        for item in rater.items:
            names = frozenset(name for conditions in item.conditions for name in conditions)
            if item.repeat_of:
                again = rater.item(item.repeat_of)
                assert again is not None
                assert (item.tracks, item.conditions) == (again.tracks[::-1], again.conditions[::-1])
                assert names == {REFERENCE, ANCHOR}
                continue
            hidden += names == {REFERENCE, ANCHOR}
            met[item.seed, names] += 1
            left[item.conditions[0][0]] += 1
        assert hidden == 5  # one check a seed
    of_models = {count for (_, names), count in met.items() if names != {REFERENCE, ANCHOR}}
    assert of_models == {2}  # 10 raters share 5 rounds of every seed
    assert len(met) == 5 * 10
    sides = Counter(name for rater in study.raters for item in rater.items for name in item.conditions[0])
    total = Counter(name for rater in study.raters for item in rater.items for side in item.conditions for name in side)
    for name in study.conditions:
        assert sides[name] / total[name] == pytest.approx(0.5, abs=0.05)


def test_models_that_agree_are_compared_where_they_do_not() -> None:
    lists = {"s": {"a": ("x", "y"), "b": ("x", "z"), REFERENCE: ("q", "r"), ANCHOR: ("n", "m")}}
    same = {"s": {"a": ("x",), "b": ("x",), REFERENCE: ("q",), ANCHOR: ("n",)}}
    for given_lists in (lists, same):
        planned = plan(
            given_lists, tuple(lists["s"]), kind="ab", n_raters=6, seeds_per_rater=1, rng=np.random.default_rng(0)
        )
        pairs = [item for items in planned for item in items if set(sum(item.conditions, ())) == {"a", "b"}]
        assert all(set(item.tracks) == {"y", "z"} for item in pairs)
        assert bool(pairs) == (given_lists is lists)


def test_the_repeat_comes_last_and_from_the_first_half() -> None:
    study = paper_study()
    for rater in study.raters:
        *items, last = rater.items
        assert [item.name for item in rater.items] == [f"{n:03d}" for n in range(1, len(rater.items) + 1)]
        assert not any(item.repeat_of for item in items)
        again = rater.item(last.repeat_of)
        assert again == Item(last.repeat_of, last.seed, last.tracks, last.conditions)
        assert int(last.repeat_of) <= (len(items) + 1) // 2


def test_the_same_seed_gives_the_same_plan() -> None:
    assert paper_study(seed=4) == paper_study(seed=4)
    assert paper_study(seed=4).raters != paper_study(seed=5).raters
