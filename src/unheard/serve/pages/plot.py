"""Lay out a dot plot with intervals: one row for each model, best first, with chance and oracle as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float | None, float | None]  # value, low, high

WIDTH = 720
LEFT, RIGHT = 210, 60
TOP, ROW = 34, 26
MAX_ROWS = 24


@dataclass(frozen=True)
class Bar:
    """One model's row; positions in pixels. `label` is its mean value."""

    name: str
    y: int
    dots: tuple[tuple[float, float, float], ...]  # value, low, high
    label: str


@dataclass(frozen=True)
class Plot:
    """A plot in pixels. `ticks` and `guides` are (x, text); `left_out` models are not drawn."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    guides: tuple[tuple[float, str], ...]
    left_out: int


def plot(models: Mapping[str, Sequence[Point]], *, chance: float | None, oracle: float | None) -> Plot:
    """Lay out the points of each model, one for each training run; only the best `MAX_ROWS` models are drawn."""
    order = sorted(models, key=lambda name: -sum(value for value, _, _ in models[name]) / len(models[name]))
    shown = order[:MAX_ROWS]
    reach = [edge for name in shown for point in models[name] for edge in point if edge is not None]
    reach += [edge for edge in (chance, oracle) if edge is not None]
    low, high = min([0.0, *reach]), max([*reach, 1e-9])
    step = _step(high - low)

    def x(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    bars = tuple(
        Bar(
            name,
            TOP + ROW * number + ROW // 2,
            tuple(
                (x(value), x(value if lower is None else lower), x(value if upper is None else upper))
                for value, lower, upper in models[name]
            ),
            f"{sum(value for value, _, _ in models[name]) / len(models[name]):.3f}",
        )
        for number, name in enumerate(shown)
    )
    first = int(low / step)
    ticks = tuple((x(step * i), f"{step * i:g}") for i in range(first, int(high / step) + 1))
    guides = tuple((x(value), text) for value, text in ((chance, "chance"), (oracle, "oracle")) if value is not None)
    return Plot(WIDTH, TOP + ROW * len(shown) + 24, bars, ticks, guides, len(order) - len(shown))


def _step(span: float) -> float:
    """Return a round distance between ticks that gives three to eight of them."""
    size = 10.0**-10
    while True:
        for factor in (1, 2, 5):
            if span / (size * factor) <= 6:
                return size * factor
        size *= 10
