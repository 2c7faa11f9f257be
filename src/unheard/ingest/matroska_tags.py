"""Read all values of the tags of Matroska and WebM files; FFmpeg keeps only the last value of each name.

A file is a tree of elements: an id, a size and a body (EBML, RFC 8794; names and ids of Matroska in RFC 9559). Only the
element Tags of the first Segment is read; everything else is skipped by its size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

EBML, SEGMENT, TAGS, TAG = 0x1A45DFA3, 0x18538067, 0x1254C367, 0x7373
TARGETS, TARGET_TYPE_VALUE, SIMPLE_TAG, TAG_NAME, TAG_STRING = 0x63C0, 0x68CA, 0x67C8, 0x45A3, 0x4487
ALBUM, TRACK = 50, 30  # values of TargetTypeValue
MAX_TAGS_BYTES = 1 << 24

Element = tuple[int, int, int]  # id, first byte of the body, byte after it


def matroska_tags(path: Path) -> dict[str, list[str]]:
    """Return the values of each lower-case tag name; {} for another format. Damaged content raises ValueError.

    If some tags are of the track, the names of those of its album begin with `album/`.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        head, *rest = [*_elements(file, 0, size, max_elements=2), (0, 0, 0)]
        if head[0] != EBML or rest[0][0] != SEGMENT:
            return {}
        found = next((part for part in _elements(file, *rest[0][1:]) if part[0] == TAGS), None)
        if found is None:
            return {}
        file.seek(found[1])
        body = file.read(min(found[2] - found[1], MAX_TAGS_BYTES))
    tags = [_tag(body, *part[1:]) for part in _elements(io.BytesIO(body), 0, len(body)) if part[0] == TAG]
    has_track = any(level == TRACK for level, _ in tags)
    values: dict[str, list[str]] = {}
    for level, pairs in tags:
        for name, text in pairs:
            key = f"album/{name}" if has_track and level >= ALBUM else name
            values.setdefault(key, []).append(text)
    return values


def _tag(body: bytes, start: int, end: int) -> tuple[int, list[tuple[str, str]]]:
    """Return the level that a Tag applies to (album, track, ...), and its names and texts."""
    level, pairs = ALBUM, []
    for kind, first, after in _elements(io.BytesIO(body), start, end):
        children = {child: body[a:b] for child, a, b in _elements(io.BytesIO(body), first, after)}
        if kind == TARGETS and TARGET_TYPE_VALUE in children:
            level = int.from_bytes(children[TARGET_TYPE_VALUE], "big")
        elif kind == SIMPLE_TAG:
            name, text = (
                children.get(key, b"").decode("utf-8", "replace").strip("\0") for key in (TAG_NAME, TAG_STRING)
            )
            pairs.append((name.lower(), text))
    return level, pairs


def _elements(file: BinaryIO, start: int, end: int, *, max_elements: int = 1_000_000) -> Iterator[Element]:
    """Yield the elements between two bytes; the size of a live stream's element may be unknown: it ends at `end`."""
    for _ in range(max_elements):
        if start >= end:
            return
        file.seek(start)
        kind, _ = _number(file)
        size, is_unknown = _number(file, keep_marker=False)
        body = file.tell()
        after = end if is_unknown else min(body + size, end)
        yield kind, body, after
        start = after


def _number(file: BinaryIO, *, keep_marker: bool = True) -> tuple[int, bool]:
    """Return a number whose leading zero bits say its length in bytes, and whether all other bits are ones."""
    first = file.read(1)
    length = 9 - first[0].bit_length() if first else 9
    rest = file.read(length - 1)
    if length > 8 or len(rest) != length - 1:
        raise ValueError("damaged EBML")
    number = int.from_bytes(first + rest, "big")
    value = number & ((1 << 7 * length) - 1)
    return (number if keep_marker else value), value == (1 << 7 * length) - 1
