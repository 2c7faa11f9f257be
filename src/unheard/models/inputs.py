"""The first layer of every network: normalises stored values to mean 0 and deviation 1, on the device."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PatchInput(nn.Module):
    """Stored patches (batch, frame, mel), uint8 or float16, -> (batch, 1, mel, frame) float32.

    Bags of patches (batch, patch, frame, mel) -> (batch, patch, mel, frame).

    A stored value q means offset + step * q decibels; each mel band is then normalised by its mean and deviation over
    the train tracks (buffers, not trainable weights).
    """

    def __init__(self, mean_db: Tensor, std_db: Tensor, *, offset_db: float, step_db: float) -> None:
        super().__init__()
        self.offset_db, self.step_db = offset_db, step_db
        self.register_buffer("mean_db", mean_db.float().clone())  # (mel,)
        self.register_buffer("std_db", std_db.float().clone())  # (mel,)

    def forward(self, stored: Tensor) -> Tensor:
        mean, std = self.get_buffer("mean_db"), self.get_buffer("std_db")
        shift, scale = (self.offset_db - mean) / std, self.step_db / std
        x = stored.transpose(-2, -1).to(torch.float32, memory_format=torch.contiguous_format)  # (..., mel, frame)
        x = torch.addcmul(shift[:, None], x, scale[:, None])
        return x.unsqueeze(1) if stored.ndim == 3 else x  # (batch, patch, mel, frame)


class VectorInput(nn.Module):
    """Vectors (batch, width) -> the same, normalised by the mean and deviation of the train tracks."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float().clone())  # (width,)
        self.register_buffer("std", std.float().clone())  # (width,)

    def forward(self, x: Tensor) -> Tensor:
        return (x.float() - self.get_buffer("mean")) / self.get_buffer("std")
