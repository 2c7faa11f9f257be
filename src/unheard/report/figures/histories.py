"""Draw training histories (thesis figure 6.1): losses, and accuracy or correlation, by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unheard.report.figures.canvas import BLUE, SOFT, VERMILION, drawn, panels
from unheard.report.figures.model_metrics import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Epochs = Sequence[Mapping[str, float]]
COLOURS = {"train": VERMILION, "val": BLUE}
WORDS = {"train": "train", "val": "validation"}
LOSSES = {
    "Mse": "squared error",
    "Cosine": "cosine error",
    "Score": "error of scores",
    "TripletSemiHard": "triplet loss",
    "TripletOffline": "triplet loss",
    "MultiSimilarity": "multi-similarity loss",
    "Contrastive": "contrastive loss",
    "ContrastivePlaylists": "contrastive loss",
}


@dataclass(frozen=True)
class StageHistory:
    """One stage of one training: its loss, the margin of a triplet loss, and the values of every epoch."""

    loss: str
    margin: float | None
    epochs: Epochs


@drawn
def history(runs: Sequence[Sequence[StageHistory]]) -> Figure:
    """Draw every training of one recipe (one per seed, the first in full colour), with a row of panels per stage."""
    rows = [_quantities([run[index] for run in runs if index < len(run)]) for index in range(max(map(len, runs)))]
    figure, axes = panels(len(rows), 2, 1.75 * len(rows) + 0.1)
    for index, quantities in enumerate(rows):
        for ax, quantity in zip(axes[2 * index : 2 * index + 2], quantities, strict=False):
            _panel(ax, [run[index] for run in runs if index < len(run)], quantity, index, several=len(rows) > 1)
        for ax in axes[2 * index + len(quantities) : 2 * index + 2]:
            ax.remove()
    axes[0].legend(loc="best", handlelength=1)
    return figure


def _quantities(stages: Sequence[StageHistory]) -> list[str]:
    """Return "loss", and "accuracy" or "correlation" if an epoch has it."""
    noted = {name.partition("_")[2] for stage in stages for epoch in stage.epochs for name in epoch}
    return ["loss", *[quantity for quantity in ("accuracy", "correlation") if quantity in noted][:1]]


@drawn
def overview(recipes: Mapping[str, Sequence[Sequence[StageHistory]]]) -> Figure:
    """Draw the losses of many recipes (recipe -> trainings) as small panels, three per row, one for each stage."""
    stages: dict[str, list[StageHistory]] = {}
    for recipe, runs in recipes.items():
        n_stages = max(map(len, runs))
        for index in range(n_stages):
            title = shortened(recipe) + (f", {index + 1}" if n_stages > 1 else "")
            stages[title] = [run[index] for run in runs if index < len(run)]
    rows = -(-len(stages) // 3)
    figure, axes = panels(rows, 3, 1.05 * rows + 0.1)
    for ax, (title, of_stage) in zip(axes, stages.items(), strict=False):
        _curves(ax, of_stage, "loss")
        ax.set_title(title, fontsize=7)
        ax.tick_params(labelsize=6.5)
        ax.locator_params(axis="y", nbins=3)
    for ax in axes[len(stages) :]:
        ax.remove()
    axes[0].legend(loc="best", handlelength=1, fontsize=6.5)
    return figure


def _panel(ax: Axes, stages: Sequence[StageHistory], quantity: str, index: int, *, several: bool) -> None:
    _curves(ax, stages, quantity)
    prefix = f"stage {index + 1}: " if several else ""
    name = LOSSES.get(stages[0].loss, stages[0].loss) if quantity == "loss" else quantity
    ax.set(title=f"{prefix}{name}", xlabel="epoch")


def _curves(ax: Axes, stages: Sequence[StageHistory], quantity: str) -> None:
    for run, stage in enumerate(stages):
        for part, colour in COLOURS.items():
            at = [(e["epoch"], e[f"{part}_{quantity}"]) for e in stage.epochs if f"{part}_{quantity}" in e]
            if at:
                x, y = np.array(at, float).T
                ax.plot(
                    x, y, color=colour, alpha=0.4 if run else 1, linewidth=0.8 if run else 1.4,
                    marker="." if len(at) == 1 else "", label=None if run else WORDS[part],
                )  # fmt: skip
    margin = stages[0].margin
    floor = margin if quantity == "loss" else 0.5
    if margin is not None and floor is not None:
        ax.axhline(floor, color=SOFT, linewidth=0.8, linestyle=":")
    ax.locator_params(axis="x", integer=True)
