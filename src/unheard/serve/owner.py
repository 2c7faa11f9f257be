"""Choose one of the server processes of a workspace for what may run once only: its owner.

The owner runs the jobs, the audio worker, the update of predictions, and whatever makes indexes and snapshots. It holds
the lock of W/serve.lock, which ends with its process; another one then becomes the owner. The owner writes into the
file where the others find its audio worker (JSON; only its user may read it).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from unheard.file_lock import lock

OWNER_ONLY = 0o600


class Owner:
    """Whether this process is the owner of a workspace, and what the owner says."""

    def __init__(self, root: Path) -> None:
        self.path = root / "serve.lock"
        self._file: IO[str] | None = None
        self._is_alone = False
        self.is_elsewhere = False  # whether another process was found to be the owner

    @property
    def is_here(self) -> bool:
        """Whether this process is the owner."""
        return self._file is not None or self._is_alone

    def try_to_become(self) -> bool:
        """Become the owner if there is none; return whether this process is the owner now.

        In a folder that cannot be written every process is, because nothing can be written into it anyway.
        """
        if self.is_here:
            return True
        try:
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, OWNER_ONLY), "r+", encoding="utf-8")
        except OSError:
            self._is_alone, self.is_elsewhere = True, False
            return True
        self.is_elsewhere = not lock(file, wait=False)
        if self.is_elsewhere:
            file.close()
        else:
            self._file = file
            self.say({})
        return self.is_here

    def say(self, values: dict[str, str]) -> None:
        """Write what the other processes have to know."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps(values))
            self._file.flush()

    def said(self) -> dict[str, str]:
        """Return what the owner has written; nothing yet if it is being written."""
        with suppress(OSError, ValueError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                return {str(name): str(value) for name, value in found.items()}
        return {}

    def release(self) -> None:
        """End being the owner."""
        if self._file is not None:
            self.say({})
            self._file.close()
        self._file, self._is_alone = None, False
