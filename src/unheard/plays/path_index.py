"""Find tracks by their path: the same path, or the longest common end of two paths.

A list made on another machine, or for a library that was transcoded, has other roots and suffixes. Two paths have a
common end if their file names (without suffix) and at least one folder agree; case, accents and punctuation do not
count. If both names say nothing ("Unknown Album/Track 1"), two folders have to agree.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field

GENERIC_FOLDER = re.compile(
    r"unknown.*|untitled.*|various.*|album|music|audio|(the )?(very )?best of|greatest hits|singles|"
    r"(cd|disc|disk) ?\d*|\d+"
)
GENERIC_FILE = re.compile(r"(audio ?)?(track|titel|piste|pista|untitled|unknown)? ?\d*")


@dataclass
class PathIndex:
    """Paths of tracks; the index of their ends is built when it is first needed."""

    _exact: dict[str, str] = field(default_factory=dict, init=False)  # normal path -> track
    _added: list[tuple[str, str]] = field(default_factory=list, init=False)  # normal path, track; not in `_ends` yet
    _ends: dict[str, list[tuple[list[str], str, str]]] = field(default_factory=lambda: defaultdict(list), init=False)

    def add(self, path: str, track_id: str) -> None:
        """Add a path of a track. The first track of a path counts."""
        if path:
            normal = normal_path(path)
            self._exact.setdefault(normal, track_id)
            self._added.append((normal, track_id))

    def exact(self, path: str) -> str | None:
        """Return the track of a path, or None."""
        return self._exact.get(normal_path(path)) if path else None

    def with_common_end(self, path: str) -> list[str]:
        """Return the tracks whose paths have the longest common end with `path`; of these, those of its suffix."""
        for normal, track_id in self._added:
            folders, stem, suffix = _parts(normal)
            self._ends[stem].append((folders, suffix, track_id))
        self._added.clear()
        folders, stem, suffix = _parts(normal_path(path))
        best, found = (1, False), dict[str, None]()
        for other, other_suffix, track_id in self._ends.get(stem, ()):
            n = _n_common(folders, other)
            if n == 1 and GENERIC_FILE.fullmatch(stem) and GENERIC_FOLDER.fullmatch(folders[0]):
                continue
            score = (n, suffix == other_suffix)
            if score > best:
                best, found = score, {}
            if score == best:
                found[track_id] = None
        return list(found)


def normal_path(path: str) -> str:
    """Return a path as a key: forward slashes, without `..`, composed Unicode."""
    return posixpath.normpath(unicodedata.normalize("NFC", path.replace("\\", "/")))


def _parts(normal: str) -> tuple[list[str], str, str]:
    """Return the folders of a path, the innermost first, its name without suffix, and its suffix, all folded."""
    folder, _, name = normal.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or len(suffix) > 5 or " " in suffix:
        stem, suffix = name, ""
    return [_folded(part) for part in reversed(folder.split("/")) if part], _folded(stem), suffix.casefold()


def _folded(part: str) -> str:
    """Return the letters and digits of a name in lower case, without accents, divided by single spaces."""
    decomposed = unicodedata.normalize("NFKD", part.casefold())
    letters = "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in decomposed)
    return " ".join(letters.split()) or part


def _n_common(one: list[str], other: list[str]) -> int:
    """Return the number of first parts that agree."""
    n = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        n += 1
    return n
