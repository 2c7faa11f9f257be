"""Take the folders of this machine out of messages that are sent to clients.

Of a path inside the workspace or a folder of music, the part inside stays, because it helps to find the file. Of any
other absolute path, the last name stays. What a person types or exports is not changed: folders that the start page
offers, and exported lists, whose paths players need.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

OWN_ADDRESSES = "api|rest|listen|static|docs|login|tracks|start|runs|metrics"
# An absolute path of at least two names. It begins where no name, address or relative path goes on.
ABSOLUTE = re.compile(rf"(?<![\w.~:/\-*])/(?!(?:{OWN_ADDRESSES})\b)(?:[^\s/'\"`<>|]+/)+")
WINDOWS = re.compile(r"\b[A-Za-z]:\\(?:[^\s\\'\"`<>|]+\\)+")


def without_folders(text: str, folders: Iterable[Path]) -> str:
    """Return a text without the given folders, longest first, and without those of other absolute paths."""
    known = {str(one) for folder in (*folders, Path.home(), Path(tempfile.gettempdir())) for one in _spellings(folder)}
    for folder in sorted(known - {"/"}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.~/\-]){re.escape(folder)}(?:/|(?![\w.\-]))", "", text)
    return WINDOWS.sub("", ABSOLUTE.sub("", text))


def _spellings(folder: Path) -> tuple[Path, ...]:
    absolute = folder.absolute()
    return absolute, absolute.resolve()
