"""Saved playlists and thumbs: small files that survive damage beside them, other programs and odd names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unheard import saved_playlists as storage
from unheard.errors import UserError
from unheard.plays import Play, Plays, read_playlists, read_plays, replace_playlists
from unheard.plays.likes import import_likes
from unheard.plays.storage import remove_playlists
from unheard.saved_playlists import (
    change_playlist,
    delete_playlist,
    kept_version,
    read_saved,
    save_playlist,
    saved_playlists,
)
from unheard.thumbs import damaged_lines, rated, read_thumbs, set_thumb, thumb_of
from unheard.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w")


def test_a_playlist_is_saved_changed_and_deleted(workspace: Workspace) -> None:
    saved = save_playlist(workspace, "  Früh am   Morgen ", ["b", "a", "b"])
    assert (saved.saved_id, saved.name, saved.track_ids) == ("fruh-am-morgen", "Früh am Morgen", ("b", "a", "b"))
    assert read_saved(workspace, saved.saved_id) == saved
    renamed = change_playlist(workspace, saved.saved_id, name="Evening")
    assert renamed is not None
    assert (renamed.saved_id, renamed.track_ids, renamed.created) == (saved.saved_id, saved.track_ids, saved.created)
    reordered = change_playlist(workspace, saved.saved_id, track_ids=["a"])
    assert reordered == read_saved(workspace, saved.saved_id)
    assert reordered is not None
    assert (reordered.name, reordered.track_ids) == ("Evening", ("a",))
    assert delete_playlist(workspace, saved.saved_id)
    assert read_saved(workspace, saved.saved_id) is None
    assert not delete_playlist(workspace, saved.saved_id)
    assert change_playlist(workspace, saved.saved_id, name="x") is None


def test_no_more_playlists_are_saved_than_are_kept(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MAX_PLAYLISTS", 3)
    for name in ("a", "b", "c"):
        save_playlist(workspace, name, [])
    with pytest.raises(UserError, match="there are 3 saved playlists, and no more are kept; delete one"):
        save_playlist(workspace, "d", [])
    assert change_playlist(workspace, "a", name="e")  # those that are there can be changed
    assert delete_playlist(workspace, "b")
    assert save_playlist(workspace, "d", []).saved_id == "d"


@pytest.mark.parametrize(
    ("name", "saved_id"),
    [("Rain", "rain"), ("雨", "playlist"), ("../../etc", "etc"), ("My likes", "my-likes-2"), ("a" * 200, "a" * 50)],
)
def test_every_name_gets_a_file_of_its_own_inside_the_folder(workspace: Workspace, name: str, saved_id: str) -> None:
    saved = save_playlist(workspace, name, [])
    again = save_playlist(workspace, name, [])
    assert saved.saved_id == saved_id
    assert again.saved_id not in (saved_id, "my-likes")
    assert sorted(path.stem for path in workspace.saved_dir.iterdir()) == sorted({saved.saved_id, again.saved_id})
    assert {one.name for one in saved_playlists(workspace)[0]} == {name}


@pytest.mark.parametrize("name", ["", " \t ", "a" * 201])
def test_a_name_must_be_usable(workspace: Workspace, name: str) -> None:
    with pytest.raises(UserError, match="name: expected 1 to 200 characters"):
        save_playlist(workspace, name, [])


@pytest.mark.parametrize("saved_id", ["..", "../secret", "a/b", "A", "", "no\nline"])
def test_no_id_leads_out_of_the_folder(workspace: Workspace, saved_id: str) -> None:
    (workspace.root / "secret.json").write_text("{}")
    assert read_saved(workspace, saved_id) is None
    assert not delete_playlist(workspace, saved_id)


def test_a_damaged_file_does_not_stop_the_others(workspace: Workspace) -> None:
    good = save_playlist(workspace, "Good", ["a"])
    content = json.loads((workspace.saved_dir / "good.json").read_text())
    broken = {
        "cut": '{"format": "unheard sav',
        "other": json.dumps({**content, "format": "something"}),
        "numbers": json.dumps({**content, "tracks": [1, 2]}),
        "newer": json.dumps({**content, "version": 2}),
        "list": "[]",
        "Big Name": json.dumps(content),
    }
    for name, text in broken.items():
        (workspace.saved_dir / f"{name}.json").write_text(text)
    found, problems = saved_playlists(workspace)
    assert found == [good]
    assert len(problems) == len(broken)
    assert all(any(f"{name}.json" in problem for problem in problems) for name in broken)


def test_thumbs_are_kept_in_order_and_taken_back(workspace: Workspace) -> None:
    assert read_thumbs(workspace) == ()
    for track_id, thumb in (("a", "up"), ("b", "down"), ("c", "up"), ("a\n\u2028/é", "up"), ("c", "down")):
        set_thumb(workspace, track_id, thumb)  # type: ignore[arg-type]
    assert rated(workspace, "up") == ("a", "a\n\u2028/é")
    assert rated(workspace, "down") == ("b", "c")
    assert thumb_of(workspace, "c") == "down"
    set_thumb(workspace, "b", None)
    set_thumb(workspace, "unknown", None)
    assert thumb_of(workspace, "b") is None
    assert rated(workspace, "down") == ("c",)


def test_thumbs_up_are_a_playlist_that_only_thumbs_change(workspace: Workspace) -> None:
    assert saved_playlists(workspace) == ([], [])
    set_thumb(workspace, "a", "up")
    (likes,) = saved_playlists(workspace)[0]
    assert (likes.saved_id, likes.name, likes.track_ids) == ("my-likes", "My likes", ("a",))
    assert read_saved(workspace, "my-likes") == likes
    for change in (
        lambda: change_playlist(workspace, "my-likes", name="x"),
        lambda: delete_playlist(workspace, "my-likes"),
    ):
        with pytest.raises(UserError, match="change their thumbs"):
            change()


def test_damaged_lines_are_reported_and_kept(workspace: Workspace) -> None:
    set_thumb(workspace, "a", "up")
    damaged = ('{"track_id": "b", "thumb": "sideways", "at": ""}', '{"track_id": "c", "thu', "[]", '{"track_id": "d"}')
    with workspace.thumbs_path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in damaged)
    assert rated(workspace, "up") == ("a",)
    assert damaged_lines(workspace) == damaged
    set_thumb(workspace, "e", "down")
    assert damaged_lines(workspace) == damaged
    assert (rated(workspace, "up"), rated(workspace, "down")) == (("a",), ("e",))


def test_every_change_has_another_version(workspace: Workspace) -> None:
    versions = [kept_version(workspace)]
    set_thumb(workspace, "a", "up")
    versions.append(kept_version(workspace))
    save_playlist(workspace, "One", ["a"])
    versions.append(kept_version(workspace))
    assert len(set(versions)) == len(versions)


def test_likes_are_plays_as_long_as_there_are_some(workspace: Workspace) -> None:
    assert import_likes(workspace) == 0
    replace_playlists(workspace, Plays.of([Play("other", "a", 0), Play("other", "x", 1)]))
    before = read_plays(workspace)
    save_playlist(workspace, "Rain", ["b"])  # perhaps never heard
    for track_id in ("b", "a"):
        set_thumb(workspace, track_id, "up")
    assert import_likes(workspace) == 2
    plays = read_plays(workspace)
    assert list(plays.playlist_ids) == ["other", "saved:my-likes"]
    assert plays.tracks_of("saved:my-likes") == ["b", "a"]
    assert [one.name for one in read_playlists(workspace)] == ["other", "My likes"]
    files = {path.name: path.stat().st_mtime_ns for path in workspace.plays_dir.iterdir()}
    assert import_likes(workspace) == 2
    assert {path.name: path.stat().st_mtime_ns for path in workspace.plays_dir.iterdir()} == files
    set_thumb(workspace, "b", "down")
    assert import_likes(workspace) == 1
    assert read_plays(workspace).tracks_of("saved:my-likes") == ["a"]
    set_thumb(workspace, "a", None)
    assert import_likes(workspace) == 0
    after = read_plays(workspace)
    assert (list(after), list(after.playlist_ids)) == (list(before), ["other"])
    remove_playlists(workspace, ["other", "never there"])
    assert len(read_plays(workspace)) == 0
