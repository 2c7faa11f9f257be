"""Contrastive losses: find a query's positive among negatives (InfoNCE, van den Oord et al. 2018).

    loss = -log( exp(s_+ / t - log q_+) / sum_c exp(s_c / t - log q_c) )

s are cosines, t is the temperature, and q_c is how often a candidate is drawn: without the correction by its logarithm
the loss pushes frequent candidates away (Yi et al. 2019). In a batch, each query has one positive; other positives
among the candidates are left out.

Embeddings of earlier steps are candidates too, because they change slowly (Wang et al. 2020). They have a loss of their
own, with their own positives. If they were only negatives, the network could separate them from new positives by their
age, simply by moving all embeddings together, and the embeddings would collapse.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.arrays import Doubles, Floats, Indices, Mask
from unheard.errors import UserError
from unheard.inference.device import to_device
from unheard.models.losses import Contrastive, ContrastivePlaylists
from unheard.training.dataset import TrainingData
from unheard.training.networks.batches import cycled, n_steps
from unheard.training.networks.objective import Stats
from unheard.training.networks.partners import check_plays, partners, playlists_of

MIN_ODDS = 1e-12  # of a candidate that is never drawn, so that its logarithm is finite
MAX_VALIDATION_PLAYLISTS = 1000
EXCLUDED = -1e9  # the logit of what is no candidate


def info_nce(
    query: Tensor, candidate: Tensor, *, wanted: Tensor, allowed: Tensor, log_q: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return the loss above, averaged over the queries with a positive, and how often a positive ranks before another
    candidate.

    query, candidate  (q, width) and (c, width), of length 1
    wanted            (q, c) weight of each candidate as a positive of each query, 0 for none, on any scale
    allowed           (q, c) bool, the negatives
    log_q             (c,)
    """
    asks = (wanted > 0).any(dim=1)
    query, wanted, allowed = query[asks], wanted[asks], allowed[asks]
    if not len(query):
        return candidate.sum() * 0, torch.full((), 0.5, device=candidate.device)
    logits = query @ candidate.T / temperature - log_q  # (q, c)
    logits = logits.masked_fill(~(allowed | (wanted > 0)), EXCLUDED)
    share = wanted / wanted.sum(dim=1, keepdim=True)
    loss = -(share * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
    with torch.no_grad():
        best = logits.masked_fill(wanted == 0, -torch.inf).amax(dim=1, keepdim=True)  # (q, 1)
        others = allowed & (wanted == 0)
        accuracy = ((logits < best) & others).sum() / others.sum().clamp(min=1)
    return loss, accuracy


class Memory(nn.Module):
    """A ring buffer of embeddings of earlier steps, and of their items (-1: empty)."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.zeros(size, width))
        self.register_buffer("items", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("next", torch.zeros((), dtype=torch.int64))

    def held(self) -> tuple[Tensor, Tensor]:
        """Return embeddings (held, width) and their items (held,)."""
        items = self.get_buffer("items")
        return self.get_buffer("embeddings")[items >= 0], items[items >= 0]

    @torch.no_grad()
    def push(self, embeddings: Tensor, items: Tensor) -> None:
        """Overwrite the oldest embeddings with the last of these."""
        size, start = len(self.get_buffer("items")), self.get_buffer("next")
        if not size:
            return
        embeddings, items = embeddings[-size:], items[-size:]
        slots = (start + torch.arange(len(items), device=start.device)) % size
        self.get_buffer("embeddings")[slots] = embeddings.detach()
        self.get_buffer("items")[slots] = items
        start.copy_((start + len(items)) % size)


class ContrastiveTracks:
    """Half of a batch are anchors, half are one partner of each: a track that shares playlists with it."""

    def __init__(self, config: Contrastive, data: TrainingData, device: torch.device, width: int) -> None:
        check_plays(data)
        self._partners = partners(data.train.plays, data.train.artists, config)
        self._anchors = self._partners.anchors
        if not len(self._anchors):
            raise UserError(
                "the recipe learns from tracks that share playlists, but no two train tracks do; import longer ones"
            )
        self._val = partners(data.validation.plays, data.validation.artists, config)
        self._config = config
        log_drawn = np.log(np.maximum(self._partners.drawn, MIN_ODDS))
        self._log_drawn = torch.from_numpy(log_drawn.astype(np.float32)).to(device)
        self.own: nn.Module = Memory(config.memory, width).to(device)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Indices]:
        """Return batches of anchors, then their partners in the same order; all tracks are anchors equally often."""
        steps, half = n_steps(n_items, batch_size), max(1, batch_size // 2)
        anchors = self._anchors[cycled(rng, len(self._anchors), steps * half)]
        pairs = np.stack([anchors, self._partners.draw(rng, anchors)]).reshape(2, steps, half)
        return list(pairs.transpose(1, 0, 2).reshape(steps, 2 * half))

    def loss(self, output: Tensor, items: Indices) -> tuple[Tensor, Stats]:
        assert isinstance(self.own, Memory)
        embedding, item = functional.normalize(output), to_device(items, output.device)
        (anchor, partner), (of_anchor, of_partner) = embedding.chunk(2), item.chunk(2)
        loss, accuracy = self._pick(
            anchor,
            partner,
            of_partner,
            wanted=torch.eye(len(anchor), device=output.device),
            allowed=(of_partner != of_anchor[:, None]) & (of_partner != of_partner[:, None]),
        )
        earlier, of_earlier = self.own.held()
        if len(earlier):
            odds = self._partners.odds_of(items[: len(anchor)], of_earlier.cpu().numpy())
            wanted = to_device(odds.astype(np.float32), output.device)
            wanted = wanted * torch.exp(-self._log_drawn[of_earlier])  # frequent ones are in the memory more often
            old, _ = self._pick(anchor, earlier, of_earlier, wanted=wanted, allowed=of_earlier != of_anchor[:, None])
            loss = (loss + old) / 2
        self.own.push(partner, of_partner)
        return loss, {"accuracy": float(accuracy)}

    def _pick(
        self, anchor: Tensor, candidate: Tensor, of: Tensor, *, wanted: Tensor, allowed: Tensor
    ) -> tuple[Tensor, Tensor]:
        log_q = self._log_drawn[of] if self._config.log_q else torch.zeros(len(of), device=candidate.device)
        t = self._config.temperature
        return info_nce(anchor, candidate, wanted=wanted, allowed=allowed, log_q=log_q, temperature=t)

    def validate(self, output: Floats) -> Stats:
        """Return the cross entropy of each validation track's partners, and how often a partner ranks before another.

        The softmax is over the other validation tracks.
        """
        near = self._val
        odds = np.zeros((len(output), len(output)))
        np.put_along_axis(odds, near.indices.astype(np.int64), near.odds, axis=1)
        others = ~np.eye(len(output), dtype=bool)
        return ranking_figures(_cosines(output, output), odds, others, self._config.temperature)


class ContrastivePlaylistTracks:
    """Each track of a batch comes with one of its playlists: tracks find their playlist, and playlists their track."""

    def __init__(self, config: ContrastivePlaylists, data: TrainingData, device: torch.device, width: int) -> None:
        check_plays(data)
        known = np.flatnonzero(data.playlist_factors.any(axis=1))
        factors = data.playlist_factors[known]
        plays, validation_plays = data.train.plays[known], data.validation.plays[known]
        if not plays.nnz:
            raise UserError("the recipe learns from playlists, but none has factors; run `unheard factors` again")
        length = np.linalg.norm(factors, axis=1, keepdims=True)
        factors = np.divide(factors, length, out=np.zeros_like(factors), where=length > 0)
        self._factors = torch.from_numpy(factors).to(device)  # (m, d), of length 1
        self._plays, self._config = plays, config
        self._begin, self._playlists = playlists_of(plays)
        n_lists = np.diff(self._begin)
        self._anchors = np.flatnonzero(n_lists).astype(np.int64)
        odds = np.repeat(1 / np.maximum(n_lists, 1), n_lists) / max(1, len(self._anchors))
        drawn = np.bincount(self._playlists, odds, minlength=len(factors))
        log_q = np.log(np.maximum(drawn, MIN_ODDS)) if config.log_q else np.zeros(len(drawn))
        self._log_q = torch.from_numpy(log_q.astype(np.float32)).to(device)
        with_validation = np.flatnonzero(np.diff(validation_plays.indptr) > 0)
        self._validation_playlists = _spread(with_validation, MAX_VALIDATION_PLAYLISTS)
        self._relevant = validation_plays[self._validation_playlists].toarray() > 0  # (playlist, validation)
        self.own: nn.Module = nn.ModuleDict(
            {"map": nn.Linear(factors.shape[1], width, bias=False), "memory": Memory(config.memory, width)}
        ).to(device)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Indices]:
        order = self._anchors[cycled(rng, len(self._anchors), n_items)]
        return np.array_split(order, n_steps(n_items, batch_size))

    def loss(self, output: Tensor, items: Indices) -> tuple[Tensor, Stats]:
        """Return the mean loss of both directions; playlists are drawn by torch's generator, seeded for the step."""
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        more = self._anchors[rng.integers(len(self._anchors), size=self._config.negatives)]
        playlists = self._lists_of(rng, np.concatenate([items, more]))  # (batch + negatives,)
        track, item = functional.normalize(output), to_device(items, output.device)
        drawn, t = to_device(playlists, output.device), self._config.temperature
        playlist = self._embed(drawn)
        first = playlist[: len(items)]
        holds = self._holds(playlists, items, output.device)  # (batch + negatives, batch)
        own = torch.eye(len(items), device=output.device)
        up, up_accuracy = info_nce(
            track,
            playlist,
            wanted=functional.pad(own, (0, len(more))),
            allowed=holds.T == 0,
            log_q=self._log_q[drawn],
            temperature=t,
        )
        no_q = torch.zeros(len(items), device=output.device)  # all tracks are drawn equally often
        down, down_accuracy = info_nce(
            first, track, wanted=own, allowed=holds[: len(items)] == 0, log_q=no_q, temperature=t
        )
        earlier, of_earlier = self._memory.held()
        if len(earlier):
            held = self._holds(playlists[: len(items)], of_earlier.cpu().numpy(), output.device)
            no_q = torch.zeros(len(earlier), device=output.device)
            old, _ = info_nce(first, earlier, wanted=held, allowed=held == 0, log_q=no_q, temperature=t)
            down = (down + old) / 2
        self._memory.push(track, item)
        return (up + down) / 2, {"accuracy": float((up_accuracy + down_accuracy) / 2)}

    def validate(self, output: Floats) -> Stats:
        """Return the cross entropy of a playlist's validation tracks, and how often one of them ranks before another.

        The softmax is over all validation tracks; figures are means over playlists.
        """
        with torch.no_grad():
            rows = torch.from_numpy(self._validation_playlists).to(self._factors.device)
            playlists = self._embed(rows).cpu().numpy()
        odds = self._relevant / np.maximum(1, self._relevant.sum(axis=1, keepdims=True))
        everything = np.ones(odds.shape, bool)
        return ranking_figures(_cosines(playlists, output), odds, everything, self._config.temperature)

    @property
    def _memory(self) -> Memory:
        memory = self.own.get_submodule("memory")
        assert isinstance(memory, Memory)
        return memory

    def _embed(self, playlists: Tensor) -> Tensor:
        """Return embeddings of playlists, (playlists, width), of length 1."""
        return functional.normalize(self.own.get_submodule("map")(self._factors[playlists]))

    def _lists_of(self, rng: np.random.Generator, items: Indices) -> Indices:
        """Draw a playlist of each item, evenly from those that hold it."""
        first, n = self._begin[items], np.diff(self._begin)[items]
        drawn: Indices = self._playlists[first + rng.integers(0, n)].astype(np.int64)
        return drawn

    def _holds(self, playlists: Indices, items: Indices, device: torch.device) -> Tensor:
        """Return (playlists, items) float32: 1 where a playlist holds an item."""
        return to_device(self._plays[playlists][:, items].toarray(), device)


def ranking_figures(cosines: Doubles, odds: Doubles, others: Mask, temperature: float) -> Stats:
    """Return means over queries: of the cross entropy of `odds` (q, c) under a softmax of cosines / temperature over
    `others` (q, c), and of the share of pairs (odds > 0, odds = 0) in the right order, ties counting half.

    Without any query, these are the figures of a constant embedding.
    """
    queries = odds.sum(axis=1) > 0
    if not queries.any():
        return {"loss": float(np.log(max(1, others.shape[1]))), "accuracy": 0.5}
    odds, others = odds[queries], others[queries]
    logits = np.where(others, cosines[queries] / temperature, -np.inf)
    peak = logits.max(axis=1, keepdims=True)
    log_p = logits - peak - np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))
    losses = -(odds * np.where(others, log_p, 0.0)).sum(axis=1)
    right = []
    for row, wanted in zip(logits, odds > 0, strict=True):
        rest = np.isfinite(row) & ~wanted
        if rest.any():
            gap = row[wanted][:, None] - row[rest][None, :]
            right.append(float((gap > 0).mean() + 0.5 * (gap == 0).mean()))
    return {"loss": float(losses.mean()), "accuracy": float(np.mean(right)) if right else 0.5}


def _cosines(a: Floats, b: Floats) -> Doubles:
    units = []
    for rows in (a, b):
        wide = rows.astype(np.float64)
        length = np.linalg.norm(wide, axis=1, keepdims=True)
        units.append(wide / np.where(length > 0, length, 1.0))
    cosines: Doubles = units[0] @ units[1].T
    return cosines


def _spread(rows: Indices, limit: int) -> Indices:
    """Return at most `limit` of the rows, evenly spread."""
    return rows if len(rows) <= limit else rows[np.round(np.linspace(0, len(rows) - 1, limit)).astype(np.int64)]
