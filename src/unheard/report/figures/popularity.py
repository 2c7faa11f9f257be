"""Draw the popularity of the tracks of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unheard.arrays import Rows
from unheard.report.figures.canvas import BLUE, SOFT, VERMILION, drawn, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@drawn
def long_tail(playlists_per_track: Rows) -> Figure:
    """Draw playlists per track by rank, and the cumulative share of all entries of the most popular tracks."""
    counts = np.sort(playlists_per_track)[::-1]
    figure, (left, right) = panels(1, 2, 2.1)
    rank = np.arange(1, len(counts) + 1)
    left.plot(rank[counts > 0], counts[counts > 0], color=BLUE)
    left.set(xscale="log", yscale="log", xlabel="rank of the track", title="playlists per track")
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_formatter("{x:,.0f}")
        axis.set_minor_formatter("")
    share = np.concatenate([[0.0], np.cumsum(counts) / max(1, counts.sum())])
    of_tracks = np.linspace(0, 100, len(share))
    right.plot(of_tracks, 100 * share, color=VERMILION)
    right.plot([0, 100], [0, 100], color=SOFT, linewidth=0.8, linestyle="--")
    right.set(xlabel="% of the tracks", title="% of all entries", xlim=(0, 100), ylim=(0, 102))
    return figure
