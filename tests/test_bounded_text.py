"""No text from outside takes long to read: every function and every pattern that sees one, in linear time.

A hostile text repeats what a pattern may divide in many ways, and ends with what it does not expect. Time is that of
the processor, so a busy machine fails nothing.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from types import FrameType
from typing import Any

import pytest

import unheard
from unheard.artist_names import loose
from unheard.bounded_text import CACHED_CHARACTERS, MAX_CHARACTERS, bounded, cached_short, whole_number
from unheard.go.new_lists import safe_name
from unheard.ingest.file_names import guess_from_stem
from unheard.ingest.lyrics import parse_lyrics
from unheard.ingest.release_dates import iso_date
from unheard.ingest.tags import clean, credited_artists, joined_genres
from unheard.plays.listed import label_reference
from unheard.plays.matching import TrackReference
from unheard.plays.names import normalise
from unheard.plays.readers.times import parse_time
from unheard.plays.readers.values import plain_number
from unheard.recommend.sameness import artist_name
from unheard.recommend.song_titles import is_generic, song_title
from unheard.search.folding import query_forms
from unheard.serve.redaction import without_folders
from unheard.serve.track_lists import _wanted, slug

UNITS = (
    *(" ", "a", "a ", " - ", "- ", "~", "!", "(", "[", "()", "(feat ", "- live ", " live", "0", "1 ", "1.", "/", "a/"),
    *(",", ", ", "; ", ":", "[a:", "#(", "feat ", "\n", "\t", "_", '="', "'n'", "日", "é", ".", "[1:", "\u2028"),
)
ENDS = ("", "x", "!", "_", ")", "\x00")
LIMIT_S = 1.0

FUNCTIONS: dict[str, Callable[[str], object]] = {
    "artists": lambda text: credited_artists([text]),
    "genres": lambda text: joined_genres([text]),
    "a tag": clean,
    "a date": lambda text: iso_date(clean(text)),
    "a title as a file's name": lambda text: guess_from_stem(clean(text)),
    "the name of a song": lambda text: is_generic(song_title(text)),
    "the name of an artist": artist_name,
    "a name": normalise,
    "a loose name": loose,
    "a label": label_reference,
    "a pasted line": _wanted,
    "a time": parse_time,
    "a weight": plain_number,
    "a query": lambda text: query_forms(text[:2_000]),  # as long as the parameter may be
    "a file's name": slug,
    "a list's name": safe_name,
    "lyrics": parse_lyrics,
    "a message": lambda text: without_folders(text, ()),
    "a reference": lambda text: TrackReference(artist=text, title=text, either_order=True).other_orders(),
}


@contextmanager
def limited(what: str, limit_s: float = LIMIT_S) -> Iterator[None]:
    """Fail when the block has computed for longer than the limit; a search by a pattern is interrupted too."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(what)

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def hostile(n: int, *, before: Sequence[str] = ("a",), ends: Sequence[str] = ENDS) -> Iterator[str]:
    for unit, end, first in product(UNITS, ends, before):
        yield first + unit * (n // len(unit)) + end


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_long_text_is_read_at_once(name: str) -> None:
    for text in hostile(20_000):
        with limited(f"{text[:20]!r}... {text[-3:]!r}"):
            FUNCTIONS[name](text)


def patterns() -> dict[str, re.Pattern[Any]]:
    """Return every pattern that a module has, by the name of one."""
    for module in pkgutil.walk_packages(unheard.__path__, "unheard."):
        if not module.name.startswith(("unheard.cluster", "unheard.__main__")):  # an extra
            importlib.import_module(module.name)
    found: dict[tuple[Any, int], str] = {}
    objects: dict[str, re.Pattern[Any]] = {}
    for module_name, content in sorted(sys.modules.items()):
        for name, value in list(vars(content).items()) if module_name.startswith("unheard.") else ():
            if isinstance(value, re.Pattern) and (value.pattern, value.flags) not in found:
                found[value.pattern, value.flags] = f"{module_name}.{name}"
                objects[f"{module_name}.{name}"] = value
    return objects


@pytest.mark.slow
def test_no_pattern_is_worse_than_quadratic() -> None:
    """At 400 characters, where a cubic one would take a second: at the 1,000 of a name, others stay below one."""
    found = patterns()
    assert len(found) > 60
    texts = list(hostile(400, before=("a", "(feat "), ends=("\x00",)))
    for name, pattern in found.items():
        for text in texts:
            text = bounded(text)
            given: Any = text.encode("utf-8", "replace") if isinstance(pattern.pattern, bytes) else text
            with limited(f"{name}: {text[:20]!r}... {text[-3:]!r}", LIMIT_S / 2):
                pattern.search(given)
                pattern.fullmatch(given)


def test_bounded() -> None:
    assert bounded("  a \t b\n") == "a b"
    assert len(bounded("ab " * 10_000)) <= MAX_CHARACTERS
    assert bounded(" " * 10_000) == ""


def test_long_texts_are_not_cached() -> None:
    calls: list[str] = []

    @cached_short(10)
    def length(text: str) -> int:
        calls.append(text)
        return len(text)

    short, long = "a" * CACHED_CHARACTERS, "a" * (CACHED_CHARACTERS + 1)
    assert [length(one) for one in (short, short, long, long)] == [200, 200, 201, 201]
    assert calls == [short, long, long]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), ("007", 7), ("9" * 15, 999_999_999_999_999), ("9" * 16, None), ("9" * 5_000, None)]
    + [(text, None) for text in ("", "²", "٣", "-1", "1.0", " 1", "1e3")],
)
def test_whole_numbers(text: str, expected: int | None) -> None:
    assert whole_number(text) == expected
