"""Test `update_features`: vectors are extracted once, survive kills, and are renewed when a file changes.

They are MusiCNN's, with random weights: what is tested here does not depend on what the network has learned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.builders.sound_world import dense_regression, make_world, recipe, without_none
from tests.features.stored import get_features, put_features
from tests.ingest.sounds import cut, song, write
from tests.models.bundle import write_wheel
from unheard.errors import MissingStageError, Reason, UserError
from unheard.features.extraction import extract_file
from unheard.features.musicnn_features import MusicnnMsd, MusicnnMtt, loaded_musicnn
from unheard.features.musicnn_mel import patches_of_file
from unheard.features.update import UpdateReport, top_tags, update_features
from unheard.inference.load import load_network_encoder
from unheard.inference.predictions import predictions
from unheard.library import Library, open_library
from unheard.models.musicnn import read_musicnn
from unheard.models.musicnn_tags import TAGS
from unheard.models.pretrained import save_weights
from unheard.scan.scan import scan
from unheard.training.networks.train_network import train_network as train
from unheard.workspace import Settings, Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a cache with random weights of both models."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNHEARD_CACHE", str(folder))
        save_weights("musicnn", read_musicnn(write_wheel(folder / "musicnn.whl", seed=3)), "a test")
    return folder


@pytest.fixture(autouse=True)
def _weights(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_CACHE", str(cache))


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Return a folder with a.flac of three patches and b.ogg of one repeated patch."""
    write(tmp_path / "music" / "a.flac", song(0, 7.0))
    write(tmp_path / "music" / "b.ogg", song(1, 2.0))
    return tmp_path / "music"


def scanned(folder: Path, music: Path) -> Workspace:
    workspace = Workspace.init(folder)
    scan(workspace, [music], jobs=1)
    return workspace


def stored(workspace: Workspace, kind: str = "musicnn") -> dict[str, NDArray[np.float32]]:
    """Return current vectors by file name."""
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
    found = get_features(workspace, kind)
    names = [Path(tracks[tracks.ids.row(track_id)].path).name for track_id in found.ids]
    return dict(zip(names, found.values, strict=True))


def update(workspace: Workspace, kind: str = "musicnn", **options: Any) -> UpdateReport:
    (report,) = update_features(workspace, [kind], **options)
    return report


def report(extracted: int, unchanged: int) -> UpdateReport:
    return UpdateReport("musicnn", extracted, unchanged)


def test_only_what_is_new_is_heard(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)
    assert update(workspace) == report(2, 0)
    first = stored(workspace)
    assert {name: vector.shape for name, vector in first.items()} == {"a.flac": (200,), "b.ogg": (200,)}
    write(music / "c.wav", song(2, 4.0))
    scan(workspace, [music], jobs=1)
    patches_of_track: list[tuple[str, int, int]] = []
    assert update(workspace, progress=lambda *step: patches_of_track.append(step)) == report(1, 2)
    assert patches_of_track == [("extracting features", 1, 1)]
    second = stored(workspace)
    assert {name: second[name].tobytes() for name in first} == {name: first[name].tobytes() for name in first}
    fresh = scanned(tmp_path / "fresh", music)
    assert update(fresh, jobs=2) == report(3, 0)
    assert {k: v.tobytes() for k, v in stored(fresh).items()} == {k: v.tobytes() for k, v in second.items()}
    assert update(workspace, force=True) == report(3, 0)
    assert {k: v.tobytes() for k, v in stored(workspace).items()} == {k: v.tobytes() for k, v in second.items()}


def test_a_vector_is_the_mean_over_patches(music: Path, tmp_path: Path) -> None:
    """Each model has its own weights and kind; a file is decoded once for both."""
    workspace = scanned(tmp_path / "w", music)
    reports = update_features(workspace, ["musicnn", "musicnn-mtt"])
    assert [(found.kind, found.extracted) for found in reports] == [("musicnn", 2), ("musicnn-mtt", 2)]
    patches_of_track = list(patches_of_file(music / "a.flac"))
    vectors = {}
    for extractor in (MusicnnMsd(), MusicnnMtt()):
        kind, network = extractor.kind, loaded_musicnn(extractor.model)
        with torch.inference_mode():
            outputs, logits = network(torch.from_numpy(np.stack(patches_of_track)))
        assert outputs.shape == (3, 200)
        vectors[kind] = stored(workspace, kind)["a.flac"]
        np.testing.assert_allclose(vectors[kind], outputs.mean(0).numpy(), atol=1e-4)
        probabilities = 1 / (1 + np.exp(-logits.mean(0).numpy()))
        ((track, tags),) = [item for item in top_tags(workspace, kind) if item[0].title == "a"]
        best = np.argsort(-probabilities)[:3]
        assert list(tags) == [TAGS[extractor.model][tag] for tag in best]
        np.testing.assert_allclose(list(tags.values()), probabilities[best], atol=1e-4)
        ((same, tags_of_one),) = top_tags(workspace, kind, track_ids=[track.track_id])
        assert (same, list(tags_of_one)) == (track, list(tags))
        assert tags_of_one == pytest.approx(tags, abs=1e-6)  # a product of one row may round otherwise than one of many
    assert np.abs(vectors["musicnn-mtt"] - vectors["musicnn"]).max() > 0.1


