"""Snapshots: snapshot once, kept until files change, replaced then, and shared by threads."""

from __future__ import annotations

import contextlib
import errno
import gc
import multiprocessing
import random
import shutil
import socket
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.builders import music_world as world
from tests.builders.audio_workers import hanging_encoder
from tests.builders.command_line import run_command
from tests.builders.server import eventually, process_of, running
from unheard.errors import MissingStageError
from unheard.factors.stage import compute_factors
from unheard.inference.predictions import load_predictions
from unheard.library import Library
from unheard.models.ranker_recipe import Member, RankerRecipe
from unheard.models.rankers.ridge import Ridge
from unheard.plays import Play, Plays, read_plays, replace_playlists
from unheard.recommend.calibrate import calibrate
from unheard.recommend.recommenders import Scale
from unheard.recommend.scales import save_scale
from unheard.serve import queries, state
from unheard.serve.app import make_app
from unheard.serve.audio_worker import MAX_WAITING, AudioWorker, BusyError
from unheard.serve.cache import Cache, StoredResponse, StoredResponses, size_of
from unheard.serve.config import ServeConfig
from unheard.serve.schema import ListParameters
from unheard.serve.snapshot import Snapshot
from unheard.serve.snapshot_files import MODEL_FILES, file_versions
from unheard.serve.snapshot_loader import has_new_tracks, load_in_process
from unheard.serve.state import ServerState
from unheard.serve.subsonic.music import music_of
from unheard.session import Session
from unheard.splits import LIVE, load_split, renew_live
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def server(own_workspace: Path) -> Iterator[ServerState]:
    made = ServerState(ServeConfig(workspace=own_workspace))
    yield made
    made.stop()


def add_track(root: Path, name: str) -> None:
    with Library(Workspace.open(root).library_path) as library, library.transaction():
        library.put_track(world.track(name, artist="Late Comer", title=name))


def test_a_snapshot_is_kept_until_a_file_changes(server: ServerState, own_workspace: Path) -> None:
    first = server.snapshot()
    server.refresh()
    assert server.snapshot() is first
    add_track(own_workspace, "late")
    assert server.snapshot() is first  # until somebody looks
    server.refresh()
    assert "late" in server.snapshot().catalogue.tracks.ids
    assert "late" not in first.catalogue.tracks.ids
    with pytest.raises(queries.NotFoundError):
        queries.track(first, "late")


@pytest.mark.parametrize("model", ["toy", "artist-mean"])
@pytest.mark.parametrize("index_from", ["1", "1000000"])
def test_a_replaced_snapshot_is_freed_at_once(
    own_workspace: Path, monkeypatch: pytest.MonkeyPatch, model: str, index_from: str
) -> None:
    """A cycle of references would keep all its arrays until Python looks at every object, which it rarely does.

    A catalogue of `index_from` tracks or more has its tables in a file, and finds lists by an index.
    """
    monkeypatch.setenv("UNHEARD_INDEX_FROM", index_from)
    server = ServerState(ServeConfig(workspace=own_workspace, model=model))
    first = server.snapshot()
    options = ListParameters(n=5, candidates="all")
    queries.for_playlist(first, first.catalogue.playlists[0], options)
    queries.similar(first, first.catalogue.tracks.ids[0], options)
    queries.search(first, "song")
    first.default.near_on_map(first.catalogue.tracks.ids[0], options=options.for_list)
    assert music_of(first).newest_albums
    parts = [weakref.ref(part) for part in (first, first.default, first.catalogue, first.browse_index)]
    gc.collect()
    gc.disable()
    try:
        add_track(own_workspace, "late")
        del first
        server.refresh()
        assert [part() for part in parts] == [None] * len(parts)
    finally:
        gc.enable()


@pytest.mark.slow
def test_a_running_server_detects_changes(own_workspace: Path) -> None:
    with running(ServeConfig(workspace=own_workspace)) as url:
        assert httpx.get(f"{url}/api/tracks/late", timeout=60).status_code == 404
        add_track(own_workspace, "late")
        assert eventually(lambda: httpx.get(f"{url}/api/tracks/late").status_code == 200)


