"""Damaged artefacts of models are refused by a message that names the file and the command that mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.builders.sound_world import World, make_world
from unheard import artefacts
from unheard.errors import UserError
from unheard.inference.checkpoint import load_checkpoint
from unheard.inference.predictions import load_predictions
from unheard.inference.ranker_checkpoint import load_ranker
from unheard.inference.ranker_encoder import RankerEncoder
from unheard.models.ranker_recipe import ranker_recipe_from
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

GOLDEN = Path(__file__).parent / "golden" / "checkpoint-v1.safetensors"
Change = Callable[[artefacts.Artefact], object]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with a fitted recipe of two members, "two"."""
    world = make_world(tmp_path_factory.mktemp("damaged") / "w", n_tracks=20)
    quick = {"checks": 1, "steps_per_check": 1}
    members = [{"ridge": {}, "artist": True}, {"content-user": {"descent": quick}}]
    recipe = ranker_recipe_from({"name": "two", "about": "", "features": ["statistics"], "member": members}, "two")
    fit_rankers(world.workspace, recipe, world.split, device="cpu")
    return world


def damage(path: Path, kind: str, change: Change, to: Path) -> Path:
    """Write the artefact at `path` to `to`, changed."""
    found = artefacts.load(path, kind)
    change(found)
    artefacts.save(to, kind, config=found.config, arrays=found.arrays, ids=found.ids)
    return to


def cut(name: str) -> Change:
    """Leave out the last row of an array."""

    def change(found: artefacts.Artefact) -> None:
        found.arrays[name] = found.arrays[name][:-1]

    return change


def put(key: str, value: Any) -> Change:
    return lambda found: found.config.__setitem__(key, value)


def put_member(key: str, value: Any) -> Change:
    return lambda found: found.config["members"][0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("fingerprint", 5), "fingerprint is not text"),
        (put("stages", "two"), "stages is not a list"),
        (put("dim", 7), "scaling.shift and scaling.scale have shapes"),
        (put("settings", {"n_mels": 0}), "n_mels is 0"),
        (put("settings", 3), "TypeError"),
        (cut("scaling.shift"), "have shapes (5,) and (6,)"),
        (lambda found: found.config.pop("recipe"), "KeyError: 'recipe'"),
    ],
)
def test_a_checkpoint(tmp_path: Path, change: Change, says: str) -> None:
    path = damage(GOLDEN, "checkpoint", change, tmp_path / "checkpoint.safetensors")
    with pytest.raises(UserError) as caught:
        load_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: damaged (")
    assert says in str(caught.value)
    assert str(caught.value).endswith("; delete it and run `unheard train` again")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("fingerprint", None), "fingerprint is not text"),
        (put("members", {}), "it has no members"),
        (put("dim", "six"), "ValueError"),
        (put("descriptions", ["musicnn"]), "KeyError: 'standard.musicnn.mean'"),
        (put_member("weight", float("nan")), "member 0 has no finite weight"),
        (put_member("deviation", 0.0), "member 0 has no finite weight, head or deviation"),
        (cut("standard.statistics.mean"), "mean and deviation of statistics have shapes (6,) and (7,)"),
        (lambda found: found.arrays.update({"artist.counts": np.ones(3)}), "artist.counts has shape (3,)"),
        (cut("member1.playlists"), "member1.playlists has shape (19,"),
        (lambda found: found.arrays.pop("member0.playlists"), "member0.playlists is missing"),
        (lambda found: found.arrays.pop("artist.scale"), "KeyError: 'scale'"),
        (lambda found: found.ids.pop("train"), "KeyError: 'train'"),
    ],
)
def test_a_fitted_recipe(fitted: World, tmp_path: Path, change: Change, says: str) -> None:
    good = fitted.workspace.model_dir("artists", "two") / "ranker.safetensors"
    path = damage(good, "ranker", change, tmp_path / "ranker.safetensors")
    with pytest.raises(UserError) as caught:
        load_ranker(path)
    assert str(caught.value).startswith(f"{path}: damaged (")
    assert says in str(caught.value)
    assert str(caught.value).endswith("; delete it and run `unheard train` again")


def test_weights_that_do_not_fit_a_member(fitted: World, tmp_path: Path) -> None:
    good = fitted.workspace.model_dir("artists", "two") / "ranker.safetensors"
    path = damage(good, "ranker", cut("member0.tower.weight"), tmp_path / "ranker.safetensors")
    with pytest.raises(UserError, match=r"ranker\.safetensors: member 0 cannot be read .*; train again"):
        RankerEncoder(load_ranker(path), torch.device("cpu"), fitted.workspace)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (cut("factors"), "factors have shape (19, 6), with 20 track ids"),
        (lambda found: found.arrays.pop("factors"), "factors have shape None"),
        (lambda found: found.ids.pop("track"), "with no track ids"),
        (cut("places"), "embeddings of tracks have shape (19,"),
        (lambda found: found.arrays.pop("playlists"), "those of playlists None"),
        (lambda found: found.arrays.update(playlists=np.zeros((3, 2), np.float32)), "those of playlists (3, 2)"),
    ],
)
def test_predictions(fitted: World, tmp_path: Path, change: Change, says: str) -> None:
    shutil.copytree(fitted.workspace.root, tmp_path / "w")
    workspace = Workspace.open(tmp_path / "w")
    path = workspace.model_dir("artists", "two") / "predictions.safetensors"
    damage(path, "predictions", change, path)
    with pytest.raises(UserError) as caught:
        load_predictions(workspace, "artists", "two")
    assert str(caught.value).startswith(f"{path}: damaged (")
    assert says in str(caught.value)
    assert str(caught.value).endswith(f"run `unheard train -w {workspace.root} --split artists two` again")
