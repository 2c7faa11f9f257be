"""Outputs of tracks: the mean of the network's outputs over the patches (or bags of patches) that cover it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import nn

from unheard.arrays import Doubles, Floats, Rows
from unheard.inference.device import autocast
from unheard.inference.input_sources import PatchSource, Source
from unheard.progress import Progress, silent

PATCHES_AT_ONCE = 64  # of 256 frames; fewer when they are longer
FRAMES_AT_ONCE = 256 * PATCHES_AT_ONCE


def mean_outputs(
    network: nn.Module,
    source: Source,
    rows: Rows,
    *,
    device: torch.device,
    precision: Literal["auto", "float32"],
    limit: int | None = None,
    progress: Progress = silent,
) -> Floats:
    """Return the mean output of each of `rows` of `source`, (rows, out), over at most `limit` patches a track."""
    network.eval()
    covers = [source.cover(int(row), limit) for row in rows]
    track = np.repeat(np.arange(len(rows)), [len(cover) for cover in covers])  # (all patches,)
    starts = np.concatenate(covers) if covers else np.zeros(0, np.int64)
    sums: Doubles | None = None
    frames = source.shape[1] * source.bag if isinstance(source, PatchSource) else 1  # of one item
    at_once = max(1, min(PATCHES_AT_ONCE, FRAMES_AT_ONCE // frames))
    for first in range(0, len(track), at_once):
        here = slice(first, first + at_once)
        stored = torch.from_numpy(source.batch(rows[track[here]], starts[here])).to(device)
        with torch.inference_mode(), autocast(device, precision):
            output = network(stored).float().cpu().numpy()  # (batch, out)
        sums = np.zeros((len(rows), output.shape[1])) if sums is None else sums
        np.add.at(sums, track[here], output)
        progress("predicting", min(len(track), here.stop), len(track))
    if sums is None:
        return np.zeros((0, 0), np.float32)
    counts = np.array([len(cover) for cover in covers])
    means: Floats = (sums / counts[:, None]).astype(np.float32)
    return means
