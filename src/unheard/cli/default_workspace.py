"""Find the workspace that `unheard go` makes when none is named, and that the other commands use then."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "UNHEARD_WORKSPACE"


def default_workspace() -> Path:
    """Return the folder `unheard` among the data files of the user, by the rules of the operating system."""
    if sys.platform == "win32":
        data = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "unheard"


def use_default_workspace() -> None:
    """Let commands without -w use the default workspace, if there is one."""
    if VARIABLE in os.environ:
        return
    try:
        if (default_workspace() / "workspace.json").is_file():
            os.environ[VARIABLE] = str(default_workspace())
    except (OSError, RuntimeError):  # a home that cannot be read, or none: -w is needed as before
        return
