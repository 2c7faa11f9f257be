"""The interface of a feature extractor, which turns the samples of one track into one vector.

An extractor has to be a `FeatureExtractor`: four attributes and `extract`. Every other ability is optional, and is a
protocol of one method:

    BlockExtractor   extract_blocks(blocks)          reads samples as they are decoded, so a long file needs little
                                                     memory; an extractor may stop reading before the end
    MelExtractor     extract_mel(blocks, settings)   reads the stored mel spectrogram, so nothing is decoded
    Prepared         prepare()                       loads weights, so that missing weights are reported once
    Tagger           tags(vectors)                   returns tags of its own vectors

docs/extractors.md has a complete example.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from unheard.errors import UserError
from unheard.workspace import Settings

if TYPE_CHECKING:
    from unheard.arrays import Floats

KIND = re.compile(r"[a-z0-9][a-z0-9-]*")
# Inputs of a recipe that are no kind of features.
RESERVED_KINDS = frozenset({"patches", "bag-of-tones", "content", "previous"})


@runtime_checkable
class FeatureExtractor(Protocol):
    """Turn the samples of a track into one vector.

    kind             name of the features, such as "chroma": lower-case letters, digits and hyphens
    dim              length of a vector
    version          changes whenever the vectors of the same file change; vectors of another version are stale
    sample_rate_hz   of the samples that `extract` reads; None for vectors that are not extracted from audio
    """

    @property
    def kind(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def sample_rate_hz(self) -> int | None: ...

    def extract(self, samples: Floats) -> Floats:
        """Return the vector, (dim,) float32, of a whole track: mono samples (n,) float32 in [-1, 1]."""
        ...


@runtime_checkable
class BlockExtractor(Protocol):
    """Read a track block by block."""

    def extract_blocks(self, blocks: Iterator[Floats]) -> Floats:
        """Return the vector of consecutive blocks of samples; the same as `extract` of all of them."""
        ...


@runtime_checkable
class MelExtractor(Protocol):
    """Read the mel spectrogram that a scan stores."""

    def extract_mel(self, blocks: Iterator[Floats], settings: Settings) -> Floats:
        """Return the vector of consecutive blocks of frames, (frame, mel) decibels of the workspace's front end."""
        ...


@runtime_checkable
class Prepared(Protocol):
    """Load weights before the first file is read."""

    def prepare(self) -> None:
        """Load what `extract` needs; raise UserError with the command that gets what is missing."""
        ...


@runtime_checkable
class Tagger(Protocol):
    """Return tags of tracks."""

    def tags(self, vectors: Floats) -> Sequence[dict[str, float]]:
        """Return tags with their probabilities for each of (n, dim) vectors, most probable first."""
        ...


def checked_extractor(found: object, kind: str, source: str) -> FeatureExtractor:
    """Return `found` if it is an extractor of this kind; else UserError, which begins with `source`."""
    if not isinstance(found, FeatureExtractor):
        missing = [name for name in ("kind", "dim", "version", "sample_rate_hz", "extract") if not hasattr(found, name)]
        raise UserError(f"{source}: {type(found).__name__} has no {missing[0]}; see docs/extractors.md")
    if found.kind != kind:
        raise UserError(f"{source}: its kind is {found.kind!r}, expected {kind!r} as its entry point is named")
    if not isinstance(found.dim, int) or found.dim < 1:
        raise UserError(f"{source}: dim is {found.dim!r}, expected a whole number above 0")
    if not isinstance(found.version, str) or not found.version:
        raise UserError(f"{source}: version is {found.version!r}, expected text such as '1'")
    rate = found.sample_rate_hz
    if rate is not None and (not isinstance(rate, int) or rate < 1):
        raise UserError(f"{source}: sample_rate_hz is {rate!r}, expected a whole number of hertz, or None")
    return found


def checked_vector(vector: object, extractor: FeatureExtractor, source: str) -> Floats:
    """Return an extractor's output as float32; UserError, which begins with `source`, if not (dim,) and finite."""
    import numpy as np  # the list of kinds is read by `unheard --help`

    array = np.asarray(vector)
    if array.shape != (extractor.dim,) or not np.issubdtype(array.dtype, np.number):
        raise UserError(
            f"{source}: extract returned {array.dtype} of shape {array.shape}, expected ({extractor.dim},) float32"
        )
    if not np.isfinite(array).all():
        raise UserError(f"{source}: extract returned NaN or infinity, expected finite numbers")
    floats: Floats = array.astype(np.float32)
    return floats
