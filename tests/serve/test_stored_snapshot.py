"""A stored snapshot is the one that would be computed, and is used for the files only that it was made from."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from tests.builders import music_world as world
from unheard.ids import IdMap
from unheard.library import Library, Tracks
from unheard.models.ranker_recipe import Member, RankerRecipe
from unheard.models.rankers.ridge import Ridge
from unheard.recommend.calibrate import calibrate
from unheard.recommend.filters import Filters
from unheard.recommend.options import ListOptions
from unheard.recommend.shortlist import MIN_TRACKS_VARIABLE
from unheard.serve import queries, stored_snapshot
from unheard.serve.browse_index import BrowseIndex
from unheard.serve.config import ServeConfig
from unheard.serve.schema import Likes, ListParameters, Shown
from unheard.serve.snapshot import Snapshot
from unheard.serve.snapshot_loader import load_in_process
from unheard.serve.state import ServerState
from unheard.serve.stored_snapshot import open_snapshot, remove_if_damaged, store_snapshot
from unheard.session import Session
from unheard.splits import load_split
from unheard.stored_objects import state_of
from unheard.thumbs import set_thumb
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

LEFT_OUT = {("Split", "fold")}


@pytest.fixture(autouse=True)
def every_catalogue_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIN_TRACKS_VARIABLE, "1")


@pytest.fixture
def workspace(own_workspace: Path) -> Workspace:
    opened = Workspace.open(own_workspace)
    for name in opened.library_path, opened.library_path.with_name("library.sqlite-wal"):
        assert not name.is_symlink()
    return opened


@pytest.fixture
def blended(workspace: Workspace) -> Workspace:
    """The workspace with a model that ranks in an embedding space of its own."""
    recipe = RankerRecipe("one-ridge", "", ("statistics",), (Member(Ridge()),))
    fit_rankers(workspace, recipe, load_split(workspace, "artists"))
    calibrate(workspace, "artists", "one-ridge")
    return workspace


def differences(stored: Any, computed: Any, at: str = "snapshot") -> list[str]:
    """Return where a stored object differs from one that was computed, which is asked for each stored attribute."""
    if isinstance(computed, np.ndarray):
        same = stored.dtype == computed.dtype and np.array_equal(stored, computed, equal_nan=computed.dtype.kind == "f")
        return [] if same else [at]
    if isinstance(computed, csr_matrix | csc_matrix):
        parts = ("data", "indices", "indptr")
        found = [differences(getattr(stored, name), getattr(computed, name), f"{at}.{name}") for name in parts]
        return [where for part in found for where in part]
    if isinstance(computed, Tracks):
        return [] if tuple(stored.items) == tuple(computed.items) and stored.ids == computed.ids else [at]
    if isinstance(computed, dict):
        if computed.keys() != stored.keys():
            return [at]
        return [where for key in computed for where in differences(stored[key], computed[key], f"{at}[{key!r}]")]
    if isinstance(computed, tuple | list):
        if len(stored) != len(computed):
            return [at]
        pairs = enumerate(zip(stored, computed, strict=True))
        return [where for number, (one, other) in pairs for where in differences(one, other, f"{at}[{number}]")]
    if isinstance(computed, IdMap | str | int | float | frozenset | None):
        return [] if stored == computed else [at]
    name = type(computed).__qualname__
    assert type(stored).__qualname__ == name
    return [
        where
        for key, value in state_of(stored).items()
        if (name, key) not in LEFT_OUT
        for where in differences(value, getattr(computed, key), f"{at}.{key}")
    ]


@pytest.mark.parametrize("model", ["toy", "one-ridge"])
def test_every_field_is_the_computed_one(blended: Workspace, model: str) -> None:
    assert store_snapshot(blended, "artists", model)
    opened = open_snapshot(blended, "artists", model)
    assert opened is not None
    session, index = opened
    computed = Session(blended.root, split="artists", model=model)
    computed.measure_confidence()
    stored_names = set(stored_snapshot.OF_SESSION)
    assert stored_names | {"workspace", "_index_files", "_shortlists", "_map_shortlists"} == vars(session).keys()
    for name in stored_names:
        assert differences(getattr(session, name), getattr(computed, name), name) == []
    assert session._shortlists is not None
    assert computed._shortlists is not None
    for name in stored_snapshot.OF_SHORTLISTS:
        if name == "_all_vectors":
            list(computed._shortlists.searched())
        assert differences(getattr(session._shortlists, name), getattr(computed._shortlists, name), name) == []
    assert session._map_shortlists is not None
    assert computed._map_shortlists is not None
    stored, made = session._map_shortlists, computed._map_shortlists
    assert "_unit_vectors" in vars(stored)
    assert differences(stored._unit_vectors, made._unit_vectors, "map") == []
    assert differences(stored.space.tracks, made.space.tracks, "space of the map") == []
    np.testing.assert_array_equal(session._index_files._keys, computed._index_files._keys)
    assert differences(index, BrowseIndex(computed.catalogue), "browse_index") == []
    assert index.catalogue is session.catalogue
    assert len(state_of(index)) > 10  # all tables, not only the catalogue
    for part in (session.catalogue, index):  # nothing is left for the first request to compute, but
        missing = {name for name, value in vars(type(part)).items() if hasattr(value, "attrname")} - vars(part).keys()
        assert missing <= {"warm_track_ids"}


def all_answers(snapshot: Snapshot) -> list[object]:
    """Return the answers to queries of every kind."""
    tracks = snapshot.catalogue.tracks.ids.take(range(0, len(snapshot.catalogue), 40))
    playlists = [name for name in snapshot.catalogue.playlists if name.startswith("p")][:6]
    words = ("", "song 1", "artist", "sonk 12", "t01", "xyzzy", "1999", "jazz")
    options = [ListParameters(candidates=which, n=7) for which in ("all", "cold", "warm")]
    found: list[object] = [queries.models(snapshot), snapshot.failures]
    for text in words:
        found += [queries.search(snapshot, text, which=which) for which in get_args(Shown)]
        found += [queries.artists(snapshot, text), queries.playlists(snapshot, text)]
        found.append(snapshot.browse_index.albums.take(snapshot.browse_index.albums.matching(text)))
    for artist in {one.name for one in snapshot.browse_index.artists}:
        found += [queries.search(snapshot, artist=artist), snapshot.browse_index.of_artist(artist)]
    for track in tracks:
        row = snapshot.catalogue.tracks.ids.row(track)
        found += [queries.track(snapshot, track), snapshot.browse_index.album_of_row(row)]
        found += [queries.similar(snapshot, track, one) for one in options]
        found += [snapshot.default.confidence(track), snapshot.default.label(track)]
    for playlist in playlists:
        found.append(queries.playlist(snapshot, playlist))
        found += [queries.for_playlist(snapshot, playlist, one) for one in options]
    found.append(queries.for_likes(snapshot, Likes(likes=tuple(tracks[:3]))))
    filtered = ListOptions(filters=Filters(year_from=1990), candidates="all")
    found.append(snapshot.default.recommend(playlist=playlists[0], options=filtered)[0])
    return found


@pytest.mark.parametrize("model", ["toy", "one-ridge"])
def test_every_answer_is_the_computed_one(blended: Workspace, model: str) -> None:
    set_thumb(blended, Session(blended.root, split="artists").catalogue.tracks.ids[5], "down")
    assert store_snapshot(blended, "artists", model)
    opened = open_snapshot(blended, "artists", model)
    assert opened is not None
    session = Session(blended.root, split="artists", model=model)
    computed = Snapshot(session, BrowseIndex(session.catalogue))
    for one, other in zip(all_answers(Snapshot(*opened)), all_answers(computed), strict=True):
        assert one == other


def test_indexes_are_opened_by_a_stored_snapshot(workspace: Workspace) -> None:
    made = Session(workspace.root).make_indexes()
    assert made
    assert store_snapshot(workspace, None, None)
    opened = open_snapshot(workspace, None, None)
    assert opened is not None
    assert not opened[0].needs_indexes


def test_small_catalogues_and_models_without_vectors_are_not_stored(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not store_snapshot(workspace, None, "popularity")
    monkeypatch.setenv(MIN_TRACKS_VARIABLE, "100000")
    assert not store_snapshot(workspace, None, None)
    assert not stored_snapshot.is_large(workspace)
    assert not (workspace.root / "snapshots").exists()


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def one_byte_changed(path: Path) -> None:
    state, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # as a tagger may; the change time is another one


def removed(path: Path) -> None:
    path.unlink()


CHANGES: list[tuple[str, Callable[[Path], None], bool]] = [
    ("factors/artists.safetensors", touched, True),
    ("factors/artists.safetensors", one_byte_changed, False),
    ("models/artists/toy/predictions.safetensors", one_byte_changed, False),
    ("models/artists/toy/predictions.safetensors", touched, True),
    ("models/artists/toy@1/predictions.safetensors", removed, False),
    ("plays/playlists.parquet", one_byte_changed, False),
    ("splits.json", one_byte_changed, False),
]


@pytest.mark.parametrize(("name", "change", "stays"), CHANGES)
def test_it_is_used_for_the_files_only_that_it_was_made_from(
    workspace: Workspace, name: str, change: Callable[[Path], None], stays: bool
) -> None:
    assert store_snapshot(workspace, None, None)
    assert open_snapshot(workspace, None, None) is not None
    change(workspace.root / name)
    assert (open_snapshot(workspace, None, None) is not None) == stays


def test_new_tracks_features_and_versions_make_it_stale(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_snapshot(workspace, None, None)
    monkeypatch.setattr(stored_snapshot, "FORMAT", stored_snapshot.FORMAT + 1)
    assert open_snapshot(workspace, None, None) is None
    monkeypatch.undo()
    monkeypatch.setenv(MIN_TRACKS_VARIABLE, "1")
    assert open_snapshot(workspace, None, None) is not None
    with Library(workspace.library_path) as library, library.transaction():
        library.put_track(world.track("late", artist="Late Comer", title="late"))
    assert open_snapshot(workspace, None, None) is None
    assert store_snapshot(workspace, None, None)
    opened = open_snapshot(workspace, None, None)
    assert opened is not None
    assert "late" in opened[0].catalogue.tracks.ids
    shutil.copy(workspace.splits_path, workspace.features_dir / "statistics" / "00000099.safetensors")
    assert open_snapshot(workspace, None, None) is None


def test_a_copied_workspace_keeps_its_snapshot(workspace: Workspace, tmp_path: Path) -> None:
    assert store_snapshot(workspace, None, None)
    copied = Workspace.open(shutil.copytree(workspace.root, tmp_path / "copied", copy_function=shutil.copyfile))
    opened = open_snapshot(copied, None, None)
    assert opened is not None
    assert opened[0].workspace == copied


def test_a_damaged_one_is_not_used_and_made_again(workspace: Workspace) -> None:
    assert store_snapshot(workspace, None, None)
    path = workspace.snapshot_path(None, None)
    good = path.read_bytes()
    for damaged in (good[: len(good) // 2], b"", good.replace(b"made_from", b"made_frim")):
        path.write_bytes(damaged)
        assert open_snapshot(workspace, None, None) is None
        assert remove_if_damaged(workspace, None, None)
        assert not path.exists()
    path.write_bytes(good)
    assert not remove_if_damaged(workspace, None, None)
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))  # inside an array: found by reading all
    assert remove_if_damaged(workspace, None, None)
    assert store_snapshot(workspace, None, None)
    assert not remove_if_damaged(workspace, None, None)


def test_a_change_while_it_is_made_leaves_it_outdated(workspace: Workspace) -> None:
    good = workspace.splits_path.read_bytes()

    def progress(_: str, done: int, __: int) -> None:
        if done == 1:
            workspace.splits_path.write_bytes(good)  # the same content: what was read before is not known

    assert store_snapshot(workspace, None, None, progress=progress)
    assert open_snapshot(workspace, None, None) is None
    assert open_snapshot(workspace, None, None, must_be_current=False) is not None
    assert store_snapshot(workspace, None, None)
    assert open_snapshot(workspace, None, None) is not None


def test_a_server_has_it_made_by_another_process_and_opens_it(workspace: Workspace) -> None:
    made = load_in_process(workspace, None, None, threading.Event())
    assert made is not None
    assert workspace.snapshot_path(None, None).is_file()
    assert not made[0].catalogue.warm.tracks.flags.owndata  # mapped
    server = ServerState(ServeConfig(workspace=workspace.root))
    try:
        assert not server.snapshot().catalogue.warm.tracks.flags.owndata
    finally:
        server.stop()


@pytest.mark.parametrize("model", ["toy", "one-ridge"])
def test_near_tracks_on_the_map_are_those_of_all_candidates(
    blended: Workspace, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = Session(blended.root, split="artists", model=model)
    assert large._map_shortlists is not None
    ids = list(large.catalogue.tracks.ids)[::7]
    options = [ListOptions(n=5), ListOptions(n=8, candidates="cold", max_per_artist=1)]
    found = [large.near_on_map(track, options=one) for track in ids for one in options]
    monkeypatch.delenv(MIN_TRACKS_VARIABLE)
    small = Session(blended.root, split="artists", model=model)
    assert small._map_shortlists is None
    assert [large.has_direction(row) for row in range(9)] == [bool(small.directions[row].any()) for row in range(9)]
    for (near, cosines), (track, one) in zip(found, ((track, one) for track in ids for one in options), strict=True):
        expected, exact = small.near_on_map(track, options=one)
        assert near == expected
        np.testing.assert_allclose(cosines, exact, atol=1e-6)


def test_a_new_snapshot_is_warm_before_it_is_used(blended: Workspace) -> None:
    """Otherwise the first requests, each in a thread of its own, compute the same at once."""
    server = ServerState(ServeConfig(workspace=blended.root, split="artists", model="one-ridge"))
    try:
        server.refresh(in_process=True)
        session = server.snapshot().default
        assert session._shortlists is not None
        assert {"_directions", "_directions_float32"} <= vars(session._shortlists.space).keys()
    finally:
        server.stop()
