"""The start in a browser, over HTTP: which folders it lists and reads, and what happens when a stage fails."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.builders.server import eventually, running
from unheard.errors import UserError
from unheard.serve.config import ServeConfig
from unheard.serve.jobs import Jobs, State
from unheard.serve.jobs.requests import FactorsRequest, SplitRequest
from unheard.serve.music_folders import parent, subfolders
from unheard.workspace import Workspace


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with music, a hidden folder, and a link that leads out."""
    home = tmp_path_factory.mktemp("home")
    for name in ("Music/Béla/CD 1", "Musicals", ".secrets", "Playlists"):
        (home / name).mkdir(parents=True)
    outside = tmp_path_factory.mktemp("outside")
    (outside / "private").mkdir()
    (home / "way out").symlink_to(outside)
    rng = np.random.default_rng(0)
    for number in range(3):
        soundfile.write(home / "Music" / "Béla" / f"{number}.wav", rng.uniform(-0.5, 0.5, 22_050 * 8), 22_050)
    (home / "Playlists" / "broken.csv").write_text("colour,shape\nred,round\n")
    return home


@pytest.fixture(scope="module")
def client(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    w = Workspace.init(tmp_path_factory.mktemp("start") / "w")
    config = ServeConfig(workspace=w.root, music_roots=(home,))
    with running(config) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def finished(client: httpx.Client) -> list[tuple[str, str]]:
    """Wait for the end of all jobs; return (verb, state), in the order in which they were requested."""

    def over() -> list[tuple[str, str]] | None:
        jobs = client.get("/api/jobs").json()[::-1]
        states = [(job["verb"], job["state"]) for job in jobs]
        return states if all(State(state).is_over for _, state in states) else None

    return eventually(over)


def words(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_an_empty_workspace_starts_with_a_choice_of_folders(client: httpx.Client, home: Path) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/start")
    page = client.get("/start", params={"music": str(home)}).text
    assert "Start with your music" in page
    assert ">Music</bdi>" in page
    assert ".secrets" not in page
    assert 'href="/start"' in client.get("/tracks").text  # an error that leads here


def test_only_allowed_folders_are_listed(home: Path, tmp_path: Path) -> None:
    def listed(typed: str) -> list[str]:
        return [path.removeprefix(str(home)) for path in subfolders(typed, tmp_path, [home])]

    assert listed("") == [""]
    assert listed(str(home)) == ["/Music", "/Musicals", "/Playlists", "/way out"]
    assert listed(f"{home}/mus") == ["/Music", "/Musicals"]
    assert listed(f"{home}/Music/") == ["/Music/Béla"]
    for typed in ("/", "/etc", f"{home}/..", f"{home}/../", f"{home}/way out", f"{home}/way out/", "Music", "a\0b"):
        assert listed(typed) == [], typed
    assert listed("/" + "x" * 5000) == []
    assert parent(f"{home}/Music", tmp_path, [home]) == str(home)
    assert parent(str(home), tmp_path, [home]) == ""


def test_a_folder_outside_and_no_folder_are_refused(client: httpx.Client, home: Path) -> None:
    for values, status in (({"music": "/etc"}, 403), ({"music": f"{home}/way out"}, 403), ({}, 400)):
        assert client.post("/start", data=values).status_code == status
    assert client.get("/api/jobs").json() == []


def test_music_alone_gives_lists_by_sound_and_a_bad_list_is_told(client: httpx.Client, home: Path) -> None:
    answer = client.post("/start", data={"music": str(home / "Music")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/start")
    assert finished(client) == [("go", "done")]
    said = words(client.get("/start").text)
    assert "This workspace has 3 tracks and 0 playlists." in said

    client.post("/start", data={"playlists": str(home / "Playlists" / "broken.csv")})
    assert finished(client)[-1] == ("go", "done")
    job = client.get("/api/jobs").json()[0]
    assert "no playlists imported" in client.get(f"/runs/{job['job_id']}").text


def test_uploaded_lists_are_kept_under_safe_names(client: httpx.Client, home: Path) -> None:
    names = ["../../list.m3u", "list.m3u", "a\u202eb.m3u8"]
    uploads = [("files", (name, b"#EXTM3U\nnothing.mp3\n", "audio/x-mpegurl")) for name in names]
    for _ in range(2):  # the second time they replace the first
        answer = client.post("/start", data={"music": str(home / "Music")}, files=uploads)
        assert answer.status_code == 303, words(answer.text)
        finished(client)
    commands = [job["command"] for job in client.get("/api/jobs").json()]
    imports = [command[command.index("--playlists") + 1] for command in commands if "--playlists" in command]
    assert imports[0] == imports[1]
    folder = next(home.parent.glob("start*/w")) / imports[0]
    assert sorted(file.name for file in folder.iterdir()) == ["a_b.m3u8", "list 2.m3u", "list.m3u"]


def test_jobs_of_a_batch_are_added_all_or_none(tmp_path: Path) -> None:
    jobs = Jobs(Workspace.init(tmp_path / "w").root)  # never started
    split, factors = SplitRequest(verb="split"), FactorsRequest(verb="factors")
    first = jobs.add_batch([split, factors])
    assert len({job.batch for job in first}) == 1
    for _ in range(8):
        jobs.add_batch([split, factors])
    with pytest.raises(UserError, match="20 jobs are waiting"):
        jobs.add_batch([split, factors, factors])
    assert len(jobs.all()) == 18
