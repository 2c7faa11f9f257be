"""Fit a content softmax (models/rankers/content_softmax.py): predict a playlist's tracks among all train tracks.

A step draws playlists; its loss is the mean cross entropy of their tracks under a softmax over the train tracks (of
many tracks: over those of the step's playlists and others drawn at random). The playlists' embeddings begin as their
warm factors, which know the plays: from random numbers, playlists that are drawn a dozen times would learn little, and
those drawn a hundred times would learn the train tracks by heart. For the same reason embeddings that are drawn often
move slowly.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from unheard.arrays import Floats, Indices
from unheard.inference.device import autocast, to_device
from unheard.inference.ranker_encoder import embed_rows
from unheard.models.rankers.content_softmax import ContentSoftmax
from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import Tower, dropout
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.descent import descend, feature_tensors, seeded
from unheard.training.rankers.device_draws import draws_on
from unheard.training.rankers.ranker import Ranker
from unheard.training.rankers.sampling import plays_on, some_tracks

INITIAL_LENGTH = 0.1  # of a playlist's embedding, over the root of its dimension
INITIAL_NOISE = 0.02  # added to each number, so that dimensions beyond those of the factors learn
MIN_RATE = 0.3  # of the learning rate, for embeddings of playlists


class PlaylistTable(nn.Module):
    """The playlists' embeddings, (m, k), and the tower."""

    def __init__(self, config: ContentSoftmax, *, inputs: int, playlists: Floats) -> None:
        super().__init__()
        self.tower = Tower(config.tower, inputs=inputs, outputs=config.output + 1)
        with torch.no_grad():  # no track is popular before the first step
            self.tower.output.weight[-1].zero_()
            self.tower.output.bias[-1].zero_()
        begun = torch.from_numpy(initial_embeddings(playlists, config.output))
        self.playlists = nn.Parameter(begun + torch.randn(begun.shape) * INITIAL_NOISE)


def fit_content_softmax(
    data: TrainingData, config: ContentSoftmax, *, seed: int, device: torch.device, progress: Progress = silent
) -> Ranker:
    """Embeddings have one dimension more than the configuration says, for the bias."""
    known = feature_tensors(data, device)[0]
    plays = data.train.plays
    played = np.flatnonzero(np.diff(plays.indptr))
    descent = with_visits(config, len(played))
    visits = descent.checks * descent.steps_per_check * descent.batch_size / max(1, len(played))
    with seeded(seed, device) as rng:
        net = PlaylistTable(config, inputs=known.shape[1], playlists=data.playlist_factors).to(device)
        draws = draws_on(device, data, descent.batch_size)

        def loss(items: Indices) -> Tensor:
            rows = to_device(played[items], device)
            if draws is not None:
                tracks = draws.tracks_of(rows, config.tracks)
                listed = draws.listed(rows, tracks)  # (playlist, track)
            else:
                of_rows = plays[played[items]]
                of_step = some_tracks(of_rows, config.tracks, rng)
                tracks, listed = to_device(of_step, device), plays_on(device, of_rows, of_step)
            with autocast(device):
                embedded = net.tower(known[tracks])  # (track, k + 1)
            embeddings = embedded.float()
            chosen = dropout(net.playlists[rows], config.playlist_dropout, training=True)
            logits = torch.addmm(embeddings[:, -1], chosen, embeddings[:, :-1].T)
            return cross_entropy(logits, listed)

        history = descend(
            net,
            descent,
            n_items=len(played),
            loss=loss,
            playlists=lambda: _playlists(net, plays),
            val=lambda: embed_rows(net.tower, data.validation.features, device=device),
            data=data,
            rng=rng,
            progress=progress,
            name="content softmax",
            rates={"playlists": max(MIN_RATE, min(1.0, config.visits / visits))},
        )
    return Ranker(net.tower.cpu(), _playlists(net, plays), history=history)


def with_visits(config: ContentSoftmax, n_playlists: int) -> Descent:
    """Return the descent with enough steps for `visits` draws of each playlist, at most `max_steps`."""
    descent = config.descent
    wanted = min(config.visits * n_playlists / descent.batch_size, config.max_steps)
    return replace(descent, steps_per_check=max(descent.steps_per_check, round(wanted / descent.checks)))


def initial_embeddings(factors: Floats, k: int) -> Floats:
    """Return embeddings (m, k) of length `INITIAL_LENGTH` times the root of k, 0 for a playlist without factors.

    factors  (m, d); of more than k, the k principal directions are kept
    """
    d = factors.shape[1]
    if d > k:
        wide = factors.astype(np.float64)
        factors = (wide @ np.linalg.eigh(wide.T @ wide)[1][:, ::-1][:, :k]).astype(np.float32)
    padded = np.zeros((len(factors), k), np.float32)
    lengths = np.linalg.norm(factors, axis=1, keepdims=True)
    np.divide(factors, lengths, out=padded[:, : factors.shape[1]], where=lengths > 0)
    scaled: Floats = padded * np.float32(INITIAL_LENGTH * np.sqrt(k))
    return scaled


def cross_entropy(logits: Tensor, listed: Tensor) -> Tensor:
    """Return the mean over playlists of the mean cross entropy of their tracks, (playlist, track) both."""
    share = listed / listed.sum(dim=1, keepdim=True).clamp(min=1)
    return -(torch.log_softmax(logits, dim=1) * share).sum(dim=1).mean()


def _playlists(net: PlaylistTable, plays: csr_matrix) -> Floats:
    """Return (m, k + 1) embeddings of the playlists, 1 in the column of the bias, zero for a playlist without plays."""
    table = net.playlists.detach().cpu().numpy()
    with_bias = np.concatenate([table, np.ones((len(table), 1), np.float32)], axis=1)
    known: Floats = np.where(np.diff(plays.indptr)[:, None] > 0, with_bias, np.float32(0)).astype(np.float32)
    return known
