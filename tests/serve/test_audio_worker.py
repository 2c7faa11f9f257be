"""Files outside the library are encoded by a separate process; a hostile file can end that process and nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing.context
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

import unheard
from tests.builders.audio_workers import hostile_encoder
from tests.builders.audio_world import copy_workspace
from tests.builders.command_line import run_command
from tests.builders.server import eventually, running
from tests.serve.test_placeholders import placeholders
from unheard.errors import AudioError, Reason, UserError
from unheard.serve.app import make_app
from unheard.serve.audio_worker import MAX_WAITING, AudioWorker, BusyError
from unheard.serve.config import ServeConfig
from unheard.session import Session

pytestmark = pytest.mark.slow


@pytest.fixture
def audio_worker(tmp_path: Path) -> Iterator[AudioWorker]:
    made = AudioWorker(tmp_path, timeout_s=1.0, make_encoder=hostile_encoder)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("name", "reason"), [("crash", Reason.CRASHED), ("exit", Reason.CRASHED), ("hang", Reason.TIMED_OUT)]
)
def test_a_file_that_ends_the_process_fails_alone(audio_worker: AudioWorker, name: str, reason: Reason) -> None:
    before = audio_worker.encode_file(Path("good"))
    with pytest.raises(AudioError) as raised:
        audio_worker.encode_file(Path(name))
    assert raised.value.reason is reason
    after = audio_worker.encode_file(Path("good"))
    assert after.track.title == "good"
    assert after.vector != before.vector  # another process


@pytest.mark.parametrize(
    ("name", "error"),
    [("bug", "ZeroDivisionError: oh"), ("mistake", "name another model"), ("silent", "nothing in it")],
)
def test_errors_are_returned_and_the_process_stays(audio_worker: AudioWorker, name: str, error: str) -> None:
    before = audio_worker.encode_file(Path("good"))
    with pytest.raises(UserError, match=error):
        audio_worker.encode_file(Path(name))
    assert audio_worker.encode_file(Path("good")).vector == before.vector


def test_the_number_of_waiting_files_is_limited(audio_worker: AudioWorker) -> None:
    def wait_for_ever() -> None:
        with contextlib.suppress(AudioError):
            audio_worker.encode_file(Path("hang"))

    waiting = [threading.Thread(target=wait_for_ever) for _ in range(MAX_WAITING)]
    for thread in waiting:
        thread.start()

    def is_busy() -> bool:
        try:
            audio_worker.encode_file(Path("good"))
        except BusyError:
            return True
        except AudioError:
            return False
        return False

    assert eventually(is_busy)
    audio_worker.stop()
    for thread in waiting:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in waiting)


def test_a_stop_while_the_process_is_being_started_ends_it(
    audio_worker: AudioWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = multiprocessing.context.SpawnProcess.start

    def stopped_meanwhile(process: multiprocessing.context.SpawnProcess) -> None:
        start(process)
        audio_worker._stopped = True  # what `stop` does before it looks for a process

    audio_worker.stop()
    audio_worker._stopped = False
    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "start", stopped_meanwhile)
    with pytest.raises(AudioError):
        audio_worker.encode_file(Path("hang"))


def test_it_becomes_warm_and_stopping_it_ends_waiting_requests(audio_worker: AudioWorker) -> None:
    assert eventually(lambda: audio_worker.is_warm)
    raised: list[Exception] = []

    def wait_for_ever() -> None:
        try:
            audio_worker.encode_file(Path("hang"))
        except AudioError as error:
            raised.append(error)

    waiting = threading.Thread(target=wait_for_ever)
    waiting.start()
    audio_worker.stop()
    waiting.join(timeout=30)
    assert not waiting.is_alive()
    with pytest.raises(AudioError):
        audio_worker.encode_file(Path("good"))


# ------------------------------------------------------------------------------------------------- through a server


@pytest.fixture(scope="module")
def worker_url(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose uploads are in a folder of their own: other processes of the suite upload files too."""
    with pytest.MonkeyPatch.context() as patched, running(ServeConfig(workspace=audio_world / "workspace")) as url:
        patched.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("uploads")))
        eventually(lambda: httpx.get(f"{url}/api/health/ready", timeout=60).json().get("audio_worker_is_warm"))
        yield url


def song(path: Path) -> Path:
    rng = np.random.default_rng(3)
    samples = 0.2 * np.sin(2 * np.pi * 330 * np.arange(4 * 22_050) / 22_050) + 0.01 * rng.standard_normal(4 * 22_050)
    soundfile.write(path, samples.astype(np.float32), 22_050)
    return path


def leftovers() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("unheard-upload-*"))


