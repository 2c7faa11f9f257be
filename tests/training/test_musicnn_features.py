"""MusiCNN's vectors of a library: each made once, kept through kills, renewed when a file changes, read by recipes.

The weights are random: what is tested here does not depend on what the network has learned.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.builders.sound_world import dense_regression, make_world, recipe, without_none
from tests.ingest.sounds import cut, song, write
from tests.models.bundle import write_wheel
from unheard.errors import MissingStageError, Reason, UserError
from unheard.library import Library, open_library
from unheard.models.musicnn import read_musicnn
from unheard.models.musicnn_tags import TAGS
from unheard.models.pretrained import save_weights
from unheard.spectrograms.musicnn_mel import patches_of_file
from unheard.spectrograms.scan import scan
from unheard.training.musicnn_features import (
    KINDS,
    Report,
    embed_file,
    embed_library,
    load_musicnn,
    tag_probabilities,
    top_tags,
)
from unheard.training.predict import load_predictor, predictions
from unheard.training.train import train
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds random weights of both models."""
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
    """a.flac of three patches, b.ogg of one that is repeated to be full."""
    write(tmp_path / "music" / "a.flac", song(0, 7.0))
    write(tmp_path / "music" / "b.ogg", song(1, 2.0))
    return tmp_path / "music"


def scanned(folder: Path, music: Path) -> Workspace:
    workspace = Workspace.init(folder)
    scan(workspace, [music], jobs=1)
    return workspace


def stored(workspace: Workspace, kind: str = "musicnn") -> dict[str, NDArray[np.float32]]:
    """Current vectors by the name of the file."""
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
        ids, vectors = library.current_vectors(kind)
    names = [Path(tracks[tracks.ids.row(track_id)].path).name for track_id in ids]
    return dict(zip(names, vectors, strict=True))


def test_only_what_is_new_is_heard(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)
    assert embed_library(workspace) == Report(2, 0, ())
    first = stored(workspace)
    assert {name: vector.shape for name, vector in first.items()} == {"a.flac": (200,), "b.ogg": (200,)}
    write(music / "c.wav", song(2, 4.0))
    scan(workspace, [music], jobs=1)
    heard: list[tuple[str, int, int]] = []
    assert embed_library(workspace, progress=lambda *step: heard.append(step)) == Report(1, 2, ())
    assert heard == [("describing tracks", 1, 1)]
    second = stored(workspace)
    assert {name: second[name].tobytes() for name in first} == {name: first[name].tobytes() for name in first}
    fresh = scanned(tmp_path / "fresh", music)
    assert embed_library(fresh, jobs=2) == Report(3, 0, ())
    assert {k: v.tobytes() for k, v in stored(fresh).items()} == {k: v.tobytes() for k, v in second.items()}
    assert embed_library(workspace, force=True) == Report(3, 0, ())
    assert {k: v.tobytes() for k, v in stored(workspace).items()} == {k: v.tobytes() for k, v in second.items()}


def test_a_vector_is_the_mean_over_patches(music: Path, tmp_path: Path) -> None:
    """Those of each model by its own weights, under its own kind."""
    workspace = scanned(tmp_path / "w", music)
    found = {}
    for model, kind in KINDS.items():
        network = load_musicnn(model)
        assert embed_library(workspace, model=model).embedded == 2
        with torch.inference_mode():
            described, logits = network(torch.from_numpy(np.stack(list(patches_of_file(music / "a.flac")))))
        assert described.shape == (3, 200)
        found[model] = stored(workspace, kind)["a.flac"]
        np.testing.assert_allclose(found[model], described.mean(0).numpy(), atol=1e-4)
        np.testing.assert_allclose(embed_file(music / "a.flac", network), found[model], atol=1e-4)
        probabilities = 1 / (1 + np.exp(-logits.mean(0).numpy()))
        np.testing.assert_allclose(tag_probabilities(found[model][None], network)[0], probabilities, atol=1e-4)
        ((track, tags),) = [item for item in top_tags(workspace, model=model) if item[0].title == "a"]
        best = np.argsort(-probabilities)[:3]
        assert [name for name, _ in tags] == [TAGS[model][tag] for tag in best]
        np.testing.assert_allclose([probability for _, probability in tags], probabilities[best], atol=1e-4)
        assert top_tags(workspace, model=model, track_ids=[track.track_id]) == [(track, tags)]
    assert np.abs(found["mtt"] - found["msd"]).max() > 0.1


