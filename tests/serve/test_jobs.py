"""Jobs through the API: real processes, real events, and a server that is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from tests.builders.server import eventually, running
from unheard.errors import UserError
from unheard.library import open_library
from unheard.serve.config import ServeConfig
from unheard.serve.jobs import Job, Jobs, State, process
from unheard.serve.jobs.log import LogReader, progress_of, text_for_people
from unheard.serve.jobs.requests import (
    ImportRequest,
    MapRequest,
    NotAllowedError,
    ScanRequest,
    SplitRequest,
    TrainRequest,
    allowed,
    command_line,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(audio_world: Path, tmp_path: Path) -> Path:
    return shutil.copytree(audio_world / "workspace", tmp_path / "w")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder whose scan takes a few seconds."""
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(60):
        samples = rng.uniform(-0.3, 0.3, 22_050 * 12).astype(np.float32)
        soundfile.write(folder / f"{number:02d}.wav", samples, 22_050)
    return folder


def over(client: httpx.Client, job_id: str) -> dict[str, object] | None:
    job: dict[str, object] = client.get(f"/api/jobs/{job_id}").json()
    return job if State(str(job["state"])).is_over else None


def events(client: httpx.Client, job_id: str) -> Iterator[dict[str, object]]:
    with client.stream("GET", f"/api/jobs/{job_id}/events", timeout=120) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line[6:])


def test_a_scan_reports_progress_and_its_tracks_are_served_without_a_restart(workspace: Path, music: Path) -> None:
    config = ServeConfig(workspace=workspace, music_roots=(music,))
    with running(config) as url, httpx.Client(base_url=url, timeout=60) as client:
        before = client.get("/api/health/ready").json()["tracks"]
        started = client.post("/api/jobs", json={"verb": "scan", "sources": ["."]})
        assert started.status_code == 202, started.text
        states = list(events(client, started.json()["job_id"]))
        assert states[-1]["state"] == "done"
        assert states[-1]["exit_code"] == 0
        steps = [step["progress"] for step in states if step["progress"]]
        assert steps[-1]["done"] == steps[-1]["total"] == 60  # type: ignore[index]
        job = client.get(f"/api/jobs/{states[-1]['job_id']}").json()
        assert "60 analysed" in job["output"] or "60" in job["output"]
        assert "{" not in job["output"]
        assert client.get("/api/jobs").json()[0]["job_id"] == job["job_id"]

        def read_again() -> bool:
            return bool(client.get("/api/health/ready").json()["tracks"] == before + 60)

        assert eventually(read_again)


def test_jobs_wait_for_each_other_and_can_be_cancelled(workspace: Path, music: Path) -> None:
    config = ServeConfig(workspace=workspace, music_roots=(music,))
    with running(config) as url, httpx.Client(base_url=url, timeout=60) as client:
        scan = client.post("/api/jobs", json={"verb": "scan", "sources": [str(music)]}).json()["job_id"]
        waiting = client.post("/api/jobs", json={"verb": "evaluate"}).json()["job_id"]
        wrong = client.post("/api/jobs", json={"verb": "train", "recipe": "no-such-recipe"}).json()["job_id"]
        for step in events(client, scan):
            if step["progress"]:
                break
        assert client.get(f"/api/jobs/{waiting}").json()["state"] == "queued"
        assert client.delete(f"/api/jobs/{waiting}").json()["state"] == "cancelled"
        assert client.delete(f"/api/jobs/{scan}").status_code == 202
        stopped = eventually(lambda: over(client, scan))
        assert stopped["state"] == "cancelled"
        assert "the same command continues from there" in str(stopped["output"])
        failed = eventually(lambda: over(client, wrong))
        assert (failed["state"], failed["exit_code"]) == ("failed", 2)
        assert "no-such-recipe" in str(failed["message"])
        again = client.post("/api/jobs", json={"verb": "scan", "sources": [str(music)]}).json()["job_id"]
        assert eventually(lambda: over(client, again))["state"] == "done"
        assert client.delete(f"/api/jobs/{again}").json()["state"] == "done"


