"""Splits of a library and of a workspace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.features.stored import put_features
from unheard.errors import MissingStageError, UserError
from unheard.ids import IdMap
from unheard.library import Library, Track, Tracks
from unheard.plays import Play, Plays, replace_playlists
from unheard.plays.storage import remove_playlists
from unheard.splits import Use, load_splits, make_splits, prepare_splits, renew_live
from unheard.workspace import Workspace

NO_SIGNATURES = (IdMap([]), np.zeros((0, 0), np.float32))
SONGS = tuple(Track(f"t{n:03d}", artists=(f"a{n // 3}",), release_date=str(1990 + n % 20)) for n in range(90))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace.init(tmp_path / "w")
    with Library(made.library_path) as library, library.transaction():
        for track in SONGS:
            library.put_track(track)
        replace_playlists(made, Plays.of([Play("p", track.track_id, n) for n, track in enumerate(SONGS[:80])]))
    return made


def test_a_library_with_everything_has_all_four_splits() -> None:
    played = [track.track_id for track in SONGS[:80]]
    splits = make_splits(Tracks(SONGS), NO_SIGNATURES, seed=0, first_played={}, played=played, after="2005")
    assert [split.name for split in splits] == ["tracks", "artists", "live", "time"]
    for split in splits:
        assert set(split.fold) == {track.track_id for track in SONGS}
        assert {Use.TRAIN, Use.VAL, Use.TEST} == set(split.uses(Tracks(SONGS).ids).tolist())


def test_one_split_does_not_change_another() -> None:
    first = make_splits(Tracks(SONGS), NO_SIGNATURES, seed=3, first_played={}, played=["t000"], after="2005")
    second = make_splits(Tracks(SONGS), NO_SIGNATURES, seed=3, first_played={}, played=[], after=None)
    assert first[:2] == second[:2]


def test_splits_that_cannot_be_made_are_reported() -> None:
    tracks = Tracks(tuple(Track(f"t{n}", artists=("Solo",)) for n in range(5)))
    reasons: list[str] = []
    splits = make_splits(tracks, NO_SIGNATURES, seed=0, first_played={}, played=[], after=None, left_out=reasons.append)
    assert [split.name for split in splits] == ["tracks"]
    assert [reason.split(" needs")[0] for reason in reasons] == [
        f"the split {n!r}" for n in ("artists", "live", "time")
    ]
    with pytest.raises(UserError, match="no track after 2001"):
        make_splits(tracks, NO_SIGNATURES, seed=0, first_played={}, played=[], after="2001")


def test_the_stage_writes_splits_once(workspace: Workspace) -> None:
    rows = prepare_splits(workspace)
    assert [row[0] for row in rows] == ["tracks", "artists", "live", "time"]
    assert rows[0] == ("tracks", 63, 9, 18)
    assert rows[2] == ("live", 71, 9, 10)  # 80 played tracks by artists of three: 9 is the nearest to a tenth
    before = workspace.splits_path.read_bytes()
    with Library(workspace.library_path) as library, library.transaction():
        library.put_track(Track("zzz", artists=("New",)))
    kept: list[str] = []
    assert prepare_splits(workspace, left_out=kept.append) == rows  # the new track is NEW
    assert not kept
    assert prepare_splits(workspace, seed=1, left_out=kept.append) == rows
    assert kept[0] == "split 'tracks' is kept as it was made, whatever the seed; --force replaces it"
    assert workspace.splits_path.read_bytes() == before
    assert sum(prepare_splits(workspace, seed=1, force=True)[0][1:]) == 91


def test_the_stage_uses_plays_times_and_fingerprints(workspace: Workspace) -> None:
    with Library(workspace.library_path) as library, library.transaction():
        replace_playlists(
            workspace, Plays.of([Play("q", "t089", 0, timestamp=1.6e9), Play("q", "t000", 1, timestamp=1.0e9)])
        )
    put_features(workspace, "signature", [(track, np.array([1, 0, 60], np.float32)) for track in ("t000", "t089")])
    prepare_splits(workspace, after="2015")
    splits = load_splits(workspace)
    assert splits["artists"].fold["t000"] == splits["artists"].fold["t089"]
    assert splits["live"].fold["t089"] not in splits["live"].use["test"]
    assert [track for track, fold in splits["time"].fold.items() if fold == 2] == ["t089"]
    assert splits["time"].cutoff_timestamp is not None


def test_imported_splits_do_not_replace_others_without_force(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    value = {"fold": {"t000": 0, "t001": 1, "elsewhere": 1}, "use": {"train": [0], "val": [], "test": [1]}}
    file.write_text(json.dumps({"mine": value}))
    assert prepare_splits(workspace, file=file) == [("mine", 1, 0, 1)]
    assert [row[0] for row in prepare_splits(workspace)] == ["tracks", "artists", "live", "time", "mine"]
    assert len(prepare_splits(workspace, file=file)) == 5  # the same again is fine
    file.write_text(json.dumps({"mine": {**value, "fold": {"t002": 0, "t001": 1}}}))
    with pytest.raises(UserError, match="has another split 'mine'"):
        prepare_splits(workspace, file=file)
    prepare_splits(workspace, file=file, force=True)
    assert set(load_splits(workspace)["mine"].fold) == {"t002", "t001"}
    with pytest.raises(UserError, match="has another split 'time'"):
        prepare_splits(workspace, after="2001")


def test_splits_of_another_library_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"s": {"fold": {"x": 0, "t001": 1}, "use": {"train": [0], "val": [], "test": [1]}}}))
    with pytest.raises(UserError, match=r"none of its train tracks \(such as 'x'\) is in the library"):
        prepare_splits(workspace, file=file)


def test_an_empty_library_has_to_be_scanned_first(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    with pytest.raises(MissingStageError, match="unheard scan"):
        prepare_splits(workspace)
    Library(workspace.library_path).close()
    with pytest.raises(MissingStageError, match="no tracks yet; run `unheard scan"):
        prepare_splits(workspace)


@pytest.mark.parametrize("renew", [prepare_splits, renew_live])
def test_live_follows_the_plays_and_other_splits_stay(
    workspace: Workspace, renew: Callable[[Workspace], object]
) -> None:
    prepare_splits(workspace)
    before = load_splits(workspace)
    renew(workspace)
    assert load_splits(workspace) == before
    with Library(workspace.library_path) as library, library.transaction():
        library.put_track(Track("unplayed", artists=("new",)))
    renew(workspace)  # a new track without plays changes nothing
    assert load_splits(workspace) == before
    replace_playlists(workspace, Plays.of([Play("q", SONGS[85].track_id, 0)]))
    renew(workspace)
    after = load_splits(workspace)
    ids = Tracks(SONGS).ids
    row = ids.row(SONGS[85].track_id)
    assert before["live"].uses(ids)[row] == Use.TEST
    assert after["live"].uses(ids)[row] in (Use.TRAIN, Use.VAL)
    assert {name: split for name, split in after.items() if name != "live"} == {
        name: split for name, split in before.items() if name != "live"
    }


def test_without_plays_everything_is_new(workspace: Workspace) -> None:
    replace_playlists(workspace, Plays.of([]))
    remove_playlists(workspace, ["p"])
    assert renew_live(workspace)
    live = load_splits(workspace)["live"]
    assert set(live.uses(Tracks(SONGS).ids).tolist()) == {Use.TEST}