def test_an_upload_gets_the_recommendations_of_the_session_and_is_deleted(
    worker_url: str, audio_world: Path, tmp_path: Path
) -> None:
    file = song(tmp_path / "My demo.wav")
    before = leftovers()
    with file.open("rb") as sound:
        answer = httpx.post(f"{worker_url}/api/recommend?n=5", files={"file": sound}, timeout=60)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    expected = unheard.open(audio_world / "workspace").recommend(like=[str(file)], n=5)
    assert [one["track"]["track_id"] for one in found["items"]] == expected[0]
    assert [one["score"] for one in found["items"]] == pytest.approx(expected[1].tolist(), rel=1e-5)
    assert found["file"] == {"title": "My demo", "artist": "", "confidence": None}  # a network returns no statistics
    assert leftovers() == before


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp3", b"", "empty"),
        ("noise.mp3", bytes(range(256)) * 50, ""),
        ("text.wav", b"RIFF but not really", ""),
        ("../../etc/passwd", b"root:x:0:0", ""),
        ("x" * 500 + ".flac", b"fLaC" + bytes(1000), ""),
        ("\u202egpj.\n.ogg", b"OggS" + bytes(100), ""),
    ],
)
def test_hostile_uploads_fail_and_leave_no_file(worker_url: str, name: str, content: bytes, reason: str) -> None:
    before = leftovers()
    answer = httpx.post(f"{worker_url}/api/recommend", files={"file": (name, content)}, timeout=60)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "unusable_audio"), answer.text
    assert answer.json()["message"].startswith(reason)
    assert "unheard-upload" not in answer.text
    assert leftovers() == before
    assert httpx.get(f"{worker_url}/api/health/live").status_code == 200


def test_a_killed_worker_costs_its_own_request_only(audio_world: Path, tmp_path: Path) -> None:
    """Killed from outside while it encodes, as by a system without memory; the next upload has a new one."""
    config = ServeConfig(workspace=copy_workspace(audio_world, tmp_path))  # of which no other server is the owner
    app = make_app(config)
    worker = app.state.server.own_worker
    file = song(tmp_path / "mine.wav").read_bytes()
    answers: list[httpx.Response] = []

    def send(url: str, name: str) -> None:
        answers.append(httpx.post(f"{url}/api/recommend", files={"file": (name, file)}, timeout=120))

    with running(config, app) as url:
        eventually(lambda: httpx.get(f"{url}/api/health/ready", timeout=60).json().get("audio_worker_is_warm"))
        process = worker._process
        os.kill(process.pid, signal.SIGSTOP)  # so that the request is in it when it is killed
        waiting = threading.Thread(target=send, args=(url, "first.wav"))
        waiting.start()
        eventually(worker._busy.locked)
        assert httpx.get(f"{url}/api/tracks?limit=1", timeout=30).status_code == 200
        os.kill(process.pid, signal.SIGKILL)
        waiting.join(timeout=60)
        send(url, "second.wav")
        assert [answer.status_code for answer in answers] == [422, 200]
        assert answers[0].json()["error_code"] == "unusable_audio"
        assert worker._process.pid != process.pid


def test_a_model_that_cannot_encode_files_is_refused(worker_url: str) -> None:
    answer = httpx.post(f"{worker_url}/api/recommend?model=ridge", files={"file": ("a.wav", b"x")}, timeout=60)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "bad_request")


def test_an_uploaded_file_has_a_confidence(audio_world: Path, tmp_path: Path) -> None:
    """Computed from the features of the upload, it equals the confidence of the file decoded again."""
    root = shutil.copytree(audio_world / "workspace", tmp_path / "w")
    ran = run_command("train", "-w", root, "artist-shrinkage", "--split", "artists")
    assert ran.code == 0, ran
    file = song(tmp_path / "mine.wav")
    session = Session(root, split="artists", model="artist-shrinkage")
    new_track = session.encode_file(file)
    assert new_track.statistics is not None
    again = session.confidence(replace(new_track, statistics=None))
    assert session.confidence(new_track) == again
    config = ServeConfig(workspace=root, split="artists", model="artist-shrinkage")
    with running(config) as url:
        answer = httpx.post(f"{url}/api/recommend", files={"file": (file.name, file.read_bytes())}, timeout=120).json()
        assert answer["file"]["confidence"] == pytest.approx(again)
        page = httpx.post(f"{url}/drop", files={"file": (file.name, file.read_bytes())}, timeout=120).text
    assert "Confidence" in page
    assert "Tracks whose plays the experiment split &#39;artists&#39; holds out, and tracks without plays." in page
    assert placeholders(page) == []
