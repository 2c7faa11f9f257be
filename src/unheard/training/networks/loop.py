"""The training loop of every network: step, validate, stop early, keep the best weights, and resume after a kill.

Everything that decides the next step is in `Loop.snapshot`: weights, state of the loss, Adam's moments, epoch and step,
the sums of the running epoch, the best weights so far and the history. Batches and random numbers are functions of
(seed, stage, epoch, step). So a training that was killed and resumed from a snapshot ends with the same bits as an
uninterrupted one.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from unheard.arrays import Floats, Rows
from unheard.errors import UserError
from unheard.inference.input_sources import Source
from unheard.inference.module_arrays import Arrays, array_of, arrays_of, below, load_arrays
from unheard.inference.patch_outputs import mean_outputs
from unheard.models.recipe import REGRESSIONS, Stage
from unheard.progress import Progress, silent
from unheard.training.networks.batches import Batch, Epoch, EveryPatch, batches, epoch_rng, n_steps
from unheard.training.networks.forward import LossReader, autotuned, seed_step, trained_forward
from unheard.training.networks.objective import Objective, Stats

VALIDATION_PATCHES = 8


@dataclass(frozen=True)
class Setup:
    """One stage, ready to train: `train` and `validation` are rows of `source`; `number` is 1 or 2."""

    stage: Stage
    number: int
    seed: int
    network: nn.Module
    source: Source
    train: Rows
    validation: Rows
    objective: Objective
    device: torch.device


@dataclass
class Position:
    """Progress of a stage. `step` counts inside the epoch; `sums` holds (sum over items, items) per figure."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    best_figure: float = math.inf
    stale: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Unread:
    """A step whose loss is not yet in the sums: its number in the epoch (1 is the first), items, loss and figures."""

    step: int
    items: int
    loss: LossReader
    figures: Stats


