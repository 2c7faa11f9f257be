"""Guess artist, title and album from the names of a file and its folders, for files whose tags lack them.

Only these well-known shapes are read; " - " may be a longer dash, and underscores may stand for blanks.

    Artist - Title
    01 Title                     01 - Title        01. Title        1-01 Title
    01 Artist - Title            01 - Artist - Title
    Artist - 01 - Title          Artist - 01 Title
    Artist - Album - 01 Title    Artist - Album - 01 - Title
    Artist/Album/01 Title        Artist/Album/CD 1/01 Title        (below the folder that is scanned)
    Artist - Album/01 Title      Artist - 2021 - Album/01 Title    Artist/2021 - Album/01 Title

A track number has a leading zero, or is followed by punctuation and a blank ("7. Title", "12 - Title"). Other numbers
are parts of titles ("99 Luftballons", "7 Years"), unless another file of the folder begins with "01".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from unheard.artist_names import is_various

BETWEEN = re.compile(r"\s+[-\u2010-\u2015]\s+")
NUMBER = re.compile(r"(?P<disc>\d-)?(?P<number>\d{1,3})(?P<after>\s*[-.)\u2010-\u2015_]+\s*|\s+)(?=\S)")
DISC_FOLDER = re.compile(r"(?:cd|dis[ck]|disque|vinyl|side)[\s._-]*(?:\d{1,2}|[a-d])", re.IGNORECASE)
YEAR_PART = re.compile(r"[(\[]?(?:19|20)\d\d[)\]]?")
YEAR_AROUND = re.compile(r"^[(\[](?:19|20)\d\d[)\]]\s+|\s+[(\[](?:19|20)\d\d[)\]]$")
# Folders that are named after what they hold, not after an album or its artist.
GENERAL_FOLDERS = frozenset(
    "albums aac audio compilations desktop documents downloads flac itunes media misc mp3 music musik musique ogg "  # noqa: SIM905 - reads better
    "singles songs soundtracks temp tmp tracks unsorted various wav".split()
)


@dataclass(frozen=True)
class NameGuess:
    """What the names of a file and its folders say; unknown text is empty. `numbered` files belong to an album."""

    title: str
    artist: str = ""
    album: str = ""
    numbered: bool = False


def guess(path: Path, root: Path | None = None) -> NameGuess:
    """Return what the name of a file says, and for a numbered one the names of its folders below `root`."""
    found = guess_from_stem(path.stem, in_numbered_folder=lambda: _is_numbered_folder(path.parent))
    if found.numbered and root is not None and path.is_relative_to(root):
        found = _with_folders(found, path.relative_to(root).parts[:-1])
    return replace(found, artist="" if is_various(found.artist) else found.artist)


def guess_from_stem(stem: str, *, in_numbered_folder: Callable[[], bool] = lambda: False) -> NameGuess:
    """Return what a file's name without its suffix says."""
    text = (stem if " " in stem else stem.replace("_", " ")).strip()
    rest, numbered = _without_number(text, in_numbered_folder)
    parts = [part.strip() for part in BETWEEN.split(rest)]
    if len(parts) == 1:
        return NameGuess(rest, numbered=numbered)
    if not numbered:
        for at in range(1, min(3, len(parts))):  # Artist - 01 - Title, Artist - Album - 01 Title
            after = " - ".join(parts[at:])
            title, has_number = _without_number(after, lambda: False)
            if has_number and title:
                return NameGuess(title, parts[0], parts[1] if at == 2 else "", numbered=True)
    return NameGuess(" - ".join(parts[1:]), parts[0], numbered=numbered)


def _without_number(text: str, in_numbered_folder: Callable[[], bool]) -> tuple[str, bool]:
    """Return a name without the track number that it begins with, and whether it had one."""
    found = NUMBER.match(text)
    if found is None:
        return text, False
    number, after = found["number"], found["after"]
    has_zero = number[0] == "0" and len(number) > 1
    has_disc = bool(found["disc"]) and len(number) == 2
    has_punctuation = len(number) < 3 and not found["disc"] and bool(after.strip()) and after[-1].isspace()
    certain = has_zero or has_disc or has_punctuation
    if not certain and len(number) == 2 and after.isspace():
        certain = in_numbered_folder()
    return (text[found.end() :].strip(), True) if certain else (text, False)


def _is_numbered_folder(folder: Path) -> bool:
    try:
        return any(re.match(r"(?:\d-)?01[\s._-]", name) for name in os.listdir(folder))  # noqa: PTH208 - names suffice
    except OSError:
        return False


def _with_folders(found: NameGuess, folders: tuple[str, ...]) -> NameGuess:
    names = list(folders)
    while names and DISC_FOLDER.fullmatch(names[-1]):
        names.pop()
    if not names or names[-1].casefold() in GENERAL_FOLDERS:
        return found
    parts = [part for part in BETWEEN.split(names[-1].replace("_", " ")) if not YEAR_PART.fullmatch(part.strip())]
    album = YEAR_AROUND.sub("", parts[-1]).strip()
    artist = parts[0].strip() if len(parts) == 2 else ""
    if not artist and len(names) > 1 and names[-2].casefold() not in GENERAL_FOLDERS:
        artist = names[-2]
    if len(parts) > 2:
        artist, album = "", ""
    return replace(found, artist=found.artist or artist, album=found.album or album)
