"""How long-running stages tell whoever started them how far they are."""

from __future__ import annotations

from collections.abc import Callable

# progress(what, done, total): called often, cheap, from one thread; `total` may grow, `what` names the current step.
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """The default: tell nobody."""