def test_a_job_outlives_a_killed_server_and_is_shown_as_orphaned(workspace: Path, music: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["serve", "-w", str(workspace), "--port", str(port), "--music-root", str(music)]
    server = subprocess.Popen([sys.executable, "-m", "unheard", *command], stderr=subprocess.DEVNULL)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

        def start() -> str | None:
            try:
                answer = client.post("/api/jobs", json={"verb": "scan", "sources": [str(music)]})
            except httpx.ConnectError:
                return None
            return str(answer.json()["job_id"])

        job_id = eventually(start)
        eventually(lambda: client.get(f"/api/jobs/{job_id}").json()["progress"])
    pid = json.loads((workspace / "jobs" / f"{job_id}.json").read_text())["pid"]
    server.kill()
    server.wait()
    jobs = Jobs(workspace)
    os.kill(pid, signal.SIGSTOP)  # alive for as long as the test looks
    try:
        jobs.start()
        found = jobs.get(job_id)
        assert found is not None
        assert found.state is State.ORPHANED
        waiting = jobs.add(SplitRequest(verb="split"))
        assert jobs.get(waiting.job_id) == waiting  # no other job runs while the orphan does
        jobs.cancel(job_id)
        os.kill(pid, signal.SIGCONT)

        def is_over() -> bool:
            job = jobs.get(waiting.job_id)
            return job is not None and job.state.is_over

        assert eventually(is_over)
    finally:
        jobs.stop()


def test_stopping_the_server_stops_the_job(workspace: Path, music: Path) -> None:
    config = ServeConfig(workspace=workspace, music_roots=(music,))
    with running(config) as url, httpx.Client(base_url=url, timeout=60) as client:
        job_id = client.post("/api/jobs", json={"verb": "scan", "sources": [str(music)]}).json()["job_id"]
        next(events(client, job_id))
    kept = json.loads((workspace / "jobs" / f"{job_id}.json").read_text())
    assert kept["state"] in ("cancelled", "queued")


def test_damaged_records_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    for name, text in (("a.json", "{"), ("b.json", "[]"), ("20200101-000000-abcdef.json", '{"job_id": "../../x"}')):
        (tmp_path / "jobs" / name).write_text(text)
    assert Jobs(tmp_path).all() == []


def test_the_number_of_waiting_jobs_is_limited(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)  # never started
    for _ in range(20):
        jobs.add(SplitRequest(verb="split"))
    with pytest.raises(UserError, match="20 jobs are waiting"):
        jobs.add(SplitRequest(verb="split"))
    assert len(Jobs(tmp_path).all()) == 20


def test_a_job_that_cannot_start_fails_and_the_next_one_runs(workspace: Path) -> None:
    jobs = Jobs(workspace)
    lost = jobs.add(SplitRequest(verb="split"))
    shutil.rmtree(jobs.folder)
    jobs.folder.write_text("a file where the folder was")

    def ended(job_id: str) -> Job | None:
        job = jobs.get(job_id)
        return job if job is not None and job.state.is_over else None

    jobs.start()
    try:
        failed = eventually(lambda: ended(lost.job_id))
        assert failed.state is State.FAILED
        assert "Not a directory" in failed.message
        assert failed.ended_at is not None
        with pytest.raises(UserError, match="cannot be written"):
            jobs.add(SplitRequest(verb="split"))
        assert len(jobs.all()) == 1  # a job whose file cannot be written is not added
        jobs.folder.unlink()
        again = jobs.add(SplitRequest(verb="split"))
        assert eventually(lambda: ended(again.job_id)).exit_code is not None
    finally:
        jobs.stop()


def test_a_job_that_cannot_be_followed_is_killed_and_fails(workspace: Path, music: Path) -> None:
    jobs = Jobs(workspace, (music,))
    jobs.start()
    try:
        scan = jobs.add(ScanRequest(verb="scan", sources=(str(music),)))

        def running() -> Job | None:
            job = jobs.get(scan.job_id)
            return job if job is not None and job.pid is not None and job.progress is not None else None

        pid = eventually(running).pid
        assert pid is not None
        shutil.rmtree(jobs.folder)
        jobs.folder.write_text("a file where the folder was")
        jobs.cancel(scan.job_id)

        def over() -> Job | None:
            job = jobs.get(scan.job_id)
            return job if job is not None and job.state.is_over else None

        assert eventually(over).state is State.FAILED
        assert not Path(f"/proc/{pid}").exists()
    finally:
        jobs.stop()


# ----------------------------------------------------------------------------------------------------- units


def test_paths_are_inside_the_allowed_folders(tmp_path: Path) -> None:
    root, outside, w = tmp_path / "music", tmp_path / "secret", tmp_path / "w"
    for folder in (root / "album", outside, w):
        folder.mkdir(parents=True)
    (root / "way-out").symlink_to(outside)
    (tmp_path / "music-more").mkdir()
    assert allowed("album", w, [root]) == root / "album"
    assert allowed(str(root / "album"), w, [root]) == root / "album"
    assert allowed(str(w), w, []) == w
    for path in ("..", "../secret", str(outside), "way-out", "/", "../music-more", "album/../../secret", "\0", "gone"):
        with pytest.raises(NotAllowedError):
            allowed(path, w, [root])


def test_no_value_is_taken_for_an_option(tmp_path: Path) -> None:
    (tmp_path / "--force").mkdir()
    words = command_line(ScanRequest(verb="scan", sources=("--force",)), tmp_path, [])
    assert words == ["scan", "-w", str(tmp_path), "-j", "1", "--", str(tmp_path / "--force")]
    words = command_line(TrainRequest(verb="train", recipe="ridge", split="live"), tmp_path, [])
    assert words == ["train", "-w", str(tmp_path), "--split", "live", "ridge"]


def test_the_factors_of_a_model_may_be_drawn(tmp_path: Path) -> None:
    words = command_line(MapRequest(verb="map", model="blend:factors@1"), tmp_path, [])
    assert words == ["map", "-w", str(tmp_path), "--model", "blend:factors@1"]
    for name in ("blend:other", ":factors", "--blend", "blend:factors@", "blend:factors:factors"):
        with pytest.raises(ValidationError):
            MapRequest(verb="map", model=name)
    with pytest.raises(ValidationError):
        TrainRequest(verb="train", recipe="blend:factors")


def test_a_growing_log_is_read_once(tmp_path: Path) -> None:
    now_s = 100.0
    log = tmp_path / "log"
    reader = LogReader(log, clock=lambda: now_s)
    assert not reader.read()
    with log.open("ab", buffering=0) as out:
        out.write(b'hello\n{"progress": "listening", "done": 10, "total": 100}\n{"progress": "liste')
        assert reader.read()
        assert (reader.message, reader.progress and reader.progress.eta_s) == ("hello", None)
        now_s += 5
        out.write(b'ning", "done": 20, "total": 100}\n\xff half a line')
        assert reader.read()
        assert reader.progress is not None
        assert (reader.progress.done, reader.progress.eta_s) == (20, 40.0)  # 2 a second, 80 are left
        assert not reader.read()
        out.write(b' done\n{"progress": 1}\n')
        reader.read()
    assert reader.message == '{"progress": 1}'
    assert text_for_people(log) == 'hello\n\ufffd half a line done\n{"progress": 1}\n'


@pytest.mark.parametrize("line", [b"", b"{}", b'{"progress"', b'{"progress": "x", "done": "many", "total": 1}', b"[1]"])
def test_other_lines_are_not_progress(line: bytes) -> None:
    assert progress_of(line) is None


def ended(jobs: Jobs, job: Job) -> Job:
    """Return a job when it is over."""
    return eventually(lambda: (found := jobs.get(job.job_id)) and (found if found.is_over else None), limit_s=120.0)


def test_a_name_in_a_job_s_output_ends_no_thread(workspace: Path, tmp_path: Path) -> None:
    """A title may hold what looks like a line of progress, with numbers that are none."""
    numbers = ("Infinity", "1" + "0" * 400)
    title = "\n".join(["", *(f'{{"progress": "x", "done": {number}, "total": 1}}' for number in numbers), ""])
    (tmp_path / "lists").mkdir()
    for number in range(2):
        content = {"playlist": {"title": title, "track": [{"title": title, "creator": "nobody"}]}}
        (tmp_path / "lists" / f"{number}.jspf").write_text(json.dumps(content))
    jobs = Jobs(workspace, (tmp_path,))
    jobs.start()
    try:
        for number in range(2):
            request = ImportRequest(verb="import", files=(f"lists/{number}.jspf",))
            added = jobs.add(request)
            done = ended(jobs, added)
            assert done.state in (State.DONE, State.FAILED)
            jobs.output(done)
    finally:
        jobs.stop()


@pytest.mark.parametrize(
    "line",
    [
        b'{"progress": "x", "done": Infinity, "total": 1}',
        b'{"progress": "x", "done": NaN, "total": 1}',
        b'{"progress": "x", "done": 1, "total": 1' + b"0" * 400 + b"}",
        b'{"progress": "x", "done": -1, "total": 1}',
        b'{"progress": "x", "done": "1", "total": 1}',
        b'{"progress": ' + b"[" * 100_000,
        b'{"progress": "x", "done": ' + b"1" * 5_000 + b', "total": 1}',
    ],
)
def test_what_is_no_progress(line: bytes) -> None:
    assert progress_of(line) is None


def test_an_unexpected_error_fails_one_job(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(workspace)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(process, "start", broken)
        jobs.start()
        try:
            first = jobs.add(SplitRequest(verb="split"))
            failed = ended(jobs, first)
            assert (failed.state, failed.message) == (State.FAILED, "cannot continue: a fault")
            patch.undo()
            second = jobs.add(SplitRequest(verb="split"))
            assert ended(jobs, second).message != failed.message
        finally:
            jobs.stop()


def test_a_table_leads_nowhere_else(workspace: Path, tmp_path: Path) -> None:
    """A job reads the files of a table below the named folders only; through a link that the owner made, too."""
    rng = np.random.default_rng(0)
    for folder in ("music", "private", "drive"):
        (tmp_path / folder).mkdir()
        samples = rng.uniform(-0.3, 0.3, 22_050 * 3).astype(np.float32)
        soundfile.write(tmp_path / folder / "a.wav", samples, 22_050)
    (tmp_path / "music" / "drive").symlink_to(tmp_path / "drive")
    tables = {
        "in.csv": "track_id,path\nx1,a.wav\nx2,drive/a.wav\n",
        "out.csv": f"track_id,path\nx3,{tmp_path / 'private' / 'a.wav'}\n",
        "up.csv": "track_id,path\nx4,../private/a.wav\n",
    }
    jobs = Jobs(workspace, (tmp_path / "music",))
    jobs.start()
    try:
        for name, text in tables.items():
            (tmp_path / "music" / name).write_text(text)
            added = jobs.add(ScanRequest(verb="scan", sources=(name,)))
            done = ended(jobs, added)
            assert done.state is (State.DONE if name == "in.csv" else State.FAILED), jobs.output(done)
            assert ("outside of the folders" in jobs.output(done)) is (name != "in.csv")
    finally:
        jobs.stop()
    with open_library(workspace / "library.sqlite") as library:
        ids = set(library.tracks().ids)
    assert {"x1", "x2"} <= ids
    assert not {"x3", "x4"} & ids
