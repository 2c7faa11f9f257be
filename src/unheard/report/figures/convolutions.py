"""Draw outputs of the first convolution of a network (thesis figure 5.2), and its filters (A.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from unheard.arrays import Reals
from unheard.report.figures.canvas import DIVERGING, SEQUENTIAL, WIDTH_IN, drawn, panels
from unheard.report.figures.spectrograms import hertz_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_IN, MAX_IN = 0.7, 2.4  # height of a mosaic


@drawn
def responses(patch: Reals, outputs: Sequence[tuple[str, Reals]], *, band_hz: Reals) -> Figure:
    """Draw a patch (mel, frame) above named outputs (mel, frame) of filters, two per row."""
    rows = -(-len(outputs) // 2)
    figure, axes = panels(1 + rows, 2, 1.55 * (1 + rows))
    grid = axes[0].get_gridspec()
    assert grid is not None
    for ax in axes[:2]:
        ax.remove()
    top = figure.add_subplot(grid[0, :])
    top.imshow(patch, origin="lower", aspect="auto", cmap=SEQUENTIAL, interpolation="nearest")
    hertz_ticks(top, band_hz)
    top.set(title="input patch", xticks=[])
    for ax, (words, picture) in zip(axes[2:], outputs, strict=False):
        ax.imshow(picture, origin="lower", aspect="auto", cmap=SEQUENTIAL, interpolation="nearest")
        ax.set_title(words, fontweight="normal", fontsize=7.5)
        ax.set(xticks=[], yticks=[])
    for ax in axes[2 + len(outputs) :]:
        ax.remove()
    return figure


@drawn
def sliding_responses(patch: Reals, outputs: Reals, *, band_hz: Reals, along: str) -> Figure:
    """Draw a patch (mel, frame) above the outputs of filters that slide along one axis, (filter, position)."""
    figure, (above, below) = panels(2, 1, 3.6)
    above.imshow(patch, origin="lower", aspect="auto", cmap=SEQUENTIAL, interpolation="nearest")
    hertz_ticks(above, band_hz)
    above.set(title="input patch", xticks=[])
    below.imshow(outputs, aspect="auto", cmap=SEQUENTIAL, interpolation="nearest")
    below.set(title=f"{len(outputs)} filters, one per row", xlabel=along, ylabel="filter", xticks=[])
    return figure


@drawn
def filters(layers: Sequence[Reals]) -> Figure:
    """Draw filter weights of layers, each (filter, height, width), as mosaics with a colour range per filter."""
    mosaics = [mosaic(layer) for layer in layers]
    heights = [float(np.clip(WIDTH_IN * len(m) / m.shape[1], MIN_IN, MAX_IN)) for m in mosaics]
    figure, axes = panels(len(layers), 1, sum(heights) + 0.3 * len(layers), height_ratios=heights)
    for number, (ax, layer, picture) in enumerate(zip(axes, layers, mosaics, strict=True), 1):
        ax.imshow(picture, cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
        ax.set_title(f"layer {number}: {len(layer)} filters of {layer.shape[1]} x {layer.shape[2]}")
        ax.set_axis_off()
    return figure


def mosaic(tiles: Reals, *, shape: float = 0.55) -> Reals:
    """Return tiles (n, height, width), scaled to -1..1, in a grid of about height/width `shape`; gaps are NaN."""
    n, height, width = tiles.shape
    reach = np.abs(tiles).max(axis=(1, 2), keepdims=True)
    scaled = tiles / np.where(reach > 0, reach, 1)
    columns = int(np.clip(round(np.sqrt(n * (height + 1) / ((width + 1) * shape))), 1, n))
    rows = -(-n // columns)
    out = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for index, tile in enumerate(scaled):
        top, left = index // columns * (height + 1), index % columns * (width + 1)
        out[top : top + height, left : left + width] = tile
    return out
