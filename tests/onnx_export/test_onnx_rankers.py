"""Exported track towers in ONNX Runtime give what the encoder gives: every ranker, and a fitted blend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.builders.command_line import run_command
from tests.builders.sound_world import give_playlists, make_world
from tests.onnx_export.checkpoints import DIM, WIDTH, blend_of_everything, normal
from unheard.errors import UserError
from unheard.inference.artists import artist_names
from unheard.inference.predictions import load_predictions
from unheard.inference.ranker_checkpoint import load_ranker
from unheard.inference.ranker_encoder import RankerEncoder
from unheard.inference.ranker_features import read_features
from unheard.library import open_library
from unheard.models.ranker_recipe import ranker_recipe_from
from unheard.onnx_export.write_onnx import graph_of_ranker, write_graph
from unheard.splits.exchange import write_splits
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytestmark = pytest.mark.slow


def session_of(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path))


def test_every_ranker(tmp_path: Path) -> None:
    """One file with a member of each; tracks without a kind of features or without an artist are among the tracks."""
    checkpoint, rng = blend_of_everything(), np.random.default_rng(3)
    write_graph(graph_of_ranker(checkpoint), tmp_path / "blend.onnx", {"model": "toy"})
    n = 11
    known = {"statistics": np.ones(n, np.bool_), "musicnn": np.arange(n) % 3 > 0}
    values = {"statistics": normal(rng, n, WIDTH), "musicnn": normal(rng, n, 4)}
    names = ["a", "b", "c", "", "unknown", *"abcabc"]
    encoder = RankerEncoder(checkpoint, torch.device("cpu"), cast("Workspace", None))  # reads no files here
    embeddings, factors = encoder.encode({kind: (values[kind], known[kind]) for kind in values}, names)
    given = {kind: np.where(known[kind][:, None], values[kind], np.float32("nan")) for kind in values}
    found = session_of(tmp_path / "blend.onnx").run(
        ["factors", "embedding"], {**given, "artist": checkpoint.artist_table.columns(names)}
    )
    np.testing.assert_allclose(found[0], factors, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found[1], embeddings, rtol=1e-3, atol=1e-4)
    assert factors.shape == (n, DIM)
    assert len(np.unique(embeddings.round(3), axis=0)) == n


def test_the_command_exports_a_fitted_blend(tmp_path: Path) -> None:
    """The stored predictions of tracks outside of training are those of the file."""
    world = give_playlists(make_world(tmp_path / "w", n_tracks=40))
    write_splits(world.workspace.splits_path, {world.split.name: world.split})
    tower = {"steps": 20, "checks": 2, "playlists": 32, "tower": {"width": 16}, "output": 8}
    members = [{"artist": True, "two-tower": tower}, {"ridge": {}}]
    recipe = ranker_recipe_from({"name": "small", "about": "", "member": members}, "small")
    file = fit_rankers(world.workspace, recipe, world.split)
    out = tmp_path / "small.onnx"
    ran = run_command("export-model", "-w", world.workspace.root, "--model", "small", "-o", out)
    assert (ran.code, ran.stdout) == (0, "")
    session = session_of(out)
    about = json.loads(session.get_modelmeta().custom_metadata_map["unheard"])
    assert (about["model"], about["split"], about["dim"]) == ("small", "artists", world.factors.dim)
    assert [one["name"] for one in about["inputs"]] == ["statistics", "artist"]
    with open_library(world.workspace.library_path) as library:
        ids, (block,) = read_features(world.workspace, library, ["statistics"])
        artist = load_ranker(file).artist_table.columns(artist_names(library, ids))
    factors, embeddings = session.run(["factors", "embedding"], {"statistics": block.values, "artist": artist})
    stored = load_predictions(world.workspace, "artists", "small")
    assert stored.track_embeddings is not None
    test = world.rows("test")
    np.testing.assert_allclose(factors, stored.factors, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(embeddings[test], stored.track_embeddings[test], rtol=1e-3, atol=1e-4)


def test_mistakes(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=5)
    write_splits(world.workspace.splits_path, {world.split.name: world.split})
    words = ("export-model", "-w", world.workspace.root, "--model")
    assert "model 'cnn' has not been trained" in run_command(*words, "cnn", "-o", tmp_path / "a.onnx").error
    assert "expected a file with the suffix .onnx" in run_command(*words, "cnn", "-o", tmp_path / "a.pt").error
    checkpoint = blend_of_everything()
    for note in checkpoint.config["members"]:
        note["weight"] = 0
    with pytest.raises(UserError, match="is not fitted to the end"):
        graph_of_ranker(checkpoint)
