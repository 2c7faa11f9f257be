"""Test the mel store: encoding, reading, several writers, and kills."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unheard.errors import MissingStageError, UserError
from unheard.library import Library, Track
from unheard.spectrograms import shards
from unheard.spectrograms.front_end import silent_frame
from unheard.spectrograms.shards import list_shards
from unheard.spectrograms.store import ENCODINGS, MelStore, check_store, mel_writer, open_store, silence, stored_ids
from unheard.workspace import FrontEndName, Settings, Workspace

FRONT_ENDS: list[FrontEndName] = ["standard", "parity"]


@pytest.fixture(params=FRONT_ENDS)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w", Settings(request.param))


def frames(workspace: Workspace, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = (
        rng.uniform(-90, 60, (n, 128)) if workspace.settings.front_end == "standard" else rng.uniform(-4, 0, (n, 128))
    )
    return np.asarray(ENCODINGS[workspace.settings.front_end].encode(values.astype(np.float32)))


@given(values=hnp.arrays(np.float32, 50, elements=st.floats(-90, 62, width=32)))
def test_standard_is_right_to_half_a_step(values: np.ndarray) -> None:
    encoding = ENCODINGS["standard"]
    assert np.abs(encoding.decode(encoding.encode(values)) - values).max() <= encoding.step_db / 2 + 1e-4


@given(values=hnp.arrays(np.float32, 20, elements=st.floats(-1e6, 1e6, width=32)))
def test_standard_clips(values: np.ndarray) -> None:
    encoding = ENCODINGS["standard"]
    found = encoding.decode(encoding.encode(values))
    np.testing.assert_allclose(found, np.clip(values, -90.0, 63.0), atol=0.301)


@given(values=hnp.arrays(np.float32, 20, elements=st.floats(-4, 0, width=32)))
def test_parity_is_half_precision(values: np.ndarray) -> None:
    encoding = ENCODINGS["parity"]
    np.testing.assert_allclose(encoding.decode(encoding.encode(values)), values, rtol=1e-3, atol=1e-6)


@pytest.fixture
def library(workspace: Workspace) -> Iterator[Library]:
    with Library(workspace.library_path) as library:
        yield library


def put(library: Library, **hashes: str) -> None:
    """Return tracks by id, with the hash of their file."""
    for track_id, content_hash in hashes.items():
        library.put_track(Track(track_id, content_hash=content_hash))


def contents(store: MelStore) -> dict[str, bytes]:
    return {track_id: store.frames(row).tobytes() for row, track_id in enumerate(store.ids)}


def files(workspace: Workspace) -> dict[str, int]:
    """Return the sizes of the shards' files."""
    return {path.name: path.stat().st_size for path in workspace.mels_path.iterdir() if path.suffix != ".lock"}


def test_tracks_come_back(workspace: Workspace, library: Library) -> None:
    parts = {"b": frames(workspace, 300, 1), "a": frames(workspace, 50, 2), "c": frames(workspace, 512, 3)}
    with mel_writer(workspace) as writer:
        for name, part in parts.items():
            writer.append(name, part, f"hash of {name}")
    assert stored_ids(workspace, library) == []
    put(library, a="hash of a", b="hash of b", c="hash of c")
    store = open_store(workspace, library)
    assert list(store.ids) == stored_ids(workspace, library) == ["a", "b", "c"]
    decode = ENCODINGS[workspace.settings.front_end].decode
    for row, name in enumerate(store.ids):
        np.testing.assert_array_equal(store.track_db(row), decode(parts[name]))


def test_patches_are_padded_with_silence(workspace: Workspace, library: Library) -> None:
    part = frames(workspace, 300, 1)
    put(library, a="1", b="2")
    with mel_writer(workspace) as writer:
        writer.append("a", part, "1")
        writer.append("b", part[:10], "2")
    store = open_store(workspace, library)
    patches = store.raw_patches(np.array([0, 0, 1]), np.array([0, 256, 3]))
    np.testing.assert_array_equal(patches[0], part[:256])
    np.testing.assert_array_equal(patches[1, :44], part[256:])
    np.testing.assert_array_equal(patches[2, :7], part[3:10])
    quiet = store.encoding.encode(silent_frame(workspace.settings))
    np.testing.assert_array_equal(patches[1, 44:], np.tile(quiet, (212, 1)))
    np.testing.assert_array_equal(quiet, silence(store.encoding))


def test_a_patch_is_a_view_of_its_shard(workspace: Workspace, library: Library) -> None:
    """A patch is one contiguous read without a copy."""
    put(library, a="1", b="1")
    with mel_writer(workspace) as writer:
        writer.append("a", frames(workspace, 20, 1), "1")
        writer.append("b", frames(workspace, 30, 2), "1")
    store = open_store(workspace, library)
    patch = store.frames(1)[5:15]
    assert patch.flags.c_contiguous
    assert np.shares_memory(patch, store.shards[0])


# ---------------------------------------------------------------------------------------------- several writers


def test_each_writer_has_a_shard_and_readers_see_all(workspace: Workspace, library: Library) -> None:
    parts = {name: frames(workspace, 20 + n, n) for n, name in enumerate("abcd")}
    put(library, a="1", b="1", c="1", d="1")
    with mel_writer(workspace) as first, mel_writer(workspace) as second:
        first.append("c", parts["c"], "1")
        second.append("a", parts["a"], "1")
        first.append("b", parts["b"], "1")
    with mel_writer(workspace) as third:  # goes on where the last shard ends
        third.append("d", parts["d"], "1")
    assert [shard.number for shard in list_shards(workspace.mels_path)] == [0, 1]
    assert contents(open_store(workspace, library)) == {name: part.tobytes() for name, part in parts.items()}


