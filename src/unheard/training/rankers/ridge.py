"""Ridge regression onto warm factors, averaged over penalties by how well each ranks validation tracks."""

from __future__ import annotations

import torch

from unheard.models.rankers.ridge import Ridge
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.closed_form import DecomposedRegression, average
from unheard.training.rankers.ranker import Ranker


def fit_ridge(
    data: TrainingData,
    config: Ridge,
    *,
    seed: int,  # noqa: ARG001 - nothing is drawn
    device: torch.device,  # noqa: ARG001 - NumPy's
    progress: Progress = silent,
) -> Ranker:
    """Embeddings are factors. The penalty is lambda over the number of train tracks."""
    n = len(data.train)
    regression = DecomposedRegression.of(data.train.features, data.train.factors)
    found = average(
        sorted(config.penalties),
        config.penalty,
        data,
        lambda penalty: regression.coefficients(penalty * n),
        lambda coefficients: regression.predict(data.validation.features, coefficients),
        lambda penalty: {"penalty": penalty},
        config.temperature,
        progress,
        "ridge",
    )
    return Ranker(regression.linear(found.coefficients), data.playlist_factors, data.train.factors, found.history)
