"""Draw a metric against numbers: a line with its interval for each estimate, between chance and the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unheard.report.figures.canvas import BLUE, GREEN, ORANGE, PURPLE, SKY, SOFT, VERMILION, drawn, panels
from unheard.report.figures.model_metrics import shortened
from unheard.report.stored_results import Curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (BLUE, GREEN, ORANGE, VERMILION, PURPLE, SKY)


@drawn
def curves(found: Curves) -> Figure:
    """Draw curves; the numbers on the x axis are equidistant, because they grow like 0, 1, 2, 5, 10, 50."""
    figure, (ax,) = panels(1, 1, 2.8)
    at = np.arange(len(found.x))
    for (name, points), colour in zip(found.lines.items(), COLOURS, strict=False):
        values, low, high = (np.array([np.nan if v is None else v for v in row]) for row in zip(*points, strict=True))
        ax.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(at, values, color=colour, marker="o", markersize=3.4, label=shortened(name))
    for height, style in ((found.chance, ":"), (found.oracle, "--")):
        ax.axhline(height, color=SOFT, linewidth=0.9, linestyle=style, zorder=0)
    ax.set_xticks(at, [f"{x:g}" for x in found.x])
    ax.set(xlabel=found.x_label, ylabel=found.y_label, ylim=(0, None))
    ax.legend(handlelength=1.2, ncols=2)
    return figure
