"""The callback by which long-running stages report their progress."""

from __future__ import annotations

from collections.abc import Callable

# progress(step, done, total): called often and from one thread, so it must be cheap; `total` may grow.
Progress = Callable[[str, int, int], None]


def silent(step: str, done: int, total: int) -> None:
    """Report nothing; the default."""
