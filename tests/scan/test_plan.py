"""Test random histories of a folder: files are written, copied, moved, swapped, changed, broken and deleted.

Planning and commits are those of a scan; only decoding is replaced, as only bytes and paths of files matter. The
content of a file is a letter; `!` is content that no decoder can read.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unheard.errors import AudioError, Reason
from unheard.features.store import FeatureStore
from unheard.features.writer import FeatureWriter
from unheard.library import Library, Track
from unheard.scan.audio_extraction import ExtractedAudio
from unheard.scan.commit import Committer
from unheard.scan.plan import Action, Planner, hash_file
from unheard.scan.sources import find_sources
from unheard.spectrograms.store import mel_writer, open_store, stored_ids
from unheard.workspace import Workspace

NAMES = st.sampled_from(["1.ogg", "2.ogg", "3.ogg", "4.ogg"])
CHANGES = st.one_of(
    st.tuples(st.just("write"), NAMES, st.sampled_from("abc!")),
    st.tuples(st.sampled_from(["copy", "move", "swap"]), NAMES, NAMES),
    st.tuples(st.just("delete"), NAMES, NAMES),
)
clock = iter(range(1_000_000_000, 2_000_000_000))


def change(folder: Path, what: str, name: str, other: str) -> None:
    """Change one file. Writing gives a file a new time; moving keeps the old one."""
    path, target = folder / name, folder / other
    if what == "write":
        path.write_text(other)
        os.utime(path, ns=(0, next(clock)))
    elif path.exists() and what == "delete":
        path.unlink()
    elif path.exists() and path != target and what == "copy":
        shutil.copy(path, target)
        os.utime(target, ns=(0, next(clock)))
    elif path.exists() and path != target and what == "move":
        path.replace(target)
    elif path.exists() and target.exists() and path != target and what == "swap":
        path.rename(folder / "aside")
        target.rename(path)
        (folder / "aside").rename(target)


def extract(path: str) -> ExtractedAudio | AudioError:
    content = Path(path).read_text()
    if content == "!":
        return AudioError(path, Reason.UNREADABLE, "noise")
    nothing = np.zeros(3, np.float32)
    return ExtractedAudio(np.full((2, 128), ord(content), np.uint8), nothing, nothing, nothing, 1.0, Track(""))


def scan(workspace: Workspace, folder: Path, *, stop_after: int = 1000) -> int:
    """Scan without decoding; return the number of files that were not unchanged."""
    found = find_sources([folder])
    features = FeatureWriter(FeatureStore(workspace.features_dir))
    with Library(workspace.library_path) as library, mel_writer(workspace) as writer:
        stored = frozenset(stored_ids(workspace, library))
        committer = Committer(library, writer, features, stored, "1")
        planner = Planner(library, stored, versions="1", table_ids=frozenset(), force=False)
        for candidate in found.audio[:stop_after]:
            step = planner.decide(candidate)
            committer.commit(step, extract(step.track.path) if step.action is Action.DECODE else None)
        writer.compact(library)
    count = committer.count
    return sum(count.values()) - count["unchanged"] - count["known_failures"]


def state(workspace: Workspace) -> tuple[list, list]:
    with Library(workspace.library_path) as library:
        tracks = sorted(library.tracks().items, key=lambda track: (track.path, track.content_hash))
        return tracks, library.failures()


def mels(workspace: Workspace) -> dict[str, bytes]:
    """Return the frames of every track."""
    with Library(workspace.library_path) as library:
        if not stored_ids(workspace, library):
            return {}
        store = open_store(workspace, library)
    return {track_id: store.frames(row).tobytes() for row, track_id in enumerate(store.ids)}


def check(workspace: Workspace, folder: Path) -> None:
    """Check what holds after every complete scan."""
    tracks, failures = state(workspace)
    by_path = {track.path: track for track in tracks if track.path}
    by_id = {track.track_id: track for track in tracks}
    skipped = {failure.path: failure for failure in failures}
    assert len(by_path) == sum(1 for track in tracks if track.path)
    assert len({track.content_hash for track in tracks}) == len(tracks)
    store = mels(workspace)
    for path in sorted(map(str, folder.iterdir())):
        assert (path in by_path) != (path in skipped), path
        content = Path(path).read_text()
        if path in by_path:
            track = by_path[path]
            assert track.content_hash == hash_file(path)
            assert store[track.track_id] == content.encode() * 256
        elif content == "!":
            assert skipped[path].reason is Reason.UNREADABLE
        else:
            kept = by_id[skipped[path].duplicate_of]
            assert kept.content_hash == hash_file(path)
            assert Path(kept.path).read_text() == content


@given(
    history=st.lists(st.tuples(st.lists(CHANGES, min_size=1, max_size=5), st.integers(0, 4)), min_size=1, max_size=5)
)
@settings(max_examples=30, deadline=None)
def test_any_history_of_a_folder(history: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("history")
    folder = root / "music"
    folder.mkdir()
    workspace = Workspace.init(root / "w")
    for changes, stop_after in history:
        for what in changes:
            change(folder, *what)
        scan(workspace, folder, stop_after=stop_after)  # interrupted, and started again
        scan(workspace, folder)
        check(workspace, folder)
        before = state(workspace)
        assert scan(workspace, folder) == 0
        assert state(workspace) == before


@given(changes=st.lists(CHANGES, min_size=1, max_size=10), stops=st.lists(st.integers(0, 4), max_size=3))
@settings(max_examples=30, deadline=None)
def test_interruptions_make_no_difference(
    changes: list, stops: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("stops")
    folder = root / "music"
    folder.mkdir()
    whole, stopped = Workspace.init(root / "whole"), Workspace.init(root / "stopped")
    for what in changes:
        change(folder, *what)
    scan(whole, folder)
    for stop_after in stops:
        scan(stopped, folder, stop_after=stop_after)
    scan(stopped, folder)
    assert state(stopped) == state(whole)
    assert mels(stopped) == mels(whole)
