"""What is loaded: read once, kept while files stay, read again when they change, from many threads."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.builders import music_world as world
from tests.builders.command_line import run_command
from tests.builders.ears import deaf_ears
from tests.builders.server import eventually, running
from unheard.errors import MissingStageError
from unheard.inference.predictions import load_predictions
from unheard.library import Library
from unheard.models.ranker_recipe import Member, RankerRecipe
from unheard.models.rankers.ridge import Ridge
from unheard.recommend.recommenders import Scale
from unheard.recommend.scales import save_scale
from unheard.serve import answers
from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig
from unheard.serve.hearing import MOST_WAITING, BusyError, Ears
from unheard.serve.reading import MODEL_FILES, has_new_tracks, open_session, read_apart, versions
from unheard.serve.remembered import Remembered, Response, Responses
from unheard.serve.schema import Options
from unheard.serve.state import Loaded, Served
from unheard.splits import load_split
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace


@pytest.fixture
def held(own_workspace: Path) -> Iterator[Served]:
    made = Served(ServeConfig(workspace=own_workspace))
    yield made
    made.stop()


def add_track(root: Path, name: str) -> None:
    with Library(Workspace.open(root).library_path) as library, library.transaction():
        library.put_track(world.track(name, artist="Late Comer", title=name))


def test_a_reading_is_kept_until_a_file_changes(held: Served, own_workspace: Path) -> None:
    first = held.loaded()
    held.refresh()
    assert held.loaded() is first
    add_track(own_workspace, "late")
    assert held.loaded() is first  # until somebody looks
    held.refresh()
    assert "late" in held.loaded().catalogue.tracks.ids
    assert "late" not in first.catalogue.tracks.ids
    with pytest.raises(answers.NotFoundError):
        answers.track(first, "late")


@pytest.mark.slow
def test_a_running_server_notices_by_itself(own_workspace: Path) -> None:
    with running(ServeConfig(workspace=own_workspace)) as url:
        assert httpx.get(f"{url}/api/tracks/late", timeout=60).status_code == 404
        add_track(own_workspace, "late")
        assert eventually(lambda: httpx.get(f"{url}/api/tracks/late").status_code == 200)


def test_a_broken_file_leaves_the_last_good_reading(held: Served, own_workspace: Path) -> None:
    first = held.loaded()
    factors = own_workspace / "factors" / "artists.safetensors"
    good = factors.read_bytes()
    factors.write_bytes(b"broken")
    held.refresh()
    assert held.loaded() is first
    factors.write_bytes(good)
    held.refresh()
    assert held.loaded() is not first


@pytest.mark.parametrize("name", MODEL_FILES)
def test_each_file_of_a_model_makes_a_new_version(own_workspace: Path, name: str) -> None:
    workspace = Workspace.open(own_workspace)
    file = workspace.model_dir("artists", "toy") / name
    seen = [versions(workspace)]
    for content in (b"written", b"written again"):
        file.write_bytes(content)
        seen.append(versions(workspace))
    file.unlink()
    seen.append(versions(workspace))
    assert all(before != after for before, after in pairwise(seen))


def test_a_calibration_is_used_without_a_restart(own_workspace: Path) -> None:
    """`calibrate` writes scale.json alone; it decides where new tracks stand among known ones."""
    workspace = Workspace.open(own_workspace)
    fit_rankers(
        workspace, RankerRecipe("placed", "", ("statistics",), (Member(Ridge()),)), load_split(workspace, "artists")
    )
    held = Served(ServeConfig(workspace=own_workspace, model="placed"))
    options = Options(candidates="all", n=20)
    before = answers.for_playlist(held.loaded(), "p01", options)
    fingerprint = load_predictions(workspace, "artists", "placed").fingerprint
    save_scale(workspace, "artists", "placed", fingerprint, Scale(slope=1.0, offset=100.0))
    held.refresh()
    after = answers.for_playlist(held.loaded(), "p01", options)
    assert "warm" in {item.track.kind for item in before.items}
    assert "warm" not in {item.track.kind for item in after.items}  # an offset of 100 puts all others first
    held.stop()


def test_a_young_workspace_becomes_ready_without_a_restart(own_workspace: Path, tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "young").root
    held = Served(ServeConfig(workspace=root))
    with pytest.raises(MissingStageError):
        held.loaded()
    for path in own_workspace.iterdir():
        if path.is_dir():
            shutil.copytree(path, root / path.name)
        else:
            shutil.copy(path, root)
    held.refresh()
    assert len(held.loaded().catalogue) == 284
    held.stop()


def test_many_threads_get_the_same_answers_and_one_session_a_model(held: Served) -> None:
    loaded = held.loaded()
    tracks = [f"t{artist:02d}-0" for artist in range(20)]
    found: list[list[list[str]]] = []

    def ask() -> None:
        lists = [answers.similar(loaded, name, Options(model="ridge")) for name in tracks]
        found.append([[item.track.track_id for item in one.items] for one in lists])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(one == found[0] for one in found)
    assert loaded.session("ridge") is loaded.session("ridge")


def test_new_tracks_are_looked_for_only_where_a_model_can_hear_them(held: Served, heard_world: Path) -> None:
    assert not has_new_tracks(held.loaded().default)  # its predictions came without a model
    trained = Served(ServeConfig(workspace=heard_world / "workspace"))
    assert not has_new_tracks(trained.loaded().default)
    trained.stop()


@pytest.mark.parametrize("model", ["tiny", "tiny:factors"])
def test_tracks_that_were_scanned_since_are_new_to_a_model_and_its_factors(
    heard_world: Path, tmp_path: Path, model: str
) -> None:
    workspace = Workspace.open(shutil.copytree(heard_world / "workspace", tmp_path / "w"))
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "late.wav", rng.uniform(-0.3, 0.3, 22_050 * 4).astype(np.float32), 22_050)
    assert run_command("scan", "-w", workspace.root, tmp_path / "late.wav", "-j", 1).code == 0
    assert has_new_tracks(open_session(workspace, None, model))


def test_factors_of_models_that_rank_by_places_are_listed(own_workspace: Path) -> None:
    workspace = Workspace.open(own_workspace)
    fit_rankers(
        workspace, RankerRecipe("placed", "", ("statistics",), (Member(Ridge()),)), load_split(workspace, "artists")
    )
    held = Served(ServeConfig(workspace=own_workspace))
    listed = {model.name: model for model in answers.models(held.loaded())}
    assert list(listed)[:5] == ["placed", "toy", "toy@1", "toy@2", "placed:factors"]
    assert listed["placed:factors"].kind == "trained"
    assert listed["placed:factors"].hears_files
    held.stop()


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    made: list[int] = []

    def make(value: int) -> int:
        made.append(value)
        return value

    kept = Remembered(most=2)
    for value in (1, 2, 1, 3, 1, 2):
        assert kept.get(value, lambda value=value: make(value)) == value  # type: ignore[misc]
    assert made == [1, 2, 3, 2]
    assert len(kept) == 2

    answered = Responses(most_bytes=10)
    for name in "ab":
        answered.put(name, Response([], b"12345"))
    assert answered.get("a") is not None
    answered.put("c", Response([], b"123"))
    assert [name for name in "abc" if answered.get(name)] == ["a", "c"]
    answered.put("c", Response([], b"12345"))
    assert answered.get("a") is not None


def test_a_repeated_request_gets_the_same_bytes_and_headers(server_url: str) -> None:
    for path in ("/api/recommend/p07?n=4", "/tracks?q=song", "/api/tracks/t01-1"):
        first, second = httpx.get(server_url + path, timeout=60), httpx.get(server_url + path)
        assert first.content == second.content
        dated = {"date", "server"}
        assert {k: v for k, v in first.headers.items() if k not in dated} == {
            k: v for k, v in second.headers.items() if k not in dated
        }


def test_a_reading_made_apart_answers_as_one_made_here(held: Served) -> None:
    here = held.loaded()
    made = read_apart(held.workspace, None, None, threading.Event())
    assert made is not None
    session, shelves = made
    there = Loaded(session, shelves)
    assert shelves.catalogue is session.catalogue
    for track in here.catalogue.tracks.ids.take(np.arange(0, len(here.catalogue), 40)):
        for which in ("all", "cold", "warm"):
            options = Options(candidates=which)
            assert answers.similar(there, track, options) == answers.similar(here, track, options)
    for playlist in [name for name in here.catalogue.playlists if name.startswith("p")][:5]:
        assert answers.for_playlist(there, playlist, Options()) == answers.for_playlist(here, playlist, Options())
    assert answers.search(there, "song 1") == answers.search(here, "song 1")
    assert there.models == here.models


def test_stopping_ends_a_reading_apart(held: Served) -> None:
    stopping = threading.Event()
    stopping.set()
    assert read_apart(held.workspace, None, None, stopping) is None
    assert not [child for child in multiprocessing.active_children() if "_read_and_send" in str(child)]
    (held.workspace.library_path).write_bytes(b"broken")
    assert read_apart(held.workspace, None, None, threading.Event()) is None


@pytest.mark.slow
def test_a_library_that_is_damaged_under_a_running_server(own_workspace: Path) -> None:
    with running(ServeConfig(workspace=own_workspace)) as url:
        first = httpx.get(f"{url}/api/tracks", timeout=60).json()
        library = Workspace.open(own_workspace).library_path
        good = library.read_bytes()
        library.write_bytes(b"no library at all")
        assert httpx.get(f"{url}/api/tracks").json() == first
        library.write_bytes(good)
        add_track(own_workspace, "late")
        assert eventually(lambda: httpx.get(f"{url}/api/tracks/late").status_code == 200)


def test_what_is_forgotten_is_made_again() -> None:
    kept, made = Remembered(), iter(range(9))
    assert [kept.get(key, lambda: next(made)) for key in ("a", "b", "a")] == [0, 1, 0]
    kept.forget()
    assert len(kept) == 0
    assert kept.get("a", lambda: next(made)) == 2


def test_who_waits_for_another_model_is_told(held: Served) -> None:
    now = held.loaded()
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with now._making:
            begun.set()
            go_on.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(60)
    try:
        with pytest.raises(BusyError, match="try again"):
            now.session("ridge")
    finally:
        go_on.set()
        thread.join()
    assert now.session("ridge").model == "ridge"


def test_pages_are_answered_while_files_are_heard(own_workspace: Path, tmp_path: Path) -> None:
    """More uploads than may wait for a process that never ends hearing: a page needs none of their threads."""
    config = ServeConfig(workspace=own_workspace)
    app = make_app(config)
    held: Served = app.state.served
    held.ears = Ears(own_workspace, limit_s=5.0, make_hear=deaf_ears)
    file = {"file": ("x.wav", b"RIFF")}
    with running(config, app) as url, ThreadPoolExecutor(8) as people:
        httpx.get(f"{url}/api/tracks", timeout=60)
        uploads = [
            people.submit(httpx.post, f"{url}/api/recommend", files=file, timeout=60) for _ in range(MOST_WAITING + 3)
        ]
        eventually(lambda: any(upload.done() for upload in uploads))  # those too many are told so
        for path in ("/api/tracks", "/tracks", "/playlists", "/api/playlists", "/"):
            assert httpx.get(f"{url}{path}").status_code == 200
        assert not all(upload.done() for upload in uploads)
        held.ears.stop()
        assert 503 in {upload.result().status_code for upload in uploads}
