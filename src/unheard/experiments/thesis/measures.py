"""Name the reference lines of the thesis' tables, and hold measures as plain data."""

from __future__ import annotations

from typing import Any

from unheard.evaluate.measure import Figure, Measure
from unheard.evaluate.results import number
from unheard.metrics.intervals import percentile_interval
from unheard.recommend.models import BASELINES

MEAN = "mean factor"
REFERENCES = tuple(name for name in BASELINES if name not in ("popularity", "random"))  # popularity ranks no new track


def figures_of(measured: dict[Figure, Measure]) -> dict[str, Any]:
    """Return measures as plain data, by \"<task>/<candidates>/<metric>/<k>\"."""
    out = {}
    for figure, found in measured.items():
        interval = None if found.replicates is None else percentile_interval(found.replicates)
        low, high = interval if interval is not None else (None, None)
        key = "/".join(str(part) for part in figure)
        out[key] = {
            "value": number(found.value), "low": low, "high": high, "chance": number(found.chance), "n": found.n
        }  # fmt: skip
    return out


def interval(found: dict[str, Any] | None) -> str:
    """Return value and interval as text, "-" where there is none."""
    if not found or found["value"] is None:
        return "-"
    low, high = found["low"], found["high"]
    return plain(found["value"], 3) + ("" if low is None else f" [{plain(low, 2)}, {plain(high, 2)}]")


def lift(found: dict[str, Any] | None) -> str:
    """Return the value over chance as text, "" where it is undefined."""
    return (
        f"x{found['value'] / found['chance']:.1f}" if found and found["value"] is not None and found["chance"] else ""
    )


def plain(value: float, digits: int) -> str:
    """Return a number without the zero in front of its point."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
