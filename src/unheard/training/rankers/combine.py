"""Fit the combiner of a blend (models/combiner.py) to validation tracks, and decide whether it is used.

The members never saw the plays of validation tracks, so their scores there are as good as those of new tracks. The
combiner minimises the same cross entropy as the fixed weights (blend.py). Whether it ranks better is measured on tracks
that it was not fitted to: the validation artists are divided into folds, and the tracks of each are ranked by a
combiner, and by weights, fitted to the others. Only if the combiner wins is it fitted to all of them; with few plays it
does not, and the fixed weights stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from unheard.arrays import Doubles, Floats, Indices, Mask
from unheard.models.combiner import MAX_DEVIATIONS, N_OTHER_INPUTS, Combiner, PairInputs, pair_inputs
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.blend import learned_weights, shrunken
from unheard.training.rankers.descent import endless, seeded
from unheard.training.rankers.validation import ndcg_per_query

MIN_PLAYLISTS = 100  # with fewer validation playlists nothing is learned from them but weights
MIN_ARTISTS = 30  # a combiner learned on the tracks of a dozen artists ranked those of others worse than weights
MAX_TRACKS = 2000  # validation tracks that are ranked
MAX_PAIRS = 1_000_000  # of playlists and validation tracks; 10 inputs of each take 80 MB
FOLDS = 4  # of the validation artists
N_HIDDEN, DROPOUT = 16, 0.2
FITS = 3  # whose hidden units are put side by side
STEPS, BATCH = 200, 96
LEARNING_RATE, WEIGHT_DECAY = 5e-3, 0.01


@dataclass(frozen=True)
class MemberEmbeddings:
    """Embeddings of all members side by side, scaled as they are ranked by.

    starts      as in `Combiner`
    playlists   (m, k)
    centre      (k,) mean of the train tracks
    validation  (val, k)
    fits        of how many fits each member is made
    """

    starts: Indices
    playlists: Floats
    centre: Floats
    validation: Floats
    fits: tuple[int, ...]


@dataclass(frozen=True)
class Combined:
    """A combiner, None where fixed weights rank as well; and nDCG@20 of both on tracks they were not fitted to."""

    combiner: Combiner | None
    ndcg: float | None = None
    ndcg_of_weights: float | None = None


def fit_combiner(
    embedded: MemberEmbeddings, data: TrainingData, queries: Indices, progress: Progress = silent
) -> Combined:
    """Fit a combiner on the playlists `queries`; `data` is without artist features."""
    if len(queries) < MIN_PLAYLISTS or len(embedded.starts) < 3:
        return Combined(None)
    rng = np.random.default_rng(0)
    columns = np.sort(rng.permutation(len(data.validation))[:MAX_TRACKS])
    queries = np.sort(rng.permutation(queries)[: max(MIN_PLAYLISTS, MAX_PAIRS // len(columns))])
    held = data.validation.plays[queries][:, columns].toarray() > 0  # (q, n)
    queries, held = queries[held.any(axis=1)], held[held.any(axis=1)]
    if len(queries) < MIN_PLAYLISTS:
        return Combined(None)
    names, number = np.unique(data.validation.artists[columns], return_inverse=True)
    if len(names) < MIN_ARTISTS:
        return Combined(None)
    inputs = pair_inputs(_inputs(embedded, data, queries, columns), embedded.starts, embedded.centre)
    mean, deviation = inputs.mean(axis=(0, 1)), inputs.std(axis=(0, 1))
    # A constant input says nothing here, and where it is not constant, nothing is known of its effect.
    scale = np.where(deviation > 1e-6, deviation, np.inf)
    z = np.clip((inputs - mean) / scale, -MAX_DEVIATIONS, MAX_DEVIATIONS).astype(np.float32)
    fold = rng.permutation(len(names))[number.reshape(-1)] % FOLDS  # (n,)
    by_combiner, by_weights = _cross_fitted(z, held, number.reshape(-1), fold, embedded.fits, progress)
    if not by_combiner > by_weights:
        return Combined(None, by_combiner, by_weights)
    weights = _weights(z, held)
    networks = []
    for index in range(FITS):
        networks.append(_fitted(z, held, weights, seed=FOLDS + index))
        progress("combiner", FOLDS + index + 1, FOLDS + FITS)
    combiner = Combiner(
        embedded.starts,
        embedded.centre,
        mean.astype(np.float32),
        np.minimum(scale, np.finfo(np.float32).max).astype(np.float32),
        **_side_by_side(networks),
    )
    return Combined(combiner, by_combiner, by_weights)


def _cross_fitted(
    z: Floats, held: Mask, artists: Indices, fold: Indices, fits: tuple[int, ...], progress: Progress
) -> tuple[float, float]:
    """Return the mean nDCG@20 of a combiner and of shrunken weights, each track ranked by one fitted to other folds.

    z (q, n, f) inputs, held (q, n) plays, artists and fold (n,) of each track
    """
    equal = np.array(fits) / sum(fits)
    by_combiner: list[Doubles] = []
    by_weights: list[Doubles] = []
    for index in range(FOLDS):
        ranked = fold == index
        inputs, plays = np.ascontiguousarray(z[:, ~ranked]), held[:, ~ranked]
        asked = held[:, ranked].any(axis=1)
        if not plays.any() or not asked.any():
            continue
        weights = _weights(inputs, plays)
        network = _fitted(inputs, plays, weights, seed=index)
        n_artists = len(np.unique(artists[~ranked]))
        weights[:-N_OTHER_INPUTS] = shrunken(weights[:-N_OTHER_INPUTS], equal, n_artists)
        new, relevant = z[asked][:, ranked], held[asked][:, ranked]
        by_combiner.append(ndcg_per_query(_scores(network, new), relevant))
        by_weights.append(ndcg_per_query((new @ weights).astype(np.float32), relevant))
        progress("combiner", index + 1, FOLDS + FITS)
    if not by_combiner:
        return 0.0, 0.0
    return float(np.concatenate(by_combiner).mean()), float(np.concatenate(by_weights).mean())


class Network(nn.Module):
    """(batch, n, f) standardised inputs -> (batch, n) scores; begins as the weighted sum."""

    def __init__(self, weights: Doubles) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))
        self.hidden = nn.Linear(len(weights), N_HIDDEN)
        self.out = nn.Parameter(torch.zeros(N_HIDDEN))

    def forward(self, z: Tensor) -> Tensor:
        # Units are dropped for a whole batch: a mask for each pair would take most of the time.
        out = nn.functional.dropout(self.out, DROPOUT, self.training)
        return z @ self.linear + torch.relu(self.hidden(z)) @ out


def _fitted(z: Floats, held: Mask, weights: Doubles, *, seed: int) -> Network:
    """Fit a network to inputs z (q, n, f) and which pairs are plays (q, n)."""
    with seeded(seed, torch.device("cpu")) as rng:
        network = Network(weights).train()
        adam = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        asked = np.flatnonzero(held.any(axis=1))
        inputs, targets = torch.from_numpy(z), torch.from_numpy(held.astype(np.float32))
        batches = endless(rng, len(asked), BATCH)
        for _ in range(STEPS):
            rows = torch.from_numpy(asked[next(batches)])
            share = targets[rows] / targets[rows].sum(dim=1, keepdim=True)
            loss = -(torch.log_softmax(network(inputs[rows]), dim=1) * share).sum(dim=1).mean()
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
    return network.eval()


@torch.no_grad()
def _side_by_side(networks: list[Network]) -> dict[str, Floats]:
    """Return the arrays of one network whose score is the mean of the networks'."""
    return {
        "linear": torch.stack([network.linear for network in networks]).mean(dim=0).numpy(),
        "hidden": torch.cat([network.hidden.weight.T for network in networks], dim=1).contiguous().numpy(),
        "bias": torch.cat([network.hidden.bias for network in networks]).numpy(),
        "out": torch.cat([network.out / len(networks) for network in networks]).numpy(),
    }


