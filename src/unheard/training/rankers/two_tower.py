"""Fit two towers by a contrastive loss: predict a part of a playlist from the features of the rest.

Each step hides a part of every playlist of a batch. A playlist's embedding is the mean embedding of its remaining
tracks; the loss is the cross entropy of its hidden tracks under a softmax over all hidden candidates (van den Oord, Li
& Vinyals 2018, InfoNCE). Up to `tracks` tracks, all are candidates. Of some more, a step draws `tracks` at random, as
long as enough of each playlist is among them; all tracks are drawn equally often, so no correction for sampling is
needed, and the `popularity` exponent of the logQ correction (Yi et al. 2019) is free. Of many more, a step uses those
on its playlists. Popular ones are then used more often, and embeddings reflect popularity less.

With `across_artists`, all tracks of an artist are hidden together. The hidden tracks are then by other artists than the
rest, as the music of new artists will be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from unheard.arrays import Floats
from unheard.inference.device import autocast
from unheard.models.rankers.two_tower import SoundAndArtist, TwoTower
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.descent import adamw, feature_tensors, seeded, weights_of
from unheard.training.rankers.device_draws import DeviceDraws, draws_on
from unheard.training.rankers.ranker import Ranker
from unheard.training.rankers.sampling import plays_on, some_tracks
from unheard.training.rankers.validation import ndcg, validation_playlists

EXCLUDED = -1e9  # the logit of what is no candidate
MIN_OF_PLAYLIST = 4  # tracks of a playlist among those of a step, on average, for them to be drawn at random


@dataclass(frozen=True)
class Task:
    """One step's task for playlists of a batch over the tracks of a batch, (playlist, track) each.

    context    tracks that remain in the playlist
    hidden     tracks to predict
    candidate  tracks that the softmax is over
    usable     (playlist,) which playlists have both a context and a hidden track; None: all
    """

    context: Tensor
    hidden: Tensor
    candidate: Tensor
    usable: Tensor | None = None


def fit_two_tower(
    data: TrainingData, config: TwoTower, *, seed: int, device: torch.device, progress: Progress = silent
) -> Ranker:
    """Embeddings have length 1; a playlist's score of a track is the cosine, -1 to 1."""
    with seeded(seed, device) as rng:
        return _fit(data, config, rng, device, progress)


def contrastive_loss(embeddings: Tensor, task: Task, prior: Tensor, *, temperature: float) -> Tensor:
    """Return the mean over playlists of the mean cross entropy of their hidden tracks.

    embeddings  (track, k) of length 1
    prior       (track,) is subtracted from the logits (0, or the logQ correction)
    """
    playlists = functional.normalize(task.context @ embeddings)  # (playlist, k)
    logits = playlists @ embeddings.T / temperature - prior  # (playlist, track)
    logits = logits.masked_fill(~task.candidate, EXCLUDED)
    cross_entropy = -torch.log_softmax(logits, dim=1) * task.hidden  # (playlist, track)
    if task.usable is None:
        return (cross_entropy.sum(dim=1) / task.hidden.sum(dim=1)).mean()
    of_playlist = cross_entropy.sum(dim=1) / task.hidden.sum(dim=1).clamp(min=1)
    return (of_playlist * task.usable).sum() / task.usable.sum().clamp(min=1)