class Loop:
    """Trains one stage. `run` may be called once."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.network = setup.network
        self.position = Position()
        adam = setup.stage.adam
        self._optimiser = torch.optim.AdamW(
            [weight for _, weight in self._weights() if weight.requires_grad],
            lr=adam.learning_rate,
            betas=(adam.beta1, adam.beta2),
            eps=adam.epsilon,
            weight_decay=adam.weight_decay,
            fused=True,
        )
        self._best: Arrays = {}
        self._every: EveryPatch | None = None
        self._items = len(setup.train) * setup.stage.patches_per_track // (setup.stage.bag or 1)
        if setup.stage.fraction is not None:
            every = EveryPatch.of(setup.source, setup.train)
            self._every = every if isinstance(setup.stage.loss, REGRESSIONS) else None
            self._items = len(every)
        self._steps = n_steps(self._items, setup.stage.batch_size)
        patches = self._items * setup.stage.epochs * (setup.stage.bag or 1)
        self._forward = trained_forward(self.network, setup.device, setup.stage.precision, patches=patches)
        self._unread: list[Unread] = []
        self._clock = time.monotonic()

    def run(
        self,
        *,
        save: Callable[[Loop], None],
        checkpoint_s: float,
        deadline: float | None = None,
        progress: Progress = silent,
    ) -> None:
        """Train to the end, or until `deadline` (time.monotonic); the network then has the kept weights.

        `save` is called with this loop after each epoch, every `checkpoint_s` seconds, and on Ctrl-C.
        """
        at, stage = self.position, self._setup.stage
        what = f"training stage {self._setup.number}"
        saved, late = time.monotonic(), False
        if not at.history:
            self._validate({})
        with autotuned(self._setup.device), _interrupts() as interrupted:
            while at.epoch < stage.epochs and at.stale < stage.patience and not late:
                for batch in self._epoch():
                    self._step(batch)
                    progress(what, at.epoch * self._steps + at.step, stage.epochs * self._steps)
                    late = deadline is not None and time.monotonic() > deadline
                    if interrupted.is_set():
                        save(self)
                        raise KeyboardInterrupt
                    if time.monotonic() - saved >= checkpoint_s:
                        save(self)
                        saved = time.monotonic()
                    if late:
                        break
                self._end_epoch()
                save(self)
                saved = time.monotonic()
        load_arrays(self.network, self._best)
        if stage.watch == "correlation":
            self._rescale()

    def _epoch(self) -> Iterator[Batch]:
        at, setup, stage = self.position, self._setup, self._setup.stage
        rng = epoch_rng(setup.seed, setup.number, at.epoch)
        if self._every is not None:
            plan = self._every.epoch(rng, stage.batch_size)
        else:
            items = setup.objective.epoch(rng, stage.batch_size, self._items)
            plan = Epoch.drawn(setup.source, setup.train, items, rng)
        yield from batches(setup.source, setup.train, plan, device=setup.device, first=at.step)

    def _step(self, batch: Batch) -> None:
        at, setup = self.position, self._setup
        self.network.train()
        seed_step(step_seed(setup.seed, setup.number, at.epoch, at.step), setup.device)
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate()
        loss, figures = setup.objective.loss(self._forward(batch.stored), batch.items)
        self._unread.append(Unread(at.step + 1, len(batch.items), LossReader(loss), figures))
        self._settle(keep=1 if setup.device.type == "cuda" else 0)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        at.step += 1

    def _settle(self, *, keep: int = 0) -> None:
        """Add losses to the sums of the epoch, but for the last `keep`; UserError if one is not a number."""
        at = self.position
        while len(self._unread) > keep:
            unread = self._unread.pop(0)
            value = unread.loss.read()
            if not math.isfinite(value):
                where = f"epoch {at.epoch + 1}, step {unread.step}"
                raise UserError(f"the loss became {value} in {where}; lower the recipe's learning_rate")
            for name, figure in {"loss": value, **unread.figures}.items():
                total, count = at.sums.get(name, (0.0, 0))
                at.sums[name] = (total + figure * unread.items, count + unread.items)

    def _rate(self) -> float:
        """Return the learning rate of the next step."""
        at, adam = self.position, self._setup.stage.adam
        step = at.epoch * self._steps + at.step
        rate = adam.learning_rate / (1 + adam.decay * step)
        if adam.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * step / (self._setup.stage.epochs * self._steps)))
        return rate

    def _end_epoch(self) -> None:
        self._settle()
        at = self.position
        rate = self._rate()
        at.epoch, at.step = at.epoch + 1, 0
        means = {name: total / count for name, (total, count) in at.sums.items()}
        patches = at.sums["loss"][1] * (self._setup.stage.bag or 1) if at.sums else 0
        at.sums = {}
        trained = {f"train_{name}": mean for name, mean in means.items()}
        self._validate({"learning_rate": rate, "patches": patches, **trained})

    def _validate(self, figures: dict[str, float]) -> None:
        """Add the epoch to the history, and keep the weights if they are the best; epoch 0 is before any training."""
        at, setup = self.position, self._setup
        measured = setup.objective.validate(self._val_output())
        now = time.monotonic()
        seconds, self._clock = now - self._clock, now
        validated = {f"val_{name}": figure for name, figure in measured.items()}
        at.history.append({"epoch": at.epoch, **figures, **validated, "seconds": seconds})
        figure = measured["loss"] if setup.stage.watch == "loss" else -measured["correlation"]
        if figure < at.best_figure or setup.stage.keep == "last":
            at.best_figure, at.stale, self._best = figure, 0, arrays_of(self.network)
        else:
            at.stale += 1

    def _val_output(self) -> Floats:
        setup = self._setup
        return mean_outputs(
            self.network,
            setup.source,
            setup.validation,
            device=setup.device,
            precision=setup.stage.precision,
            limit=VALIDATION_PATCHES,
        )

    def _rescale(self) -> None:
        """Scale the output layer so that the squared error on the validation tracks is smallest."""
        gain = self._setup.objective.validate(self._val_output())["gain"]
        for name, weight in self.network.named_parameters():
            if name in ("1.output.weight", "1.output.bias"):
                with torch.no_grad():
                    weight.mul_(gain)

    def _weights(self) -> list[tuple[str, nn.Parameter]]:
        """Return all trained weights by name: the network's, and those of the loss."""
        own = self._setup.objective.own.named_parameters(prefix="loss")
        return [*self.network.named_parameters(), *own]

    def snapshot(self) -> tuple[dict[str, Any], Arrays]:
        """Return everything `restore` needs: plain data, and arrays."""
        self._settle()
        at = self.position
        plain = {
            "epoch": at.epoch,
            "step": at.step,
            "sums": at.sums,
            "best_figure": at.best_figure,
            "stale": at.stale,
            "history": at.history,
            "elapsed_s": time.monotonic() - self._clock,
        }
        arrays = {f"model.{name}": array for name, array in arrays_of(self.network).items()}
        arrays |= {f"loss.{name}": array for name, array in arrays_of(self._setup.objective.own).items()}
        arrays |= {f"best.{name}": array for name, array in self._best.items()}
        for name, weight in self._weights():
            for moment, tensor in self._optimiser.state.get(weight, {}).items():
                arrays[f"adam.{moment}.{name}"] = array_of(tensor)
        return plain, arrays

    def restore(self, plain: dict[str, Any], arrays: Arrays) -> None:
        """Continue from a snapshot."""
        sums = {name: (float(total), int(count)) for name, (total, count) in plain["sums"].items()}
        self.position = Position(
            plain["epoch"], plain["step"], sums, plain["best_figure"], plain["stale"], list(plain["history"])
        )
        self._clock = time.monotonic() - float(plain["elapsed_s"])
        load_arrays(self.network, below(arrays, "model."))
        load_arrays(self._setup.objective.own, below(arrays, "loss."))
        self._best = below(arrays, "best.")
        for name, weight in self._weights():
            if f"adam.step.{name}" not in arrays:
                continue  # killed before the first step
            state = self._optimiser.state[weight]
            state["step"] = torch.from_numpy(arrays[f"adam.step.{name}"].copy()).reshape(()).to(weight.device)
            for moment in ("exp_avg", "exp_avg_sq"):
                state[moment] = torch.zeros_like(weight, memory_format=torch.preserve_format, requires_grad=False)
                state[moment].copy_(torch.from_numpy(arrays[f"adam.{moment}.{name}"]))


def step_seed(seed: int, stage: int, epoch: int, step: int) -> int:
    """Return the seed of torch's generator for one step (dropout)."""
    return int(np.random.SeedSequence([seed, stage, epoch, step]).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Set on the first Ctrl-C, so that a step is finished before it is saved; a second Ctrl-C stops at once."""
    stop_requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop_requested
        return

    def ask(_number: int, _frame: object) -> None:
        stop_requested.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop_requested
    finally:
        signal.signal(signal.SIGINT, before)
