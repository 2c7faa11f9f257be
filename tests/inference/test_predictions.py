"""Predictors and the predictions artefact: one answer whichever way the sound comes in, kept up to date."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.builders.sound_world import (
    add_track,
    dense_regression,
    give_playlists,
    give_vectors,
    make_world,
    recipe,
    toy,
)
from tests.builders.sound_world import without_none as plain
from tests.features.stored import get_features, put_features
from unheard import artefacts
from unheard.arrays import Floats
from unheard.errors import AudioError, MissingStageError, UserError
from unheard.inference.load import load_network_encoder
from unheard.inference.predictions import NETWORK_FILE, RANKER_FILE, predictions, predictions_file, train_command
from unheard.inference.update_predictions import update_predictions
from unheard.library import Library, open_library
from unheard.models.ranker_recipe import ranker_recipe_from
from unheard.spectrograms.statistics import statistics
from unheard.spectrograms.store import open_store
from unheard.training.networks.train_network import train_network
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["cnn", "triplet", "bag-of-tones"])
def test_store_and_mels_give_the_stored_predictions(tmp_path: Path, kind: str) -> None:
    world = make_world(tmp_path / "w", n_tracks=30)
    train_network(world.workspace, toy(kind), world.split)
    predictor = load_network_encoder(world.workspace, "artists", kind)
    ids, stored = predictions(world.workspace, "artists", kind)
    with open_library(world.workspace.library_path) as library:
        store = open_store(world.workspace, library)
    rows = np.array([5, 0, 17])
    assert (predictor.name, predictor.dim) == (kind, world.factors.dim)
    np.testing.assert_allclose(predictor.from_store(store, rows), stored[ids.rows(store.ids.take(rows))], atol=0.02)
    mels = [store.frames(int(row)) for row in rows]
    np.testing.assert_allclose(predictor.from_mels(mels), predictor.from_store(store, rows), atol=1e-5)
    assert predictor.from_mels([]).shape == (0, world.factors.dim)
    width = 8 if kind == "triplet" else world.factors.dim
    assert predictor.embed_mels(mels).shape == (3, width)
    with pytest.raises(AudioError, match=r"spectrogram 1: bad-values: expected \(frame, 128\)"):
        predictor.from_mels([mels[0], mels[1][:, :5]])


def test_a_prediction_is_the_mean_over_patches(tmp_path: Path) -> None:
    """A track of two patches is the mean of two tracks of one."""
    world = make_world(tmp_path / "w", n_tracks=30)
    train_network(world.workspace, toy("cnn"), world.split)
    predictor = load_network_encoder(world.workspace, "artists", "cnn")
    rng = np.random.default_rng(0)
    one, two = (rng.integers(80, 120, (16, 128)).astype(np.uint8) for _ in range(2))
    together, apart = predictor.from_mels([np.concatenate([one, two])]), predictor.from_mels([one, two])
    np.testing.assert_allclose(together[0], apart.mean(axis=0), atol=1e-5)


def test_statistics_are_computed_for_sound_outside_the_library(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=30)
    with open_library(world.workspace.library_path) as library:
        store = open_store(world.workspace, library)
    real = [(name, statistics(store.track_db(row))) for row, name in enumerate(store.ids)]
    put_features(world.workspace, "statistics", real)
    train_network(world.workspace, toy("mlp"), world.split)
    _, stored = predictions(world.workspace, "artists", "mlp")
    predictor = load_network_encoder(world.workspace, "artists", "mlp")
    np.testing.assert_allclose(predictor.from_store(store, np.arange(30)), stored, atol=0.02)


def test_vectors_in_factors_out(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=30)
    give_vectors(world)
    train_network(world.workspace, recipe("v", plain(dense_regression(input="vectors"))), world.split)
    with open_library(world.workspace.library_path) as library:
        store = open_store(world.workspace, library)
    vectors = get_features(world.workspace, "vectors").values
    predictor = load_network_encoder(world.workspace, "artists", "v")
    _, stored = predictions(world.workspace, "artists", "v")
    np.testing.assert_allclose(predictor.from_content(vectors), stored, atol=0.02)
    with pytest.raises(UserError, match=r"vectors: expected shape \(n, 10\) as in training, found \(2, 3\)"):
        predictor.from_content(np.zeros((2, 3), np.float32))
    with pytest.raises(UserError, match="reads vectors, not audio"):
        predictor.from_store(store, np.arange(2))


def test_new_changed_and_removed_tracks(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=30)
    train_network(world.workspace, toy("cnn"), world.split)
    assert update_predictions(world.workspace, "artists", "cnn") == 0
    _, before = predictions(world.workspace, "artists", "cnn")
    rng = np.random.default_rng(1)
    with open_library(world.workspace.library_path) as library:
        for name in ("t004", "zz-new"):  # scanned again with other sound, and new
            add_track(world.workspace, library, name, rng.normal(size=4).astype(np.float32) * 3, rng)
        with library.transaction():
            library.remove_track("t007")
    assert update_predictions(world.workspace, "artists", "cnn") == 2
    ids, after = predictions(world.workspace, "artists", "cnn")
    assert len(ids) == 30
    assert "t007" not in ids
    assert "zz-new" in ids
    assert np.abs(after[ids.row("t004")] - before[4]).max() > 0.1
    assert np.array_equal(after[ids.row("t010")], before[10])
    with open_library(world.workspace.library_path) as library, library.transaction():
        library.remove_track("t011")
    assert update_predictions(world.workspace, "artists", "cnn") == 0
    assert "t011" not in predictions(world.workspace, "artists", "cnn")[0]


@pytest.mark.parametrize(("file", "kind"), [(NETWORK_FILE, "checkpoint"), (RANKER_FILE, "ranker")])
def test_a_model_that_was_trained_again_meanwhile_keeps_its_predictions(tmp_path: Path, file: str, kind: str) -> None:
    """The training ends while tracks are encoded by the model before it."""
    world = give_playlists(make_world(tmp_path / "w", n_tracks=30))
    if kind == "ranker":
        ranker = ranker_recipe_from({"name": "cnn", "about": "", "member": [{"ridge": {}}]}, "cnn")
        fit_rankers(world.workspace, ranker, world.split)
    else:
        train_network(world.workspace, toy("cnn"), world.split)
    folder = world.workspace.model_dir("artists", "cnn")
    before, trained = predictions_file(folder).read_bytes(), artefacts.load(folder / file, kind)
    again = {**trained.config, "fingerprint": "another training"}

    def encode(library: Library, ids: Sequence[str]) -> tuple[Floats, Floats]:
        artefacts.save(folder / file, kind, config=again, arrays=trained.arrays, ids=trained.ids)
        factors = np.ones((len(ids), world.factors.dim), np.float32)
        return factors, factors

    with open_library(world.workspace.library_path) as library:
        add_track(world.workspace, library, "zz-new", np.ones(4, np.float32), np.random.default_rng(1))
    assert update_predictions(world.workspace, "artists", "cnn", encode=encode) == 0
    assert predictions_file(folder).read_bytes() == before
    assert update_predictions(world.workspace, "artists", "cnn") == 31


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("cnn", "cnn"),
        ("cnn@3", "cnn --seed 3"),
        ("cnn-full", "cnn --targets full"),
        ("cnn-full@3", "cnn --seed 3 --targets full"),
    ],
)
def test_the_command_that_trains_a_model(tmp_path: Path, model: str, arguments: str) -> None:
    command = train_command(Workspace.init(tmp_path), "random", model)
    assert command == f"unheard train -w {tmp_path} --split random {arguments}"


def test_models_that_are_not_there(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=10)
    for ask in (load_network_encoder, predictions, update_predictions):
        with pytest.raises(MissingStageError, match=r"has not been trained; run `unheard train .*--split artists cnn`"):
            ask(world.workspace, "artists", "cnn")