@torch.no_grad()
def _scores(network: Network, z: Floats) -> Floats:
    scores: Floats = network(torch.from_numpy(np.ascontiguousarray(z))).numpy()
    return scores


def _weights(z: Floats, held: Mask) -> Doubles:
    """Return weights (f,) of the members, learned as those of the blend; 0 for the other inputs."""
    members, asked = z.shape[-1] - N_OTHER_INPUTS, held.any(axis=1)
    found = learned_weights(np.moveaxis(z[asked][:, :, :members], 2, 0), held[asked])
    return np.concatenate([found, np.zeros(N_OTHER_INPUTS)])


def _inputs(embedded: MemberEmbeddings, data: TrainingData, queries: Indices, columns: Indices) -> PairInputs:
    plays, artists = data.train.plays, data.train.artists
    numbers = np.unique(np.concatenate([artists, data.validation.artists]), return_inverse=True)[1].reshape(-1)
    of_train, of_new = numbers[: len(artists)], numbers[len(artists) :][columns]
    n_artists = int(numbers.max()) + 1
    own_rows = [plays.indices[plays.indptr[row] : plays.indptr[row + 1]] for row in queries]
    artist_on = np.stack([np.bincount(of_train[rows], minlength=n_artists)[of_new] for rows in own_rows])
    return PairInputs(
        embedded.playlists[queries],
        embedded.validation[columns],
        artist_on,
        np.bincount(of_train, minlength=n_artists)[of_new],
        np.array([len(rows) for rows in own_rows]),
    )
