"""Compare names of artists and albums, and know those that name nobody.

Tags, splits, caps by artist, albums, search and players all compare names, so they do it in one way: without case,
Latin accents, punctuation and a leading "The".
"""

from __future__ import annotations

import unicodedata

from unheard.bounded_text import cached_short

MAX_NAMES = 100_000  # that `loose` caches
ASCII_WORDS = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}  # as `_folded` does


@cached_short(MAX_NAMES)  # a catalogue names an artist or an album many times, and several tables ask for it
def loose(name: str) -> str:
    """Return a name without case, Latin accents, punctuation and leading article: 'The Bärs!' becomes 'bars'."""
    words = (name.translate(ASCII_WORDS) if name.isascii() else _folded(name)).split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    return " ".join(words) or name.strip().casefold()  # a band may be called "!!!"


def _folded(name: str) -> str:
    """Return a name without case and Latin accents, with spaces for punctuation."""
    text = unicodedata.normalize("NFKD", name).casefold()
    text = unicodedata.normalize("NFKC", "".join(c for c in text if not "\u0300" <= c <= "\u036f"))
    return "".join(c if c.isalnum() else " " for c in text)


# Credits of compilations, as `loose` returns them.
VARIOUS = frozenset(map(loose, (
    "various artists", "various", "various artist", "va", "v.a.", "diverse", "diverse interpreten",
    "verschiedene interpreten", "verschiedene", "artistes divers", "artistes variés", "varios artistas", "varios",
    "vários artistas", "vari", "artisti vari", "aa.vv.", "diverse artiesten", "blandade artister",
    "różni wykonawcy", "разные исполнители", "群星", "ヴァリアス・アーティスト", "オムニバス",
)))  # fmt: skip
UNKNOWN = frozenset({"", "unknown artist", "unknown", "artist unknown", "n a"})
NO_ARTIST = VARIOUS | UNKNOWN  # would join all compilations of a library
NO_ALBUM = frozenset({"", "unknown album", "unknown"})


def is_various(name: str) -> bool:
    """Return whether the name of an artist means several ("Various Artists"), in several languages."""
    return loose(name) in VARIOUS