def test_a_full_shard_is_followed_by_the_next(
    workspace: Workspace, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MAX_SHARD_FRAMES", 40)
    put(library, a="1", b="1", c="1", d="1")
    parts = {name: frames(workspace, 30, n) for n, name in enumerate("abcd")}
    for pair in ("ab", "cd"):
        with mel_writer(workspace) as writer:
            for name in pair:
                writer.append(name, parts[name], "1")
    assert [len(shard.entries()) for shard in list_shards(workspace.mels_path)] == [2, 2]
    assert contents(open_store(workspace, library)) == {name: part.tobytes() for name, part in parts.items()}


def test_the_entry_that_counts_is_the_last_of_the_right_bytes(workspace: Workspace, library: Library) -> None:
    parts = [frames(workspace, 20, n) for n in range(5)]
    put(library, a="new", b="b", c="c")
    with mel_writer(workspace) as first, mel_writer(workspace) as second:
        first.append("a", parts[0], "new")
        second.append("a", parts[1], "old")  # later, but of other bytes than the library's
        first.append("b", parts[2], "b")
        second.append("b", parts[3], "b")  # the later shard
        first.append("c", parts[0], "c")
        first.append("c", parts[4], "c")  # the later entry
    found = contents(open_store(workspace, library))
    assert found == {"a": parts[0].tobytes(), "b": parts[3].tobytes(), "c": parts[4].tobytes()}
    library.remove_track("b")
    assert stored_ids(workspace, library) == ["a", "c"]


# -------------------------------------------------------------------------------------------------- compaction


def test_a_shard_is_compacted_when_half_of_it_is_superseded(workspace: Workspace, library: Library) -> None:
    parts = [frames(workspace, n, n) for n in (20, 30, 15, 25)]
    put(library, a="1", b="1")
    with mel_writer(workspace) as writer:
        writer.append("a", parts[0], "1")
        writer.append("b", parts[1], "1")
        put(library, a="2")
        writer.append("a", parts[2], "2")
        writer.compact(library)  # 20 of 65 frames are superseded
        assert set(files(workspace)) == {"0000.frames", "0000.index"}
        put(library, a="3")
        writer.append("a", parts[3], "3")
        before = open_store(workspace, library)
        writer.compact(library)  # 35 of 90
        assert set(files(workspace)) == {"0000.frames", "0000.index"}
        put(library, b="2")
        writer.append("b", parts[0], "2")
        writer.compact(library)  # 65 of 110
    frame_bytes = 128 * ENCODINGS[workspace.settings.front_end].dtype.itemsize
    assert files(workspace)["0001.frames"] == 45 * frame_bytes
    assert set(files(workspace)) == {"0001.frames", "0001.index"}
    assert contents(open_store(workspace, library)) == {"a": parts[3].tobytes(), "b": parts[0].tobytes()}
    assert contents(before) == {"a": parts[3].tobytes(), "b": parts[1].tobytes()}  # a reader that was open


def test_compaction_leaves_the_shards_of_other_writers_alone(workspace: Workspace, library: Library) -> None:
    part = frames(workspace, 20, 1)
    put(library, b="1")
    with mel_writer(workspace) as other, mel_writer(workspace) as writer:
        other.append("a", part, "1")  # the library does not know it yet
        writer.append("b", part, "old")
        writer.compact(library)
        assert set(files(workspace)) == {"0000.frames", "0000.index"}
    put(library, a="1")
    assert stored_ids(workspace, library) == ["a"]


# ------------------------------------------------------------------------------------------------ after a kill


@pytest.mark.parametrize("line", [b"", b'["b", 20, 3', b"\0\0\0\0\n", b'["b"]\n["c", 20, 30, "1"]\n'])
def test_a_half_written_track_leaves_no_trace(workspace: Workspace, library: Library, line: bytes) -> None:
    first, second = frames(workspace, 20, 1), frames(workspace, 30, 2)
    put(library, a="1", b="1", c="1")
    with mel_writer(workspace) as writer:
        writer.append("a", first, "1")
    whole = files(workspace)
    with (workspace.mels_path / "0000.frames").open("ab") as file:
        file.write(second.tobytes())
    with (workspace.mels_path / "0000.index").open("ab") as file:
        file.write(line)
    check_store(workspace, repair=False)
    store = open_store(workspace, library)
    assert contents(store) == {"a": first.tobytes()}
    with mel_writer(workspace) as writer:
        writer.append("b", second[:10], "1")
    assert files(workspace)["0000.frames"] == whole["0000.frames"] // 2 * 3
    assert contents(store) == {"a": first.tobytes()}
    assert contents(open_store(workspace, library)) == {"a": first.tobytes(), "b": second[:10].tobytes()}


def test_missing_and_damaged_stores_are_named(workspace: Workspace, library: Library) -> None:
    with pytest.raises(MissingStageError, match="scan"):
        open_store(workspace, library)
    put(library, a="1", b="1")
    with mel_writer(workspace) as writer:
        writer.append("a", frames(workspace, 20, 1), "1")
        writer.append("b", frames(workspace, 20, 2), "1")
    path = workspace.mels_path / "0000.frames"
    path.write_bytes(path.read_bytes()[:-1])
    for check in (lambda: open_store(workspace, library), lambda: check_store(workspace, repair=False)):
        with pytest.raises(UserError, match=r"0000\.frames: holds 39 frames, its index expects 40; .* --force"):
            check()
    check_store(workspace, repair=True)
    assert stored_ids(workspace, library) == ["a"]
