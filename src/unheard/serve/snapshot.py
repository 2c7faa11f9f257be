"""A snapshot: a workspace as the server read it at one moment, with the responses computed from it.

The data of a snapshot never change, so results can be cached with it. When files change, `state.py` replaces the whole
snapshot.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from unheard.inference.predictions import RANKER_FILE
from unheard.library import Failure, open_library
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.models import BASELINES, ORACLE, factors_of, trained_models, without_part
from unheard.serve.audio_worker import BusyError
from unheard.serve.browse_index import BrowseIndex
from unheard.serve.cache import Cache, StoredResponses
from unheard.serve.snapshot_files import FileVersions
from unheard.serve.snapshot_loader import warm_up
from unheard.session import Session

T = TypeVar("T")

MODEL_TIMEOUT_S = 2.0


@dataclass
class Snapshot:
    """The sessions, tables and caches of one state of a workspace.

    default       the session of the model that is used when a request names none
    browse_index  tables for browsing its catalogue
    files         versions of the files that were read
    responses     complete HTTP responses that were sent from this snapshot
    made_at_s     when it was made, in seconds since 1970
    """

    default: Session
    browse_index: BrowseIndex
    files: FileVersions = ()
    _sessions: dict[str, Session] = field(default_factory=dict)
    _loading: threading.RLock = field(default_factory=threading.RLock)
    _results: Cache = field(default_factory=Cache)
    _tables: Cache = field(default_factory=lambda: Cache(max_bytes=None))
    responses: StoredResponses = field(default_factory=StoredResponses)
    made_at_s: float = field(default_factory=time.time)

    @property
    def catalogue(self) -> Catalogue:
        return self.default.catalogue

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names of the listed models: trained ones, the factors of trained rankers, oracle, baselines, the default."""
        workspace, split = self.default.workspace, self.catalogue.split.name
        trained = trained_models(workspace, split)
        parts = (factors_of(name) for name in trained if (workspace.model_dir(split, name) / RANKER_FILE).is_file())
        oracle = (ORACLE,) if self.catalogue.full is not None else ()
        return tuple(dict.fromkeys((*trained, *parts, *oracle, *BASELINES, self.default.model)))

    def has_model(self, name: str) -> bool:
        """Return whether a request may name a model: a listed one, or the factors of a trained one."""
        whole = without_part(name)
        return name in self.models or (whole in self.models and whole not in (ORACLE, *BASELINES))

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """Files that the scan skipped; a skipped duplicate refers to the track that was kept."""
        with open_library(self.default.workspace.library_path) as library:
            return tuple(library.failures())

    def session(self, model: str | None = None) -> Session:
        """Return the session of a model (None: the default), which is made on first use.

        Raise BusyError while another model is being prepared, because a waiting request would block a thread that
        pages need.
        """
        if model is None or model == self.default.model:
            return self.default
        if model not in self._sessions:
            if not self._loading.acquire(timeout=MODEL_TIMEOUT_S):  # one at a time: some baselines are fitted here
                raise BusyError("another model is being prepared; try again in a moment")
            try:
                if model not in self._sessions:
                    session = Session(self.default.workspace.root, model=model, catalogue=self.catalogue)
                    warm_up(session)
                    self._sessions[model] = session
            finally:
                self._loading.release()
        return self._sessions[model]

    def clear(self) -> None:
        """Free the cached results of a snapshot that was replaced."""
        self._results.clear()
        self._tables.clear()

    def cached(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the result of `compute`, cached under `key`; the least recently used results are dropped."""
        return self._results.get(key, compute)

    def table(self, key: str, compute: Callable[[], T]) -> T:
        """Return a result of which there is one a snapshot; it is kept as long as the snapshot, whatever its size."""
        return self._tables.get(key, compute)
