"""Losses over neighbours in factor space, and `objective`, which chooses the loss of a recipe.

The other losses are in regressions.py and contrastive.py.

Triplet loss (Weinberger & Saul 2009; Schroff et al. 2015): max(d(a, p) - d(a, n) + margin, 0) on embeddings of length
1. An embedding that is the same for every track scores exactly the margin, so only a loss below the margin is better
than that. The history also holds the share of triplets in the right order (`accuracy`, 0.5 by chance).
"""

from __future__ import annotations

import numpy as np
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import MultiSimilarityLoss, TripletMarginLoss
from torch import Tensor, nn
from torch.nn import functional

from unheard.arrays import Floats, Indices, Mask
from unheard.factors.scaling import Scaling
from unheard.inference.device import to_device
from unheard.models.losses import Contrastive, ContrastivePlaylists, Cosine, MultiSimilarity, Score
from unheard.models.recipe import LossConfig, Mse, TripletOffline, TripletSemiHard
from unheard.training.dataset import TrainingData
from unheard.training.networks.contrastive import ContrastivePlaylistTracks, ContrastiveTracks
from unheard.training.networks.objective import Objective, Stats
from unheard.training.networks.regressions import CosineRegression, Regression, ScoreRegression
from unheard.training.networks.triplets import Neighbourhoods, grouped, neighbourhoods, offline_triplets

DISTANCE = LpDistance(normalize_embeddings=True, p=2, power=1)
MIN_VALIDATION_TRACKS = 3


def objective(
    config: LossConfig, data: TrainingData, scaling: Scaling, device: torch.device, *, width: int
) -> Objective:
    """Return the objective of a loss configuration.

    scaling  by which factors become targets of a regression
    width    of the network's output
    """
    made: Objective
    match config:
        case Mse():
            made = Regression(data, scaling, device)
        case Cosine():
            made = CosineRegression(data, scaling, device, config.length)
        case Score():
            made = ScoreRegression(data, scaling, device)
        case TripletOffline():
            near = neighbourhoods(
                data.train.factors, data.mean_factor, nearest=config.nearest, buffer=0, farthest=config.farthest
            )
            made = OfflineTriplets(near, config.margin, val_neighbours(data, config.nearest, 0))
        case TripletSemiHard():
            made = SemiHardTriplets(_near(data, config), config, _near_val(data, config))
        case MultiSimilarity():
            made = MultiSimilarityPairs(_near(data, config), config, _near_val(data, config))
        case Contrastive():
            made = ContrastiveTracks(config, data, device, width)
        case ContrastivePlaylists():
            made = ContrastivePlaylistTracks(config, data, device, width)
    return made


def _near(data: TrainingData, config: TripletSemiHard | MultiSimilarity) -> Neighbourhoods:
    factors, mean = data.train.factors, data.mean_factor
    return neighbourhoods(factors, mean, nearest=config.nearest, buffer=config.buffer, farthest=1)


def _near_val(data: TrainingData, config: TripletSemiHard | MultiSimilarity) -> Neighbourhoods | None:
    return val_neighbours(data, config.nearest, config.buffer)


class OfflineTriplets:
    """Triplets drawn before the forward pass: a batch is anchors, then positives, then negatives."""

    def __init__(self, near: Neighbourhoods, margin: float, val: Neighbourhoods | None) -> None:
        self.own: nn.Module = nn.Module()
        self._near, self._margin, self._val = near, margin, val

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Indices]:
        return offline_triplets(rng, self._near, batch_size, n_items)

    def loss(self, output: Tensor, items: Indices) -> tuple[Tensor, Stats]:  # noqa: ARG002 - the order of the batch tells
        anchor, positive, negative = functional.normalize(output).chunk(3)
        d_ap = (anchor - positive).norm(dim=1)
        d_an = (anchor - negative).norm(dim=1)
        losses = functional.relu(d_ap - d_an + self._margin)
        return losses.mean(), {
            "accuracy": float((d_ap < d_an).float().mean()),
            "active": float((losses > 0).float().mean()),
        }

    def validate(self, output: Floats) -> Stats:
        return triplet_figures(output, self._val, self._margin)


