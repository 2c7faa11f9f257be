"""Read a JSON file that is one long array, an element at a time.

Memory is that of one element. A damaged element is found where it is damaged; the rest of the file is not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unheard.errors import TableError

CHUNK = 100_000  # characters
MAX_ELEMENT = 2**26  # characters
LONGEST_TOKEN = 16  # characters: `-Infinity`, an escaped surrogate pair
BLANK = " \t\r\n"
FIX = "download it again"


def json_array(path: Path) -> Iterator[Any]:
    """Yield the elements of the array. TableError if the file is none, or is damaged after some elements."""
    decoder, number = json.JSONDecoder(), 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(CHUNK).lstrip(BLANK)
            if not text.startswith("["):
                raise TableError(path, "not a JSON array", FIX)
            text, expected = text[1:], True  # whether an element may come next
            while True:
                text = text.lstrip(BLANK)
                if text.startswith("]"):
                    return
                if text and not expected:
                    if not text.startswith(","):
                        raise TableError(path, f"no comma after {number} elements", FIX)
                    text, expected = text[1:], True
                    continue
                try:
                    value, end = decoder.raw_decode(text)
                    rest = text[end : end + 3]  # a number at the end may go on, also behind `1.` or `1e-`
                    complete = rest != "" and not (rest[0] in ".eE" and len(rest) < 3)
                except json.JSONDecodeError as error:
                    complete, damaged = False, not _is_cut(error, text)
                except RecursionError:
                    complete, damaged = False, True
                else:
                    damaged = False
                if not complete:
                    more = "" if damaged or len(text) > MAX_ELEMENT else file.read(max(CHUNK, len(text)))
                    if not more:
                        raise TableError(path, f"ends or is damaged after {number} elements", FIX)
                    text += more
                    continue
                number += 1
                yield value
                text, expected = text[end:], False
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(path, f"cannot be read ({str(error)[:80]})", "check the file") from error


def _is_cut(error: json.JSONDecodeError, text: str) -> bool:
    """Return whether more text may complete an element: its error is at the end, or in a string that is open there."""
    return error.msg.startswith("Unterminated string") or error.pos > len(text) - LONGEST_TOKEN
