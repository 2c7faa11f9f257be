"""List the folders that a person may choose in the browser: those inside the folders that jobs may read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unheard.serve.jobs.requests import NotAllowedError, allowed

MAX_FOLDERS = 200
MAX_ENTRIES = 20_000  # of a folder that is listed


def subfolders(typed: str, workspace: Path, roots: Sequence[Path]) -> list[str]:
    """Return the folders that complete a typed path; the allowed roots for an empty one. Hidden folders are left out.

    The folders inside `typed` if it ends with a slash or is a folder, else those beside it whose names start with it.
    """
    if not typed.strip():
        return [str(root) for root in roots]
    folder, start = Path(typed), ""
    try:
        if not folder.is_dir():
            folder, start = folder.parent, folder.name.casefold()
        home = allowed(str(folder), workspace, roots) if folder.is_absolute() else None
        children = [] if home is None else [child for _, child in zip(range(MAX_ENTRIES), home.iterdir(), strict=False)]
    except (NotAllowedError, OSError, ValueError):  # a zero byte, or a name that is too long
        return []
    names = [child.name for child in children if child.name.casefold().startswith(start) and _is_shown(child)]
    return [str(folder / name) for name in sorted(names, key=str.casefold)[:MAX_FOLDERS]]


def parent(typed: str, workspace: Path, roots: Sequence[Path]) -> str:
    """Return the folder above a typed path if jobs may read it, else ""."""
    above = Path(typed).parent
    try:
        allowed(str(above), workspace, roots)
    except NotAllowedError:
        return ""
    return str(above) if above.is_absolute() and str(above) != typed else ""


def _is_shown(child: Path) -> bool:
    try:
        child.name.encode()
        return not child.name.startswith(".") and child.is_dir()
    except (OSError, UnicodeEncodeError):
        return False
