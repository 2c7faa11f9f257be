"""Time rows of a table alternately, so that a busy machine slows them alike, and print medians and their ratio to ours.

A ratio is the median over rounds of a row's time divided by the time of the first row in the same round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

Rows = Mapping[str, Callable[[], object]]


def rounds_of(rows: Rows, n_rounds: int, *, clock: Callable[[], float] = time.perf_counter) -> dict[str, list[float]]:
    """Return the seconds of each row in each round; every row runs once before."""
    for work in rows.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(n_rounds):
        for name, work in rows.items():
            began = clock()
            work()
            seconds[name].append(clock() - began)
    return seconds


def ratio(seconds: Mapping[str, list[float]], name: str, first: str) -> float:
    """Return the median over rounds of the time of a row divided by the time of the row `first`."""
    return median(own / one for own, one in zip(seconds[name], seconds[first], strict=True))


def print_table(seconds: Mapping[str, list[float]], columns: Mapping[str, Mapping[str, str]] | None = None) -> None:
    """Print a Markdown table; the first row is ours. `columns` has further cells by title and row."""
    ours, further = next(iter(seconds)), columns or {}
    print(f"| what | {' | '.join(['seconds', 'x ours', *further])} |")
    print(f"|---|{'---:|' * (2 + len(further))}")
    for name, own in seconds.items():
        cells = [f"{median(own):.3f}", f"{ratio(seconds, name, ours):.2f}", *(cell[name] for cell in further.values())]
        print(f"| {name} | {' | '.join(cells)} |")
