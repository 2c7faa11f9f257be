"""Test scans of spectrogram patches and vectors."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.features.stored import get_features
from tests.ingest.sounds import song, write
from unheard.errors import Reason, TableError
from unheard.ingest.audio import decode_blocks
from unheard.library import Library, Tracks
from unheard.scan.scan import ScanReport, scan
from unheard.spectrograms.files import mel_of_file
from unheard.spectrograms.stft import power_spectra
from unheard.spectrograms.store import MelStore, open_store
from unheard.workspace import FrontEndName, Settings, Workspace

FRONT_ENDS: list[FrontEndName] = ["standard", "parity"]


def opened(workspace: Workspace) -> tuple[Tracks, MelStore]:
    with Library(workspace.library_path) as library:
        return library.tracks(), open_store(workspace, library)


def magnitude_patches(path: Path) -> np.ndarray:
    """Return patches of a file as a user would compute them, (n, 513, 256)."""
    blocks = decode_blocks(path, sample_rate=22_050)
    magnitude = np.sqrt(np.concatenate(list(power_spectra(blocks, Settings()))))
    padded = np.pad(magnitude, ((0, -len(magnitude) % 256), (0, 0)))
    return padded.reshape(-1, 256, 513).transpose(0, 2, 1)


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_patches_of_a_file_are_stored_like_the_file(front_end: FrontEndName, tmp_path: Path) -> None:
    settings = Settings(front_end)
    files = {name: write(tmp_path / f"{name}.wav", song(n, 3.0 + 4 * n)) for n, name in enumerate("ab")}
    patches = {name: magnitude_patches(path) for name, path in files.items()}
    names = np.array(["b", "a", "b"], object)
    with h5py.File(tmp_path / "mixed.h5", "w") as file:
        file["patches"], file["track_id"] = np.stack([patches["b"][0], patches["a"][0], patches["b"][1]]), names
    with h5py.File(tmp_path / "each.h5", "w") as file:
        for name, content in patches.items():
            file[name] = content
    for source in ("mixed.h5", "each.h5"):
        workspace = Workspace.init(tmp_path / source.partition(".")[0], settings)
        assert scan(workspace, [tmp_path / source], jobs=1).added == 2
        tracks, store = opened(workspace)
        assert list(tracks.ids) == ["a", "b"]
        for row, name in enumerate("ab"):
            expected = store.encoding.decode(mel_of_file(files[name], settings))
            step = 0.61 if front_end == "standard" else 0.01  # rounding of the square root may cross a step
            np.testing.assert_allclose(store.track_db(row), expected, atol=step)
        assert all(len(get_features(workspace, kind).ids) == 2 for kind in ("statistics", "signature"))
        assert scan(workspace, [tmp_path / source], jobs=1) == ScanReport(unchanged=2)
        assert scan(workspace, [tmp_path / source], jobs=1, force=True).changed == 2


def test_silence_inside_is_kept_and_at_the_end_is_not(tmp_path: Path) -> None:
    content = np.zeros((4, 513, 256), np.float32)
    content[0, :, :10] = content[2, :, 100] = 1.0
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["a"], file["quiet"] = content, np.zeros((2, 513, 256))
    workspace = Workspace.init(tmp_path / "w")
    scan(workspace, [tmp_path / "p.h5"], jobs=1)
    _, store = opened(workspace)
    assert store.n_frames.tolist() == [512 + 101, 1]


def test_broken_patches_are_failures(tmp_path: Path) -> None:
    content = np.ones((2, 513, 256), np.float32)
    broken = content.copy()
    broken[1, 3, 3] = np.nan
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["good"], file["broken"] = content, broken
    (tmp_path / "tracks.csv").write_text("track_id,title\ngood,Good\nbroken,Broken\nother,Other\n")
    (tmp_path / "p.h5").rename(tmp_path / "patches.h5")
    workspace = Workspace.init(tmp_path / "w")
    report = scan(workspace, [tmp_path / "tracks.csv"], jobs=1)
    assert report == ScanReport(added=1, failed=2, audio_s=512 * 512 / 22_050)
    with Library(workspace.library_path) as library:
        assert [track.title for track in library.tracks().items] == ["Good"]
        reasons = {failure.track_id: failure.reason for failure in library.failures()}
    assert reasons == {"broken": Reason.BAD_VALUES, "other": Reason.MISSING}
    again = scan(workspace, [tmp_path / "tracks.csv"], jobs=1)
    assert (again.unchanged, again.known_failures, again.added) == (1, 1, 0)


# ----------------------------------------------------------------------------------------------------- vectors


def npz(path: Path, ids: list[str], matrix: object) -> Path:
    np.savez(path, track_id=np.array(ids), vector=np.asarray(matrix, np.float32))
    return path


def user_vectors(workspace: Workspace) -> dict[str, list[float]]:
    found = get_features(workspace, "vectors")
    return {name: row.tolist() for name, row in zip(found.ids, found.values, strict=True)}


def test_vectors_make_tracks(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    path = npz(tmp_path / "v.npz", ["b", "a"], [[1, 2], [3, 4]])
    assert scan(workspace, [path], jobs=1) == ScanReport(added=2)
    assert user_vectors(workspace) == {"a": [3, 4], "b": [1, 2]}
    (tmp_path / "tracks.csv").write_text("track_id,title,artist\na,A,X; Y\nc,C,\n")
    assert scan(workspace, [tmp_path / "tracks.csv", path], jobs=1) == ScanReport(unchanged=2, failed=1)
    with Library(workspace.library_path) as library:
        first, second = library.tracks().items
        assert [failure.track_id for failure in library.failures()] == ["c"]
    assert (first.title, first.artists, second.title) == ("A", ("X", "Y"), "")
    more = npz(tmp_path / "v.npz", ["c", "a"], [[5, 6], [3, 5]])
    assert scan(workspace, [more], jobs=1) == ScanReport(added=2)
    assert user_vectors(workspace) == {"a": [3, 5], "b": [1, 2], "c": [5, 6]}
    with Library(workspace.library_path) as library:
        assert library.failures() == []
        assert library.tracks().items[0].title == "A"  # known metadata is kept


def test_vectors_go_with_audio(tmp_path: Path) -> None:
    """Rows whose file is missing are valid if they have a vector."""
    workspace = Workspace.init(tmp_path / "w")
    write(tmp_path / "m" / "a.wav", song(1, 1.5))
    (tmp_path / "m" / "tracks.csv").write_text("track_id,path,title\na,a.wav,A\nb,none.wav,B\n")
    path = npz(tmp_path / "v.npz", ["a", "b"], [[1, 2], [3, 4]])
    report = scan(workspace, [tmp_path / "m", path], jobs=1)
    assert report.failed == 0
    tracks, store = opened(workspace)
    assert [(track.track_id, track.title) for track in tracks.items] == [("a", "A"), ("b", "B")]
    assert list(store.ids) == ["a"]
    assert set(user_vectors(workspace)) == {"a", "b"}


def test_vectors_of_another_length_are_refused(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    scan(workspace, [npz(tmp_path / "v.npz", ["a", "b"], [[1, 2], [3, 4]])], jobs=1)
    with pytest.raises(TableError, match="3 numbers, that of track 'b' in the library has 2"):
        scan(workspace, [npz(tmp_path / "w.npz", ["a"], [[1, 2, 3]])], jobs=1)
    replaced = npz(tmp_path / "x.npz", ["a", "b"], [[1, 2, 3], [4, 5, 6]])
    scan(workspace, [replaced], jobs=1)
    assert user_vectors(workspace) == {"a": [1, 2, 3], "b": [4, 5, 6]}