class SemiHardTriplets:
    """Triplets mined in each batch: the hardest negative that is still farther away than the positive."""

    def __init__(self, near: Neighbourhoods, config: TripletSemiHard, val: Neighbourhoods | None) -> None:
        self.own: nn.Module = nn.Module()
        self._near, self._config, self._val = near, config, val
        self._criterion = TripletMarginLoss(margin=config.margin, distance=DISTANCE)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Indices]:
        return grouped(rng, self._near, batch_size, n_items, self._config.group)

    def loss(self, output: Tensor, items: Indices) -> tuple[Tensor, Stats]:
        positive, negative = relations(self._near, items)
        triplets, stats = semi_hard(
            output,
            to_device(positive, output.device),
            to_device(negative, output.device),
            margin=self._config.margin,
        )
        return self._criterion(output, indices_tuple=triplets), stats

    def validate(self, output: Floats) -> Stats:
        return triplet_figures(output, self._val, self._config.margin)


class MultiSimilarityPairs:
    """Pairs mined in each batch: those that are nearly as hard as the hardest of the other kind (Wang et al. 2019)."""

    def __init__(self, near: Neighbourhoods, config: MultiSimilarity, val: Neighbourhoods | None) -> None:
        self.own: nn.Module = nn.Module()
        self._near, self._config, self._val = near, config, val
        self._criterion = MultiSimilarityLoss(alpha=config.alpha, beta=config.beta, base=config.base)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Indices]:
        return grouped(rng, self._near, batch_size, n_items, self._config.group)

    def loss(self, output: Tensor, items: Indices) -> tuple[Tensor, Stats]:
        return self._of_pairs(output, *relations(self._near, items))

    def validate(self, output: Floats) -> Stats:
        """Return the same loss with all validation tracks in one batch, and the accuracy of triplets."""
        accuracy = triplet_figures(output, self._val, 0.0)["accuracy"]
        if self._val is None:
            return {"loss": 0.0, "accuracy": accuracy}
        loss, _ = self._of_pairs(torch.from_numpy(output), *relations(self._val, np.arange(len(output))))
        return {"loss": float(loss), "accuracy": accuracy}

    def _of_pairs(self, output: Tensor, positive: Mask, negative: Mask) -> tuple[Tensor, Stats]:
        masks = (to_device(mask, output.device) for mask in (positive, negative))
        hard_positive, hard_negative = hard_pairs(output, *masks, epsilon=self._config.epsilon)
        pairs = (*torch.where(hard_positive), *torch.where(hard_negative))
        share = float((hard_positive | hard_negative).sum()) / max(1, int((positive | negative).sum()))
        return self._criterion(output, indices_tuple=pairs), {"active": share}


def hard_pairs(output: Tensor, positive: Tensor, negative: Tensor, *, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return the hard pairs (Wang et al. 2019, eq. 6 and 7) as two (batch, batch) masks, of positives and of negatives.

    A positive is hard if it is less similar than its anchor's most similar negative + epsilon, a negative if it is more
    similar than the least similar positive - epsilon. An anchor without a pair of the other kind has no hard pair.
    """
    with torch.no_grad():
        unit = functional.normalize(output)
        similarity = unit @ unit.T  # (batch, batch)
        hardest_negative = similarity.masked_fill(~negative, -torch.inf).amax(dim=1, keepdim=True)
        hardest_positive = similarity.masked_fill(~positive, torch.inf).amin(dim=1, keepdim=True)
        return (
            positive & (similarity - epsilon < hardest_negative),
            negative & (similarity + epsilon > hardest_positive),
        )


def relations(near: Neighbourhoods, items: Indices) -> tuple[Mask, Mask]:
    """Return which items of a batch are positives, and which are negatives, of which: two (anchor, other) masks.

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
    """Return one triplet for each pair of anchor and positive, with the nearest negative farther than the positive.

    Where every negative is nearer than the positive, the farthest of them is taken, so that pairs in the wrong order
    count as well (Schroff et al. 2015, section 3.2, and its usual implementations).

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


def triplet_figures(output: Floats, val: Neighbourhoods | None, margin: float) -> Stats:
    """Return loss and accuracy over all triplets of the validation tracks; each anchor has the same weight.

    With too few validation tracks for a triplet, these are the figures of a constant embedding.
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


def val_neighbours(data: TrainingData, nearest: int, buffer: int) -> Neighbourhoods | None:
    """Return neighbours among the validation tracks, in proportion to those among the train tracks; None if too few."""
    if len(data.validation) < MIN_VALIDATION_TRACKS:
        return None
    share = len(data.validation) / len(data.train)
    return neighbourhoods(
        data.validation.factors,
        data.mean_factor,
        nearest=max(1, round(nearest * share)),
        buffer=round(buffer * share),
        farthest=1,
    )


def _share(mask: Tensor) -> float:
    return float(mask.float().mean()) if mask.numel() else 0.0