def test_a_kill_loses_nothing_that_was_heard(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_library(workspace, progress=stop)
    assert len(stored(workspace)) == 1
    assert embed_library(workspace) == Report(1, 1, ())
    assert len(stored(workspace)) == 2


def test_a_changed_file_is_heard_again(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)
    embed_library(workspace)
    before = stored(workspace)
    write(music / "b.ogg", song(7, 2.5))
    assert len(stored(workspace)) == 2  # nobody knows yet
    scan(workspace, [music], jobs=1)
    assert list(stored(workspace)) == ["a.flac"]
    assert embed_library(workspace) == Report(1, 1, ())
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
    report = embed_library(workspace)
    assert report.embedded == 0
    assert {error.path.name: error.reason for error in report.failures} == {
        "a.flac": Reason.TRUNCATED,
        "b.ogg": Reason.MISSING,
    }
    assert top_tags(workspace) == []
    (music / "a.flac").write_bytes(whole)
    report = embed_library(workspace)
    assert (report.embedded, [error.path.name for error in report.failures]) == (1, ["b.ogg"])


def test_some_tracks(music: Path, tmp_path: Path) -> None:
    workspace = scanned(tmp_path / "w", music)
    with open_library(workspace.library_path) as library:
        wanted = next(track for track in library.tracks().items if track.title == "b")
    assert embed_library(workspace, track_ids=[wanted.track_id]) == Report(1, 0, ())
    assert list(stored(workspace)) == ["b.ogg"]
    with pytest.raises(UserError, match=r"'nobody': no such track in the library"):
        embed_library(workspace, track_ids=["nobody"])


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace.init(tmp_path / "w")
    with pytest.raises(MissingStageError, match="unheard scan"):
        embed_library(workspace)
    Library(workspace.library_path).close()
    with pytest.raises(UserError, match=r"no track with an audio file; run `unheard scan -w .* MUSIC`"):
        embed_library(workspace)
    with pytest.raises(UserError, match="jobs is 0"):
        embed_library(workspace, jobs=0)
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "nothing"))
    with pytest.raises(MissingStageError, match="unheard weights musicnn FILE"):
        embed_library(workspace)


# ------------------------------------------------------------------------------------------------------- recipes


def test_a_recipe_reads_them(tmp_path: Path) -> None:
    """Training, predicting the library and predicting a file that is not in it."""
    world = make_world(tmp_path / "w", n_tracks=30)
    described = recipe("described", without_none(dense_regression(input="musicnn")))
    with pytest.raises(UserError, match=r"reads musicnn, .*run `unheard features -w .*/w --model msd`"):
        train(world.workspace, described, world.split)
    audio = write(tmp_path / "new.flac", song(4, 4.0))
    network = load_musicnn("msd")
    vector = embed_file(audio, network)
    rng = np.random.default_rng(0)
    with open_library(world.workspace.library_path) as library, library.transaction():
        for track in library.tracks().items[:-1]:
            drawn = vector if track.track_id == "t004" else rng.normal(size=200).astype(np.float32)
            library.put_vectors("musicnn", [(track.track_id, drawn)])
            library.put_mark("musicnn", track.track_id, track.content_hash)
    train(world.workspace, described, world.split)
    ids, factors = predictions(world.workspace, "artists", "described")
    assert len(ids) == 29
    predictor = load_predictor(world.workspace, "artists", "described")
    np.testing.assert_allclose(predictor.from_files([audio])[0], factors[ids.row("t004")], atol=0.02)
    assert predictor.from_files([]).shape == (0, world.factors.dim)
    with pytest.raises(UserError, match="reads audio files, not spectrograms"):
        predictor.from_mels([np.zeros((16, 128), np.uint8)])
    with pytest.raises(UserError, match=r"reads musicnn-mtt, .*--model mtt`"):
        train(world.workspace, recipe("other", without_none(dense_regression(input="musicnn-mtt"))), world.split)
