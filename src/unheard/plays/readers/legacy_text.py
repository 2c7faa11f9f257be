"""Decode text whose encoding is unknown: UTF-8 line by line, and the rest in the encoding that fits the library.

Any bytes are text in most single-byte encodings, so the one is chosen whose text matches most tracks.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

# Western first: it is the choice if no encoding matches a track. cp1252 has gaps, so latin-1 takes what is left.
ENCODINGS = (
    *("cp1252", "latin-1", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso8859-2", "iso8859-15", "koi8-r"),
    *("cp866", "cp850", "cp437", "mac-roman", "mac-cyrillic", "cp1255", "cp1256", "cp932", "euc-jp", "gb18030"),
    *("big5", "cp949", "cp874", "cp1258"),
)
MAX_LINES = 400  # that are compared with the library
DECLARED = re.compile(rb"^#EXTENC:\s*([\w.-]+)", re.IGNORECASE | re.MULTILINE)


def decode_text(data: bytes, score: Callable[[str], int]) -> tuple[str, str]:
    """Return text and encoding. `score` returns how many tracks of the library a text matches.

    A byte order mark and a line `#EXTENC:` decide; otherwise UTF-8, if it is valid. ValueError for binary data.
    """
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding
    if len(data) > 3 and data[1] == data[3] == 0 != data[0]:
        return data.decode("utf-16-le", "replace"), "utf-16-le"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    if re.search(rb"[\x00-\x08\x0e-\x19]", data):
        raise ValueError("not text")
    if declared := DECLARED.search(data):
        try:
            return data.decode(declared[1].decode("ascii")), declared[1].decode("ascii").lower()
        except (LookupError, UnicodeDecodeError):
            pass  # the declaration is wrong
    lines = data.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)
    sample = _with_labels(lines)
    candidates = [encoding for encoding in ENCODINGS if _decoded(lines, encoding) is not None]
    scores = {encoding: score(_decoded(sample, encoding) or "") for encoding in candidates}
    best = max(candidates, key=lambda encoding: scores[encoding])  # the first of equals
    return _decoded(lines, best) or "", best


def _decoded(lines: list[bytes], encoding: str) -> str | None:
    """Return lines in UTF-8 where they are valid, else in `encoding`; None if a line is neither."""
    texts = []
    for line in lines:
        try:
            texts.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            try:
                texts.append(line.decode(encoding))
            except UnicodeDecodeError:
                return None
    return "".join(texts)


def _with_labels(lines: list[bytes]) -> list[bytes]:
    """Return the lines that are not UTF-8, each with the lines before and after it."""
    wanted: dict[int, None] = {}
    for at, line in enumerate(lines):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            wanted |= dict.fromkeys(range(max(0, at - 1), min(len(lines), at + 2)))
        if len(wanted) > MAX_LINES:
            break
    return [lines[at] for at in wanted]
