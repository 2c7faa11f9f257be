"""Text of strangers made fit for a page: tags may hold anything, and every page shows them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, urlencode

MAX_TEXT_CHARS = 200  # characters of a tag
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def short(text: object, longest: int = MAX_TEXT_CHARS) -> str:
    """One line of at most `longest` characters, without control characters and without marks that turn the direction
    of text; what cannot be written (lone surrogates) becomes a question mark."""
    visible = whole = str(text)[: 4 * longest].encode("utf-8", "replace").decode("utf-8")
    if not (whole.isascii() and whole.isprintable()):
        visible = "".join(" " if unicodedata.category(c) == "Cc" else c for c in whole if c not in BIDI_CONTROLS)
    line = " ".join(visible.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def clock(seconds: float) -> str:
    """3:07, or 1:02:03; empty for an unknown length."""
    if seconds <= 0:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def lasting(seconds: float) -> str:
    """8 s, 3 min 7 s, or 1 h 2 min."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def thousands(number: int) -> str:
    """12,345."""
    return f"{number:,}"


def percent(share: float) -> str:
    """0.327 is 33 %."""
    return f"{100 * share:.0f} %"


@lru_cache(maxsize=16_384)  # rows of a list name the same few pages, pictures and sounds again and again
def address_of(path: str, track_id: str, cold: int | None = None) -> str:
    """`address` of what a track has."""
    return address(path, cold=cold, id=track_id)


def address(path: str, values: Mapping[str, object] | None = None, /, **more: object) -> str:
    """A path of this server with a query; parameters that are None, False, empty or an empty list are left out.

    Names and values may hold anything, lone surrogates too.
    """
    pairs = [
        (name, str(one))
        for name, value in ({**(values or {}), **more}).items()
        for one in (value if isinstance(value, list | tuple) else (value,))
        if one is not None and one is not False and one != ""
    ]
    query = urlencode(pairs, errors="replace")
    return f"{quote(path, safe='/')}?{query}" if query else quote(path, safe="/")
