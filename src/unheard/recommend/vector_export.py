"""Predict factors of audio files one by one, so that a file that cannot be used costs no other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.errors import AudioError
from unheard.progress import Progress
from unheard.recommend.file_seeds import FileSeeds


def embed_each(
    files: Sequence[Path], seeds: FileSeeds, *, quick: bool, progress: Progress
) -> tuple[list[str], list[str], NDArray[np.float32], list[str]]:
    """Return ids, paths and vectors (file, d) of the files that can be used, and messages about the others.

    A file of the library has its track id, another file the id that a scan would give it.
    """
    from unheard.scan.plan import ID_DIGITS, hash_file

    ids: list[str] = []
    paths: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    problems: list[str] = []
    for done, file in enumerate(files, start=1):
        try:
            str(file).encode()
            vector = seeds.embed([file], quick=quick)[0]
        except AudioError as error:
            problems.append(str(error))
        except UnicodeEncodeError:
            problems.append(f"{os.fsencode(file)!r}: the name is not UTF-8; rename the file")
        else:
            row = seeds.known_row(str(file))
            ids.append(hash_file(str(file))[:ID_DIGITS] if row is None else seeds.catalogue.tracks.ids[row])
            paths.append(str(file.absolute()))
            vectors.append(vector)
        progress("embedding", done, len(files))
    dim = seeds.catalogue.warm.dim
    return ids, paths, np.array(vectors, np.float32).reshape(len(vectors), dim), problems
