"""Groups are assigned to folds: whole, balanced, seeded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.splits import Use, artists_split, live_split, tracks_split
from unheard.splits.folds import TEN_FOLDS, assign_folds


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ids(n: int) -> IdMap:
    return IdMap(f"t{row:04d}" for row in range(n))


def test_tracks_fills_ten_folds_evenly() -> None:
    split = tracks_split(ids(1003), rng=rng())
    assert split.use == {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
    sizes = np.bincount(list(split.fold.values()), minlength=10)
    assert sizes.min() >= 100
    assert sizes.max() <= 101


def test_the_seed_decides() -> None:
    assert tracks_split(ids(100), rng=rng(1)) == tracks_split(ids(100), rng=rng(1))
    assert tracks_split(ids(100), rng=rng(1)) != tracks_split(ids(100), rng=rng(2))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=3, max_size=60), st.integers(0, 9))
def test_groups_stay_whole_and_uses_balanced(sizes: list[int], seed: int) -> None:
    groups = rng(seed).permutation(np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))
    split = artists_split(ids(len(groups)), groups, rng=rng(seed))
    fold = np.array(list(split.fold.values()))
    for group in range(len(sizes)):
        assert len(set(fold[groups == group])) == 1
    uses = split.uses(ids(len(groups)))
    for use, share in ((Use.TRAIN, 0.7), (Use.VAL, 0.1), (Use.TEST, 0.2)):
        size = (uses == use).sum()
        assert size > 0
        assert abs(size - share * len(groups)) <= 2 * max(sizes)  # never further off than two of the largest groups


def test_a_giant_group_trains_and_leaves_the_other_uses_their_share() -> None:
    groups = np.repeat(np.arange(601, dtype=np.int32), [400, *[1] * 600])
    for seed in range(5):
        uses = artists_split(ids(1000), groups, rng=rng(seed)).uses(ids(1000))
        assert uses[0] == Use.TRAIN
        assert [(uses == use).sum() for use in (Use.TRAIN, Use.VAL, Use.TEST)] == pytest.approx([700, 100, 200], abs=2)


def test_large_groups_are_tested_too() -> None:
    sizes = np.sort(rng().zipf(1.6, 400).clip(max=40))[::-1]
    groups = np.repeat(np.arange(400, dtype=np.int32), sizes)
    mean_size = [
        np.unique(
            groups[artists_split(ids(len(groups)), groups, rng=rng(seed)).uses(ids(len(groups))) == Use.TEST]
        ).size
        for seed in range(20)
    ]
    assert 0.14 * 400 < np.mean(mean_size) < 0.26 * 400  # a fifth of the tracks are about a fifth of the groups


@pytest.mark.parametrize("n_groups", [3, 4, 9])
def test_with_few_groups_every_use_has_one(n_groups: int) -> None:
    groups = np.repeat(np.arange(n_groups, dtype=np.int32), 5)
    uses = artists_split(ids(len(groups)), groups, rng=rng()).uses(ids(len(groups)))
    assert set(uses.tolist()) == {Use.TRAIN, Use.VAL, Use.TEST}


def test_too_few_artists_or_tracks_are_refused() -> None:
    with pytest.raises(UserError, match=r"at least 3 independent artists, the library has 2 .*scan more music"):
        artists_split(ids(4), np.array([0, 1, 1, 1], np.int32), rng=rng())
    with pytest.raises(UserError, match="at least 3 tracks, the library has 2"):
        tracks_split(ids(2), rng=rng())


def test_live_trains_on_everything_played_but_a_tenth_and_tests_the_unplayed() -> None:
    groups = np.repeat(np.arange(100, dtype=np.int32), 5)
    played = ids(500).take(np.arange(400))
    split = live_split(ids(500), groups, played=played, rng=rng())
    uses = split.uses(ids(500))
    assert (uses[400:] == Use.TEST).all()
    assert (uses[:400] == Use.VAL).sum() == 40
    assert (uses[:400] == Use.TRAIN).sum() == 360
    assert not np.isin(groups[uses == Use.VAL], groups[uses == Use.TRAIN]).any()


def test_live_needs_plays_but_neither_unplayed_tracks_nor_a_second_artist() -> None:
    one = live_split(ids(3), np.zeros(3, np.int32), played=set(ids(3)), rng=rng())
    assert one.uses(ids(3)).tolist() == [Use.TRAIN] * 3
    with pytest.raises(UserError, match="there are none; import playlists, or factors of your own"):
        live_split(ids(3), np.zeros(3, np.int32), played=set(), rng=rng())


def test_assign_folds_agrees_with_seats_worked_by_hand() -> None:
    # Ten groups of one: quotients (size + 1/2) / share give train 7, val 1, test 2.
    fold = assign_folds(np.arange(10, dtype=np.int32), TEN_FOLDS, rng=rng())
    assert sorted(fold.tolist()) == list(range(10))