def _fit(
    data: TrainingData, config: TwoTower, rng: np.random.Generator, device: torch.device, progress: Progress
) -> Ranker:
    known, val = feature_tensors(data, device)
    sizes = {"n_sound": data.n_content_features, "n_artist": data.n_artist_features}
    tower = SoundAndArtist(config, **sizes).to(device)
    adam = adamw(tower, learning_rate=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, config.steps)
    prior = config.popularity * torch.from_numpy(_log_popularity(data.train.plays)).to(device)
    queries, best, kept, since = validation_playlists(data), -1.0, weights_of(tower), 0
    every, history = max(1, config.steps // config.checks), []
    draw = _drawing(data, config, rng, device)
    for step in range(1, config.steps + 1):
        drawn = draw()
        if drawn is None:
            continue
        chosen, task = drawn
        tower.train()
        x = known[chosen]
        x[:, data.n_content_features :] *= (torch.rand(len(x), 1, device=device) >= config.artist_dropout).float()
        with autocast(device):
            embedded = tower(x)
        loss = contrastive_loss(embedded.float(), task, prior[chosen], temperature=config.temperature)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        schedule.step()
        if step % every == 0 or step == config.steps:
            tower.eval()
            quality = ndcg(_playlists(tower, known, data.train.plays), _embed(tower, val), data, queries)
            history.append({"step": float(step), "loss": loss.item(), "ndcg": quality})
            since = 0 if quality > best else since + 1
            if quality >= best:
                best, kept = quality, weights_of(tower)
            if len(queries) and since >= config.patience:
                break
        progress("two towers", step, config.steps)
    tower.load_state_dict(kept)
    tower.eval()
    return Ranker(tower.cpu(), _playlists(tower, known.cpu(), data.train.plays), history=tuple(history))


def _drawing(
    data: TrainingData, config: TwoTower, rng: np.random.Generator, device: torch.device
) -> Callable[[], tuple[Tensor, Task] | None]:
    """Return what draws the tracks and the task of a step: on CUDA itself, where its memory allows that."""
    if (draws := draws_on(device, data, config.playlists)) is not None:
        return partial(draw_on_device, draws, config, of_all=_at_random(data, config))
    return partial(_draw, data, config, rng, device)


def draw_on_device(draws: DeviceDraws, config: TwoTower, *, of_all: bool) -> tuple[Tensor, Task]:
    """Draw a step as `_draw` does, without waiting for the device: playlists that cannot be used keep their rows."""
    playlists = draws.playlists(config.playlists)
    chosen = draws.tracks(config.tracks) if of_all else draws.tracks_of(playlists, config.tracks)
    listed = draws.listed(playlists, chosen)  # (playlist, track)
    candidate = draws.hidden(config.playlists, chosen, config.held_out, across_artists=config.across_artists)
    context, hidden = listed & ~candidate, listed & candidate
    usable = context.any(dim=1) & hidden.any(dim=1)
    return chosen, Task(context.float(), hidden.float(), candidate, usable.float())


def _at_random(data: TrainingData, config: TwoTower) -> bool:
    """Return whether a step's tracks are drawn from all, because enough of each playlist are then among them."""
    n, plays = len(data.train), data.train.plays
    return n <= config.tracks or plays.nnz * config.tracks >= MIN_OF_PLAYLIST * plays.shape[0] * n


def _draw(
    data: TrainingData, config: TwoTower, rng: np.random.Generator, device: torch.device
) -> tuple[Tensor, Task] | None:
    """Draw the tracks of a step (rows of the train tracks) and its task, both on the device.

    None when no playlist has both a context and a hidden track.
    """
    n, plays = len(data.train), data.train.plays
    of_rows = plays[rng.integers(0, plays.shape[0], config.playlists)]
    if _at_random(data, config):
        chosen = np.sort(rng.permutation(n)[: config.tracks])
    else:
        chosen = some_tracks(of_rows, config.tracks, rng)
    listed = plays_on(device, of_rows, chosen)  # (playlist, track)
    if config.across_artists:
        artist = np.unique(data.train.artists[chosen], return_inverse=True)[1].reshape(-1)
        drawn = torch.rand(len(listed), int(artist.max()) + 1, device=device)
        candidate = drawn[:, torch.from_numpy(artist).to(device)] < config.held_out
    else:
        candidate = torch.rand(listed.shape, device=device) < config.held_out
    context, hidden = listed & ~candidate, listed & candidate
    usable = context.any(dim=1) & hidden.any(dim=1)
    if not usable.any():
        return None
    task = Task(context[usable].float(), hidden[usable].float(), candidate[usable])
    return torch.from_numpy(chosen).to(device), task


@torch.no_grad()
def _embed(tower: nn.Module, x: Tensor) -> Floats:
    """Return embeddings of tracks with features (track, f), (track, k)."""
    embeddings: Floats = tower(x).cpu().numpy()
    return embeddings


def _playlists(tower: nn.Module, known: Tensor, plays: csr_matrix) -> Floats:
    """Return embeddings (m, k) of length 1, or zero for a playlist without tracks."""
    sums = plays @ _embed(tower, known)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    directions: Floats = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0).astype(np.float32)
    return directions


def _log_popularity(plays: csr_matrix) -> Floats:
    held_by = np.bincount(plays.indices, minlength=plays.shape[1]) + 1.0
    prior: Floats = np.log(held_by / held_by.mean()).astype(np.float32)
    return prior
