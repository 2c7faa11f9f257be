"""A stage's whole module: input layer, then network. Made afresh for training, or as a checkpoint holds it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unheard.errors import UserError
from unheard.inference.checkpoint import Checkpoint
from unheard.inference.sources import PatchSource, Source
from unheard.models.inputs import PatchInput, VectorInput
from unheard.models.losses import Score
from unheard.models.networks import build
from unheard.models.recipe import Mse, Stage
from unheard.spectrograms.store import ENCODINGS, Encoding
from unheard.training.networks.loop import load_arrays


def assemble(stage: Stage, source: Source, train: NDArray[np.integer], *, outputs: int) -> nn.Sequential:
    """A fresh module; the input layer is fitted on the train rows, weights come from torch's generator."""
    mean, std = (torch.from_numpy(moment) for moment in source.moments(train))
    encoding = source.store.encoding if isinstance(source, PatchSource) else None
    return _module(stage, source.shape, outputs, mean, std, encoding)


def stage_note(stage: Stage, source: Source, outputs: int) -> dict[str, Any]:
    """What a checkpoint notes of a trained stage."""
    return {"shape": list(source.shape), "outputs": outputs, "precision": stage.precision}


def assemble_stored(checkpoint: Checkpoint, number: int) -> nn.Sequential:
    """The module of stage `number` (1 or 2) with its stored weights, in evaluation mode."""
    stage = checkpoint.recipe.stages[number - 1]
    try:
        note = checkpoint.config["stages"][number - 1]
        shape, outputs = tuple(int(size) for size in note["shape"]), int(note["outputs"])
        blank = torch.ones(shape[0])
        module = _module(stage, shape, outputs, blank, blank, ENCODINGS[checkpoint.settings.front_end])
        load_arrays(module, checkpoint.below(f"stage{number}."))
    except (IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{checkpoint.path}: stage {number} cannot be read ({reason}); train again") from error
    return module.eval()


def _module(
    stage: Stage,
    shape: tuple[int, ...],
    outputs: int,
    mean: torch.Tensor,
    std: torch.Tensor,
    encoding: Encoding | None,
) -> nn.Sequential:
    first: nn.Module
    if stage.input == "patches":
        assert encoding is not None
        first = PatchInput(mean, std, offset_db=encoding.offset_db, step_db=encoding.step_db)
    else:
        first = VectorInput(mean, std)
    network = build(stage.network, input_shape=shape, outputs=outputs, zero_output=isinstance(stage.loss, Mse | Score))
    return nn.Sequential(first, network)
