"""Several processes serve one workspace: the same answers, one that runs the jobs, and a successor when it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.builders import music_world as world
from tests.builders.server import eventually
from unheard.errors import AudioError, Reason, UserError
from unheard.file_lock import one_writer
from unheard.library import Library, Track
from unheard.recommend.seeds import NewTrack
from unheard.recommend.shortlist import MIN_TRACKS_VARIABLE
from unheard.serve.audio_worker import AudioWorker, BusyError
from unheard.serve.config import ServeConfig
from unheard.serve.jobs import Jobs, State
from unheard.serve.jobs.requests import SplitRequest
from unheard.serve.owner import Owner
from unheard.serve.shared_audio import AudioListener, SharedAudioWorker
from unheard.serve.state import ServerState
from unheard.thumbs import rated
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


@contextmanager
def serving(root: Path, processes: int, **environment: str) -> Iterator[str]:
    """Run `unheard serve --processes`; yield its address when it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "unheard", "serve", "-w", str(root), "--port", str(port)]
    with (root / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--processes", str(processes)], env={**os.environ, **environment}, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        assert server.poll() is None, (root / "server.log").read_text()
        try:
            return httpx.get(f"{url}/api/health/ready", timeout=60).status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(is_ready)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def every_process(url: str, path: str, n: int) -> list[httpx.Response]:
    """Return answers over `n` new connections at the same time, which reach several processes."""
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.get(url + path, timeout=60))

    threads = [threading.Thread(target=ask) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == n
    return answers


@pytest.mark.long
@pytest.mark.parametrize("large_from", ["1", "100000"])
def test_processes_give_the_same_answers_and_see_later_tracks_and_jobs(own_workspace: Path, large_from: str) -> None:
    with serving(own_workspace, 2, **{MIN_TRACKS_VARIABLE: large_from}) as url:
        assert (own_workspace / "snapshots").exists() == (large_from == "1")
        for path in ("/api/recommend/p07?n=4", "/tracks?q=song", "/api/tracks/t01-1/similar", "/"):
            answers = every_process(url, path, 12)
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.content for answer in answers}) == 1
        with Library(Workspace.open(own_workspace).library_path) as library, library.transaction():
            library.put_track(world.track("late", artist="Late Comer", title="late"))

        def is_everywhere() -> bool:
            return all(answer.status_code == 200 for answer in every_process(url, "/api/tracks/late", 12))

        eventually(is_everywhere)
        jobs = [httpx.post(f"{url}/api/jobs", json={"verb": "split"}, timeout=60).json()["job_id"] for _ in range(2)]

        def are_done() -> bool:
            return all(
                {job["state"] for job in answer.json()} <= {"done", "failed"} and len(answer.json()) == len(jobs)
                for answer in every_process(url, "/api/jobs", 6)
            )

        eventually(are_done, limit_s=180)
        assert {job["state"] for job in httpx.get(f"{url}/api/jobs", timeout=60).json()} == {"done"}
        ran = sorted(httpx.get(f"{url}/api/jobs", timeout=60).json(), key=lambda job: job["started_at"])
        assert all(one["ended_at"] <= other["started_at"] for one, other in pairwise(ran))


def test_one_process_is_the_owner_and_another_takes_over(tmp_path: Path) -> None:
    first, second = Owner(tmp_path), Owner(tmp_path)
    assert first.try_to_become()
    assert not second.try_to_become()
    assert (first.is_here, first.is_elsewhere, second.is_here, second.is_elsewhere) == (True, False, False, True)
    first.say({"audio": "here"})
    second.say({"audio": "not the owner"})
    assert second.said() == {"audio": "here"}
    assert (tmp_path / "serve.lock").stat().st_mode & 0o077 == 0
    first.release()
    assert second.try_to_become()
    assert second.said() == {}
    assert not first.try_to_become()
    second.release()


