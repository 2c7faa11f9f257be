"""Vectors that users bring: stored by a scan of a vectors file, read by recipes like any other features."""

from __future__ import annotations

from unheard.arrays import Floats
from unheard.errors import UserError


class UserVectors:
    """Vectors of any length; they are not made from audio, so a changed audio file leaves them current."""

    kind, dim, version, sample_rate_hz = "vectors", 1, "1", None

    def extract(self, samples: Floats) -> Floats:
        raise UserError(f"{self.kind}: cannot be made of {len(samples)} samples; scan a vectors file")
