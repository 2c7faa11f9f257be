"""Training from workspace to predictions: it learns, it leaks nothing, it stops, and it knows when it is done."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from tests.builders.sound_world import (
    World,
    dense_regression,
    give_playlists,
    give_vectors,
    make_world,
    recipe,
    regression,
    spoil_test,
    spoil_test_plays,
    toy,
)
from tests.builders.sound_world import without_none as plain
from tests.features.stored import get_features
from unheard import artefacts
from unheard.errors import MissingStageError, UserError
from unheard.factors.store import save_factors
from unheard.inference.load import load_network_encoder
from unheard.inference.predictions import predictions
from unheard.library import open_library
from unheard.plays import Play, Plays, replace_playlists
from unheard.splits import Split
from unheard.training.networks.train_network import train_network

pytestmark = pytest.mark.slow

KINDS = [
    "cnn", "cnn1d", "triplet", "triplet-offline", "bag-of-tones", "mlp", "triplet-content", "encoder",
    "encoder-playlists", "multi-similarity",
]  # fmt: skip
LISTENERS = ["encoder", "encoder-playlists"]


def share_explained(world: World, model: str, use: str = "test") -> float:
    """R2 against the mean of the train factors, over tracks that training never saw."""
    ids, predicted = predictions(world.workspace, world.split.name, model)
    assert ids == world.ids
    rows = world.rows(use)
    true, mean = world.factors.tracks[rows], world.factors.tracks[world.rows("train")].mean(axis=0)
    return 1 - float(((predicted[rows] - true) ** 2).sum() / ((true - mean) ** 2).sum())


def history(checkpoint: Path) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = json.loads(checkpoint.with_name("history.json").read_text(encoding="utf-8"))[
        "stages"
    ]
    return stages


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_recipe_beats_the_mean_on_unseen_tracks(tmp_path: Path, kind: str) -> None:
    world = give_playlists(make_world(tmp_path / "w"))
    checkpoint = train_network(world.workspace, toy(kind), world.split)
    assert checkpoint == tmp_path / "w" / "models" / "artists" / kind / "checkpoint.safetensors"
    assert share_explained(world, kind) > 0.3
    assert not checkpoint.with_name("training.safetensors").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_test_tracks_change_no_byte_of_a_model(tmp_path: Path, kind: str) -> None:
    """Shuffled and corrupted factors and plays of test tracks give the same checkpoint, scaling and codebook."""
    files = []
    for name in ("clean", "spoilt"):
        world = give_playlists(make_world(tmp_path / name, n_tracks=40))
        if name == "spoilt":
            spoil_test(world)
            spoil_test_plays(world)
        short = toy(kind)
        short = replace(short, stages=tuple(replace(stage, epochs=2) for stage in short.stages))
        files.append(train_network(world.workspace, short, world.split).read_bytes())
    assert files[0] == files[1]


def test_train_targets_do_change_the_model(tmp_path: Path) -> None:
    """The test above would pass for a model that reads nothing."""
    weights = []
    for scale in (1.0, -1.0):
        world = make_world(tmp_path / str(scale), n_tracks=40)
        spoilt = replace(world.factors, tracks=world.factors.tracks * np.float32(scale))
        save_factors(world.workspace, "artists", spoilt)
        weights.append(train_network(world.workspace, toy("mlp"), world.split).read_bytes())
    assert weights[0] != weights[1]


@pytest.mark.parametrize("kind", LISTENERS)
def test_plays_of_train_tracks_do_change_a_model_that_listens(tmp_path: Path, kind: str) -> None:
    """The test of test tracks would pass for a loss that reads no plays; and a finished training notices."""
    world = give_playlists(make_world(tmp_path / "w", n_tracks=40))
    first = train_network(world.workspace, toy(kind), world.split).read_bytes()
    spoil_test_plays(world)
    assert train_network(world.workspace, toy(kind), world.split).read_bytes() == first
    trains = world.ids.take(world.rows("train"))
    with open_library(world.workspace.library_path) as library, library.transaction():
        replace_playlists(world.workspace, Plays.of([Play("q000", track, at) for at, track in enumerate(trains[:12])]))
    assert train_network(world.workspace, toy(kind), world.split).read_bytes() != first


@pytest.mark.parametrize("kind", LISTENERS)
def test_losses_that_listen_need_plays(tmp_path: Path, kind: str) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)  # every track in a playlist of its own
    rmtree(world.workspace.plays_dir)
    with pytest.raises(UserError, match="learns from plays, but no train track has any; import playlists"):
        train_network(world.workspace, toy(kind), world.split)


def test_tracks_that_share_no_playlist_have_no_partners(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    with pytest.raises(UserError, match="no two train tracks do; import longer ones"):
        train_network(world.workspace, toy("encoder"), world.split)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_model(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    first = train_network(world.workspace, toy("triplet-content"), world.split).read_bytes()
    again = train_network(world.workspace, toy("triplet-content"), world.split, force=True).read_bytes()
    other = train_network(world.workspace, toy("triplet-content"), world.split, seed=3)
    assert first == again
    assert other.parent.name == "triplet-content@3"
    assert load_file(other)["stage2.1.output.weight"].tobytes() not in first
    with pytest.raises(UserError, match="seed: expected 0 or more, found -1"):
        train_network(world.workspace, toy("mlp"), world.split, seed=-1)


def test_a_finished_training_is_not_repeated_until_something_changes(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    steps: list[str] = []

    def note(what: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        steps.append(what)

    def run(**more: Any) -> tuple[bool, bytes]:
        steps.clear()
        path = train_network(world.workspace, toy("mlp"), world.split, progress=note, **more)
        return "training stage 1" in steps, path.read_bytes()

    trained, first = run()
    assert trained
    trained, second = run()
    assert not trained
    assert steps == ["trained already, nothing has changed"]
    assert second == first
    assert run(force=True) == (True, first)
    spoil_test(world)
    assert not run()[0]  # test tracks are no input
    save_factors(world.workspace, "artists", replace(world.factors, tracks=world.factors.tracks * 2))
    trained, third = run()
    assert trained
    assert third != first
    predictions_file = tmp_path / "w" / "models" / "artists" / "mlp" / "predictions.safetensors"
    right = predictions_file.read_bytes()
    predictions_file.unlink()
    assert not run()[0]
    assert predictions_file.read_bytes() == right
    stale = artefacts.load(predictions_file, "predictions")
    config = {"fingerprint": "of an older model, left by a kill between its successor and the predictions"}
    artefacts.save(predictions_file, "predictions", config=config, arrays=stale.arrays, ids=stale.ids)
    assert not run()[0]
    assert predictions_file.read_bytes() == right


def test_full_targets_read_the_full_factors(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    world.workspace.factors_path("artists").unlink()
    with pytest.raises(MissingStageError, match="unheard factors"):
        train_network(world.workspace, toy("mlp"), world.split)
    assert train_network(world.workspace, toy("mlp"), world.split, targets="full").is_file()


def test_early_stopping_keeps_the_best_weights(tmp_path: Path) -> None:
    """At a rate this high the loss gets worse: training stops `patience` epochs after its best one and returns that."""
    world = make_world(tmp_path / "w", n_tracks=40)
    wild = plain(dense_regression(input="content", adam={"learning_rate": 0.3}, epochs=200, patience=4))
    path = train_network(world.workspace, recipe("wild", wild), world.split)
    losses = [epoch["val_loss"] for epoch in history(path)[0]["epochs"]]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 4 < 201
    predictor = load_network_encoder(world.workspace, "artists", "wild")
    val = world.rows("val")
    statistics = get_features(world.workspace, "statistics").values
    train_factors = world.factors.tracks[world.rows("train")]
    errors = (predictor.from_content(statistics[val]) - world.factors.tracks[val]) / train_factors.std(axis=0)
    assert float((errors**2).mean()) == pytest.approx(losses[best], rel=1e-4)


def test_watching_the_correlation_keeps_its_best_and_scales_once(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    stage = plain(
        dense_regression(input="content", watch="correlation", epochs=30, patience=3, adam={"learning_rate": 0.02})
    )
    path = train_network(world.workspace, recipe("c", stage), world.split)
    best = max(epoch["val_correlation"] for epoch in history(path)[0]["epochs"])
    train_factors, rows = world.factors.tracks[world.rows("train")], world.rows("val")
    scaled = [
        (f - train_factors.mean(axis=0)) / train_factors.std(axis=0) for f in _predicted_and_true(world, "c", rows)
    ]
    out, true = (part.astype(np.float64).ravel() for part in scaled)
    assert out @ true / np.linalg.norm(out) / np.linalg.norm(true) == pytest.approx(best, abs=1e-3)
    assert out @ true / (out @ out) == pytest.approx(1.0, abs=1e-2)  # no other scale would have a smaller error


def _predicted_and_true(world: World, model: str, rows: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    return [predictions(world.workspace, "artists", model)[1][rows], world.factors.tracks[rows]]


def test_a_handful_of_tracks_can_be_learned_by_heart(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=10)
    split = Split("artists", dict.fromkeys(world.ids, 0), {"train": (0,), "val": (1,), "test": (2,)})
    stage = regression(epochs=60, patience=60, patches_per_track=2, batch_size=10, adam={"learning_rate": 1e-2})
    train_network(world.workspace, recipe("heart", stage), split)
    everything = World(world.workspace, split, world.factors)
    assert share_explained(everything, "heart", "train") > 0.95


def test_max_minutes_stops_and_keeps_what_there_is(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    path = train_network(world.workspace, toy("triplet"), world.split, max_minutes=0.0)
    assert [len(stage["epochs"]) for stage in history(path)] == [2, 2]  # before training, and one step
    assert len(predictions(world.workspace, "artists", "triplet")[0]) == 40


def test_the_history_says_what_happened(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    path = train_network(world.workspace, toy("triplet"), world.split)
    first, second = history(path)
    assert (first["loss"], first["margin"], second["loss"], second["margin"]) == ("TripletSemiHard", 0.4, "Mse", None)
    last = first["epochs"][-1]
    assert last["epoch"] == len(first["epochs"]) - 1
    assert {"train_loss", "train_accuracy", "train_active", "val_loss", "val_accuracy", "seconds"} < last.keys()
    assert last["learning_rate"] == pytest.approx(5e-3)
    assert first["epochs"][0].keys() == {"epoch", "val_loss", "val_accuracy", "seconds"}
    assert last["train_accuracy"] > first["epochs"][1]["train_accuracy"]
    assert min(epoch["val_loss"] for epoch in first["epochs"]) < 0.4  # better than a constant embedding


def test_content_takes_the_users_vectors_first(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    give_vectors(world)
    train_network(world.workspace, toy("mlp"), world.split)
    predictor = load_network_encoder(world.workspace, "artists", "mlp")
    assert predictor.reads == "vectors"
    assert share_explained(world, "mlp") > 0.5


def test_vectors_alone_are_enough(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    rmtree(world.workspace.mels_path)
    give_vectors(world)
    train_network(world.workspace, toy("triplet-content"), world.split)
    assert share_explained(world, "triplet-content") > 0.3


def test_a_split_without_validation_tracks_still_trains(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    split = Split("artists", world.split.fold, {"train": (0, 1, 2), "test": (3, 4)})
    train_network(world.workspace, toy("mlp"), split)
    assert share_explained(world, "mlp") > 0.3


@pytest.mark.parametrize("validating", [1, 2, 3])
def test_few_validation_tracks_still_train(tmp_path: Path, validating: int) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    fold = {t: 3 if row < validating else 0 for row, t in enumerate(world.ids)}
    split = Split("artists", fold, {"train": (0,), "val": (3,)})
    train_network(world.workspace, toy("triplet-content"), split)


def test_too_little_to_learn_from_is_said(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    alone = Split("artists", {world.ids[0]: 0}, {"train": (0,), "val": (1,), "test": (2,)})
    with pytest.raises(UserError, match="has 1 train tracks with both sound and plays, expected at least 4"):
        train_network(world.workspace, toy("mlp"), alone)
    with pytest.raises(UserError, match="reads vectors, but no track has any; scan a vectors file"):
        train_network(world.workspace, recipe("v", plain(dense_regression(input="vectors"))), world.split)
    with pytest.raises(UserError, match=r"device 'gpu' cannot be used .*choose auto, cpu or cuda"):
        train_network(world.workspace, toy("mlp"), world.split, device="gpu")


def test_a_loss_that_explodes_is_said(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    wild = plain(dense_regression(input="content", adam={"learning_rate": 1e30}, epochs=200, patience=200))
    with pytest.raises(UserError, match=r"the loss became .* lower the recipe's learning_rate"):
        train_network(world.workspace, recipe("wild", wild), world.split)
