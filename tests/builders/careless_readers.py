"""Functions that do to their process what a hostile file may do; they are called where limits hold."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from unheard.errors import TableError


def size_of(path: Path) -> int:
    return path.stat().st_size


def end_the_process(path: Path) -> None:
    os.abort()


def never_return(path: Path) -> None:
    while True:
        pass


def take_memory(path: Path, n_bytes: int) -> int:
    return len(np.ones(n_bytes, np.uint8))


def raise_another_error(path: Path) -> None:
    raise KeyError("many\nlines")


def refuse(path: Path) -> None:
    raise TableError(path, "no", "do", row=7)


def own_process(path: Path) -> int:
    return os.getpid()
