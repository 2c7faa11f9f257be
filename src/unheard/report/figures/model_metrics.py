"""Draw a metric of every model with its interval, and the number of lists with each track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from unheard.arrays import Rows
from unheard.report.figures.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SOFT,
    VERMILION,
    drawn,
    panels,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[float, float | None, float | None]  # value, low, high
LONGEST_NAME = 24
GREYS = {"oracle": INK, "random": SOFT}


@drawn
def dots(
    models: Mapping[str, Sequence[Point]], *, chance: float | None, oracle: float | None, trained: set[str]
) -> Figure:
    """Draw a row per model, the first on top, with a dot and an interval per seed; chance and oracle as lines."""
    figure, (ax,) = panels(1, 1, 0.24 * len(models) + 0.75)
    for row, (model, points) in enumerate(models.items()):
        colour = BLUE if model in trained else SOFT
        ax.axhline(row, color=FAINT, linewidth=0.5, zorder=0)
        for (value, low, high), shift in zip(points, offsets(len(points)), strict=True):
            if low is not None and high is not None:
                ax.plot([low, high], [row + shift] * 2, color=colour, linewidth=1.1, alpha=0.75)
            ax.plot([value], [row + shift], color=colour, marker="o", markersize=3.6, linestyle="")
    for at, word, style in ((chance, "chance", ":"), (oracle, "true factors", "--")):
        if at is not None:
            ax.axvline(at, color=VERMILION, linewidth=1, linestyle=style, zorder=1)
            ax.annotate(
                word, (at, 1), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points",
                ha="center", va="bottom", fontsize=7, color=VERMILION,
            )  # fmt: skip
    ax.set_yticks(range(len(models)), [shortened(model) for model in models])
    ax.set_ylim(len(models) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return figure


@drawn
def hubs(curves: Mapping[str, Rows], *, expected: float) -> Figure:
    """Draw the sorted number of lists with each track, a curve per model; `expected` is the equal distribution."""
    figure, (ax,) = panels(1, 1, 2.4)
    coloured = [name for name in curves if name not in GREYS]
    colours = dict(zip(coloured, (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE), strict=False))
    for model, counts in curves.items():
        ordered = np.sort(counts)[::-1]
        at = np.linspace(0, 100, len(ordered))
        colour = GREYS.get(model) or colours.get(model, FAINT)
        ax.step(at, ordered, color=colour, label=shortened(model), linewidth=1.2)
    ax.axhline(expected, color=SOFT, linewidth=0.8, linestyle=":")
    ax.set(
        xlabel="% of the candidates, sorted",
        ylabel="lists with the track",
        xlim=(0, 100),
        ylim=(0, None),
    )
    ax.legend(handlelength=1.2)
    return figure


def offsets(n: int) -> list[float]:
    """Return the offsets of n seeds from the middle of their row."""
    return np.linspace(-0.22, 0.22, n).tolist() if n > 1 else [0.0]


def shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