@pytest.mark.parametrize("broken", ["file_versions", "has_new_tracks"])
def test_the_watching_thread_survives_any_error(
    own_workspace: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Too many open files, for example: what fails now may succeed a second later."""
    whole = getattr(state, broken)
    calls: list[None] = []
    fate = random.Random(0)  # every third call would be the same one of each round

    def failing(*arguments: object) -> object:
        calls.append(None)
        if fate.random() < 1 / 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return whole(*arguments)

    monkeypatch.setattr(state, broken, failing)
    with running(ServeConfig(workspace=own_workspace)) as url:
        assert httpx.get(f"{url}/api/tracks/late", timeout=60).status_code == 404
        add_track(own_workspace, "late")
        assert eventually(lambda: httpx.get(f"{url}/api/tracks/late").status_code == 200)
    assert calls


def test_an_index_that_cannot_be_opened_does_not_stop_a_new_snapshot(
    server: ServerState, own_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Session) -> None:
        raise OSError(errno.EIO, "Input/output error")

    first = server.snapshot()
    add_track(own_workspace, "late")
    monkeypatch.setattr(Session, "open_indexes", fail)
    server.refresh(in_process=True)
    assert server.snapshot() is not first
    assert "late" in server.snapshot().catalogue.tracks.ids


@pytest.mark.skipif(sys.platform == "win32", reason="ulimit")
def test_a_server_that_may_open_few_files_answers_and_still_sees_changes(own_workspace: Path) -> None:
    """200 idle connections ended the watching thread of a process with 128 files for good, and kept everybody out."""
    with process_of(own_workspace, open_files=128) as (url, _), contextlib.ExitStack() as stack:
        assert eventually(lambda: httpx.get(f"{url}/api/tracks/late", timeout=60).status_code == 404)
        port = int(url.rpartition(":")[2])
        for _ in range(200):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            idle.sendall(b"GET / HTTP/1.1\r\n")
        assert httpx.get(f"{url}/api/health/live", timeout=10).status_code == 200
        add_track(own_workspace, "late")
        assert eventually(lambda: httpx.get(f"{url}/api/tracks/late", timeout=10).status_code == 200)


def test_a_broken_file_leaves_the_previous_snapshot(server: ServerState, own_workspace: Path) -> None:
    first = server.snapshot()
    factors = own_workspace / "factors" / "artists.safetensors"
    good = factors.read_bytes()
    factors.write_bytes(b"broken")
    server.refresh()
    assert server.snapshot() is first
    factors.write_bytes(good)
    server.refresh()
    assert server.snapshot() is not first


@pytest.mark.parametrize("name", MODEL_FILES)
def test_each_file_of_a_model_makes_a_new_version(own_workspace: Path, name: str) -> None:
    workspace = Workspace.open(own_workspace)
    file = workspace.model_dir("artists", "toy") / name
    seen = [file_versions(workspace)]
    for content in (b"written", b"written again"):
        file.write_bytes(content)
        seen.append(file_versions(workspace))
    file.unlink()
    seen.append(file_versions(workspace))
    assert all(before != after for before, after in pairwise(seen))


def test_a_calibration_is_used_without_a_restart(own_workspace: Path) -> None:
    """`calibrate` writes scale.json alone; it decides where new tracks stand among known ones."""
    workspace = Workspace.open(own_workspace)
    fit_rankers(
        workspace,
        RankerRecipe("one-ridge", "", ("statistics",), (Member(Ridge()),)),
        load_split(workspace, "artists"),
    )
    server = ServerState(ServeConfig(workspace=own_workspace, model="one-ridge"))
    options = ListParameters(candidates="all", n=20)
    with pytest.raises(MissingStageError, match=r"scale\.json: lists of known and new tracks need the calibration"):
        queries.for_playlist(server.snapshot(), "p01", options)
    fingerprint = load_predictions(workspace, "artists", "one-ridge").fingerprint
    save_scale(workspace, "artists", "one-ridge", fingerprint, Scale(slope=1.0, offset=-100.0))
    server.refresh()
    before = queries.for_playlist(server.snapshot(), "p01", options)
    save_scale(workspace, "artists", "one-ridge", fingerprint, Scale(slope=1.0, offset=100.0))
    server.refresh()
    after = queries.for_playlist(server.snapshot(), "p01", options)
    assert "warm" in {item.track.kind for item in before.items}
    assert "warm" not in {item.track.kind for item in after.items}  # an offset of 100 puts all others first
    server.stop()


def test_imported_plays_count_without_a_restart_and_without_a_training(own_workspace: Path) -> None:
    """A track moves from new to known; a playlist that came after the training has a list."""
    workspace = Workspace.open(own_workspace)
    renew_live(workspace)
    compute_factors(workspace, LIVE, world.ALS)
    recipe = RankerRecipe("one-ridge", "", ("statistics",), (Member(Ridge()),))
    fit_rankers(workspace, recipe, load_split(workspace, LIVE))
    calibrate(workspace, LIVE, "one-ridge")
    server = ServerState(ServeConfig(workspace=own_workspace, split=LIVE, model="one-ridge"))
    options = ListParameters(candidates="cold", n=50)
    before = queries.for_playlist(server.snapshot(), "p01", options)
    rows = [*read_plays(workspace), Play("late", "t00-0", 0), Play("late", "unplayed", 1)]
    replace_playlists(workspace, Plays.of(rows))
    server.refresh()
    after = queries.for_playlist(server.snapshot(), "p01", options)
    assert "unplayed" in {item.track.track_id for item in before.items}
    assert "unplayed" not in {item.track.track_id for item in after.items}
    assert len(queries.for_playlist(server.snapshot(), "late", ListParameters(candidates="all", n=5)).items) == 5
    server.stop()


def test_a_young_workspace_becomes_ready_without_a_restart(own_workspace: Path, tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "young").root
    server = ServerState(ServeConfig(workspace=root))
    with pytest.raises(MissingStageError):
        server.snapshot()
    for path in own_workspace.iterdir():
        if path.is_dir():
            shutil.copytree(path, root / path.name)
        else:
            shutil.copy(path, root)
    server.refresh()
    assert len(server.snapshot().catalogue) == 284
    server.stop()


def test_many_threads_get_the_same_answers_and_one_session_a_model(server: ServerState) -> None:
    snapshot = server.snapshot()
    tracks = [f"t{artist:02d}-0" for artist in range(20)]
    found: list[list[list[str]]] = []

    def ask() -> None:
        lists = [queries.similar(snapshot, name, ListParameters(model="ridge")) for name in tracks]
        found.append([[item.track.track_id for item in one.items] for one in lists])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(one == found[0] for one in found)
    assert snapshot.session("ridge") is snapshot.session("ridge")


def test_new_tracks_are_looked_for_only_if_the_model_can_encode_files(server: ServerState, audio_world: Path) -> None:
    assert not has_new_tracks(server.snapshot().default)  # its predictions came without a model
    trained = ServerState(ServeConfig(workspace=audio_world / "workspace"))
    assert not has_new_tracks(trained.snapshot().default)
    trained.stop()


@pytest.mark.parametrize("model", ["tiny", "tiny:factors"])
def test_tracks_that_were_scanned_since_are_new_to_a_model_and_its_factors(
    audio_world: Path, tmp_path: Path, model: str
) -> None:
    workspace = Workspace.open(shutil.copytree(audio_world / "workspace", tmp_path / "w"))
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "late.wav", rng.uniform(-0.3, 0.3, 22_050 * 4).astype(np.float32), 22_050)
    assert run_command("scan", "-w", workspace.root, tmp_path / "late.wav", "-j", 1).code == 0
    assert has_new_tracks(Session(workspace.root, model=model))


def test_factors_of_rankers_are_listed(own_workspace: Path) -> None:
    workspace = Workspace.open(own_workspace)
    fit_rankers(
        workspace,
        RankerRecipe("one-ridge", "", ("statistics",), (Member(Ridge()),)),
        load_split(workspace, "artists"),
    )
    server = ServerState(ServeConfig(workspace=own_workspace))
    listed = {model.name: model for model in queries.models(server.snapshot())}
    assert list(listed)[:5] == ["one-ridge", "toy", "toy@1", "toy@2", "one-ridge:factors"]
    assert listed["one-ridge:factors"].kind == "trained"
    assert listed["one-ridge:factors"].reads_files
    server.stop()


def test_the_least_recently_used_results_are_dropped() -> None:
    made: list[int] = []

    def make(value: int) -> int:
        made.append(value)
        return value

    kept = Cache(max_results=2)
    for value in (1, 2, 1, 3, 1, 2):
        assert kept.get(value, lambda value=value: make(value)) == value  # type: ignore[misc]
    assert made == [1, 2, 3, 2]
    assert len(kept) == 2


def test_responses_are_dropped_by_bytes_with_their_headers_and_addresses() -> None:
    """Many short answers to long addresses occupy more than their bodies."""
    answered = StoredResponses(max_bytes=100_000)
    header = [(b"x", b"y" * 300)]
    for number in range(1000):
        answered.put(("/tracks", str(number).encode() * 200), StoredResponse(header, b"12345"))
    assert answered._bytes <= 100_000
    assert 0 < len(answered._responses) < 100
    newest = ("/tracks", b"999" * 200)
    answered.put(newest, StoredResponse(header, b"123"))
    for key in list(answered._responses):
        answered.put(key, StoredResponse(header, b""))
    assert answered._bytes == sum(StoredResponse(header, b"").n_bytes + size_of(key) for key in answered._responses)
    answered.put(("/huge", b""), StoredResponse([], bytes(200_000)))
    assert answered._bytes == len(answered._responses) == 0


def test_results_are_dropped_by_bytes() -> None:
    kept = Cache(max_bytes=1_000_000)
    for number in range(100):
        kept.get(number, lambda: bytes(100_000))
    assert 5 <= len(kept) <= 10
    for number in range(100):
        kept.get(("array", number), lambda: np.zeros(50_000))
    assert len(kept) == 2
    kept.clear()
    assert (len(kept), kept._bytes) == (0, 0)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        (bytes(10_000), 10_000, 10_100),
        (np.zeros((100, 10), np.float32), 4_000, 4_000),
        ([bytes(1_000)] * 50, 50_000, 55_000),
        (dict.fromkeys(range(100), "x" * 1000), 100_000, 130_000),
        (None, 0, 100),
        ([], 0, 100),
    ],
)
def test_sizes_of_results_are_about_right(value: object, least: int, most: int) -> None:
    assert least <= size_of(value) <= most


def test_a_repeated_request_gets_the_same_bytes_and_headers(server_url: str) -> None:
    for path in ("/api/recommend/p07?n=4", "/tracks?q=song", "/api/tracks/t01-1"):
        first, second = httpx.get(server_url + path, timeout=60), httpx.get(server_url + path)
        assert first.content == second.content
        dated = {"date", "server"}
        assert {k: v for k, v in first.headers.items() if k not in dated} == {
            k: v for k, v in second.headers.items() if k not in dated
        }


def test_a_snapshot_from_another_process_gives_the_same_results(server: ServerState) -> None:
    here = server.snapshot()
    made = load_in_process(server.workspace, None, None, threading.Event())
    assert made is not None
    session, browse_index = made
    there = Snapshot(session, browse_index)
    assert browse_index.catalogue is session.catalogue
    for track in here.catalogue.tracks.ids.take(np.arange(0, len(here.catalogue), 40)):
        for which in ("all", "cold", "warm"):
            options = ListParameters(candidates=which)
            assert queries.similar(there, track, options) == queries.similar(here, track, options)
    for playlist in [name for name in here.catalogue.playlists if name.startswith("p")][:5]:
        assert queries.for_playlist(there, playlist, ListParameters()) == queries.for_playlist(
            here, playlist, ListParameters()
        )
    assert queries.search(there, "song 1") == queries.search(here, "song 1")
    assert there.models == here.models


def test_stopping_ends_the_loading_process(server: ServerState) -> None:
    stopping = threading.Event()
    stopping.set()
    assert load_in_process(server.workspace, None, None, stopping) is None
    assert not [child for child in multiprocessing.active_children() if "_load_and_send" in str(child)]
    (server.workspace.library_path).write_bytes(b"broken")
    assert load_in_process(server.workspace, None, None, threading.Event()) is None


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


def test_a_cleared_result_is_computed_again() -> None:
    kept, made = Cache(), iter(range(9))
    assert [kept.get(key, lambda: next(made)) for key in ("a", "b", "a")] == [0, 1, 0]
    kept.clear()
    assert len(kept) == 0
    assert kept.get("a", lambda: next(made)) == 2


def test_a_request_does_not_wait_for_another_model(server: ServerState) -> None:
    snapshot = server.snapshot()
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with snapshot._loading:
            begun.set()
            go_on.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(60)
    try:
        with pytest.raises(BusyError, match="try again"):
            snapshot.session("ridge")
    finally:
        go_on.set()
        thread.join()
    assert snapshot.session("ridge").model == "ridge"


def test_pages_are_served_while_files_are_encoded(own_workspace: Path, tmp_path: Path) -> None:
    """More uploads than may wait for a process that hangs: pages do not need their threads."""
    config = ServeConfig(workspace=own_workspace)
    app = make_app(config)
    server: ServerState = app.state.server
    server.own_worker = AudioWorker(own_workspace, timeout_s=5.0, make_encoder=hanging_encoder)
    file = {"file": ("x.wav", b"RIFF")}
    with running(config, app) as url, ThreadPoolExecutor(8) as people:
        httpx.get(f"{url}/api/tracks", timeout=60)
        uploads = [
            people.submit(httpx.post, f"{url}/api/recommend", files=file, timeout=60) for _ in range(MAX_WAITING + 3)
        ]
        eventually(lambda: any(upload.done() for upload in uploads))  # those beyond the limit get their error
        for path in ("/api/tracks", "/tracks", "/playlists", "/api/playlists", "/"):
            assert httpx.get(f"{url}{path}").status_code == 200
        assert not all(upload.done() for upload in uploads)
        server.own_worker.stop()
        assert 503 in {upload.result().status_code for upload in uploads}


def test_indexes_are_made_in_the_background_and_lists_are_exact_meanwhile(
    own_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNHEARD_INDEX_FROM", "1")
    made = make_app(ServeConfig(workspace=own_workspace))
    address = "/api/recommend/p03?n=8"
    with running(ServeConfig(workspace=own_workspace), made) as url:
        before = httpx.get(f"{url}{address}", timeout=60).json()["items"]
        session = made.state.server.snapshot().default
        eventually(lambda: not session.needs_indexes)
        found = sorted(path.name for path in (own_workspace / "indexes").rglob("*.safetensors"))
        assert found == ["directions.safetensors", "factors.safetensors"]
        after = httpx.get(f"{url}{address}&candidates=cold", timeout=60).json()["items"]
    monkeypatch.delenv("UNHEARD_INDEX_FROM")
    exact = Session(own_workspace).recommendations(playlist="p03", n=8)
    for items in (before, after):
        assert [item["track"]["track_id"] for item in items] == [one.track_id for one in exact]
        assert [item["score"] for item in items] == pytest.approx([one.score for one in exact])
