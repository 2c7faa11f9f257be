"""Read the lyrics of a track from its tags, or from a file of the same name that ends in .lrc.

Tags: ID3 (USLT, SYLT), Vorbis, APEv2 and ASF ("lyrics", "unsyncedlyrics", "syncedlyrics"), MP4 (lyr). Text with times
in the form of LRC, "[01:02.50] words", is synced: https://en.wikipedia.org/wiki/LRC_(file_format). Invalid tags never
raise an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unheard.regular_files import is_regular

KEYS = frozenset({"lyrics", "unsyncedlyrics", "unsynced lyrics", "syncedlyrics", "\xa9lyr", "wm/lyrics"})
STAMP = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
WORD_STAMP = re.compile(r"<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>")  # times of single words, which are left out
HEAD = re.compile(r"\[[a-z#]+:.*\]", re.IGNORECASE)  # such as [ar:Artist]
OFFSET = re.compile(r"\[offset:\s*([+-]?\d{1,6})\s*\]", re.IGNORECASE)
LANGUAGE = re.compile(r"[a-z]{2,3}")
UNKNOWN_LANGUAGE = "xxx"
SYLT_MILLISECONDS, SYLT_LYRICS = 2, 1
MAX_CHARS, MAX_FILE_BYTES = 200_000, 1_000_000


@dataclass(frozen=True)
class Lyrics:
    """Lyrics; each line is (start in milliseconds, text), with starts of 0 if they are not synced."""

    language: str
    is_synced: bool
    lines: tuple[tuple[int, str], ...]


def read_lyrics(path: Path) -> list[Lyrics]:
    """Return all lyrics of a track, synced ones first; none if it has none."""
    found = [*_of_tags(path), *_beside(path)]
    return sorted((one for one in dict.fromkeys(found) if one.lines), key=lambda one: not one.is_synced)


def parse_lyrics(text: str, language: str = UNKNOWN_LANGUAGE) -> Lyrics:
    """Return text as lyrics, synced if any line has a time. A line with several times is repeated."""
    text = text[:MAX_CHARS]
    offset = OFFSET.search(text)
    earlier_ms = int(offset[1]) if offset else 0
    synced: list[tuple[int, str]] = []
    plain: list[tuple[int, str]] = []
    for line in text.splitlines():
        times = list(_leading_times(line.strip()))
        words = WORD_STAMP.sub("", line.strip()[times[-1].end() :] if times else line).strip()
        synced += [(max(0, _milliseconds(stamp) - earlier_ms), words) for stamp in times]
        if not HEAD.fullmatch(words) and not times:
            plain.append((0, words))
    lines = sorted(synced, key=lambda line: line[0]) if synced else plain if any(text for _, text in plain) else []
    known = language.lower() if LANGUAGE.fullmatch(language.lower()) else UNKNOWN_LANGUAGE
    return Lyrics(known, bool(synced), tuple(lines))


def _leading_times(line: str) -> Iterator[re.Match[str]]:
    at = 0
    while (match := STAMP.match(line, at)) is not None:
        yield match
        at = match.end()


def _milliseconds(stamp: re.Match[str]) -> int:
    minutes, seconds, fraction = stamp.groups()
    return 60_000 * int(minutes) + 1000 * int(seconds) + int((fraction or "0").ljust(3, "0"))


def _of_tags(path: Path) -> list[Lyrics]:
    import mutagen

    try:
        file = mutagen.File(path)
        return [] if file is None or not file.tags else list(_of_file(file.tags))
    except Exception:  # noqa: BLE001 - damaged tags make mutagen raise any exception
        return []


def _of_file(tags: Any) -> Iterator[Lyrics]:
    if hasattr(tags, "getall"):  # ID3
        for frame in tags.getall("SYLT"):
            if frame.format == SYLT_MILLISECONDS and frame.type == SYLT_LYRICS:
                lines = tuple((int(start_ms), str(text).strip()) for text, start_ms in frame.text)
                yield Lyrics(str(frame.lang).lower(), is_synced=True, lines=lines)
        for frame in tags.getall("USLT"):
            yield parse_lyrics(str(frame.text), str(frame.lang))
        return
    for key in tags.keys():  # noqa: SIM118 - the tags of Vorbis iterate over pairs
        if str(key).lower() in KEYS:
            values = tags[key]
            for value in values if isinstance(values, list) else [values]:
                yield parse_lyrics(str(getattr(value, "value", value)))


def _beside(path: Path) -> list[Lyrics]:
    file = path.with_suffix(".lrc")
    try:
        is_beside = file.resolve(strict=True).parent == path.parent.resolve()  # not a link to another folder
        if is_beside and is_regular(file) and file.stat().st_size <= MAX_FILE_BYTES:
            return [parse_lyrics(file.read_text(encoding="utf-8-sig", errors="replace"))]
    except OSError:
        pass
    return []
