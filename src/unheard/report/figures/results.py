"""Results: a figure of every model with its interval, and how unevenly lists are shared out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
CALM = {"oracle": INK, "random": SOFT}


@drawn
def dots(
    models: Mapping[str, Sequence[Point]], *, chance: float | None, oracle: float | None, trained: set[str]
) -> Figure:
    """A line per model, first on top, with a dot and an interval for each of its seeds; chance and ceiling as lines."""
    figure, (ax,) = panels(1, 1, 0.24 * len(models) + 0.75)
    for place, (model, points) in enumerate(models.items()):
        colour = BLUE if model in trained else SOFT
        ax.axhline(place, color=FAINT, linewidth=0.5, zorder=0)
        for (value, low, high), shift in zip(points, offsets(len(points)), strict=True):
            if low is not None and high is not None:
                ax.plot([low, high], [place + shift] * 2, color=colour, linewidth=1.1, alpha=0.75)
            ax.plot([value], [place + shift], color=colour, marker="o", markersize=3.6, linestyle="")
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
def hubs(curves: Mapping[str, NDArray[np.integer]], *, expected: float) -> Figure:
    """How many lists hold a track, tracks sorted, one curve per model; `expected` if all were held alike."""
    figure, (ax,) = panels(1, 1, 2.4)
    told_apart = [name for name in curves if name not in CALM]
    colours = dict(zip(told_apart, (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE), strict=False))
    for model, counts in curves.items():
        ordered = np.sort(counts)[::-1]
        at = np.linspace(0, 100, len(ordered))
        colour = CALM.get(model) or colours.get(model, FAINT)
        ax.step(at, ordered, color=colour, label=shortened(model), linewidth=1.2)
    ax.axhline(expected, color=SOFT, linewidth=0.8, linestyle=":")
    ax.set(
        xlabel="% of the candidates, most often listed first",
        ylabel="lists that hold it",
        xlim=(0, 100),
        ylim=(0, None),
    )
    ax.legend(handlelength=1.2)
    return figure


def offsets(n: int) -> list[float]:
    """Where n seeds stand around the middle of their line."""
    return np.linspace(-0.22, 0.22, n).tolist() if n > 1 else [0.0]


def shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
