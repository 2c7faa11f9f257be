"""Make the module of a stage for training: the input layer is fitted on train tracks, the network is fresh."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from unheard.arrays import Rows
from unheard.inference.input_sources import PatchSource, Source
from unheard.inference.stages import stage_module
from unheard.models.recipe import Stage
from unheard.spectrograms.store import ENCODINGS


def assemble(stage: Stage, source: Source, train: Rows, *, outputs: int) -> nn.Sequential:
    """Return a fresh module; `train` are the train rows of `source`, weights come from torch's generator."""
    mean, std = (torch.from_numpy(moment) for moment in source.moments(train))
    encoding = source.store.encoding if isinstance(source, PatchSource) else next(iter(ENCODINGS.values()))
    return stage_module(stage, source.shape, outputs, mean=mean, std=std, encoding=encoding)


def stage_note(stage: Stage, source: Source, outputs: int) -> dict[str, Any]:
    """Return what a checkpoint records about a trained stage."""
    return {"shape": list(source.shape), "outputs": outputs, "precision": stage.precision}
