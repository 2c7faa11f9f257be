"""Listens: all of them and each once, page by page; only newer ones next time; a read that broke goes on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.builders.command_line import run_command
from tests.listenbrainz.stand_in import BROKEN, USER, StandIn
from unheard.errors import LockedError, UnheardError
from unheard.listenbrainz.client import ListenBrainz
from unheard.listenbrainz.listen_history import listens_path, read_listens_of
from unheard.locks import lock_path, try_lock
from unheard.plays import read_plays
from unheard.workspace import Workspace

PLAYLIST = f"listenbrainz-{USER}"


def fill(server: StandIn, times: list[int]) -> None:
    for number, at in enumerate(times):
        server.listen(at, f"Song {number % 7}", f"Artist {number % 40}")


def stored(workspace: Workspace) -> list[tuple[int, str]]:
    lines = listens_path(workspace, USER).read_text(encoding="utf-8").splitlines()
    return [(one["listened_at"], one["recording_msid"]) for one in map(json.loads, lines)]


def all_of(server: StandIn) -> list[tuple[int, str]]:
    return [(one["listened_at"], one["recording_msid"]) for one in server.listens]


@pytest.mark.parametrize("seed", range(5))
def test_every_listen_once_whatever_the_pages(
    workspace: Workspace, server: StandIn, api: ListenBrainz, seed: int
) -> None:
    """Several listens in one second, also where a page ends."""
    rng = np.random.default_rng(seed)
    fill(server, sorted(rng.integers(1, 60, 90).tolist()))
    server.per_page = int(rng.integers(8, 30))
    found = read_listens_of(workspace, api, USER)
    assert sorted(stored(workspace)) == sorted(set(all_of(server)))
    assert found.new == found.total == len(set(all_of(server)))
    assert [at for at, _ in stored(workspace)] == sorted(at for at, _ in stored(workspace))


def test_listens_become_plays_with_times(workspace: Workspace, server: StandIn, api: ListenBrainz) -> None:
    server.listen(1_700_000_300, "Song 2 (Remastered 2011)")
    server.listen(1_700_000_100, "SONG 1")
    server.listen(1_700_000_200, "Nothing that the library has")
    found = read_listens_of(workspace, api, USER)
    assert found.source is not None
    assert (found.source.found.matched, found.source.found.missed) == (2, 1)
    plays = [one for one in read_plays(workspace) if one.playlist_id == PLAYLIST]
    assert [(one.track_id, one.timestamp) for one in plays] == [("t09-1", 1_700_000_100), ("t09-2", 1_700_000_300)]


def test_only_newer_listens_are_read_next_time(workspace: Workspace, server: StandIn, api: ListenBrainz) -> None:
    fill(server, list(range(1000, 1100)))
    server.per_page = 10
    read_listens_of(workspace, api, USER)
    server.seen.clear()
    fill(server, [2000, 2001])
    found = read_listens_of(workspace, api, USER)
    assert (found.new, found.total, len(server.seen)) == (2, 102, 1)
    server.listens.insert(0, server.listens[3] | {"listened_at": 500})  # submitted late
    assert read_listens_of(workspace, api, USER).new == 0
    assert read_listens_of(workspace, api, USER, again=True).new == 1


@pytest.mark.parametrize("broken_after", [1, 4, 9])
def test_a_broken_read_goes_on_where_it_stopped(
    workspace: Workspace, server: StandIn, api: ListenBrainz, broken_after: int
) -> None:
    fill(server, list(range(1000, 1100)))
    server.per_page = 10
    server.refuse = {broken_after + tried: (BROKEN, {}) for tried in range(4)}
    with pytest.raises(UnheardError, match="no answer"):
        read_listens_of(workspace, api, USER)
    partial = listens_path(workspace, USER).with_suffix(".partial")
    with partial.open("a") as file:
        file.write('{"listened_at": 17, "track_meta')  # what a kill leaves
    oldest = min(json.loads(line)["listened_at"] for line in partial.read_text().splitlines()[:-1])
    fill(server, [3000])  # in the meantime
    server.seen.clear()
    found = read_listens_of(workspace, api, USER)
    assert sorted(stored(workspace)) == sorted(all_of(server))
    assert found.total == 101
    assert not partial.exists()
    first, *others = (int(seen.query.get("max_ts", 0)) for seen in server.seen)
    assert first == oldest + 1
    assert all(at <= oldest + 1 for at in others)


def test_one_process_reads_listens_at_a_time(workspace: Workspace, server: StandIn, api: ListenBrainz) -> None:
    fill(server, [1000])
    lock = lock_path(workspace.root, "listens")
    lock.parent.mkdir(exist_ok=True)
    with try_lock(lock) as taken:
        assert taken
        with pytest.raises(LockedError, match="another process reads listens"):
            read_listens_of(workspace, api, USER)
    assert read_listens_of(workspace, api, USER).new == 1


def test_a_user_without_listens(workspace: Workspace, server: StandIn) -> None:
    ran = run_command("listenbrainz", "-w", workspace.root)
    assert (ran.code, ran.stderr.strip()) == (0, f"{USER}: 0 new listens, 0 in all")


def test_an_unknown_user(workspace: Workspace, server: StandIn) -> None:
    ran = run_command("listenbrainz", "-w", workspace.root, "--user", "no/body")
    assert ran.code == 1
    assert "error: ListenBrainz has no user 'no/body'; check --user" in ran.stderr


def test_the_command(workspace: Workspace, server: StandIn) -> None:
    fill(server, list(range(1000, 1010)))
    ran = run_command("listenbrainz", "-w", workspace.root, "--json")
    assert ran.code == 0
    assert json.loads(ran.stdout) == {"user": USER, "new": 10, "listens": 10, "matched": 10, "thumbs": 0}
    assert "10 of 10 entries matched" in ran.stderr
    assert f"{PLAYLIST}\t10\t" in run_command("playlists", "-w", workspace.root, "listenbrainz").stdout
