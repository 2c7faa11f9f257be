"""Features that rankers read: the vectors that the library keeps of each track, standardised and concatenated.

Each kind of features is standardised over the train tracks that have it. A track that lacks a kind gets zeros there,
which is the mean, so that kinds can be used that only some tracks have. A track without any kind has no embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unheard.arrays import Floats, Indices, Mask
from unheard.errors import UserError
from unheard.features.current import current_features
from unheard.features.table import check_kinds, recipe_kinds
from unheard.ids import IdMap
from unheard.library import Library
from unheard.workspace import Workspace

Values = Mapping[str, tuple[Floats, Mask]]  # by kind: (n, width), and (n,) which of the n tracks have the kind
INFINITE = np.float32(1e30)  # a deviation so large that whatever is divided by it vanishes


@dataclass(frozen=True)
class FeatureBlock:
    """One kind of features of n tracks: `values` (n, width), zero where `known` (n,) is False."""

    kind: str
    values: Floats
    known: Mask


@dataclass(frozen=True)
class FeatureScaler:
    """How one kind is standardised: mean and deviation of each feature over the train tracks, (width,) each."""

    kind: str
    mean: Floats
    deviation: Floats

    def transform(self, values: Floats, known: Mask) -> Floats:
        """Return (n, width) with mean 0 and deviation 1 over the train tracks; zero where nothing is known."""
        scaled: Floats = np.where(known[:, None], (values - self.mean) / self.deviation, 0.0).astype(np.float32)
        return scaled


def read_features(
    workspace: Workspace, library: Library, kinds: Sequence[str] | None
) -> tuple[IdMap, list[FeatureBlock]]:
    """Return the ids of the tracks with any of the kinds, and a block for each kind that any track has.

    `kinds` None means all installed kinds that describe how music sounds. UserError when one is not installed, or when
    no track has any.
    """
    kinds = recipe_kinds() if kinds is None else kinds
    check_kinds(kinds, "the recipe's features")
    tracks = library.tracks()
    found = {kind: current_features(workspace, tracks, kind) for kind in kinds}
    found = {kind: features for kind, features in found.items() if len(features.ids)}
    if not found:
        wanted = ", ".join(kinds)
        raise UserError(f"{workspace.root}: the recipe reads {wanted}, and no track has any; scan music or vectors")
    ids = IdMap(sorted({name for features in found.values() for name in features.ids}))
    blocks = []
    for kind, features in found.items():
        values, known = np.zeros((len(ids), features.values.shape[1]), np.float32), np.zeros(len(ids), np.bool_)
        rows = ids.rows(features.ids)
        values[rows], known[rows] = features.values, True
        blocks.append(FeatureBlock(kind, values, known))
    return ids, blocks


def fit_scaler(block: FeatureBlock, train: Indices) -> FeatureScaler:
    """Return mean and deviation over the train rows; a feature that is constant there becomes zero everywhere."""
    seen = block.values[train[block.known[train]]].astype(np.float64)
    if not len(seen):
        return FeatureScaler(block.kind, block.values[0] * 0, np.full(block.values.shape[1], INFINITE))
    mean, deviation = seen.mean(axis=0), seen.std(axis=0)
    constant = deviation <= 1e-8 * np.maximum(1e-6, np.abs(mean))
    deviation = np.where(constant, INFINITE, deviation)
    return FeatureScaler(block.kind, mean.astype(np.float32), deviation.astype(np.float32))


def scaled_features(values: Values, scalers: Sequence[FeatureScaler]) -> Floats:
    """Return (n, sum of widths) from values by kind, standardised; a kind that is missing is zero."""
    n = next(len(known) for _, known in values.values())
    columns = []
    for scaler in scalers:
        width = len(scaler.mean)
        found, known = values.get(scaler.kind, (np.zeros((n, width), np.float32), np.zeros(n, np.bool_)))
        columns.append(scaler.transform(found, known))
    return np.concatenate(columns, axis=1)
