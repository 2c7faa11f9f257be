"""Draw the elbow curve of a codebook: distance of frames to their nearest tone, by number of tones (thesis 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unheard.report.figures.canvas import BLUE, SOFT, VERMILION, drawn, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@drawn
def elbow(ks: Sequence[int], distances: Sequence[float], *, corner: int, thesis: int) -> Figure:
    """Draw distance over log k, the chord between its ends, the corner, and the number of tones of the thesis."""
    figure, (ax,) = panels(1, 1, 2.6)
    ax.plot([ks[0], ks[-1]], [distances[0], distances[-1]], color=SOFT, linewidth=0.8, linestyle="--")
    ax.plot(ks, distances, color=BLUE, marker="o", markersize=3.6)
    at_corner = distances[ks.index(corner)]
    ax.plot([corner], [at_corner], color=VERMILION, marker="o", markersize=6, linestyle="")
    ax.annotate(
        f"corner: {corner:,}", (corner, at_corner), xytext=(0, -6), textcoords="offset points",
        ha="left" if corner == ks[0] else "right", va="top", fontsize=7, color=VERMILION,
    )  # fmt: skip
    ax.axvline(thesis, color=SOFT, linewidth=0.8, linestyle=":", zorder=0)
    ax.annotate(
        f"thesis: {thesis:,}", (thesis, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
        textcoords="offset points", ha="center", va="bottom", fontsize=7, color=SOFT,
    )  # fmt: skip
    ax.set(xscale="log", xlabel="tones in the codebook (k)", ylabel="mean squared distance", ylim=(0, None))
    ax.set_xticks(ks, [f"{k:,}" for k in ks])
    ax.set_xticks([], minor=True)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    return figure
