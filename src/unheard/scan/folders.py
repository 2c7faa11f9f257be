"""Find the audio files below a folder, and count what is passed over.

Left out, with everything below them:

    recycle bins and folders of systems     `SYSTEM_FOLDERS`: #recycle, @eaDir, $RECYCLE.BIN, lost+found, __MACOSX, ...
    hidden files and folders                names that begin with a dot (.Trash-1000, .stversions, ._song.mp3), unless a
                                            digit or another dot follows (".38 Special", "...Baby One More Time")
    folders that ask for it                 with a file .nomedia, or with an empty file .ndignore or .ignore (patterns
                                            in these files are not read)
    what matches a pattern of `--exclude`   a name, a path below the folder or a whole path; brackets may be literal

The folder that is scanned itself is never left out.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path

from unheard.ingest.containers import AUDIO_SUFFIXES, is_audio_file
from unheard.ingest.remote_files import list_files

SYSTEM_FOLDERS = frozenset({
    "$recycle.bin", "recycler", "recycled", "recycle.bin", "system volume information", "found.000",  # Windows
    "__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder",  # macOS
    "lost+found", "lost.dir",  # Linux, Android
    "#recycle", "#snapshot", "@eadir", "@tmp", "@sharesnap", "@sharebin",  # Synology
    "@recycle", "@recently-snapshot", "@transcode",  # QNAP
    "files_trashbin", "files_versions",  # Nextcloud
})  # fmt: skip
HIDDEN = re.compile(r"\.(?![.\d])")
ALWAYS_A_MARKER = ".nomedia"
MARKERS_WHEN_EMPTY = frozenset({".ndignore", ".ignore"})
MAX_KINDS = 8
SUFFIX = re.compile(r"\.[a-z0-9!~+-]{1,12}")  # "01. A song" has none


def in_system_folder(path: str) -> bool:
    """Return whether a path leads through a recycle bin or another folder of a system."""
    return any(_is_system(name) or name.casefold().startswith(".trash") for name in Path(path).parts[:-1])


@dataclass
class PassedOver:
    """What a search of folders did not take: numbers of files by suffix, and of folders by name."""

    files: Counter[str] = field(default_factory=Counter)
    folders: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """Return one line, for example `passed over: 12 .jpg, 3 .txt; folders: 1 #recycle`; empty if nothing was."""
        parts = [f"passed over: {_counted(self.files)}" if self.files else ""]
        parts += [f"folders left out: {_counted(self.folders)}" if self.folders else ""]
        return "; ".join(part for part in parts if part)


def _counted(counter: Counter[str]) -> str:
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{n} {name}" for name, n in ordered[:MAX_KINDS]]
    rest = sum(n for _, n in ordered[MAX_KINDS:])
    return ", ".join([*shown, *([f"{rest} of other kinds"] if rest else [])])


class Excludes:
    """The patterns of `--exclude`, and which of them have matched."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [(pattern, _compiled(pattern)) for pattern in patterns]
        self._matched: set[str] = set()

    def match(self, path: Path, folder: Path) -> bool:
        """Return whether a pattern matches the name of a path, the path below `folder`, or the whole path."""
        if not self._patterns:
            return False
        names = [_normal(name) for name in (path.name, path.relative_to(folder).as_posix(), path.as_posix())]
        matching = [pattern for pattern, compiled in self._patterns if any(map(compiled.fullmatch, names))]
        self._matched.update(matching)
        return bool(matching)

    @property
    def unmatched(self) -> list[str]:
        return [pattern for pattern, _ in self._patterns if pattern not in self._matched]


def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a glob as a regular expression that also matches if its brackets are not a set but part of a name."""
    glob = _normal(pattern).rstrip("/").removeprefix("./")
    return re.compile(f"{translate(glob)}|{translate(glob.replace('[', '[[]'))}")


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def audio_files(folder: Path, excludes: Excludes, passed_over: PassedOver, unlisted: list[str]) -> list[str]:
    """Return the paths of the audio files below a folder, sorted; add folders that cannot be listed to `unlisted`."""
    found: list[str] = []
    for here, files in _visited(folder, excludes, passed_over, unlisted):
        for name in files:
            path = here / name
            if _is_hidden(name) or excludes.match(path, folder):
                continue
            if is_audio_file(path):
                found.append(str(path))
            else:
                passed_over.files[_kind(path)] += 1
    return sorted(found)


def remote_audio_files(url: str, excludes: Excludes, passed_over: PassedOver) -> list[str]:
    """Return the URLs of the audio files below a URL, sorted; they are known by their suffixes only."""
    found, root = [], Path(url)  # only parts of their names are compared, so that two slashes become one
    files = {path: name for name in list_files(url) if (path := Path(name)).name and path.is_relative_to(root)}
    marked = {
        path.parent for path in files if path.name == ALWAYS_A_MARKER and path.parent != root
    }  # reading markers that have to be empty would take a request each
    for path, name in sorted(files.items(), key=lambda item: item[1]):
        folders = [folder for folder in path.parents if folder != root and folder.is_relative_to(root)]
        left_out = next((folder.name for folder in folders if _is_system(folder.name)), None)
        if left_out is not None:
            passed_over.folders[left_out] += 1
        elif any(_is_hidden(part.name) or part in marked or excludes.match(part, root) for part in (path, *folders)):
            continue
        elif path.suffix.lower() in AUDIO_SUFFIXES:
            found.append(name)
        else:
            passed_over.files[_kind(path)] += 1
    return found


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return suffix if SUFFIX.fullmatch(suffix) else "without a suffix"


def _visited(
    folder: Path, excludes: Excludes, passed_over: PassedOver, unlisted: list[str]
) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folders to search, with the names of their files."""
    seen: set[tuple[int, int]] = set()  # of visited folders, because links may form cycles
    for where, folders, files in os.walk(folder, followlinks=True, onerror=lambda e: unlisted.append(str(e.filename))):
        here = Path(where)
        status = here.stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        if here != folder and _has_marker(here, files):
            passed_over.folders["with .nomedia or .ndignore"] += 1
            folders.clear()
            continue
        for left_out in filter(_is_system, folders):
            passed_over.folders[left_out] += 1
        kept = (name for name in folders if not _is_left_out(name) and not excludes.match(here / name, folder))
        folders[:] = sorted(kept)
        yield here, files


def _has_marker(folder: Path, files: Sequence[str]) -> bool:
    if ALWAYS_A_MARKER in files:
        return True
    with suppress(OSError):
        return any((folder / name).stat().st_size == 0 for name in MARKERS_WHEN_EMPTY.intersection(files))
    return False


def _is_left_out(name: str) -> bool:
    return _is_system(name) or _is_hidden(name)


def _is_system(name: str) -> bool:
    return name.casefold() in SYSTEM_FOLDERS


def _is_hidden(name: str) -> bool:
    return HIDDEN.match(name) is not None
