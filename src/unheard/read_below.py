"""The folders that a command may read in, if a server started it: those of --music-root and the workspace.

Such a command is asked for by a client, which names folders and tables inside them; what a table lists has to be inside
too. Links there are followed: the owner of the machine made them. The folders come in a variable of the environment,
so that no command and no process that it starts can miss them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

VARIABLE = "UNHEARD_READ_BELOW"  # a JSON list of paths


def variable_of(folders: Iterable[Path]) -> dict[str, str]:
    """Return the variable for a process that may read in these folders, by their names and by what links lead to."""
    names = [str(path) for folder in folders for path in (Path(os.path.abspath(folder)), folder.resolve())]  # noqa: PTH100 - by its name
    return {VARIABLE: json.dumps(list(dict.fromkeys(names)))}


def may_read(path: str) -> bool:
    """Return whether this process may read an absolute path without `..` that a table lists."""
    folders = os.environ.get(VARIABLE)
    return folders is None or any(Path(path).is_relative_to(folder) for folder in json.loads(folders))
