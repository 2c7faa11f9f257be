"""Normalise artist and title, so that different spellings of the same recording are equal.

Case, accents, punctuation, featured artists and notes such as "(Remastered 2009)" or "- Radio Edit" are left out. Notes
that name another recording (live, remix, acoustic, instrumental) stay.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

from unheard.bounded_text import bounded, cached_short

MAX_CHARACTERS = 4000  # more than a stored title has, so that a longer one is another
MIN_SIMILAR = 0.6  # of SequenceMatcher: less is clearly another name
APOSTROPHES = "'’`"
NOTE = (
    r"(?:\d{4}\s+)?(?:digital(?:ly)?\s+)?re-?master(?:ed)?\b|feat\b|ft\b|featuring\b|with\s|explicit|clean\s+version|mono\b"
    r"|stereo\b|album\s+version|single\s+version|original\s+(?:mix|version)|radio\s+edit|bonus\s+track|deluxe"
)
BRACKETED_NOTE = re.compile(rf"\s*[(\[](?:{NOTE})[^)\]]*[)\]]", re.IGNORECASE)
DASHED_NOTE = re.compile(rf"\s+[-–—]\s+(?:{NOTE}).*$", re.IGNORECASE)
FEATURED = re.compile(r"\s+(?:feat|ft|featuring)\b\.?\s.*$", re.IGNORECASE)


def without_notes(text: str) -> str:
    """Return a title without featured artists and without notes such as "(Remastered 2009)", with single blanks."""
    return FEATURED.sub("", DASHED_NOTE.sub("", BRACKETED_NOTE.sub("", bounded(text, MAX_CHARACTERS))))


@cached_short(65_536)
def normalise(text: str) -> str:
    """Return the letters and digits of a name, single-spaced; empty only if `text` is blank."""
    decomposed = unicodedata.normalize("NFKD", without_notes(text).replace("&", " and ").casefold())
    letters = "".join(
        c if c.isalnum() else "" if unicodedata.combining(c) or c in APOSTROPHES else " " for c in decomposed
    )
    return " ".join(letters.split()) or bounded(text, MAX_CHARACTERS).casefold()


def contradicts(name: str, *others: str) -> bool:
    """Return whether a name is clearly another one than each of `others`; empty names contradict nothing.

    A part of a name, a similar one, or one in another script is no contradiction.
    """
    one = normalise(name)
    known = [normalise(other) for other in others if other.strip()]
    return bool(one and known) and all(_differ(one, other) for other in known)


def _differ(one: str, other: str) -> bool:
    if one.isascii() != other.isascii() or f" {one} " in f" {other} " or f" {other} " in f" {one} ":
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() < MIN_SIMILAR
