"""Write vectors to the feature store one by one, buffered.

Vectors are written in shards of up to `MAX_ROWS` tracks, at least every `MAX_S` seconds, and at the end, also after an
exception; then each kind is compacted to one shard. A scan commits tracks to the library separately, so library and
feature store can differ after a kill. Both possible differences are harmless:

- A vector without a track, or of other content of the track, is never read: its source hash is not that of a track in
  the library.
- A track without vectors: the next scan, or `unheard features`, extracts them from the stored mel spectrogram
  (update.py).
"""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Self

import numpy as np

from unheard.arrays import Floats
from unheard.features.store import FeatureStore

MAX_ROWS = 1024  # 2.3 MB of statistics
MAX_S = 30.0
MERGE_EVERY = 64  # shards; each merge writes vectors again that are written before


class FeatureWriter:
    """Use as a context manager; vectors that were added before an exception are written too."""

    def __init__(self, store: FeatureStore) -> None:
        self._store = store
        self._rows: dict[tuple[str, str], list[tuple[str, Floats, str]]] = {}  # by kind and version
        self._written: Counter[str] = Counter()  # shards of each kind
        self._flushed_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.flush()
        for kind in sorted(self._written):
            self._store.compact(kind)

    def add(self, kind: str, version: str, track_id: str, vector: Floats, source_hash: str) -> None:
        """Add one vector (dim,)."""
        rows = self._rows.setdefault((kind, version), [])
        rows.append((track_id, vector, source_hash))
        if len(rows) >= MAX_ROWS or time.monotonic() - self._flushed_s > MAX_S:
            self.flush()

    def flush(self) -> None:
        """Write all vectors that were added."""
        for kind, version in list(self._rows):
            ids, vectors, hashes = zip(*self._rows[kind, version], strict=True)
            self._written[kind] += 1
            merge = self._written[kind] % MERGE_EVERY == 0
            self._store.write(kind, version, ids, np.stack(vectors), hashes, merge=merge)
            del self._rows[kind, version]
        self._flushed_s = time.monotonic()
