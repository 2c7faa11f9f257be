"""The store: encoding, reading back, and what a kill leaves behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unheard.errors import MissingStageError, UserError
from unheard.library import Library
from unheard.spectrograms.front_end import silent_frame
from unheard.spectrograms.store import ENCODINGS, MelWriter, open_store, silence
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


def test_tracks_come_back(workspace: Workspace) -> None:
    parts = {"b": frames(workspace, 300, 1), "a": frames(workspace, 50, 2), "c": frames(workspace, 512, 3)}
    with Library(workspace.library_path) as library:
        with MelWriter(workspace, library) as writer:
            for name, part in parts.items():
                with library.transaction():
                    writer.append(name, part)
        store = open_store(workspace, library)
    assert list(store.ids) == ["a", "b", "c"]
    decode = ENCODINGS[workspace.settings.front_end].decode
    for row, name in enumerate(store.ids):
        np.testing.assert_array_equal(store.track_db(row), decode(parts[name]))
    assert [store.n_patches(row) for row in range(3)] == [1, 2, 2]


def test_patches_are_padded_with_silence(workspace: Workspace) -> None:
    part = frames(workspace, 300, 1)
    with Library(workspace.library_path) as library:
        with MelWriter(workspace, library) as writer:
            writer.append("a", part)
            writer.append("b", part[:10])
        store = open_store(workspace, library)
    patches = store.raw_patches(np.array([0, 0, 1]), np.array([0, 256, 3]))
    np.testing.assert_array_equal(patches[0], part[:256])
    np.testing.assert_array_equal(patches[1, :44], part[256:])
    np.testing.assert_array_equal(patches[2, :7], part[3:10])
    quiet = store.encoding.encode(silent_frame(workspace.settings))
    np.testing.assert_array_equal(patches[1, 44:], np.tile(quiet, (212, 1)))
    np.testing.assert_array_equal(quiet, silence(store.encoding))


def test_a_kill_before_the_commit_leaves_no_trace(workspace: Workspace) -> None:
    first, second = frames(workspace, 20, 1), frames(workspace, 30, 2)
    with Library(workspace.library_path) as library:
        with MelWriter(workspace, library) as writer:
            writer.append("a", first)
            with pytest.raises(KeyboardInterrupt), library.transaction():
                writer.append("b", second)
                raise KeyboardInterrupt
        before = workspace.mels_path.stat().st_size
        with MelWriter(workspace, library) as writer:
            assert workspace.mels_path.stat().st_size < before
            writer.append("b", second)
        assert workspace.mels_path.stat().st_size == before
        store = open_store(workspace, library)
    np.testing.assert_array_equal(store.frames[20:], second)


def test_a_track_written_again_takes_its_old_place(workspace: Workspace) -> None:
    parts = [frames(workspace, n, n) for n in (20, 30, 20, 15, 40)]
    with Library(workspace.library_path) as library:
        with MelWriter(workspace, library) as writer:
            writer.append("a", parts[0])
            writer.append("b", parts[1])
            writer.append("a", parts[2])
            assert library.stored_frames() == 50
            writer.append("a", parts[3])
            assert library.stored_frames() == 50
        with MelWriter(workspace, library) as writer:
            writer.append("a", parts[4])  # does not fit
            assert library.stored_frames() == 90
        store = open_store(workspace, library)
    decode = store.encoding.decode
    np.testing.assert_array_equal(store.track_db(0), decode(parts[4]))
    np.testing.assert_array_equal(store.track_db(1), decode(parts[1]))


def test_missing_and_damaged_stores_are_named(workspace: Workspace) -> None:
    with Library(workspace.library_path) as library:
        with pytest.raises(MissingStageError, match="scan"):
            open_store(workspace, library)
        with MelWriter(workspace, library) as writer:
            writer.append("a", frames(workspace, 20, 1))
        workspace.mels_path.write_bytes(b"")
        with pytest.raises(UserError, match="holds 0 frames, the library expects 20"):
            open_store(workspace, library)
