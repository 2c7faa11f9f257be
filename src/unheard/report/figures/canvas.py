"""Define width, fonts and colours of all figures, and encode figures as files.

Figures fit the width of a phone and are drawn black on white; the style sheet of the page inverts them in a dark colour
scheme. Colours are those of Okabe & Ito (2008), "Color universal design", which colour-blind readers can distinguish.
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
SEQUENTIAL, DIVERGING = "YlGnBu", "PuOr_r"  # white is 0 in both, also when the page inverts them

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
    "text.parse_math": False,  # names of models may contain a $
    "svg.hashsalt": "unheard",  # makes the file reproducible
    "svg.fonttype": "path",
}


def drawn(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with the style of the report, whatever the current style is."""

    @wraps(function)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        from matplotlib import rc_context

        with rc_context(STYLE):
            return function(*args, **kwargs)

    return with_style


def panels(rows: int, columns: int, height_in: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure with rows x columns axes, row by row. `options` are those of `Figure.subplots`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def encode(figure: Figure, kind: Format) -> bytes:
    """Return the figure as a file: SVG for line art, PNG for images."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a box is drawn instead
        if kind == "svg":
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        else:
            figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()
