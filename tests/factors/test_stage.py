"""Tests of the factors stage: which plays are fitted, which are folded in, and that test plays do not leak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unheard.errors import MissingStageError, UserError
from unheard.factors.als import AlsConfig, fit_als, fold_in
from unheard.factors.stage import compute_factors, mask_columns
from unheard.factors.store import load_factors
from unheard.library import Library, Track
from unheard.plays import Play, Plays, read_plays, replace_playlists
from unheard.splits import Split, Use, load_split, write_splits
from unheard.workspace import Workspace

CONFIG = AlsConfig(dim=3, alpha=10, regularization=0.1, iterations=5)
N_TRACKS, N_PLAYLISTS = 30, 20
USES: dict[str, tuple[int, ...]] = {"train": (0,), "val": (1,), "test": (2,)}


def track(n: int) -> str:
    return f"t{n:02d}"


def some_plays() -> list[Play]:
    """Tracks 0-17 train, 18-20 validate, 21-26 are tested, 27 is new, 28 and 29 are never played."""
    rng = np.random.default_rng(0)
    plays = [
        Play(f"p{p:02d}", track(int(t)), position, weight=float(rng.integers(1, 4)), timestamp=float(100 * position))
        for p in range(N_PLAYLISTS - 1)
        for position, t in enumerate(rng.choice(28, 8, replace=False))
    ]
    return [*plays, Play("p99", track(25), 0), Play("p99", track(26), 1)]  # a playlist of test tracks only


def make_workspace(root: Path, plays: list[Play], *, cutoff: float | None = None) -> Workspace:
    workspace = Workspace.init(root)
    with Library(workspace.library_path) as library, library.transaction():
        for n in range(N_TRACKS):
            library.put_track(Track(track(n)))
        replace_playlists(workspace, Plays.of(plays))
    fold = {track(n): 0 if n < 18 else 1 if n < 21 else 2 for n in range(N_TRACKS) if n != 27}
    use = {"train": (0,), "val": (1,), "test": (2,)}
    write_splits(
        workspace.splits_path,
        {
            "tracks": Split("tracks", fold, use),  # type: ignore[arg-type]
            "time": Split("time", fold, use, cutoff),  # type: ignore[arg-type]
        },
    )
    return workspace


def test_warm_factors_are_als_of_train_plays_and_fold_ins_of_the_rest(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", some_plays())
    lines = compute_factors(workspace, "tracks", CONFIG)
    warm = load_factors(workspace, "tracks")
    with Library(workspace.library_path) as library:
        ids = library.tracks().ids
    of_library = read_plays(workspace).for_tracks(ids)
    playlist_ids, plays = of_library.playlist_ids, of_library.matrix
    assert warm.track_ids == ids
    assert warm.playlist_ids == playlist_ids
    train = load_split(workspace, "tracks").uses(ids) == Use.TRAIN
    playlists, tracks = fit_als(mask_columns(plays, train), CONFIG)
    np.testing.assert_array_equal(warm.playlists, playlists)
    np.testing.assert_array_equal(warm.tracks[train], tracks[train])
    np.testing.assert_array_equal(warm.tracks[18:28], fold_in(playlists, plays.T.tocsr()[18:28], CONFIG))
    assert warm.known.tolist() == [True] * 28 + [False] * 2
    assert not warm.tracks[28:].any()
    assert not warm.playlists[playlist_ids.row("p99")].any()  # it has no train track
    n_train = sum(int(play.track_id[1:]) < 18 for play in some_plays())
    assert warm.config.pop("split_digest") == load_split(workspace, "tracks").digest
    assert len(warm.config.pop("digest")) == 16
    assert warm.config == {
        "source": "als",
        "split": "tracks",
        "dim": 3,
        "alpha": 10,
        "regularization": 0.1,
        "iterations": 5,
        "seed": 0,
        "binary": True,
        "n_plays": n_train,
    }
    assert lines[1] == f"tracks: 3 factors of 28 of 30 tracks and 19 of 20 playlists, from {n_train} plays"


def test_full_factors_are_als_of_all_plays(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", some_plays())
    assert [line.split(":")[0] for line in compute_factors(workspace, None, CONFIG)] == ["full", "tracks", "time"]
    full = load_factors(workspace, "full")
    with Library(workspace.library_path) as library:
        plays = read_plays(workspace).for_tracks(library.tracks().ids).matrix
    playlists, tracks = fit_als(plays, CONFIG)
    np.testing.assert_array_equal(full.playlists, playlists)
    np.testing.assert_array_equal(full.tracks, tracks)
    assert full.known.sum() == 28
    assert full.config["n_plays"] == len(some_plays())


def test_plays_of_cold_tracks_change_no_warm_factor(tmp_path: Path) -> None:
    """Shuffle who holds the validation, test and new tracks: train tracks and playlists stay, byte for byte."""
    one = make_workspace(tmp_path / "one", some_plays())
    cold = np.arange(18, 28)
    other_of = dict(zip(cold, np.random.default_rng(1).permutation(cold), strict=True))
    shuffled = [
        Play(p.playlist_id, track(other_of.get(int(p.track_id[1:]), int(p.track_id[1:]))), p.position, p.weight)
        for p in some_plays()
    ]
    two = make_workspace(tmp_path / "two", shuffled)
    for workspace in (one, two):
        compute_factors(workspace, "tracks", CONFIG)
    first, second = load_factors(one, "tracks"), load_factors(two, "tracks")
    assert first.tracks[:18].tobytes() == second.tracks[:18].tobytes()
    assert first.playlists.tobytes() == second.playlists.tobytes()
    assert first.tracks[18:28].tobytes() != second.tracks[18:28].tobytes()


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", some_plays())
    written = []
    for _ in range(2):
        compute_factors(workspace, "tracks", CONFIG)
        written.append([workspace.factors_path(name).read_bytes() for name in ("full", "tracks")])
    assert written[0] == written[1]


def test_plays_after_the_cutoff_train_nothing(tmp_path: Path) -> None:
    cutoff = 400.0
    workspace = make_workspace(tmp_path / "w", some_plays(), cutoff=cutoff)
    earlier = [p for p in some_plays() if p.timestamp is None or p.timestamp < cutoff]
    truth = make_workspace(tmp_path / "truth", [*earlier, *(Play(f"p{p:02d}", track(29), 99) for p in range(19))])
    compute_factors(workspace, "time", CONFIG)
    compute_factors(truth, "tracks", CONFIG)  # the later plays were never there
    found, wanted = load_factors(workspace, "time"), load_factors(truth, "tracks")
    uses = load_split(workspace, "time").uses(found.track_ids)
    assert found.playlists.tobytes() == wanted.playlists.tobytes()
    assert found.tracks[:18].tobytes() == wanted.tracks[:18].tobytes()
    assert found.config["n_plays"] == sum(int(play.track_id[1:]) < 18 for play in earlier)
    tuned = [row for row in range(18, 28) if uses[row] == Use.VAL]
    assert tuned
    assert (
        found.tracks[tuned].tobytes() == wanted.tracks[tuned].tobytes()
    )  # validation tracks do not use later plays either
    assert found.known[21:27].all()  # a test track's own plays may be later: they are its oracle


def test_weights_count_when_asked_for(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", some_plays())
    compute_factors(workspace, "tracks", CONFIG)
    binary = load_factors(workspace, "tracks").tracks
    compute_factors(workspace, "tracks", AlsConfig(dim=3, alpha=10, regularization=0.1, iterations=5, binary=False))
    assert not np.allclose(binary, load_factors(workspace, "tracks").tracks)


def test_progress_names_the_split(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    compute_factors(
        make_workspace(tmp_path / "w", some_plays()), "tracks", CONFIG, progress=lambda *step: seen.append(step)
    )
    assert seen == [(f"ALS {name}", done, 5) for name in ("full", "tracks") for done in range(1, 6)]


def test_missing_plays_splits_and_scans_are_reported(tmp_path: Path) -> None:
    empty = make_workspace(tmp_path / "empty", [])
    with pytest.raises(MissingStageError, match="no plays of the scanned tracks; run `unheard import"):
        compute_factors(empty, None, CONFIG)
    elsewhere = make_workspace(tmp_path / "elsewhere", [Play("p", "not scanned", 0)])
    with pytest.raises(MissingStageError, match="no plays of the scanned tracks"):
        compute_factors(elsewhere, None, CONFIG)
    cold = make_workspace(tmp_path / "cold", [Play("p", track(25), 0)])
    with pytest.raises(UserError, match="split 'tracks': none of its train tracks has plays"):
        compute_factors(cold, "tracks", CONFIG)
    cold.splits_path.unlink()
    with pytest.raises(MissingStageError, match="unheard split"):
        compute_factors(cold, None, CONFIG)
    with pytest.raises(MissingStageError, match="unheard scan"):
        scanned = make_workspace(tmp_path / "unscanned", [])
        scanned.library_path.unlink()
        compute_factors(scanned, None, CONFIG)
