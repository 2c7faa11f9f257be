"""Mark lists that unheard has made, in every format of lists, so that an import of their folder leaves them out.

Importing them would make our own recommendations evidence of a taste.

    M3U          a line `#UNHEARD-LIST` near the start
    JSPF         the annotation of the playlist
    CSV, JSON    a last column, or a first key of each track, `made_by`
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from unheard.ingest.text_files import beginning
from unheard.plays.readers.m3u import MADE_BY_UNHEARD, SUFFIXES, is_made_by_unheard

ABOUT = "Made by unheard from a local library."  # also the comment of a list on a service
COLUMN, NAME = "made_by", "unheard"
START = 4000  # bytes of a file in which a mark is looked for


def marked(text: str, suffix: str) -> str:
    """Return the text of a list with its mark. `suffix` is that of the file, such as ".csv"."""
    match suffix.lower():
        case ".jspf":
            value = json.loads(text)
            playlist = {"title": value["playlist"].pop("title", ""), "annotation": ABOUT, **value["playlist"]}
            return json.dumps({"playlist": playlist}, ensure_ascii=False, indent=2) + "\n"
        case ".json":
            return json.dumps([{COLUMN: NAME, **one} for one in json.loads(text)], ensure_ascii=False, indent=2) + "\n"
        case ".csv":
            header, *rows = csv.reader(io.StringIO(text, newline=""))
            out = io.StringIO(newline="")
            csv.writer(out, lineterminator="\n").writerows([[*header, COLUMN], *([*row, NAME] for row in rows)])
            return out.getvalue()
    return text.replace("\n", f"\n{MADE_BY_UNHEARD}\n", 1)


def is_own_list(path: Path) -> bool:
    """Return whether unheard has made a list, by its mark."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return is_made_by_unheard(path)
    if suffix not in (".jspf", ".json", ".csv"):
        return False
    start = beginning(path, START)
    if suffix == ".csv":
        return start.partition(b"\n")[0].rstrip(b"\r").endswith(f",{COLUMN}".encode())
    mark = {"annotation": ABOUT} if suffix == ".jspf" else {COLUMN: NAME}
    return json.dumps(mark)[1:-1].encode() in start
