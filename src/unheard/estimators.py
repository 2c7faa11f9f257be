"""Regressors from features to factors with scikit-learn's interface: fit, predict, transform, score.

They are unheard's own fits (training/rankers/), so an estimator gives what a recipe of that ranker gives on the same
arrays, and fits into scikit-learn's pipelines, searches and cross-validation:

    from sklearn.model_selection import GridSearchCV
    from unheard.estimators import RidgeFactors

    search = GridSearchCV(RidgeFactors(), {"penalty": [0.01, 0.1, 1.0]}).fit(features, factors)
    predicted = search.predict(new_features)

X are features (n, f) of tracks, y factors (n, d) of the same tracks, or one number each (n,). Features are standardised
inside. `transform` returns the predicted factors (n, d) as the features of a next step. Nothing here reads a workspace.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from unheard.arrays import Doubles, Floats
from unheard.ids import IdMap
from unheard.models.rankers.deepmusic import DeepMusic
from unheard.models.rankers.descent import Descent
from unheard.models.rankers.kernel_ridge import KernelRidge
from unheard.models.rankers.ridge import Ridge
from unheard.models.rankers.tower import TowerConfig
from unheard.training.dataset import TrackArrays, TrainingData
from unheard.training.rankers.fit_functions import FITS

BLOCK_ROWS = 1024


class FactorRegressor(MultiOutputMixin, RegressorMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What the regressors share: checks, standardised features, one number or several for each track."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to features X (n, f) and factors y (n, d) or (n,); n is at least 2. Raise ValueError for other arrays."""
        checks: dict[str, Any] = {"dtype": np.float64, "multi_output": True, "y_numeric": True, "ensure_min_samples": 2}
        known, targets = validate_data(self, X, y, **checks)
        targets = np.asarray(targets, np.float64)
        self.one_output_ = targets.ndim == 1
        self.mean_, deviation = known.mean(axis=0), known.std(axis=0)
        constant = deviation <= 1e-8 * np.maximum(1e-6, np.abs(self.mean_))
        self.deviation_ = np.where(constant, np.inf, deviation)
        self._fit(self._scaled(known), targets.reshape(len(targets), -1))
        return self

    def transform(self, X: ArrayLike) -> Doubles:
        """Return predicted factors (n, d), float64."""
        check_is_fitted(self)
        return self._predict(self._scaled(validate_data(self, X, dtype=np.float64, reset=False)))

    def predict(self, X: ArrayLike) -> Doubles:
        """Return predicted factors (n, d), or (n,) if y was (n,), float64."""
        predicted = self.transform(X)
        return predicted[:, 0] if self.one_output_ else predicted

    def _scaled(self, X: Doubles) -> Doubles:
        scaled: Doubles = (X - self.mean_) / self.deviation_
        return scaled

    def _fit(self, x: Doubles, y: Doubles) -> None:
        raise NotImplementedError

    def _predict(self, x: Doubles) -> Doubles:
        raise NotImplementedError


class RankerFactors(FactorRegressor):
    """A regressor that is fitted as a ranker is, without validation tracks."""

    def _config(self) -> Any:
        raise NotImplementedError

    def _fit(self, x: Doubles, y: Doubles) -> None:
        config = self._config()
        seed = int(check_random_state(getattr(self, "random_state", 0)).randint(2**31))
        # Towers compute in float32, so factors of any size are brought to 1.
        self.y_mean_, self.y_scale_ = y.mean(axis=0), float(np.abs(y - y.mean(axis=0)).max()) or 1.0
        scaled = ((y - self.y_mean_) / self.y_scale_).astype(np.float32)
        data = _training_data(x.astype(np.float32), scaled)
        ranker = FITS[type(config)](data, config, seed=seed, device=torch.device("cpu"))
        self.tower_ = ranker.tower.double().eval()

    def _predict(self, x: Doubles) -> Doubles:
        with torch.inference_mode():
            blocks = [
                self.tower_(torch.from_numpy(x[first : first + BLOCK_ROWS])).numpy()
                for first in range(0, len(x), BLOCK_ROWS)
            ]
        predicted: Doubles = np.concatenate(blocks) * self.y_scale_ + self.y_mean_
        return predicted


class RidgeFactors(RankerFactors):
    """Ridge regression (training/rankers/ridge.py); `penalty` is lambda over the number of tracks."""

    def __init__(self, penalty: float = 0.3) -> None:
        self.penalty = penalty

    def _config(self) -> Ridge:
        return Ridge(penalty=_positive("penalty", self.penalty))


class KernelRidgeFactors(RankerFactors):
    """Ridge regression on random Fourier features (training/rankers/kernel_ridge.py), with `n_components` of them."""

    def __init__(self, penalty: float = 1e-3, *, n_components: int = 2000, random_state: Any = 0) -> None:
        self.penalty, self.n_components, self.random_state = penalty, n_components, random_state

    def _config(self) -> KernelRidge:
        return KernelRidge(features=self.n_components, penalty=_positive("penalty", self.penalty))


class MlpFactors(RankerFactors):
    """A tower with one hidden layer or more, fitted by squared error (training/rankers/deepmusic.py).

    dropout of hidden units, input_dropout of features; None: by the number of features (models/rankers/tower.py)
    """

    def __init__(
        self,
        width: int = 256,
        *,
        layers: int = 1,
        dropout: float | None = None,
        input_dropout: float | None = None,
        learning_rate: float = 1e-3,
        batch_size: int = 256,
        steps: int = 1200,
        random_state: Any = 0,
    ) -> None:
        self.width, self.layers, self.dropout, self.input_dropout = width, layers, dropout, input_dropout
        self.learning_rate, self.batch_size, self.steps = learning_rate, batch_size, steps
        self.random_state = random_state

    def _config(self) -> DeepMusic:
        tower = TowerConfig(self.width, self.layers, self.dropout, self.input_dropout)
        rate = _positive("learning_rate", self.learning_rate)
        return DeepMusic(tower, Descent(rate, batch_size=self.batch_size, steps_per_check=self.steps, checks=1))


class NeighbourFactors(FactorRegressor):
    """The mean factor of the nearest tracks, by Euclidean distance of standardised features.

    The same as `models.baselines.content_neighbours` for tracks that are not among the fitted ones.
    """

    def __init__(self, n_neighbors: int = 20) -> None:
        self.n_neighbors = n_neighbors

    def _fit(self, x: Doubles, y: Doubles) -> None:
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors={self.n_neighbors}: expected at least 1")
        self.known_, self.factors_ = x, y

    def _predict(self, x: Doubles) -> Doubles:
        k, squares = min(self.n_neighbors, len(self.known_)), (self.known_**2).sum(axis=1)
        predicted = np.empty((len(x), self.factors_.shape[1]))
        for row, one in enumerate(x):
            distance = squares - 2 * (self.known_ @ one)  # (train,), up to the track's own length
            predicted[row] = self.factors_[np.argsort(distance, kind="stable")[:k]].mean(axis=0)
        return predicted


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ValueError(f"{name}={value}: expected a number above 0")
    return value


def _training_data(features: Floats, factors: Floats) -> TrainingData:
    """Return train tracks with these features and factors, without validation tracks and without plays."""
    n = len(features)
    ids = IdMap(str(row) for row in range(n))
    train = TrackArrays(ids, factors, csr_matrix((1, n), dtype=np.float32), features, [""] * n, np.arange(n))
    playlists = np.zeros((1, factors.shape[1]), np.float32)
    return TrainingData(train, train.take(np.zeros(0, np.int64)), IdMap(["none"]), playlists)
