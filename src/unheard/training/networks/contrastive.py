"""Contrastive losses: the one that belongs to a query among those that do not (InfoNCE, van den Oord et al. 2018).

    loss = -log( exp(s_+ / t - log q_+) / sum_c exp(s_c / t - log q_c) )

s are cosines, t is the temperature, and q_c is how often a candidate is drawn: without its logarithm the loss takes the
frequent for the unlikely (Yi et al. 2019). In a batch, one candidate belongs to each query, and others that do as well
are left out.

Embeddings of earlier steps are candidates too: they grow old slowly (Wang et al. 2020). They have a loss of their own,
in which what belongs to the query is looked up among them. Old ones only as negatives would be told from the new
positives by their age alone, and the quickest way to make a difference is to move all embeddings, which are then equal.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unheard.errors import UserError
from unheard.models.losses import Contrastive, ContrastivePlaylists
from unheard.training.networks.batches import Items, in_turn, n_steps
from unheard.training.networks.partners import need, partners, playlists_of
from unheard.training.networks.targets import Stats, Targets

LEAST_ODDS = 1e-12  # of a candidate that is never drawn, so that its logarithm stays a number
MAX_JUDGES = 1000  # playlists that validate
OUT = -1e9  # the logit of what is no candidate


def info_nce(
    query: Tensor, candidate: Tensor, *, wanted: Tensor, allowed: Tensor, log_q: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """The loss of the equation above, averaged over the queries that want something, and how often a wanted candidate
    comes before another one.

    query, candidate  (q, width) and (c, width), of length 1
    wanted            (q, c) how much each candidate belongs to each query, on any scale; their losses are averaged
    allowed           (q, c) bool, the candidates besides those that are wanted; log_q: (c,)
    """
    asks = (wanted > 0).any(dim=1)
    query, wanted, allowed = query[asks], wanted[asks], allowed[asks]
    if not len(query):
        return candidate.sum() * 0, torch.full((), 0.5, device=candidate.device)
    logits = query @ candidate.T / temperature - log_q  # (q, c)
    logits = logits.masked_fill(~(allowed | (wanted > 0)), OUT)
    share = wanted / wanted.sum(dim=1, keepdim=True)
    loss = -(share * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
    with torch.no_grad():
        best = logits.masked_fill(wanted == 0, -torch.inf).amax(dim=1, keepdim=True)  # (q, 1)
        others = allowed & (wanted == 0)
        accuracy = ((logits < best) & others).sum() / others.sum().clamp(min=1)
    return loss, accuracy


class Memory(nn.Module):
    """A ring of the embeddings of earlier steps and of the items they are of (-1: none yet)."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.zeros(size, width))
        self.register_buffer("items", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("next", torch.zeros((), dtype=torch.int64))

    def held(self) -> tuple[Tensor, Tensor]:
        """Embeddings (held, width) and items (held,)."""
        items = self.get_buffer("items")
        return self.get_buffer("embeddings")[items >= 0], items[items >= 0]

    @torch.no_grad()
    def push(self, embeddings: Tensor, items: Tensor) -> None:
        """Put the last ones in the places of the oldest."""
        size, place = len(self.get_buffer("items")), self.get_buffer("next")
        if not size:
            return
        embeddings, items = embeddings[-size:], items[-size:]
        places = (place + torch.arange(len(items), device=place.device)) % size
        self.get_buffer("embeddings")[places] = embeddings.detach()
        self.get_buffer("items")[places] = items
        place.copy_((place + len(items)) % size)


class ContrastiveTracks:
    """Half of a batch are anchors, half are a partner of each: tracks that share playlists with it."""

    def __init__(self, config: Contrastive, targets: Targets, device: torch.device, width: int) -> None:
        listening = need(targets.listening)
        self._partners = partners(listening.plays, listening.artist, config)
        self._anchors = self._partners.anchors
        if not len(self._anchors):
            raise UserError(
                "the recipe learns from tracks that share playlists, but no two train tracks do; import longer ones"
            )
        self._val = partners(listening.tuning, listening.val_artist, config)
        self._config = config
        log_drawn = np.log(np.maximum(self._partners.drawn, LEAST_ODDS))
        self._log_drawn = torch.from_numpy(log_drawn.astype(np.float32)).to(device)
        self.own: nn.Module = Memory(config.memory, width).to(device)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Items]:
        """Batches of anchors, then their partners in the same order; anchors go round in turn."""
        steps, half = n_steps(n_items, batch_size), max(1, batch_size // 2)
        anchors = self._anchors[in_turn(rng, len(self._anchors), steps * half)]
        pairs = np.stack([anchors, self._partners.draw(rng, anchors)]).reshape(2, steps, half)
        return list(pairs.transpose(1, 0, 2).reshape(steps, 2 * half))

    def loss(self, output: Tensor, items: Items) -> tuple[Tensor, Stats]:
        assert isinstance(self.own, Memory)
        embedding, item = functional.normalize(output), torch.from_numpy(items).to(output.device)
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
            wanted = torch.from_numpy(odds.astype(np.float32)).to(output.device)
            wanted = wanted * torch.exp(-self._log_drawn[of_earlier])  # the often drawn are there more often
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

    def validate(self, output: NDArray[np.float32]) -> Stats:
        """Cross entropy of each validation track's odds of partners against a softmax over the other validation tracks,
        and how often a partner comes before another track."""
        near = self._val
        odds = np.zeros((len(output), len(output)))
        np.put_along_axis(odds, near.places.astype(np.int64), near.odds, axis=1)
        others = ~np.eye(len(output), dtype=bool)
        return ranking_figures(_cosines(output, output), odds, others, self._config.temperature)


class ContrastivePlaylistTracks:
    """Each track of a batch brings one of its playlists; tracks pick playlists, and playlists pick tracks."""

    def __init__(self, config: ContrastivePlaylists, targets: Targets, device: torch.device, width: int) -> None:
        listening = need(targets.listening)
        placed = np.flatnonzero(listening.playlists.any(axis=1))
        factors, plays, tuning = listening.playlists[placed], listening.plays[placed], listening.tuning[placed]
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
        log_q = np.log(np.maximum(drawn, LEAST_ODDS)) if config.log_q else np.zeros(len(drawn))
        self._log_q = torch.from_numpy(log_q.astype(np.float32)).to(device)
        self._judges = _spread(np.flatnonzero(np.diff(tuning.indptr) > 0), MAX_JUDGES)
        self._tuning = tuning[self._judges].toarray() > 0  # (judge, val)
        self.own: nn.Module = nn.ModuleDict(
            {"map": nn.Linear(factors.shape[1], width, bias=False), "memory": Memory(config.memory, width)}
        ).to(device)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Items]:
        order = self._anchors[in_turn(rng, len(self._anchors), n_items)]
        return np.array_split(order, n_steps(n_items, batch_size))

    def loss(self, output: Tensor, items: Items) -> tuple[Tensor, Stats]:
        """The playlists are drawn here, from torch's generator, which is seeded for the step."""
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        more = self._anchors[rng.integers(len(self._anchors), size=self._config.negatives)]
        playlists = self._lists_of(rng, np.concatenate([items, more]))  # (batch + negatives,)
        track, item = functional.normalize(output), torch.from_numpy(items).to(output.device)
        drawn, t = torch.from_numpy(playlists).to(output.device), self._config.temperature
        playlist = self._places(drawn)
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
        no_q = torch.zeros(len(items), device=output.device)  # tracks come in turn, all equally often
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

    def validate(self, output: NDArray[np.float32]) -> Stats:
        """Cross entropy of the validation tracks of a playlist against a softmax over all of them, and how often one of
        them comes before another track; over playlists."""
        with torch.no_grad():
            places = self._places(torch.from_numpy(self._judges).to(self._factors.device)).cpu().numpy()
        odds = self._tuning / np.maximum(1, self._tuning.sum(axis=1, keepdims=True))
        everything = np.ones(odds.shape, bool)
        return ranking_figures(_cosines(places, output), odds, everything, self._config.temperature)

    @property
    def _memory(self) -> Memory:
        memory = self.own.get_submodule("memory")
        assert isinstance(memory, Memory)
        return memory

    def _places(self, playlists: Tensor) -> Tensor:
        """(playlists, width), of length 1."""
        return functional.normalize(self.own.get_submodule("map")(self._factors[playlists]))

    def _lists_of(self, rng: np.random.Generator, items: Items) -> NDArray[np.int64]:
        """A playlist of each item, drawn evenly from those that hold it."""
        first, n = self._begin[items], np.diff(self._begin)[items]
        drawn: NDArray[np.int64] = self._playlists[first + rng.integers(0, n)].astype(np.int64)
        return drawn

    def _holds(self, playlists: NDArray[np.int64], items: Items, device: torch.device) -> Tensor:
        """(playlists, items) float32: 1 where a playlist holds an item."""
        return torch.from_numpy(self._plays[playlists][:, items].toarray()).to(device)


def ranking_figures(
    cosines: NDArray[np.float64], odds: NDArray[np.float64], others: NDArray[np.bool_], temperature: float
) -> Stats:
    """Mean over queries of the cross entropy of `odds` (q, c) against a softmax of cosines / temperature over `others`
    (q, c), and of the share of pairs (odds > 0, odds = 0) in the right order, ties counting half.

    Where there is nothing to ask, what a constant embedding scores.
    """
    asked = odds.sum(axis=1) > 0
    if not asked.any():
        return {"loss": float(np.log(max(1, others.shape[1]))), "accuracy": 0.5}
    odds, others = odds[asked], others[asked]
    logits = np.where(others, cosines[asked] / temperature, -np.inf)
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


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    units = []
    for rows in (a, b):
        wide = rows.astype(np.float64)
        length = np.linalg.norm(wide, axis=1, keepdims=True)
        units.append(wide / np.where(length > 0, length, 1.0))
    cosines: NDArray[np.float64] = units[0] @ units[1].T
    return cosines


def _spread(rows: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """At most `limit` of the rows, evenly."""
    return rows if len(rows) <= limit else rows[np.round(np.linspace(0, len(rows) - 1, limit)).astype(np.int64)]
