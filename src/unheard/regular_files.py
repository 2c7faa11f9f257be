"""Refuse what is no file: opening a pipe waits until another program writes to it, and a device may never end."""

from __future__ import annotations

import stat
from pathlib import Path

from unheard.errors import UserError


def is_regular(path: Path) -> bool:
    """Return whether a path is a regular file, or a link to one; False if it cannot be looked at."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def check_regular(path: Path) -> None:
    """Raise UserError for a pipe, a socket or a device; a missing file and a folder are left to the caller."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(f"{path}: a pipe, socket or device, expected a file; save its content in a file and name that")
