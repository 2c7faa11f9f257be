"""Fitting two towers by a contrastive loss: guess a part of a playlist from the sound of the rest.

Each step hides a part of every playlist of a batch. A playlist's place is the mean of the places of its tracks that
are left; a softmax over the hidden candidates (van den Oord, Li & Vinyals 2018, InfoNCE) should give its hidden tracks
the probability. Up to `tracks` tracks, all are candidates: nothing is sampled, no correction for sampling is needed,
and the `popularity` exponent of the logQ correction (Yi et al. 2019) is a matter of taste. Of more tracks, a step sees
those that its playlists list. Popular ones are then seen more often, and places learn less of who is popular.

A playlist's hidden part is whole artists if `across_artists`, else tracks one by one. What is to be guessed is then
played with the rest but made by somebody else, which is what new artists' music will be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from unheard.models.rankers.two_tower import SoundAndArtist, TwoTower
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.descent import feature_tensors
from unheard.training.rankers.ranker import Ranker
from unheard.training.rankers.validation import judges, ndcg

Floats = NDArray[np.float32]
OUT = -1e9  # the logit of what is no candidate


@dataclass(frozen=True)
class Guess:
    """One step's task for playlists of a batch over the tracks of a batch, (playlist, track) each.

    context  what is left of the playlist; hidden  what is to be guessed; candidate  what may be guessed
    """

    context: Tensor
    hidden: Tensor
    candidate: Tensor


def fit_two_tower(
    data: TrainingData, config: TwoTower, *, seed: int, device: torch.device, progress: Progress = silent
) -> Ranker:
    """Towers of unit-length places; a playlist's score of a track is the cosine, -1 to 1."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        return _fit(data, config, np.random.default_rng(seed), device, progress)


def contrastive_loss(places: Tensor, guess: Guess, prior: Tensor, *, temperature: float) -> Tensor:
    """Mean over playlists of the mean cross entropy of their hidden tracks.

    places  (track, k) unit length; prior  (track,) is taken from the logits (0, or the logQ correction)
    """
    playlists = functional.normalize(guess.context @ places)  # (playlist, k)
    logits = playlists @ places.T / temperature - prior  # (playlist, track)
    logits = logits.masked_fill(~guess.candidate, OUT)
    surprise = -torch.log_softmax(logits, dim=1) * guess.hidden  # (playlist, track)
    return (surprise.sum(dim=1) / guess.hidden.sum(dim=1)).mean()


def _fit(
    data: TrainingData, config: TwoTower, rng: np.random.Generator, device: torch.device, progress: Progress
) -> Ranker:
    known, val = feature_tensors(data, device)
    sizes = {"n_sound": data.n_content_features, "n_artist": data.n_artist_features}
    tower = SoundAndArtist(config, **sizes).to(device)
    adam = torch.optim.AdamW(tower.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, config.steps)
    prior = config.popularity * torch.from_numpy(_log_popularity(data.train.plays)).to(device)
    asked, best, kept = judges(data), -1.0, _state(tower)
    every, history = max(1, config.steps // config.checks), []
    for step in range(1, config.steps + 1):
        drawn = _draw(data, config, rng)
        if drawn is None:
            continue
        chosen, guess = drawn
        tower.train()
        x = known[chosen].clone()
        x[:, data.n_content_features :] *= (torch.rand(len(x), 1, device=device) >= config.artist_dropout).float()
        moved = Guess(guess.context.to(device), guess.hidden.to(device), guess.candidate.to(device))
        loss = contrastive_loss(tower(x), moved, prior[chosen], temperature=config.temperature)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        schedule.step()
        if step % every == 0 or step == config.steps:
            tower.eval()
            quality = ndcg(_playlists(tower, known, data.train.plays), _places(tower, val), data, asked)
            history.append({"step": float(step), "loss": loss.item(), "ndcg": quality})
            if quality >= best:
                best, kept = quality, _state(tower)
        progress("two towers", step, config.steps)
    tower.load_state_dict(kept)
    tower.eval()
    return Ranker(tower.cpu(), _playlists(tower, known.cpu(), data.train.plays), history=tuple(history))


def _draw(data: TrainingData, config: TwoTower, rng: np.random.Generator) -> tuple[NDArray[np.int64], Guess] | None:
    """Tracks of a step and the task; None when nothing can be guessed from anything."""
    n, plays = len(data.train), data.train.plays
    rows = rng.integers(0, plays.shape[0], config.playlists)
    chosen = np.arange(n) if n <= config.tracks else _some(plays[rows], config.tracks, rng)
    listed = torch.from_numpy((plays[rows][:, chosen] if len(chosen) < n else plays[rows]).toarray() > 0)
    if config.across_artists:
        artist = np.unique(data.train.artists[chosen], return_inverse=True)[1].reshape(-1)
        hide = rng.random((len(rows), int(artist.max()) + 1))[:, artist] < config.held_out
    else:
        hide = rng.random(listed.shape) < config.held_out
    candidate = torch.from_numpy(hide)  # (playlist, track)
    context, hidden = listed & ~candidate, listed & candidate
    usable = context.any(dim=1) & hidden.any(dim=1)
    if not usable.any():
        return None
    return chosen, Guess(context[usable].float(), hidden[usable].float(), candidate[usable])


def _some(listed: csr_matrix, n_tracks: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Tracks of a step where not all fit in: of those on the step's playlists, and others until there are enough."""
    own, others = np.unique(listed.indices), np.setdiff1d(np.arange(listed.shape[1]), listed.indices)
    own = rng.permutation(own)[:n_tracks]
    return np.sort(np.concatenate([own, rng.permutation(others)[: n_tracks - len(own)]]))


@torch.no_grad()
def _places(tower: nn.Module, x: Tensor) -> Floats:
    """Places of described tracks, (track, k)."""
    places: Floats = tower(x).cpu().numpy()
    return places


def _playlists(tower: nn.Module, known: Tensor, plays: csr_matrix) -> Floats:
    """(m, k) unit length, or zero for a playlist without tracks."""
    sums = plays @ _places(tower, known)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    directions: Floats = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0).astype(np.float32)
    return directions


def _log_popularity(plays: csr_matrix) -> Floats:
    held_by = np.bincount(plays.indices, minlength=plays.shape[1]) + 1.0
    prior: Floats = np.log(held_by / held_by.mean()).astype(np.float32)
    return prior


def _state(tower: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in tower.state_dict().items()}
