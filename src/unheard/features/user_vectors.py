"""Features that users provide: stored by a scan of a vectors file, read by recipes like other features."""

from __future__ import annotations

from unheard.arrays import Floats
from unheard.errors import UserError


class UserVectors:
    """Vectors of any length; they are not extracted from audio, so they stay current if the audio file changes."""

    kind, dim, version, sample_rate_hz = "vectors", 1, "1", None

    def extract(self, samples: Floats) -> Floats:
        raise UserError(f"{self.kind}: cannot be extracted from {len(samples)} samples; scan a vectors file")
