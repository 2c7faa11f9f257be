"""Draw the distribution of factors (thesis figure 4.2) and the effect of each scaling (4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from unheard.arrays import Reals
from unheard.report.figures.canvas import (
    BLUE,
    DIVERGING,
    GREEN,
    ORANGE,
    PURPLE,
    SEQUENTIAL,
    SOFT,
    VERMILION,
    drawn,
    panels,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 60


@drawn
def distribution(factors: Reals, single: Mapping[str, int]) -> Figure:
    """Draw histograms of all factors (n, d), with the normal curve of the same moments, and of some columns."""
    figure, (left, right) = panels(1, 2, 2.2)
    everything = factors.ravel().astype(np.float64)
    left.hist(everything, bins=BINS, density=True, color=BLUE)
    at = np.linspace(everything.min(), everything.max(), 200)
    deviation = everything.std() or 1.0
    normal = np.exp(-0.5 * ((at - everything.mean()) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))
    left.plot(at, normal, color=VERMILION, linewidth=1)
    left.set_title("all factors")
    for (name, column), colour in zip(single.items(), (BLUE, GREEN, ORANGE, PURPLE), strict=False):
        right.hist(factors[:, column], bins=BINS // 2, density=True, histtype="step", color=colour, label=name)
    right.set_title("single factors")
    right.legend(loc="upper right", handlelength=1)
    for ax in (left, right):
        ax.set(yticks=[], xlabel="value")
        ax.spines["left"].set_visible(False)
    return figure


@drawn
def scalings(scaled: Mapping[str, Reals]) -> Figure:
    """Draw heat maps (track, factor) of the same factors, one per scaling, above histograms of their values.

    The colours span -m to m, where m is the largest absolute value, or 0 to 1 for values that are not negative.
    """
    figure, axes = panels(2, len(scaled), 3.6, height_ratios=[3, 1])
    above, below = axes[: len(scaled)], axes[len(scaled) :]
    for ax, under, (name, values) in zip(above, below, scaled.items(), strict=True):
        bounded = values.min() >= 0
        reach = 1.0 if bounded else float(np.abs(values).max()) or 1.0
        low = 0.0 if bounded else -reach
        colours: dict[str, Any] = {"cmap": SEQUENTIAL if bounded else DIVERGING, "vmin": low, "vmax": reach}
        ax.imshow(values, aspect="auto", interpolation="nearest", **colours)
        ax.set(title=name, xticks=[], yticks=[], xlabel=f"{values.shape[1]} factors")
        under.hist(values.ravel(), bins=BINS, range=(low, reach), color=SOFT)
        under.set(xlim=(low, reach), yticks=[])
        under.spines["left"].set_visible(False)
    above[0].set_ylabel(f"{len(next(iter(scaled.values())))} tracks")
    return figure