def test_a_kill_loses_nothing_that_was_heard(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update(workspace, progress=stop)
    assert len(stored(workspace)) == 1
    assert update(workspace) == report(1, 1)
    assert len(stored(workspace)) == 2


def test_a_changed_file_is_heard_again(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)
    update(workspace)
    before = stored(workspace)
    write(music / "b.ogg", song(7, 2.5))
    assert len(stored(workspace)) == 2  # nobody knows yet
    scan(workspace, [music], jobs=1)
    assert list(stored(workspace)) == ["a.flac"]
    assert update(workspace) == report(1, 1)
    after = stored(workspace)
    np.testing.assert_array_equal(after["a.flac"], before["a.flac"])
    assert np.abs(after["b.ogg"] - before["b.ogg"]).max() > 0.01
    with Library(workspace.library_path) as library, library.transaction():
        for track in library.tracks().items:
            library.remove_track(track.track_id)
    assert stored(workspace) == {}


def test_files_that_fail_are_told_and_tried_again(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)
    whole = (music / "a.flac").read_bytes()
    cut(music / "a.flac", music / "a.flac")
    (music / "b.ogg").rename(music / "away")
    found = update(workspace)
    assert found.extracted == 0
    assert {error.path.name: error.reason for error in found.failures} == {
        "a.flac": Reason.TRUNCATED,
        "b.ogg": Reason.MISSING,
    }
    assert top_tags(workspace, "musicnn") == []
    (music / "a.flac").write_bytes(whole)
    found = update(workspace)
    assert (found.extracted, [error.path.name for error in found.failures]) == (1, ["b.ogg"])


def test_some_tracks(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)
    with open_library(workspace.library_path) as library:
        wanted = next(track for track in library.tracks().items if track.title == "b")
    assert update(workspace, track_ids=[wanted.track_id]) == report(1, 0)
    assert list(stored(workspace)) == ["b.ogg"]
    with pytest.raises(UserError, match=r"'nobody': no such track in the library"):
        update(workspace, track_ids=["nobody"])


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace.init(tmp_path / "w")
    with pytest.raises(MissingStageError, match="unheard scan"):
        update(workspace)
    Library(workspace.library_path).close()
    with pytest.raises(UserError, match=r"no track with an audio file; run `unheard scan -w .* MUSIC`"):
        update(workspace)
    with pytest.raises(UserError, match="jobs is 0"):
        update(workspace, jobs=0)
    with pytest.raises(UserError, match=r"--kind: no features 'smell'; use one of statistics, .*, or install"):
        update(workspace, "smell")
    with pytest.raises(UserError, match="vectors: not extracted from audio; scan a vectors file"):
        update(workspace, "vectors")
    with pytest.raises(UserError, match="chroma: has no tags"):
        top_tags(workspace, "chroma")
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "nothing"))
    with pytest.raises(MissingStageError, match="unheard weights musicnn FILE"):
        update(workspace)


# ------------------------------------------------------------------------------------------------------- recipes


def test_a_recipe_reads_them(tmp_path: Path) -> None:
    """Train, predict the library, and predict a file that is not in it."""
    world = make_world(tmp_path / "w", n_tracks=30)
    described = recipe("described", without_none(dense_regression(input="musicnn")))
    with pytest.raises(UserError, match=r"reads musicnn, .*run `unheard features -w .*/w --kind musicnn`"):
        train(world.workspace, described, world.split)
    audio = write(tmp_path / "new.flac", song(4, 4.0))
    vector = extract_file(audio, ["musicnn"], Settings())["musicnn"]
    rng = np.random.default_rng(0)
    drawn = [(name, vector if name == "t004" else rng.normal(size=200)) for name in list(world.ids)[:-1]]
    put_features(world.workspace, "musicnn", drawn)
    train(world.workspace, described, world.split)
    ids, factors = predictions(world.workspace, "artists", "described")
    assert len(ids) == 29
    predictor = load_network_encoder(world.workspace, "artists", "described")
    np.testing.assert_allclose(predictor.from_files([audio])[0], factors[ids.row("t004")], atol=0.02)
    assert predictor.from_files([]).shape == (0, world.factors.dim)
    with pytest.raises(UserError, match="reads audio files, not spectrograms"):
        predictor.from_mels([np.zeros((16, 128), np.uint8)])
    with pytest.raises(UserError, match=r"reads musicnn-mtt, .*--kind musicnn-mtt`"):
        train(world.workspace, recipe("other", without_none(dense_regression(input="musicnn-mtt"))), world.split)
