"""Predict factors without a network: three baselines for trained networks. NumPy only.

Rows of every array are tracks. `train` are the rows whose targets may be read; targets of rows outside `train` (and,
for the ridge's lambda, outside `val`) are never read.
"""

from __future__ import annotations

import numpy as np

from unheard.arrays import Doubles, Floats, Rows

RIDGE_LAMBDAS = tuple(float(x) for x in 10.0 ** np.arange(-2, 6.5, 0.5))
BLOCK_ROWS = 1024


def standardise(features: Floats, train: Rows) -> Floats:
    """Return columns with mean 0 and deviation 1 over the train rows, (n, f) float32; constant columns become 0."""
    mean = features[train].mean(axis=0, dtype=np.float64)
    std = features[train].std(axis=0, dtype=np.float64)
    constant = std <= 1e-8 * np.maximum(1.0, np.abs(mean))
    scaled = (features - mean) / np.where(constant, 1.0, std)
    scaled[:, constant] = 0.0
    result: Floats = scaled.astype(np.float32)
    return result


def artist_mean(targets: Floats, train: Rows, artist: Rows) -> Floats:
    """Return for each track the mean factor of its artist's train tracks, or of all train tracks if there are none.

    targets  (n, d) factors
    train    rows whose factors are known
    artist   (n,) group of each track
    returns  (n, d) float32; a train track's own factor is part of its mean
    """
    n_groups = int(artist.max()) + 1
    sums = np.zeros((n_groups, targets.shape[1]))
    np.add.at(sums, artist[train], targets[train])
    counts = np.bincount(artist[train], minlength=n_groups)
    means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], targets[train].mean(axis=0))
    return means[artist].astype(np.float32)


def content_neighbours(features: Floats, targets: Floats, train: Rows, *, k: int = 20) -> Floats:
    """Return the mean factor of the k nearest train tracks, by Euclidean distance of standardised features.

    features  (n, f) one vector per track, e.g. the scan's mel and MFCC statistics
    targets   (n, d) factors
    train     rows whose factors are known
    returns   (n, d) float32; a train track is not its own neighbour
    """
    x = standardise(features, train).astype(np.float64)
    known = x[train]
    own_column = {int(row): column for column, row in enumerate(train)}
    k = min(k, len(train) - 1) or 1
    out = np.empty((len(x), targets.shape[1]), np.float32)
    for start in range(0, len(x), BLOCK_ROWS):
        block = x[start : start + BLOCK_ROWS]
        distance = (known**2).sum(axis=1) - 2 * block @ known.T  # (block, train), up to the block's own length
        for row in range(len(block)):
            if (column := own_column.get(start + row)) is not None and len(train) > 1:
                distance[row, column] = np.inf
        nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]  # (block, k)
        out[start : start + BLOCK_ROWS] = targets[train[nearest]].mean(axis=1)
    return out


def ridge(
    features: Floats, targets: Floats, train: Rows, val: Rows, *, lambdas: tuple[float, ...] = RIDGE_LAMBDAS
) -> Floats:
    """Return the predictions of a ridge regression of the factors, in closed form, on standardised features.

    min_B |X B - Y|^2 + lambda |B|^2 with centred Y: B = (X'X + lambda I)^-1 X'Y, or X'(XX' + lambda I)^-1 Y when there
    are more features than tracks. Both come from one eigendecomposition, so every lambda is a product. The lambda with
    the smallest squared error on the `val` rows is used (on the train rows if there are no `val` rows).

    features  (n, f); targets (n, d); train, val: rows
    returns   (n, d) float32
    """
    x = standardise(features, train).astype(np.float64)
    mean = targets[train].mean(axis=0, dtype=np.float64)
    y = targets[train] - mean
    validation = val if len(val) else train
    primal = x.shape[1] <= len(train)
    known = x[train]
    gram = known.T @ known if primal else known @ known.T
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    right = vectors.T @ (known.T @ y if primal else y)  # (min(f, train), d)
    left = x @ vectors if primal else (x @ known.T) @ vectors  # (n, min(f, train))

    def predict(rows: Rows | slice, penalty: float) -> Doubles:
        predicted: Doubles = left[rows] @ (right / (values + penalty)[:, None]) + mean
        return predicted

    errors = [float(((predict(validation, penalty) - targets[validation]) ** 2).sum()) for penalty in lambdas]
    return predict(slice(None), lambdas[int(np.argmin(errors))]).astype(np.float32)
