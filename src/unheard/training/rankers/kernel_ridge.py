"""Kernel ridge regression onto warm factors with random Fourier features (models/rankers/kernel_ridge.py).

The bandwidth is the median distance of two train tracks, the usual guess for a Gaussian kernel; penalties are
averaged by how well each ranks validation tracks (closed_form.py).
"""

from __future__ import annotations

import numpy as np
import torch

from unheard.arrays import Floats
from unheard.models.rankers.kernel_ridge import KernelRidge, RandomFourier, fourier
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.closed_form import DecomposedRegression, average
from unheard.training.rankers.ranker import Ranker

MAX_SAMPLE = 1000  # tracks, of whose distances the median is taken


def fit_kernel_ridge(
    data: TrainingData,
    config: KernelRidge,
    *,
    seed: int,
    device: torch.device,  # noqa: ARG001 - NumPy's
    progress: Progress = silent,
) -> Ranker:
    """Embeddings are factors. The penalty is lambda over the number of train tracks."""
    rng, n = np.random.default_rng(seed), len(data.train)
    known = data.train.features
    scale = 1 / median_distance(known, rng)
    drawn = rng.normal(size=(known.shape[1], config.features)) * scale
    frequencies = torch.from_numpy(drawn.astype(np.float32))
    phases = torch.from_numpy(rng.uniform(0, 2 * np.pi, config.features).astype(np.float32))

    def features(x: Floats) -> Floats:
        z: Floats = fourier(torch.from_numpy(x), frequencies, phases).numpy()
        return z

    regression = DecomposedRegression.of(features(known), data.train.factors)
    val = features(data.validation.features)
    found = average(
        sorted(config.penalties),
        config.penalty,
        data,
        lambda penalty: regression.coefficients(penalty * n),
        lambda coefficients: regression.predict(val, coefficients),
        lambda penalty: {"penalty": penalty},
        config.temperature,
        progress,
        "kernel ridge",
    )
    tower = RandomFourier(frequencies, phases, regression.linear(found.coefficients))
    return Ranker(tower.eval(), data.playlist_factors, data.train.factors, found.history)


def median_distance(x: Floats, rng: np.random.Generator) -> float:
    """Return the median Euclidean distance of two different rows of x, or of a sample; 1 if all rows are equal."""
    sample = x if len(x) <= MAX_SAMPLE else x[np.sort(rng.choice(len(x), MAX_SAMPLE, replace=False))]
    wide = sample.astype(np.float64)
    lengths = (wide**2).sum(axis=1)
    squared = lengths[:, None] + lengths - 2 * wide @ wide.T  # (sample, sample)
    pairs = np.sqrt(np.maximum(squared[np.triu_indices(len(wide), 1)], 0.0))
    median = float(np.median(pairs)) if len(pairs) else 0.0
    return median if median > 0 else 1.0
