"""Plot the means of an analysis: every condition with its interval, one panel for each measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unheard.listening_test.analyse import Analysis
from unheard.listening_test.study import ANCHOR, REFERENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODEL, HIDDEN, GRID = "#0072b2", "#6b6b6b", "#d9d9d9"  # Okabe & Ito's blue
WIDTH_IN = 4.4
LABEL = {
    "similarity": "similarity to the seed, 0 to 100",
    "liking": "liking, 0 to 100",
    "preference": "log odds of being preferred",
}
MAX_NAME = 24
FONT_SIZE = 8


def means_figure(analysis: Analysis) -> Figure:
    """Return the figure: best condition at the top, models in blue, the hidden reference and anchor in grey."""
    from matplotlib.figure import Figure

    measures = list(analysis.alpha)
    order = [mean.model for mean in sorted(analysis.means, key=lambda mean: -mean.value) if mean.measure == measures[0]]
    height_in = (0.26 * len(order) + 0.75) * len(measures) + 0.25 * analysis.simulated
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    if analysis.simulated:
        figure.suptitle("Simulated raters: no person has listened", fontsize=FONT_SIZE)
    for ax, measure in zip(figure.subplots(len(measures), 1, squeeze=False).flat, measures, strict=True):
        _panel(ax, analysis, measure, order)
    return figure


def _panel(ax: Axes, analysis: Analysis, measure: str, order: list[str]) -> None:
    for mean in analysis.means:
        if mean.measure != measure or mean.model not in order:
            continue
        position, colour = order.index(mean.model), HIDDEN if mean.model in (REFERENCE, ANCHOR) else MODEL
        ax.axhline(position, color=GRID, linewidth=0.5, zorder=0)
        if mean.low is not None and mean.high is not None:
            ax.plot([mean.low, mean.high], [position, position], color=colour, linewidth=1.4)
        ax.plot([mean.value], [position], color=colour, marker="o", markersize=4, linestyle="")
    shown = [name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…" for name in order]
    ax.set_yticks(range(len(order)), shown)
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_xlabel(LABEL[measure], fontsize=FONT_SIZE)
    ax.tick_params(labelsize=FONT_SIZE)
    ax.tick_params(axis="y", length=0)
    ax.spines[["left", "top", "right"]].set_visible(False)
