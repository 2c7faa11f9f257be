"""The play history: sums by hand, torn and damaged lines, two writers, and what becomes of it as plays."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.checksums import unseal
from unheard.errors import UserError
from unheard.play_history import MAX_PLAYERS, MAX_SKIP_S, Listen, ListenCounts, PlayHistory, add_listens, history
from unheard.plays import Play, Plays, read_playlists, read_plays, replace_playlists
from unheard.plays.listened import PLAYLIST_ID, import_listened
from unheard.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w")


def summed(*listens: tuple[str, float, str, str]) -> PlayHistory:
    found = PlayHistory()
    for track_id, at, event, player in listens:
        found.add(Listen(track_id, at, "play" if event == "play" else "start", player))
    return found


def test_plays_by_hand() -> None:
    found = summed(("a", 10, "play", "p"), ("b", 5, "play", "p"), ("a", 7, "play", "q"), ("a", 7.5, "play", "q"))
    assert found.counts == {"a": ListenCounts(3, 0, 7, 10), "b": ListenCounts(1, 0, 5, 5)}


def test_a_play_that_was_sent_twice_counts_once() -> None:
    assert summed(("a", 10, "play", "p"), ("a", 10, "play", "p")).counts["a"].plays == 1


@pytest.mark.parametrize(
    ("listens", "skips"),
    [
        ([("a", 100, "start", "p"), ("b", 110, "start", "p")], {"a": 1}),
        ([("a", 100, "start", "p"), ("b", 100 + MAX_SKIP_S + 1, "start", "p")], {}),  # too late to tell
        ([("a", 100, "start", "p"), ("a", 105, "play", "p"), ("b", 110, "start", "p")], {}),  # a short song
        ([("a", 100, "start", "p"), ("a", 110, "start", "p")], {}),  # from the beginning again
        ([("a", 100, "start", "p"), ("b", 110, "start", "q")], {}),  # another player
        ([("a", 100, "start", "r"), ("b", 110, "start", "r")], {}),  # a player that never reports plays
        ([("a", 100, "start", "p"), ("b", 90, "start", "p")], {}),  # a clock that was set back
        ([("a", 100, "start", "p"), ("b", 110, "start", "p"), ("c", 120, "start", "p")], {"a": 1, "b": 1}),
    ],
)
def test_skips_by_hand(listens: list[tuple[str, float, str, str]], skips: dict[str, int]) -> None:
    found = summed(("z", 1, "play", "p"), ("z", 2, "play", "q"), *listens)
    assert {name: one.skips for name, one in found.counts.items() if one.skips} == skips


def test_what_is_playing_ends_with_its_play() -> None:
    found = summed(("a", 100, "start", "p"), ("b", 100, "start", "q"), ("a", 200, "play", "p"))
    assert set(found.playing) == {"q"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99), st.sampled_from(["start", "play"]))))
def test_no_event_counts_twice(listens: list[tuple[str, int, str]]) -> None:
    found = summed(*((track_id, at, event, "p") for track_id, at, event in listens)).counts
    assert all(one.plays + one.skips > 0 for one in found.values())
    n_plays = sum(event == "play" for _, _, event in listens)
    assert sum(one.plays for one in found.values()) <= n_plays
    assert sum(one.skips for one in found.values()) <= max(0, len(listens) - n_plays - 1)


def test_lines_are_added_up_as_they_come(workspace: Workspace) -> None:
    assert history(workspace).counts == {}
    add_listens(workspace, [Listen("a", 10, "play", "p"), Listen("ü\u2028", 11, "play", "p")])
    first = history(workspace)
    assert {name: one.plays for name, one in first.counts.items()} == {"a": 1, "ü\u2028": 1}
    add_listens(workspace, [Listen("a", 20, "play", "p")])
    assert history(workspace).counts["a"].plays == 2
    assert first.counts["a"].plays == 1  # what was read stays as it is
    lines = workspace.played_path.read_text().splitlines()
    assert unseal(lines[0], workspace.played_path) == {"track_id": "a", "at": 10, "event": "play", "player": "p"}
    workspace.played_path.unlink()
    assert history(workspace).counts == {}
    add_listens(workspace, [Listen("b", 1, "play")])  # a new file, of another inode or shorter
    assert set(history(workspace).counts) == {"b"}


def test_a_torn_line_costs_no_other(workspace: Workspace) -> None:
    add_listens(workspace, [Listen("a", 10, "play", "p")])
    with workspace.played_path.open("a") as file:
        file.write('{"track_id": "b", "at": 1')
    assert set(history(workspace).counts) == {"a"}
    add_listens(workspace, [Listen("c", 30, "play", "p")])
    assert set(history(workspace).counts) == {"a", "c"}


@pytest.mark.parametrize(
    "line",
    [
        *("", "x", "{}", "[1]", "null", "\x00" * 9, "\ud7ff"),
        '{"track_id": 1, "at": 1, "event": "play", "player": ""}',
        '{"track_id": "a", "at": "1", "event": "play", "player": ""}',
        '{"track_id": "a", "at": 1, "event": "x", "player": ""}',
        '{"track_id": "a", "at": NaN, "event": "play", "player": ""}',
    ],
)
def test_damaged_lines_are_passed_over(workspace: Workspace, line: str) -> None:
    workspace.played_path.write_bytes(line.encode() + b"\n\xff\n")
    add_listens(workspace, [Listen("a", 10, "play", "p")])
    assert {name: one.plays for name, one in history(workspace).counts.items()} == {"a": 1}


def test_two_writers_lose_nothing(workspace: Workspace) -> None:
    def write(name: str) -> None:
        for at in range(50):
            add_listens(workspace, [Listen(name, at, "play")])

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    code = (
        "import sys; from pathlib import Path; from unheard.workspace import Workspace; "
        "from unheard.play_history import Listen, add_listens; w = Workspace.open(Path(sys.argv[1])); "
        "[add_listens(w, [Listen('c', at, 'play')]) for at in range(50)]"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(workspace.root)])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait(timeout=60) == 0
    assert {name: one.plays for name, one in history(workspace).counts.items()} == {"a": 50, "b": 50, "c": 50}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    workspace.played_path.mkdir()
    with pytest.raises(UserError, match=r"played\.jsonl: cannot be written"):
        add_listens(workspace, [Listen("a", 1, "play")])


# ------------------------------------------------------------------------------------------------------------ plays


def test_what_was_played_is_a_playlist_of_the_next_fit(workspace: Workspace) -> None:
    assert import_listened(workspace) == 0
    replace_playlists(workspace, Plays.of([Play("other", "a", 0)]))
    add_listens(workspace, [Listen("b", 50, "play", "p"), Listen("a", 60, "play", "p"), Listen("b", 70, "play", "p")])
    add_listens(
        workspace, [Listen("c", 100, "start", "p"), Listen("a", 105, "start", "p"), Listen("d", 110, "start", "p")]
    )
    assert import_listened(workspace) == 1
    mine = [play for play in read_plays(workspace) if play.playlist_id == PLAYLIST_ID]
    assert mine == [Play(PLAYLIST_ID, "b", 0, 2.0, 50.0)]  # a was skipped as often as it was played, c was only skipped
    assert [one.name for one in read_playlists(workspace)] == ["other", "My plays"]
    files = {path.name: path.stat().st_mtime_ns for path in workspace.plays_dir.iterdir()}
    assert import_listened(workspace) == 1
    assert {path.name: path.stat().st_mtime_ns for path in workspace.plays_dir.iterdir()} == files
    workspace.played_path.unlink()
    assert import_listened(workspace) == 0
    assert list(read_plays(workspace).playlist_ids) == ["other"]


def test_clients_that_call_themselves_by_ever_other_names_fill_no_memory() -> None:
    """The latest are remembered, and an old player that still plays stays."""
    found = PlayHistory()
    for number in range(3 * MAX_PLAYERS):
        found.add(Listen("a", float(number), "start", f"client {number}"))
        found.add(Listen("a", float(number), "play", f"other {number}"))
        found.add(Listen("b", float(number), "start", "phone"))
    assert len(found.playing) == len(found._players) == MAX_PLAYERS
    assert "phone" in found.playing
    assert f"client {3 * MAX_PLAYERS - 1}" in found.playing
