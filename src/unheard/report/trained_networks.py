"""Read trained networks: their training histories, the outputs of their first convolution, and their filters.

Torch is imported only if a convolutional network has been trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unheard.arrays import Reals
from unheard.checksums import read_sealed
from unheard.errors import UserError
from unheard.evaluate.results import recipe_and_seed
from unheard.inference.predictions import NETWORK_FILE
from unheard.report.audio_excerpt import middle_patch
from unheard.report.figures.histories import StageHistory
from unheard.spectrograms.store import MelStore
from unheard.workspace import Workspace

if TYPE_CHECKING:
    import torch
    from torch import nn

    from unheard.inference.checkpoint import Checkpoint


LAYERS = 3
MAX_FILTERS = 64
MAX_LINES = 32  # filters of a cnn1d, which are large
SHOWN_OUTPUTS = 6


@dataclass(frozen=True)
class Convolutions:
    """One convolutional network.

    family    "cnn" (over bands and frames) or "cnn1d" (along one axis)
    along     the axis along which a cnn1d slides, "frames" or "bands"; empty for a cnn
    patch     (mel, frame) input, normalised
    outputs   of a cnn: named outputs (mel, frame) of the first convolution, batch norm and ELU
    sliding   of a cnn1d: the same outputs, (filter, position)
    layers    weights (filter, height, width) of the first layers; from the second layer of a cnn on, the plane of each
              filter with the largest weights
    """

    model: str
    family: str
    along: str
    patch: Reals
    outputs: tuple[tuple[str, Reals], ...]
    sliding: Reals | None
    layers: tuple[Reals, ...]


@dataclass(frozen=True)
class History:
    """All trainings of one recipe on one split, one entry per seed, ordered by seed."""

    recipe: str
    models: tuple[str, ...]
    runs: tuple[tuple[StageHistory, ...], ...]


# ------------------------------------------------------------------------------------------------ histories


def histories(workspace: Workspace, split: str, wanted: Sequence[str]) -> tuple[History, ...]:
    """Return the histories of the models `wanted` (empty: of all trained ones), grouped by recipe."""
    found: dict[str, list[tuple[int, str, tuple[StageHistory, ...]]]] = {}
    for path in sorted(workspace.model_dir(split, "*").parent.glob("*/history.json")):
        model = path.parent.name
        if not wanted or model in wanted:
            recipe, seed = recipe_and_seed(model)
            found.setdefault(recipe, []).append((seed, model, _read_history(path)))
    return tuple(
        History(recipe, tuple(model for _, model, _ in runs), tuple(stages for _, _, stages in runs))
        for recipe, runs in ((name, sorted(entries)) for name, entries in found.items())
        if any(any(stage.epochs for stage in stages) for _, _, stages in runs)
    )


def _read_history(path: Path) -> tuple[StageHistory, ...]:
    try:
        stages = read_sealed(path)["stages"]
        return tuple(
            StageHistory(
                str(stage["loss"]),
                None if stage.get("margin") is None else float(stage["margin"]),
                [{key: float(value) for key, value in epoch.items()} for epoch in stage["epochs"]],
            )
            for stage in stages
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error!r}); delete it, or train the model again") from error


# ---------------------------------------------------------------------------------------------- convolutions


def convolutions(
    workspace: Workspace, split: str, models: Sequence[str], store: MelStore | None, wanted: Sequence[str]
) -> tuple[Convolutions, ...]:
    """Return the first trained network of each family; its input is the first track of `wanted` (ids) with audio."""
    there = [(model, workspace.model_dir(split, model) / NETWORK_FILE) for model in models]
    there = [(model, path) for model, path in there if path.is_file()]
    if not there or store is None:
        return ()
    from unheard.inference.checkpoint import load_checkpoint
    from unheard.models.cnn import CnnConfig
    from unheard.models.cnn1d import Cnn1dConfig

    row = next((store.ids.row(track_id) for track_id in wanted if track_id in store.ids), 0)
    found: dict[str, Convolutions] = {}
    for model, path in there:
        if len(found) == 2:
            break
        checkpoint = load_checkpoint(path)
        network = checkpoint.recipe.stages[0].network
        if isinstance(network, CnnConfig) and "cnn" not in found:
            found["cnn"] = _look_inside(checkpoint, model, "cnn", "", store, row)
        elif isinstance(network, Cnn1dConfig) and "cnn1d" not in found:
            found["cnn1d"] = _look_inside(checkpoint, model, "cnn1d", network.along, store, row)
    return tuple(found[family] for family in ("cnn", "cnn1d") if family in found)


def _look_inside(
    checkpoint: Checkpoint, model: str, family: str, along: str, store: MelStore, row: int
) -> Convolutions:
    import torch

    from unheard.inference.stages import load_stage

    first, network = load_stage(checkpoint, 1)
    frames = int(checkpoint.config["stages"][0]["shape"][1])
    with torch.inference_mode():
        patch = first(torch.from_numpy(middle_patch(store, row, frames)))  # (1, 1, mel, frame)
        outputs = _first_outputs(network, patch).numpy()[0]  # (filter, mel, frame), or (filter, 1, position)
    picture = patch[0, 0].numpy()
    below = list(network.get_submodule("convolutions").children())[:LAYERS]
    layers = tuple(_weights(layer, plane=family == "cnn") for layer in below)
    if family == "cnn":
        return Convolutions(model, family, along, picture, chosen_outputs(picture, outputs), None, layers)
    return Convolutions(model, family, along, picture, (), outputs[:MAX_FILTERS, 0], layers)


def _first_outputs(network: nn.Module, patch: torch.Tensor) -> torch.Tensor:
    """Return the output of convolution, batch norm and ELU of the first block, before its pool."""
    from torch import nn
    from torch.nn import functional

    convolution = network.get_submodule("convolutions.0")
    norm = network.get_submodule("norms.0") if network.norms is not None else nn.Identity()
    if convolution.in_channels == 1:  # Cnn pools before the norm, so this is not part of its forward pass
        return functional.elu(norm(convolution(patch)))
    caught: list[torch.Tensor] = []
    handle = convolution.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    try:
        network(patch)
    finally:
        handle.remove()
    return functional.elu(norm(caught[0]))


def _weights(convolution: nn.Module, *, plane: bool) -> Reals:
    """Return weights (filter, height, width); of a filter with many planes, the plane with the largest weights."""
    weight = convolution.get_parameter("weight").detach().numpy()
    if not plane:
        lines: Reals = weight[:MAX_LINES, :, 0, :]  # (filter, input channel, width)
        return lines
    weight = weight[:MAX_FILTERS]
    strongest = np.square(weight).sum(axis=(2, 3)).argmax(axis=1)
    planes: Reals = weight[np.arange(len(weight)), strongest]  # (filter, 3, 3)
    return planes


def chosen_outputs(patch: Reals, outputs: Reals) -> tuple[tuple[str, Reals], ...]:
    """Return some outputs of a layer (filter, mel, frame) for a patch (mel, frame), with names.

    They are the filter with the highest mean band, the one with the lowest, the one most anticorrelated with loudness,
    and then those whose output varies most.
    """
    spread = outputs.std(axis=(1, 2))
    alive = spread > 1e-6
    if not alive.any():
        return ()
    above = outputs - outputs.min(axis=(1, 2), keepdims=True)
    by_band = above.sum(axis=2)  # (filter, mel)
    height = (by_band * np.arange(by_band.shape[1])).sum(axis=1) / np.maximum(by_band.sum(axis=1), 1e-12)
    loud = patch.mean(axis=0) - patch.mean()  # (frame,)
    over_time = outputs.mean(axis=1)
    over_time = over_time - over_time.mean(axis=1, keepdims=True)
    scale = np.linalg.norm(over_time, axis=1) * np.linalg.norm(loud)
    with_loudness = over_time @ loud / np.maximum(scale, 1e-12)
    orders = (
        ("high bands", -height),
        ("low bands", height),
        ("when it is quiet", np.where(with_loudness < 0, with_loudness, np.inf)),
        *[("varies most", -spread)] * SHOWN_OUTPUTS,
    )
    chosen: dict[int, str] = {}
    for words, order in orders:
        free = [i for i in np.argsort(order, kind="stable") if alive[i] and np.isfinite(order[i]) and i not in chosen]
        if free and len(chosen) < SHOWN_OUTPUTS:
            chosen[int(free[0])] = words
    return tuple((f"filter {i + 1}: {words}", outputs[i]) for i, words in chosen.items())
