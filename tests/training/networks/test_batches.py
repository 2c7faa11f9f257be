"""Batches: every step can be recomputed, every track comes as often as it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.sound_world import make_world
from unheard.ids import IdMap
from unheard.inference.input_sources import PatchSource, VectorSource
from unheard.library import open_library
from unheard.spectrograms.store import open_store
from unheard.training.networks.batches import Epoch, EveryPatch, batches, epoch_rng, n_steps, shuffled
from unheard.training.networks.workload import share_of


@given(st.integers(1, 200), st.integers(1, 64), st.integers(1, 5))
def test_a_pass_has_every_track_and_even_batches(n_tracks: int, batch: int, passes: int) -> None:
    epoch = shuffled(epoch_rng(0, 1, 0), n_tracks, batch, passes * n_tracks)
    assert np.bincount(np.concatenate(epoch)).tolist() == [passes] * n_tracks
    sizes = {len(items) for items in epoch}
    assert max(sizes) - min(sizes) <= 1
    assert len(epoch) == n_steps(n_tracks * passes, batch)


def _source(tmp_path: Path) -> PatchSource:
    world = make_world(tmp_path / "w", n_tracks=12)
    with open_library(world.workspace.library_path) as library:
        return PatchSource(open_store(world.workspace, library))


def test_any_step_can_be_redone(tmp_path: Path) -> None:
    source, train = _source(tmp_path), np.arange(0, 12, 2)

    def epoch(number: int, first: int) -> list[tuple[list[int], bytes]]:
        rng = epoch_rng(7, 1, number)
        plan = Epoch.drawn(source, train, shuffled(rng, len(train), 4, 5 * len(train)), rng)
        found = batches(source, train, plan, first=first)
        return [(batch.items.tolist(), batch.stored.numpy().tobytes()) for batch in found]

    whole = epoch(3, 0)
    assert len(whole) == 8
    for first in (1, 5, 7, 8):
        assert epoch(3, first) == whole[first:]
    assert epoch(4, 0) != whole


def test_patches_are_cut_from_their_own_track(tmp_path: Path) -> None:
    """Whatever the start, a patch is a stretch of its track's frames, or all of a short one and silence."""
    source, rng = _source(tmp_path), np.random.default_rng(0)
    store = source.store
    rows = np.repeat(np.arange(12), 20)
    starts = source.random_starts(rows, rng)
    for row, start, patch in zip(rows, starts, source.batch(rows, starts), strict=True):
        track = store.frames(int(row))
        n = min(16, len(track))
        assert 0 <= start <= max(0, len(track) - 16)
        assert np.array_equal(patch[:n], track[start : start + n])
    assert len(set(starts.tolist())) > 10


def test_a_cover_covers_without_silence(tmp_path: Path) -> None:
    source = _source(tmp_path)
    for row in range(12):
        n, starts = int(source.store.n_frames[row]), source.cover(row, None)
        seen = {frame for start in starts for frame in range(start, start + 16)}
        assert seen >= set(range(n))
        assert n < 16 or max(seen) == n - 1
        assert len(source.cover(row, 2)) == min(2, len(starts))
        assert source.cover(row, 1)[0] == 0


