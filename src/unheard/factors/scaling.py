"""Scaling of factors before they become training targets.

`standard` centres each dimension and gives it unit variance. `min-max` maps each to 0 .. 1: a single outlier squeezes
everybody else together, which is why the thesis dropped it; it is here to show that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ScalingKind = Literal["standard", "min-max"]


@dataclass(frozen=True)
class Scaling:
    """scaled = (factors - shift) / scale, per dimension; `shift` and `scale` are (d,) float32."""

    kind: ScalingKind
    shift: NDArray[np.float32]
    scale: NDArray[np.float32]

    @staticmethod
    def fit(factors: NDArray[np.float32], kind: ScalingKind = "standard") -> Scaling:
        """Fitted on `factors` (n, d), which have to be train rows alone. A constant dimension is only shifted."""
        if not len(factors):
            raise ValueError("scaling needs at least one row")
        wide = factors.astype(np.float64)
        if kind == "standard":
            shift, scale = wide.mean(axis=0), wide.std(axis=0)
        else:
            shift, scale = wide.min(axis=0), np.ptp(wide, axis=0)
        rounding = np.maximum(1e-6 * np.abs(wide).max(axis=0), np.finfo(np.float32).tiny)
        constant = scale <= rounding
        return Scaling(kind, shift.astype(np.float32), np.where(constant, 1, scale).astype(np.float32))

    def transform(self, factors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Factors (n, d) to targets (n, d), float32."""
        return ((factors - self.shift) / self.scale).astype(np.float32)

    def inverse(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Targets (n, d) back to factors (n, d), float32."""
        return (scaled * self.scale + self.shift).astype(np.float32)
