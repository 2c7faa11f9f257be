"""Test that `extract_file` returns, bit for bit, what a scan and `features` store of the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.features.stored import get_features
from tests.ingest.sounds import cut, song, write
from tests.models.bundle import write_wheel
from unheard.errors import AudioError, MissingStageError, Reason
from unheard.features.extraction import extract_file
from unheard.features.musicnn_features import MusicnnMsd, loaded_musicnn
from unheard.features.musicnn_mel import MAX_PATCHES, PATCH_FRAMES, Patch, patches
from unheard.features.musicnn_patches import mean_vector
from unheard.features.update import update_features
from unheard.ingest.audio import decode_blocks
from unheard.library import open_library
from unheard.models.musicnn import read_musicnn
from unheard.models.pretrained import save_weights
from unheard.scan.scan import scan
from unheard.workspace import FrontEndName, Settings, Workspace

pytestmark = pytest.mark.slow

KINDS = ("statistics", "signature", "musicnn", "musicnn-mtt", "chroma")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    fill(folder, seed=3)
    return folder


def fill(folder: Path, *, seed: int) -> None:
    """Fill a cache with random weights of both models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNHEARD_CACHE", str(folder))
        save_weights("musicnn", read_musicnn(write_wheel(folder / "musicnn.whl", seed=seed)), "a test")


@pytest.fixture(autouse=True)
def _weights(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_CACHE", str(cache))


@pytest.mark.parametrize("front_end", ["standard", "parity"])
def test_it_is_what_the_library_keeps(front_end: FrontEndName, tmp_path: Path) -> None:
    """Stored by worker processes of one thread; extracted here with two threads and with one."""
    for name, seconds in (("a.mp3", 10.0), ("b.ogg", 2.0)):
        write(tmp_path / "music" / name, song(len(name) + int(seconds), seconds))
    workspace = Workspace.init(tmp_path / "w", Settings(front_end=front_end))
    scan(workspace, [tmp_path / "music"], jobs=2)
    update_features(workspace, ["musicnn", "chroma"], jobs=2)
    update_features(workspace, ["musicnn-mtt"], jobs=1)
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
    kept = {kind: get_features(workspace, kind) for kind in KINDS}
    assert len(tracks) == 2
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            torch.set_num_threads(threads)
            for track in tracks.items:
                found = extract_file(Path(track.path), KINDS, workspace.settings)
                assert set(found) == set(KINDS)
                for kind, features in kept.items():
                    vector = features.values[features.ids.row(track.track_id)]
                    np.testing.assert_array_equal(found[kind], vector, err_msg=kind)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("n", [1, 9, 33, 70, 270])
def test_a_mean_is_that_of_the_patches_that_are_kept(n: int) -> None:
    """The result does not depend on which patches are computed early or in pairs."""
    samples = np.random.default_rng(n).normal(size=(n, 256 * PATCH_FRAMES)).astype(np.float32)
    drawn = [Patch(some, 0, PATCH_FRAMES) for some in samples]
    network = loaded_musicnn("msd")
    step = next(2**k for k in range(6) if len(range(0, n, 2**k)) <= MAX_PATCHES)
    with torch.inference_mode():
        plain = np.stack([network(torch.from_numpy(patch.log_mel()[None]))[0][0].numpy() for patch in drawn[::step]])
    found = mean_vector(drawn, network)
    np.testing.assert_allclose(found, plain.mean(axis=0), rtol=1e-4, atol=1e-4)


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", song(0, 4.0))
    everything = extract_file(path, KINDS, Settings())
    assert extract_file(path, ["vectors"], Settings()) == {}
    for kinds in (["statistics"], ["musicnn", "vectors"], ["musicnn-mtt", "statistics"]):
        found = extract_file(path, kinds, Settings())
        assert set(found) == set(kinds) - {"vectors"}
        for kind, vector in found.items():
            np.testing.assert_array_equal(vector, everything[kind])


def test_every_patch_counts_once(tmp_path: Path) -> None:
    """Compare with the network on all patches at once, of more patches than the threads read ahead."""
    path = write(tmp_path / "a.flac", song(1, 40.0))
    of_track = list(patches(decode_blocks(path, sample_rate=MusicnnMsd.sample_rate_hz)))
    assert len(of_track) == 14
    network = loaded_musicnn("msd")
    with torch.inference_mode():
        expected = network(torch.from_numpy(np.stack([patch.log_mel() for patch in of_track])))[0].mean(0).numpy()
    np.testing.assert_allclose(mean_vector(iter(of_track), network), expected, rtol=1e-4, atol=1e-4)


def test_new_weights_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.flac", song(2, 3.0))
    old = extract_file(path, ["musicnn"], Settings())["musicnn"]
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "other"))
    with pytest.raises(MissingStageError, match="unheard weights musicnn FILE"):
        extract_file(path, ["musicnn"], Settings())
    (tmp_path / "other").mkdir()
    fill(tmp_path / "other", seed=9)
    assert np.abs(extract_file(path, ["musicnn"], Settings())["musicnn"] - old).max() > 0.1


@pytest.mark.parametrize("kinds", [["statistics"], ["musicnn"], KINDS])
def test_files_that_cannot_be_used(kinds: list[str], tmp_path: Path) -> None:
    """The reason is the same as in a scan, and the number of threads is restored."""
    before = torch.get_num_threads()
    half = cut(write(tmp_path / "a.flac", song(3, 9.0)), tmp_path / "half.flac")
    quiet = write(tmp_path / "quiet.wav", np.zeros((80_000, 2), np.float32))
    for path, reason in ((half, Reason.TRUNCATED), (quiet, Reason.SILENT), (tmp_path / "none.mp3", Reason.MISSING)):
        with pytest.raises(AudioError) as caught:
            extract_file(path, kinds, Settings())
        assert caught.value.reason == reason
    assert torch.get_num_threads() == before