def test_bags_are_patches_of_one_track(tmp_path: Path) -> None:
    """Random ones hold what single patches hold; those that cover a track hear all of it, each of them far and wide."""
    single = _source(tmp_path)
    source = replace(single, bag=3)
    rows = np.arange(12)
    starts = source.random_starts(rows, np.random.default_rng(0))
    stored = source.batch(rows, starts)
    assert starts.shape == (12, 3)
    assert stored.shape == (12, 3, 16, 128)
    for row in rows:
        assert np.array_equal(stored[row], single.batch(np.full(3, row), starts[row]))
        grid, bags = single.cover(int(row), None), source.cover(int(row), None)
        assert set(bags.ravel().tolist()) == set(grid.tolist())
        assert bags.shape == (-(-len(grid) // 3), 3)
        assert all(bag.tolist() == sorted(bag.tolist()) for bag in bags)
        assert len(source.cover(int(row), 2)) == 1
        assert len(source.cover(int(row), 4)) == (2 if len(grid) >= 4 else 1)
    assert [moment.shape for moment in source.moments(rows)] == [(128,), (128,)]


def test_moments_are_those_of_the_train_tracks(tmp_path: Path) -> None:
    source, train = _source(tmp_path), np.array([1, 4, 5])
    mean, std = source.moments(train)
    frames = []
    for row in train:  # all are shorter than the four patches that are looked at, whose overlap counts twice
        track_db = source.store.track_db(int(row))
        frames += [track_db[start : start + 16] for start in source.cover(int(row), None)]
    truth = np.concatenate(frames).astype(np.float64)
    np.testing.assert_allclose(mean, truth.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(std, truth.std(axis=0), atol=1e-3)


@pytest.mark.parametrize("pooled", [True, False])
def test_vector_moments(*, pooled: bool) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(9, 3)).astype(np.float32) * np.array([1, 10, 0], np.float32) + 2
    mean, std = VectorSource(ids=None, vectors=vectors, pooled=pooled).moments(np.arange(6))  # type: ignore[arg-type]
    np.testing.assert_allclose(mean, vectors[:6].mean(axis=0), rtol=1e-5)
    each = vectors[:6].std(axis=0)
    expected = np.full(3, np.sqrt((each**2).mean())) if pooled else [each[0], each[1], 1.0]
    np.testing.assert_allclose(std, expected, rtol=1e-5)


def test_a_share_is_the_same_patches_in_every_epoch(tmp_path: Path) -> None:
    source, train = _source(tmp_path), np.arange(0, 12, 2)
    n_patches = len(EveryPatch.of(source, train))
    assert n_patches == sum(len(source.cover(int(row), None)) for row in train)
    some, indices = share_of(source, train, 0.5, np.random.default_rng(0))
    patches, drawn = EveryPatch.of(some, train[indices]), []
    assert len(patches) == round(0.5 * n_patches)
    for number in range(3):
        epoch = patches.epoch(epoch_rng(0, 1, number), 3)
        assert len(epoch.items) == n_steps(len(patches), 3)
        drawn.append(list(zip(np.concatenate(epoch.items), np.concatenate(epoch.starts), strict=True)))
    assert (
        sorted(drawn[0])
        == sorted(drawn[1])
        == sorted(drawn[2])
        == list(zip(patches.items, patches.starts, strict=True))
    )
    assert drawn[0] != drawn[1]
    assert len(set(drawn[0])) == len(patches)


def test_nothing_outside_a_share_is_heard(tmp_path: Path) -> None:
    """Neither by random patches nor by the mean over a train track; all patches of other tracks are used."""
    source, train = _source(tmp_path), np.arange(0, 12, 2)
    some, indices = share_of(source, train, 0.4, np.random.default_rng(1))
    assert len(indices) < len(train)
    for row in train[indices]:
        allowed = set(some.cover(int(row), None).tolist())
        assert allowed <= set(source.cover(int(row), None).tolist())
        assert set(some.random_starts(np.full(30, row), np.random.default_rng(2)).tolist()) <= allowed
    for row in range(1, 12, 2):
        assert some.cover(row, None).tolist() == source.cover(row, None).tolist()
    whole, everybody = share_of(source, train, 1.0, np.random.default_rng(1))
    assert everybody.tolist() == list(range(len(train)))
    assert len(EveryPatch.of(whole, train)) == len(EveryPatch.of(source, train))


def test_a_share_of_vectors_is_one_of_tracks() -> None:
    source = VectorSource(IdMap(str(n) for n in range(10)), np.zeros((10, 3), np.float32))
    same, indices = share_of(source, np.arange(2, 10), 0.5, np.random.default_rng(0))
    assert same is source
    assert len(indices) == 4
