"""Objectives: what one step minimises and what validation measures. One class per loss, chosen by `objective`.

Triplet loss (Weinberger & Saul 2009; Schroff et al. 2015): max(d(a, p) - d(a, n) + margin, 0) on embeddings of length
1. An embedding that is the same for every track scores exactly the margin, so a loss is only good below it; the share
of triplets in the right order (`accuracy`, 0.5 by chance) tells more, and both are in the history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from torch import Tensor
from torch.nn import functional

from unheard.factors.scaling import Scaling
from unheard.models.recipe import LossConfig, Mse, TripletOffline, TripletSemiHard
from unheard.training.data import Items, shuffled
from unheard.training.triplets import Neighbourhoods, grouped, neighbourhoods, offline_triplets, unit_factors

DISTANCE = LpDistance(normalize_embeddings=True, p=2, power=1)
Stats = dict[str, float]
LEAST_VAL_TRACKS = 3


class Objective(Protocol):
    """Items are places among the train tracks; outputs are float32 rows of the network."""

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Items]:
        """The items of each step of an epoch; `n_items` in all (anchors, for offline triplets)."""
        ...

    def loss(self, output: Tensor, items: Items) -> tuple[Tensor, Stats]:
        """Loss of one batch, and what to average into the history."""
        ...

    def validate(self, output: NDArray[np.float32]) -> Stats:
        """ "loss" and more, from the mean output of each validation track."""
        ...


@dataclass(frozen=True)
class Targets:
    """Factors (n, d) of train and validation tracks, and the scaling fitted on the train tracks."""

    train: NDArray[np.float32]
    val: NDArray[np.float32]
    scaling: Scaling

    @property
    def mean(self) -> NDArray[np.float32]:
        centre: NDArray[np.float32] = self.train.mean(axis=0)
        return centre


def objective(config: LossConfig, targets: Targets, device: torch.device) -> Objective:
    """The objective of a loss configuration."""
    match config:
        case Mse():
            return Regression(targets, device)
        case TripletOffline():
            near = neighbourhoods(
                targets.train, targets.mean, nearest=config.nearest, buffer=0, farthest=config.farthest
            )
            return OfflineTriplets(near, config.margin, val_neighbours(targets, config.nearest, 0))
        case TripletSemiHard():
            near = neighbourhoods(targets.train, targets.mean, nearest=config.nearest, buffer=config.buffer, farthest=1)
            return SemiHardTriplets(near, config, val_neighbours(targets, config.nearest, config.buffer))


class Regression:
    """Mean squared error against scaled factors, patch by patch."""

    def __init__(self, targets: Targets, device: torch.device) -> None:
        self._targets = targets
        self._scaled = torch.from_numpy(targets.scaling.transform(targets.train)).to(device)
        self._scaled_val = targets.scaling.transform(targets.val)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Items]:
        return shuffled(rng, len(self._targets.train), batch_size, n_items)

    def loss(self, output: Tensor, items: Items) -> tuple[Tensor, Stats]:
        return functional.mse_loss(output, self._scaled[torch.from_numpy(items)]), {}

    def validate(self, output: NDArray[np.float32]) -> Stats:
        """Of the tracks' mean outputs.

        loss         mean squared error against scaled factors
        correlation  cosine of all outputs and all scaled factors taken as two long vectors
        cosine       mean over tracks of the centred cosine with the factor
        gain         the g > 0 that minimises |g outputs - scaled factors|^2; 1 if there is none
        """
        loss = float(((output - self._scaled_val) ** 2).mean(dtype=np.float64))
        predicted = unit_factors(self._targets.scaling.inverse(output), self._targets.mean)
        true = unit_factors(self._targets.val, self._targets.mean)
        wide = output.astype(np.float64)
        product = float((wide * self._scaled_val).sum())
        length = float(np.linalg.norm(wide))
        return {
            "loss": loss,
            "correlation": product / (length * float(np.linalg.norm(self._scaled_val))) if length else 0.0,
            "cosine": float((predicted * true).sum(axis=1).mean(dtype=np.float64)),
            "gain": product / length**2 if product > 0 else 1.0,
        }


class OfflineTriplets:
    """Triplets drawn before the network sees them: a batch holds anchors, positives, negatives, in thirds."""

    def __init__(self, near: Neighbourhoods, margin: float, val: Neighbourhoods | None) -> None:
        self._near, self._margin, self._val = near, margin, val

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Items]:
        return offline_triplets(rng, self._near, batch_size, n_items)

    def loss(self, output: Tensor, items: Items) -> tuple[Tensor, Stats]:  # noqa: ARG002 - thirds say it all
        anchor, positive, negative = functional.normalize(output).chunk(3)
        d_ap = (anchor - positive).norm(dim=1)
        d_an = (anchor - negative).norm(dim=1)
        losses = functional.relu(d_ap - d_an + self._margin)
        return losses.mean(), {
            "accuracy": float((d_ap < d_an).float().mean()),
            "active": float((losses > 0).float().mean()),
        }

    def validate(self, output: NDArray[np.float32]) -> Stats:
        return triplet_figures(output, self._val, self._margin)


class SemiHardTriplets:
    """Triplets found in each batch: the hardest negative that is still farther away than the positive."""

    def __init__(self, near: Neighbourhoods, config: TripletSemiHard, val: Neighbourhoods | None) -> None:
        self._near, self._config, self._val = near, config, val
        self._criterion = TripletMarginLoss(margin=config.margin, distance=DISTANCE)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Items]:
        return grouped(rng, self._near, batch_size, n_items, self._config.group)

    def loss(self, output: Tensor, items: Items) -> tuple[Tensor, Stats]:
        positive, negative = relations(self._near, items)
        triplets, stats = semi_hard(
            output,
            torch.from_numpy(positive).to(output.device),
            torch.from_numpy(negative).to(output.device),
            margin=self._config.margin,
        )
        return self._criterion(output, indices_tuple=triplets), stats

    def validate(self, output: NDArray[np.float32]) -> Stats:
        return triplet_figures(output, self._val, self._config.margin)


def relations(near: Neighbourhoods, items: Items) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which items of a batch are positives and negatives of which: two (anchor, other) masks.

    Patches of one track are positives of each other.
    """
    unit = near.unit[items]
    similarity = unit @ unit.T  # (batch, batch)
    same = items[:, None] == items[None, :]
    positive = same | (similarity >= near.positive_above[items, None])
    negative = ~same & ~positive & (similarity < near.negative_below[items, None])
    np.fill_diagonal(positive, val=False)
    return positive, negative


