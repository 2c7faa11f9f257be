"""Checkpoints of every family of networks and of every ranker, with random weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unheard.ids import IdMap
from unheard.inference.artists import ArtistTable
from unheard.inference.checkpoint import Checkpoint
from unheard.inference.module_arrays import Arrays, arrays_of
from unheard.inference.ranker_checkpoint import RankerCheckpoint
from unheard.inference.stages import stage_module
from unheard.models.rankers.build import build
from unheard.models.rankers.ranker_tables import RANKER_TABLES
from unheard.models.rankers.shrinkage import Shrinkage
from unheard.models.rankers.two_tower import TwoTower
from unheard.models.recipe import recipe_from
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import Settings

DIM, WIDTH = 5, 7
PATCH = {"input": "patches", "patches_per_track": 2}
DENSE = {"layers": [8]}
LAST: dict[str, Any] = {"input": "previous", "dense": DENSE, "mse": {}}
SMALL = Settings(patch_frames=32)
FAMILIES: dict[str, tuple[Settings, list[dict[str, Any]]]] = {
    "cnn": (SMALL, [{**PATCH, "cnn": {"channels": [4, 6], "pools": [[8, 2], [2, 4]], "dense": [16]}, "mse": {}}]),
    "cnn1d": (SMALL, [{**PATCH, "cnn1d": {"channels": [8, 8], "pools": [2, 2], "dense": [16]}, "mse": {}}]),
    "cnn1d-moments": (
        SMALL,
        [{**PATCH, "cnn1d": {"channels": [8, 8], "pools": [2, 2], "dense": [16], "summary": "moments"}, "mse": {}}],
    ),
    "rnn": (SMALL, [{**PATCH, "rnn": {"layers": [6, 5], "dense": [8]}, "mse": {}}]),
    "choi": (Settings(patch_frames=64), [{**PATCH, "choi": {"dense": [8]}, "mse": {}}]),
    "xception": (Settings(patch_frames=128), [{**PATCH, "xception": {"channels": 4, "dense": [8]}, "mse": {}}]),
    "encoder": (
        SMALL,
        [
            {
                **PATCH,
                "bag": 2,
                "output": 6,
                "encoder": {"channels": [6, 8], "attention": 4, "dense": [16], "unit_length": True, "time_masks": 1},
                "triplet-semi-hard": {"nearest": 6, "buffer": 4},
            },
            LAST,
        ],
    ),
    "parity front end": (
        Settings(front_end="parity", patch_frames=32),
        [{**PATCH, "cnn": {"channels": [4], "pools": [[8, 2]], "dense": [16]}, "mse": {}}],
    ),
    "dense": (SMALL, [{"input": "content", "dense": DENSE, "mse": {}}]),
    "dense, two stages": (
        SMALL,
        [{"input": "content", "output": 6, "dense": DENSE, "triplet-semi-hard": {"nearest": 6, "buffer": 4}}, LAST],
    ),
}


def network(family: str, *, seed: int = 0) -> Checkpoint:
    """Return a checkpoint of a family with random weights, norms and scaling."""
    settings, stages = FAMILIES[family]
    recipe = recipe_from({"name": "toy", "about": "random", "stage": stages}, family)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    reads = "patches" if recipe.stages[0].input == "patches" else "statistics"
    shape: tuple[int, ...] = (settings.n_mels, settings.patch_frames) if reads == "patches" else (WIDTH,)
    notes: list[dict[str, Any]] = []
    arrays: Arrays = {}
    for number, stage in enumerate(recipe.stages, start=1):
        outputs = stage.output or DIM
        mean, std = torch.randn(shape[0]), torch.rand(shape[0]) + 0.5
        if reads == "patches" and number == 1:
            mean, std = mean * 3 - 30, std * 20
        module = stage_module(stage, shape, outputs, mean=mean, std=std, encoding=ENCODINGS[settings.front_end])
        randomise(module)
        arrays |= {f"stage{number}.{name}": array for name, array in arrays_of(module).items()}
        notes.append({"shape": list(shape), "outputs": outputs})
        shape = (outputs,)
    arrays |= {
        "scaling.shift": rng.normal(size=DIM).astype(np.float32),
        "scaling.scale": rng.uniform(0.5, 2, DIM).astype(np.float32),
    }
    config = {
        "recipe": {"name": "toy", "about": "random", "stage": stages},
        "settings": asdict(settings),
        "dim": DIM,
        "reads": reads,
        "stages": notes,
        "fingerprint": "random",
        "targets": "warm",
        "factors": {},
        "split": "artists",
    }
    return Checkpoint(Path("toy/checkpoint.safetensors"), config, arrays)


def randomise(module: nn.Module) -> None:
    """Let every norm and output layer do something: fresh ones are the identity or zero."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            layer.running_mean.normal_(std=0.3)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.2)
        elif isinstance(layer, nn.Linear) and not layer.weight.any():
            nn.init.normal_(layer.weight, std=0.3)


def blend_of_everything(*, seed: int = 0) -> RankerCheckpoint:
    """Return a checkpoint with one member of every ranker, with random weights and scalers; two kinds of features."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    widths = {"statistics": WIDTH, "musicnn": 4}
    n_artist, artists = DIM + 1, IdMap(["a", "b", "c"])
    notes: list[dict[str, Any]] = []
    arrays = dict(ArtistTable(artists, normal(rng, 3, DIM), np.array([1, 2, 5]), 0.7).arrays)
    for kind, width in widths.items():
        arrays[f"standard.{kind}.mean"] = normal(rng, width)
        arrays[f"standard.{kind}.deviation"] = rng.uniform(0.5, 2, width).astype(np.float32)
    for number, (kind, table) in enumerate(sorted(RANKER_TABLES.items())):
        config, reads_artist = table(), number % 2 == 0 or table in (Shrinkage, TwoTower)
        outputs = int(getattr(config, "output", DIM))
        inputs = sum(widths.values()) + (n_artist if reads_artist else 0)
        sizes = {"inputs": inputs, "n_artist": n_artist if reads_artist else 0, "outputs": outputs}
        tower = build(config, **sizes, factors=DIM)
        weights = {
            name: np.asarray(normal(rng, *array.shape) * 0.3, np.float32) for name, array in arrays_of(tower).items()
        }
        arrays |= {f"member{number}.tower.{name}": array for name, array in weights.items()}
        note = {"kind": kind, "config": {}, "artist": reads_artist, "weight": number % 3, "deviation": 1.5, **sizes}
        notes.append(note | {"head": 0.25 if outputs == DIM else 0.0})
    config = {"descriptions": list(widths), "members": notes, "dim": DIM, "fingerprint": "random"}
    ids = {"artist": artists, "playlist": IdMap([]), "train": IdMap([])}
    return RankerCheckpoint(Path("toy/ranker.safetensors"), config, arrays, ids)


def normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return np.asarray(rng.normal(size=shape), np.float32)
