"""Format text and addresses for pages. Tags of files may contain anything, so text is cleaned and shortened."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, urlencode

MAX_TEXT_CHARS = 200
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def short(text: object, max_chars: int = MAX_TEXT_CHARS) -> str:
    """Return text as one line of at most `max_chars`, without control characters and bidirectional controls.

    A lone surrogate, which cannot be encoded, becomes a question mark.
    """
    visible = whole = str(text)[: 4 * max_chars].encode("utf-8", "replace").decode("utf-8")
    if not (whole.isascii() and whole.isprintable()):
        visible = "".join(" " if unicodedata.category(c) == "Cc" else c for c in whole if c not in BIDI_CONTROLS)
    line = " ".join(visible.split())
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"


def clock(seconds: float) -> str:
    """Return a length as 3:07 or 1:02:03; empty for an unknown one."""
    if seconds <= 0:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """Return a duration as 8 s, 3 min 7 s or 1 h 2 min."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def thousands(number: int) -> str:
    """Return a number as 12,345."""
    return f"{number:,}"


def percent(share: float) -> str:
    """Return a share as a percentage: 0.327 is 33 %."""
    return f"{100 * share:.0f} %"


@lru_cache(maxsize=16_384)  # pages repeat the addresses of the same tracks
def address_of(path: str, track_id: str, cold: int | None = None) -> str:
    """Return the address of a page, picture or file of a track."""
    return address(path, cold=cold, id=track_id)


def address(path: str, values: Mapping[str, object] | None = None, /, **more: object) -> str:
    """Return a path with a query; parameters that are None, False, empty or an empty list are left out.

    Names and values may contain any characters, also lone surrogates.
    """
    pairs = [
        (name, str(one))
        for name, value in ({**(values or {}), **more}).items()
        for one in (value if isinstance(value, list | tuple) else (value,))
        if one is not None and one is not False and one != ""
    ]
    query = urlencode(pairs, errors="replace")
    return f"{quote(path, safe='/')}?{query}" if query else quote(path, safe="/")


def local_path(path: str) -> str:
    """Return a path of this server to redirect to; "/" for anything that could lead to another site."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain else "/"
