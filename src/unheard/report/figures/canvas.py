"""What all figures share: width, type and colours, and how a figure becomes a file.

A figure is as wide as a telephone shows it and is drawn black on white; the page's style sheet turns it around in a
dark scheme. Colours are those of Okabe & Ito (2008), "Color universal design", told apart by colour-blind readers.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
Format = Literal["svg", "png"]

WIDTH_IN = 4.4
PNG_DPI = 220
INK, SOFT, FAINT = "#1a1a1a", "#6b6b6b", "#d9d9d9"
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
SEQUENTIAL, DIVERGING = "YlGnBu", "PuOr_r"  # paper is "nothing" in both, also when the page turns them around

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "text.parse_math": False,  # names of models are shown as they are
    "svg.hashsalt": "unheard",  # the same figure is the same file
    "svg.fonttype": "path",
}


def drawn(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with our style, whatever the style outside is."""

    @wraps(function)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        from matplotlib import rc_context

        with rc_context(STYLE):
            return function(*args, **kwargs)

    return with_style


def panels(rows: int, columns: int, height_in: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of the page's width with rows x columns axes, row by row. `options` as for `Figure.subplots`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def encode(figure: Figure, kind: Format) -> bytes:
    """The figure as a file. Line art is SVG; pictures of many numbers are PNG."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # of a model's name: a box will do
        if kind == "svg":
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        else:
            figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()