def semi_hard(
    output: Tensor, positive: Tensor, negative: Tensor, *, margin: float
) -> tuple[tuple[Tensor, Tensor, Tensor], Stats]:
    """One triplet for each pair of anchor and positive: its negative is the nearest one farther away than the positive.

    Where every negative is nearer than the positive, the farthest of them is taken, so that pairs in the wrong order
    are learned from as well (Schroff et al. 2015, section 3.2, and its usual implementations).

    output              (batch, width) embeddings; positive, negative: (batch, batch) masks, rows are anchors
    returns             three (pair,) index tensors: anchor, positive, negative. "accuracy": share of ALL triplets of
                        the batch in the right order; "active": share of the chosen ones inside the margin
    """
    with torch.no_grad():
        distance = DISTANCE(output)  # (batch, batch)
        anchor, near = torch.where(positive & negative.any(dim=1, keepdim=True))  # (pair,)
        d_ap = distance[anchor, near][:, None]  # (pair, 1)
        allowed = negative[anchor]  # (pair, batch)
        d_an = distance[anchor]  # (pair, batch)
        farther = allowed & (d_an > d_ap)
        nearest_farther = d_an.masked_fill(~farther, torch.inf).argmin(dim=1)  # (pair,)
        farthest = d_an.masked_fill(~allowed, -torch.inf).argmax(dim=1)  # (pair,)
        far = torch.where(farther.any(dim=1), nearest_farther, farthest)
        active = distance[anchor, far] < d_ap[:, 0] + margin
        stats = {"accuracy": float(farther.sum()) / max(1, int(allowed.sum())), "active": _share(active)}
    return (anchor, near, far), stats


def triplet_figures(output: NDArray[np.float32], val: Neighbourhoods | None, margin: float) -> Stats:
    """Loss and accuracy over every (anchor, positive, negative) of the validation tracks, anchors weighing the same.

    Too few validation tracks for a triplet score what a constant embedding does.
    """
    if val is None:
        return {"loss": margin, "accuracy": 0.5}
    unit = torch.from_numpy(output)
    distance = DISTANCE(unit).numpy()
    positive, negative = relations(val, np.arange(len(output)))
    losses, right = [], []
    for row in range(len(output)):
        d_ap, d_an = distance[row, positive[row]], distance[row, negative[row]]
        if len(d_ap) and len(d_an):
            gap = d_an[None, :] - d_ap[:, None]
            losses.append(np.maximum(margin - gap, 0.0).mean(dtype=np.float64))
            right.append((gap > 0).mean(dtype=np.float64))
    if not losses:
        return {"loss": margin, "accuracy": 0.5}
    return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(right))}


def val_neighbours(targets: Targets, nearest: int, buffer: int) -> Neighbourhoods | None:
    """Neighbours among the validation tracks, as near as in the train set in proportion; None if there are too few."""
    if len(targets.val) < LEAST_VAL_TRACKS:
        return None
    share = len(targets.val) / len(targets.train)
    return neighbourhoods(
        targets.val, targets.mean, nearest=max(1, round(nearest * share)), buffer=round(buffer * share), farthest=1
    )


def _share(mask: Tensor) -> float:
    return float(mask.float().mean()) if mask.numel() else 0.0