def test_a_killed_owner_is_replaced(tmp_path: Path) -> None:
    code = f"""
import sys, time, pathlib
from unheard.serve.owner import Owner
owner = Owner(pathlib.Path({str(tmp_path)!r}))
print(owner.try_to_become(), flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "True\n"
    here = Owner(tmp_path)
    assert not here.try_to_become()
    child.kill()
    child.communicate()
    assert here.try_to_become()
    here.release()


def test_jobs_of_another_process_are_run_seen_and_cancelled(own_workspace: Path) -> None:
    runs, other = Jobs(own_workspace), Jobs(own_workspace)
    waiting = [other.add(SplitRequest(verb="split")) for _ in range(2)]
    batch = other.add_batch([SplitRequest(verb="split"), SplitRequest(verb="split")])
    assert [job.job_id for job in runs.all()][::-1] == [job.job_id for job in (*waiting, *batch)]
    other.cancel(waiting[1].job_id)
    runs.start()
    try:

        def ended() -> bool:
            return all(job.is_over for job in other.all())

        eventually(ended)
        states = [job.state for job in other.all()][::-1]
        assert states == [State.DONE, State.CANCELLED, State.DONE, State.DONE]
        assert states == [job.state for job in runs.all()][::-1]
        assert not list((own_workspace / "jobs").glob("*.cancel"))
    finally:
        runs.stop()


class Encoder:
    """Encodes files by their names."""

    def __init__(self) -> None:
        self.asked: list[tuple[Path, str | None]] = []

    def __call__(self, file: Path, model: str | None) -> NewTrack:
        import numpy as np

        if file.name == "bad":
            raise AudioError(file, Reason.UNREADABLE, "not audio")
        if file.name == "no model":
            raise UserError("cannot encode files")
        return NewTrack(Track(track_id="new", title=f"{file.name} {model}"), np.ones(3, np.float32), None, frozenset())


def make_encoder(root: Path, split: str | None, model: str | None) -> Encoder:
    return Encoder()


def test_another_process_encodes_files_with_the_worker_of_the_owner(tmp_path: Path) -> None:
    owner, other = Owner(tmp_path), Owner(tmp_path)
    shared = SharedAudioWorker(other)
    with pytest.raises(BusyError):
        shared.encode_file(Path("good"))
    warm = [shared.is_warm]
    assert owner.try_to_become()
    worker = AudioWorker(tmp_path, make_encoder=make_encoder)
    listener = AudioListener(worker)
    owner.say(listener.said)
    try:
        assert shared.encode_file(Path("good"), "m").track.title == "good m"
        warm.append(shared.is_warm)
        assert warm == [False, True]
        with pytest.raises(AudioError, match="not audio"):
            shared.encode_file(Path("bad"))
        with pytest.raises(UserError, match="cannot encode"):
            shared.encode_file(Path("no model"))
        owner.say({**listener.said, "audio_secret": "wrong"})
        with pytest.raises(BusyError):
            shared.encode_file(Path("good"))
        owner.say(listener.said)
        assert shared.encode_file(Path("again")).track.title == "again None"
    finally:
        listener.close()
        worker.stop()
        owner.release()
    assert not Path(listener.said["audio"]).parent.exists()


def test_writers_in_several_processes_lose_nothing(own_workspace: Path) -> None:
    code = """
import sys, pathlib
from unheard.thumbs import set_thumb
from unheard.workspace import Workspace
workspace = Workspace.open(pathlib.Path(sys.argv[1]))
for number in range(20):
    set_thumb(workspace, f"{sys.argv[2]}-{number}", "up")
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, str(own_workspace), name]) for name in "abc"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    expected = {f"{name}-{number}" for name in "abc" for number in range(20)}
    assert set(rated(Workspace.open(own_workspace), "up")) >= expected


def test_one_writer_may_write_inside_its_own_block(tmp_path: Path) -> None:
    with one_writer(tmp_path), one_writer(tmp_path):
        (tmp_path / "x").write_text("x")
    with one_writer(tmp_path / "missing"):
        pass


def test_a_second_server_of_a_large_catalogue_waits_for_the_stored_snapshot(
    own_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIN_TRACKS_VARIABLE, "1")
    owner = Owner(own_workspace)
    assert owner.try_to_become()
    server = ServerState(ServeConfig(workspace=own_workspace))
    assert not server.owner.try_to_become()
    from unheard.serve.stored_snapshot import store_snapshot

    asked = threading.Thread(target=server.refresh)
    asked.start()
    assert not server.has_snapshot
    assert store_snapshot(server.workspace, None, None)
    asked.join(timeout=60)
    first = server.snapshot()
    with Library(server.workspace.library_path) as library, library.transaction():
        library.put_track(world.track("late", artist="Late Comer", title="late"))
    server.refresh(in_process=True)
    assert server.snapshot() is first  # until the owner has stored another one
    assert store_snapshot(server.workspace, None, None)
    server.refresh(in_process=True)
    assert "late" in server.snapshot().catalogue.tracks.ids
    server.stop()
    owner.release()
    shutil.rmtree(own_workspace / "snapshots")
    assert json.loads((own_workspace / "serve.lock").read_text()) == {}
