"""What the pages of runs say, over HTTP: an orphan that lives, one that does not, times, and names of experiments."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders.server import eventually, running
from unheard.serve.config import ServeConfig
from unheard.serve.jobs import Job, State, process, record
from unheard.serve.pages.job_view import JobView

pytestmark = pytest.mark.slow

LEFT = "20260102-030405-abcdef"


@pytest.fixture
def left_alive(own_workspace: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a job whose server died, until SIGINT."""
    running = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], stderr=subprocess.DEVNULL)
    keep_left(own_workspace, running.pid)
    yield running
    running.kill()
    running.wait()


def keep_left(workspace: Path, pid: int) -> None:
    """The record of a running job, as a server that died has left it."""
    (workspace / "jobs").mkdir(exist_ok=True)
    began = time.time() - 3700
    job = Job(
        job_id=LEFT,
        verb="evaluate",
        command=("evaluate",),
        state=State.RUNNING,
        created_at=began,
        started_at=began,
        pid=pid,
        process_started=process.started(pid),
    )
    record.write(workspace / "jobs", job)


def test_an_orphan_that_runs_is_shown_and_cancelled(own_workspace: Path, left_alive: subprocess.Popen[bytes]) -> None:
    with running(ServeConfig(workspace=own_workspace)) as url, httpx.Client(base_url=url, timeout=60) as client:
        told = client.get(f"/api/jobs/{LEFT}").json()
        assert (told["state"], told["still_runs"]) == ("orphaned", True)
        client.post("/runs", data={"verb": "evaluate"})
        for path in ("/runs", f"/runs/{LEFT}"):
            page = client.get(path).text
            assert "still runs; no other job starts until it ends or is cancelled" in page
            assert "running for <span data-seconds=" in page
            assert "1 h 1 min" in page
            assert f'action="/runs/{LEFT}/cancel"' in page
        waiting = client.get("/api/jobs").json()[0]
        assert waiting["state"] == "queued"
        assert client.post(f"/runs/{LEFT}/cancel").status_code == 303
        left_alive.wait(timeout=60)
        ended = eventually(lambda: job if not (job := client.get(f"/api/jobs/{LEFT}").json())["still_runs"] else None)
        assert (ended["state"], ended["message"]) == (
            "orphaned",
            "the server ended while the job was running; start it again",
        )
        assert ended["ended_at"] is not None
        eventually(lambda: client.get(f"/api/jobs/{waiting['job_id']}").json()["started_at"])
        page = client.get(f"/runs/{LEFT}").text
        assert "start it again" in page
        assert "/cancel" not in page


def test_an_orphan_that_has_ended_is_shown(own_workspace: Path) -> None:
    over = subprocess.Popen([sys.executable, "-c", ""])
    keep_left(own_workspace, over.pid)
    over.wait()
    for _ in range(2):  # and so it is after another start
        with running(ServeConfig(workspace=own_workspace)) as url, httpx.Client(base_url=url) as client:
            page = client.get("/runs").text
            assert "the server ended while the job was running; start it again" in page
            assert "/cancel" not in page
            assert "running for" not in page


def test_an_orphan_dies_between_two_servers(own_workspace: Path, left_alive: subprocess.Popen[bytes]) -> None:
    for still_runs in (True, False):
        with running(ServeConfig(workspace=own_workspace)) as url:
            assert httpx.get(f"{url}/api/jobs/{LEFT}").json()["still_runs"] is still_runs
        left_alive.kill()
        left_alive.wait()


def test_the_events_of_an_orphan_go_on_until_it_ends(own_workspace: Path, left_alive: subprocess.Popen[bytes]) -> None:
    told = []
    with (
        running(ServeConfig(workspace=own_workspace)) as url,
        httpx.stream("GET", f"{url}/api/jobs/{LEFT}/events", timeout=60) as answer,
    ):
        for line in answer.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line[6:])["still_runs"])
                left_alive.kill()
                left_alive.wait()
    assert told == [True, False]


def test_an_experiment_of_several_splits_names_the_split(own_workspace: Path) -> None:
    folder = own_workspace / "experiments"
    folder.mkdir()
    splits = json.loads((own_workspace / "splits.json").read_text())
    assert "artists" in json.dumps(splits)
    for name, title in (
        ("rivals-artists", "Rivals"),
        ("rivals-gone", "Rivals"),
        ("leak", "The leak"),
    ):
        (folder / f"{name}.json").write_text(json.dumps({"title": title, "about": "", "tables": []}))
    with running(ServeConfig(workspace=own_workspace)) as url:
        page = httpx.get(f"{url}/runs").text
    named = re.findall(r'<a href="/experiments/([^"]+)"><bdi>([^<]+)</bdi>', page)
    assert named == [
        ("leak", "The leak"),
        ("rivals-artists", "Rivals, split artists"),
        ("rivals-gone", "Rivals (rivals-gone)"),
    ]


@pytest.mark.parametrize(
    ("state", "still_runs", "word", "took", "running_s"),
    [
        (State.QUEUED, False, "waiting", "", None),
        (State.RUNNING, False, "running", "", 100),
        (State.DONE, False, "done", "1 min 5 s", None),
        (State.ORPHANED, True, "still runs", "", 100),
        (State.ORPHANED, False, "lost", "", None),
    ],
)
def test_what_is_said_of_a_job(state: State, still_runs: bool, word: str, took: str, running_s: int | None) -> None:
    job = Job(
        job_id=LEFT,
        verb="map",
        command=("map",),
        state=state,
        created_at=0.0,
        started_at=None if state is State.QUEUED else 20.0,
        ended_at=85.0 if state is State.DONE else None,
        still_runs=still_runs,
    )
    shown = JobView(job, now=120.0)
    assert (shown.state, shown.took, shown.running_s) == (word, took, running_s)
    assert (shown.requested_at, shown.requested) == ("1970-01-01T00:00:00Z", "1970-01-01 00:00 UTC")
    assert job.is_over == (state is State.DONE or word == "lost")
