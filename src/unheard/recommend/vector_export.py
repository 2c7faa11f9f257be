"""Predict factors of audio files one by one, so that a file that cannot be used costs no other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.errors import AudioError
from unheard.ids import IdMap
from unheard.progress import Progress


def embed_each(
    files: Sequence[Path],
    embed: Callable[[Sequence[Path]], NDArray[np.float32]],
    row_of: Callable[[str], int | None],
    track_ids: IdMap,
    dim: int,
    progress: Progress,
) -> tuple[list[str], list[str], NDArray[np.float32], list[str]]:
    """Return ids, paths and vectors (file, dim) of the files that can be used, and messages about the others.

    embed   returns the vectors of files; it raises AudioError for one that cannot be used
    row_of  returns the row of a file of the library, None for another file, which gets the id that a scan would give it
    """
    from unheard.scan.plan import ID_DIGITS, hash_file

    ids: list[str] = []
    paths: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    problems: list[str] = []
    for done, file in enumerate(files, start=1):
        try:
            str(file).encode()
            vector = embed([file])[0]
        except AudioError as error:
            problems.append(str(error))
        except UnicodeEncodeError:
            problems.append(f"{os.fsencode(file)!r}: the name is not UTF-8; rename the file")
        else:
            row = row_of(str(file))
            ids.append(hash_file(str(file))[:ID_DIGITS] if row is None else track_ids[row])
            paths.append(str(file.absolute()))
            vectors.append(vector)
        progress("embedding", done, len(files))
    return ids, paths, np.array(vectors, np.float32).reshape(len(vectors), dim), problems
