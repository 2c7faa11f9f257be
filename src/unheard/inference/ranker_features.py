"""What rankers read of every track: the descriptions that the library keeps, side by side.

Each kind of description is standardised over the train tracks that have it. A track that lacks one kind is average in
it (zeros), so that a description that only some tracks have can be used all the same; a track without any has no place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.library import Library
from unheard.models.ranker_recipe import Description
from unheard.training.musicnn_features import MODELS
from unheard.workspace import Workspace

Floats = NDArray[np.float32]
Values = Mapping[str, tuple[Floats, NDArray[np.bool_]]]  # by kind: (n, width), and which of the n are known
NEVER = np.float32(1e30)  # a deviation so large that whatever is divided by it vanishes


@dataclass(frozen=True)
class Block:
    """One kind of description of the n tracks: `values` (n, width), zero where `known` (n,) is False."""

    kind: str
    values: Floats
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class Standard:
    """How one kind is standardised: mean and deviation of each number over the train tracks, (width,) each."""

    kind: str
    mean: Floats
    deviation: Floats

    def apply(self, values: Floats, known: NDArray[np.bool_]) -> Floats:
        """(n, width) with mean 0 and deviation 1 over the train tracks; zero where nothing is known."""
        standard: Floats = np.where(known[:, None], (values - self.mean) / self.deviation, 0.0).astype(np.float32)
        return standard


def read_blocks(workspace: Workspace, library: Library, kinds: Sequence[Description]) -> tuple[IdMap, list[Block]]:
    """Ids of the tracks with any of the descriptions named, and those kinds that any track has.

    UserError when no track has any.
    """
    found = {kind: _vectors(library, kind) for kind in kinds}
    found = {kind: (ids, vectors) for kind, (ids, vectors) in found.items() if len(ids)}
    if not found:
        wanted = ", ".join(kinds)
        raise UserError(f"{workspace.root}: the recipe reads {wanted}, and no track has any; scan music or vectors")
    ids = IdMap(sorted({name for some, _ in found.values() for name in some}))
    blocks = []
    for kind, (some, vectors) in found.items():
        values, known = np.zeros((len(ids), vectors.shape[1]), np.float32), np.zeros(len(ids), np.bool_)
        rows = ids.rows(some)
        values[rows], known[rows] = vectors, True
        blocks.append(Block(kind, values, known))
    return ids, blocks


def standard_of(block: Block, train: NDArray[np.int64]) -> Standard:
    """Mean and deviation over the train rows; a number that is the same for all of them counts for nothing."""
    seen = block.values[train[block.known[train]]].astype(np.float64)
    if not len(seen):
        return Standard(block.kind, block.values[0] * 0, np.full(block.values.shape[1], NEVER))
    mean, deviation = seen.mean(axis=0), seen.std(axis=0)
    constant = deviation <= 1e-8 * np.maximum(1e-6, np.abs(mean))
    return Standard(block.kind, mean.astype(np.float32), np.where(constant, NEVER, deviation).astype(np.float32))


def side_by_side(blocks: Values, standards: Sequence[Standard]) -> Floats:
    """(n, sum of widths) from values and known rows by kind; a kind that is not there is zero."""
    n = next(len(known) for _, known in blocks.values())
    columns = []
    for standard in standards:
        width = len(standard.mean)
        values, known = blocks.get(standard.kind, (np.zeros((n, width), np.float32), np.zeros(n, np.bool_)))
        columns.append(standard.apply(values, known))
    return np.concatenate(columns, axis=1)


def _vectors(library: Library, kind: Description) -> tuple[IdMap, Floats]:
    if kind in MODELS:
        return library.current_vectors(kind)
    return library.vectors("user" if kind == "vectors" else kind)
