"""Make and open the indexes of a model, one file for each search (shortlist.py).

They serve lists of large catalogues only; evaluation and experiments do not read them. An index is opened with hashes
of the present ids and vectors, so one of other factors or another training is never used (unheard.index.stored_index).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from unheard.index.build_index import QUERIES, build
from unheard.index.row_vectors import Vectors
from unheard.index.stored_index import Hashes, Index, open_index, save_index
from unheard.plays.playlist_digests import id_hashes
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.shortlist import IndexName, Shortlists
from unheard.workspace import Workspace

STEPS = 3  # of making one index


@dataclass(frozen=True)
class IndexFiles:
    """The index files of a model over a catalogue."""

    workspace: Workspace
    catalogue: Catalogue
    model: str

    def path(self, name: IndexName) -> Path:
        """Return the path of one index."""
        return self.workspace.index_path(self.catalogue.split.name, self.model, name)

    def open(self, name: IndexName, vectors: Vectors) -> Index | None:
        """Return an index of the present vectors; None if there is none."""
        return open_index(self.path(name), vectors, self._keys, vectors.digests)

    def make(self, lists: Shortlists, *, seed: int, again: bool = False, progress: Progress = silent) -> list[Path]:
        """Write the indexes that are missing, of other vectors or outdated; with `again` all. Return their paths."""
        made = []
        for name, vectors in lists.searched():
            if not len(vectors):
                continue
            found = None if again else self.open(name, vectors)
            if found is None or found.is_outdated:
                made.append(self._write(name, vectors, lists, np.random.default_rng(seed), progress))
        return made

    def _write(
        self, name: IndexName, vectors: Vectors, lists: Shortlists, rng: np.random.Generator, progress: Progress
    ) -> Path:
        done = 0

        def step(_: str) -> None:
            nonlocal done
            progress(f"index of {name}", done, STEPS)
            done += 1

        file = build(vectors, lists.queries(name, QUERIES, rng), rng, kinds=lists.kinds(name), step=step)
        save_index(self.path(name), file, self._keys, vectors.digests)
        progress(f"index of {name}", STEPS, STEPS)
        return self.path(name)

    @cached_property
    def _keys(self) -> Hashes:
        return id_hashes(self.catalogue.tracks.ids)
