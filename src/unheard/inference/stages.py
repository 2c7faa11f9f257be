"""A stage of a network as a module: input layer, then network; and stages as a checkpoint stores them."""

from __future__ import annotations

from torch import Tensor, nn, ones

from unheard.errors import UserError
from unheard.inference.checkpoint import Checkpoint
from unheard.inference.module_arrays import load_arrays
from unheard.models.inputs import PatchInput, VectorInput
from unheard.models.losses import Score
from unheard.models.networks import build
from unheard.models.recipe import Mse, Stage
from unheard.spectrograms.store import ENCODINGS, Encoding


def stage_module(
    stage: Stage, shape: tuple[int, ...], outputs: int, *, mean: Tensor, std: Tensor, encoding: Encoding
) -> nn.Sequential:
    """Return the module of a stage with fresh weights, drawn from torch's generator.

    shape      of one input, without the batch: (mel, frame) or (width,)
    mean, std  by which the input layer standardises, (mel,) or (width,)
    encoding   of stored spectrograms; a stage that reads vectors ignores it
    """
    first: nn.Module
    if stage.input == "patches":
        first = PatchInput(mean, std, offset_db=encoding.offset_db, step_db=encoding.step_db)
    else:
        first = VectorInput(mean, std)
    network = build(stage.network, input_shape=shape, outputs=outputs, zero_output=isinstance(stage.loss, Mse | Score))
    return nn.Sequential(first, network)


def load_stage(checkpoint: Checkpoint, number: int) -> nn.Sequential:
    """Return stage `number` (1 or 2) with its stored weights, in evaluation mode; UserError if it does not fit."""
    stage = checkpoint.recipe.stages[number - 1]
    try:
        note = checkpoint.config["stages"][number - 1]
        shape, outputs = tuple(int(size) for size in note["shape"]), int(note["outputs"])
        blank = ones(shape[0])
        encoding = ENCODINGS[checkpoint.settings.front_end]
        module = stage_module(stage, shape, outputs, mean=blank, std=blank, encoding=encoding)
        load_arrays(module, checkpoint.below(f"stage{number}."))
    except (IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{checkpoint.path}: stage {number} cannot be read ({reason}); train again") from error
    return module.eval()
