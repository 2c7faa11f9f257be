"""Read PLS files, `File1=<path or URL>` and `Title1=<artist> - <title>` in `[playlist]`: a file is a playlist."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from unheard.errors import TableError
from unheard.plays.listed import ListedFile, ListedTrack, label_reference, n_matches
from unheard.plays.matching import Matcher
from unheard.plays.readers.m3u import absolute_path, read_text

KEY = re.compile(r"((?a:file|title))(\d{1,9})\s*=(.*)", re.IGNORECASE)  # (?a: else a Turkish İ is an i


def read_pls(path: Path, matcher: Matcher) -> ListedFile:
    """Read the entries in the order of their numbers. TableError if there are none."""

    found = _parse(path, read_text(path, lambda text: n_matches(_parse(path, text).tracks, matcher))[0])
    if not found.tracks:
        raise TableError(path, "no line `File1=...` in it", "expected a PLS playlist")
    return found


def _parse(path: Path, text: str) -> ListedFile:
    values: dict[str, dict[int, str]] = {"file": {}, "title": {}}
    for line in re.split(r"\r\n|\r|\n", text):
        if match := KEY.fullmatch(line.strip()):
            values[match[1].lower()][int(match[2])] = match[3].strip()
    references = (
        replace(label_reference(values["title"].get(number, "")), path=absolute_path(path, file))
        for number, file in sorted(values["file"].items())
    )
    return ListedFile([ListedTrack(reference) for reference in references])
