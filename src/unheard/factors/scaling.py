"""Scale factors to training targets, and targets back to factors.

`standard` centres each dimension and gives it unit variance. `min-max` maps each dimension to 0 .. 1; a single outlier
compresses all other values, which is why the thesis dropped it. It is kept to reproduce that result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unheard.arrays import Floats

ScalingKind = Literal["standard", "min-max"]


@dataclass(frozen=True)
class Scaling:
    """scaled = (factors - shift) / scale, per dimension; `shift` and `scale` are (d,) float32."""

    kind: ScalingKind
    shift: Floats
    scale: Floats

    @staticmethod
    def fit(factors: Floats, kind: ScalingKind = "standard") -> Scaling:
        """Fit on `factors` (n, d), which must be rows of train tracks only. A constant dimension is only shifted."""
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

    def transform(self, factors: Floats) -> Floats:
        """Return targets (n, d), float32, of factors (n, d)."""
        return ((factors - self.shift) / self.scale).astype(np.float32)

    def inverse(self, scaled: Floats) -> Floats:
        """Return factors (n, d), float32, of targets (n, d)."""
        return (scaled * self.scale + self.shift).astype(np.float32)
