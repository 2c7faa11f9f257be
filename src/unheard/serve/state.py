"""What a server holds in memory: the catalogue and one session a model, read again when their files change.

A reading (`Loaded`) never changes, so answers may be remembered with it. A thread looks at the files now and then; a
new reading is made beside the old one, and the old one answers until the new one is complete. A scan writes to the
library all the time, so files have to be quiet for a moment, or different for a while, before they are read again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing.process import BaseProcess
from typing import TypeVar, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from unheard.errors import UnheardError, UserError
from unheard.inference.predictions import RANKER_FILE
from unheard.library import Failure, open_library
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.models import BASELINES, ORACLE, factors_of, trained_models, without_part
from unheard.serve.config import ServeConfig
from unheard.serve.hearing import MOST_WAITING, BusyError, Ears, start_hearing_new_tracks
from unheard.serve.jobs import Jobs
from unheard.serve.reading import Versions, complete, has_new_tracks, open_session, read_apart, versions, warm
from unheard.serve.remembered import Remembered, Responses
from unheard.serve.shelves import Shelves
from unheard.session import Session
from unheard.workspace import Workspace

T = TypeVar("T")

LOOK_EVERY_S = 1.0
QUIET_S = 2.0
PATIENCE_S = 60.0
PATIENCE_WITH_A_MODEL_S = 2.0
MOST_UPLOADS = 2 * MOST_WAITING  # more than may wait, so that the others are told so at once


@dataclass
class Loaded:
    """One reading of a workspace. Everything in it stays as it is.

    default     the session of the model that is used when none is named
    shelves     tables over its catalogue
    stamp       the files that were read
    responses   whole answers that were given from this reading
    """

    default: Session
    shelves: Shelves
    stamp: Versions = ()
    _sessions: dict[str, Session] = field(default_factory=dict)
    _making: threading.RLock = field(default_factory=threading.RLock)
    _answers: Remembered = field(default_factory=Remembered)
    responses: Responses = field(default_factory=Responses)

    @property
    def catalogue(self) -> Catalogue:
        return self.default.catalogue

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Every model that is listed: trained ones, the factors of those that rank by places, oracle and baselines."""
        workspace, split = self.default.workspace, self.catalogue.split.name
        trained = trained_models(workspace, split)
        parts = (factors_of(name) for name in trained if (workspace.model_dir(split, name) / RANKER_FILE).is_file())
        oracle = (ORACLE,) if self.catalogue.full is not None else ()
        return (*trained, *parts, *oracle, *BASELINES)

    def knows(self, model: str) -> bool:
        """Whether a model may be named: a listed one, or the factors of a trained one."""
        rest = without_part(model)
        return model in self.models or (rest in self.models and rest not in (ORACLE, *BASELINES))

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """Files that were skipped; duplicates among them stand for the track that was kept."""
        with open_library(self.default.workspace.library_path) as library:
            return tuple(library.failures())

    def session(self, model: str | None = None) -> Session:
        """The session of a model (None: the default), made when it is first asked for.

        BusyError while another is made: who waits holds a thread that pages need.
        """
        if model is None or model == self.default.model:
            return self.default
        if model not in self._sessions:
            if not self._making.acquire(timeout=PATIENCE_WITH_A_MODEL_S):  # one at a time: some are fitted now
                raise BusyError("another model is being prepared; try again in a moment")
            try:
                if model not in self._sessions:
                    made = Session(self.default.workspace.root, model=model, catalogue=self.catalogue)
                    warm(made)
                    self._sessions[model] = made
            finally:
                self._making.release()
        return self._sessions[model]

    def forget(self) -> None:
        """Drop what was remembered, because nobody will ask this reading again."""
        self._answers.forget()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, remembered under `key` for as long as this reading is used (the oldest go first)."""
        return self._answers.get(key, make)


class Served:
    """The workspace of a server; may be used from many threads."""

    def __init__(self, config: ServeConfig) -> None:
        self.config = config
        self.workspace = Workspace.open(config.workspace)
        self.jobs = Jobs(self.workspace.root, config.music_roots)
        self.ears = Ears(self.workspace.root, split=config.split, model=config.model)
        self.stopping = threading.Event()
        self._catching_up: BaseProcess | None = None
        self._reading = threading.Lock()
        self._loaded: Loaded | None = None
        self._problem: UnheardError | None = None
        self._tried: Versions = ()
        self._watcher: threading.Thread | None = None
        self._uploads: CapacityLimiter | None = None  # made by the loop that uses it

    def start(self) -> None:
        """Begin to read the workspace, to watch its files, to run jobs and to warm the model that hears files."""
        self._watcher = threading.Thread(target=self._watch, name="watch the workspace", daemon=True)
        self._watcher.start()
        self.jobs.start()

    def stop(self) -> None:
        """End threads and processes; a running job is asked to stop."""
        self.stopping.set()
        self.jobs.stop()
        self.ears.stop()
        if self._watcher is not None:
            self._watcher.join()
        if self._catching_up is not None:
            self._catching_up.kill()
            self._catching_up.join()

    async def apart(self, hear: Callable[[], T]) -> T:
        """What `hear` gives, in a thread that no page needs: who uploads a file waits for it and for those before."""
        if self._uploads is None:
            self._uploads = CapacityLimiter(MOST_UPLOADS)
        return await to_thread.run_sync(hear, limiter=self._uploads)

    @property
    def is_loaded(self) -> bool:
        """Whether `loaded` answers without reading anything."""
        return self._loaded is not None

    def loaded(self) -> Loaded:
        """The current reading; the error names the command that a young workspace still needs."""
        if self._loaded is None and self._problem is None:
            self.refresh()
        if self._loaded is None:
            assert self._problem is not None
            raise self._problem
        return self._loaded

    def refresh(self, *, apart: bool = False) -> None:
        """Read the workspace again if its files have changed since; `apart`: in a process of its own."""
        with self._reading:
            stamp = versions(self.workspace)
            if stamp == self._tried and (self._loaded is not None or self._problem is not None):
                return
            self._tried = stamp
            wanted = (self.workspace, self.config.split, self.config.model)
            before = self._loaded
            if apart and (reading := read_apart(*wanted, self.stopping)) is not None:
                self._loaded, self._problem = Loaded(*reading, stamp), None
                if before is not None:
                    before.forget()
                return
            try:
                session = open_session(*wanted)
                warm(session)
                shelves = Shelves(session.catalogue, self.workspace)
                self._loaded, self._problem = Loaded(session, shelves, stamp), None
            except Exception as error:  # noqa: BLE001 - a file in the middle of being written may raise anything
                if not isinstance(error, UnheardError):
                    self._tried = ()  # so that it is tried again, changed or not
                if self._loaded is None:  # otherwise the last good reading serves on, as in the middle of a `factors`
                    told = f"{self.workspace.root}: cannot be read now ({type(error).__name__}: {error})"
                    self._problem = error if isinstance(error, UnheardError) else UserError(told)

    def _watch(self) -> None:
        self.refresh()
        if self._loaded is not None:
            with _told_and_survived("prepare every list"):
                complete(self._loaded.default, self._loaded.shelves, stopped=self.stopping.is_set)
        with _told_and_survived("start to hear files"):
            self.ears.start()  # not before: it would take the processor from what everybody waits for
        self._catch_up()
        seen, since, different_since = self._tried, time.monotonic(), 0.0
        while not self.stopping.wait(LOOK_EVERY_S):
            now, stamp = time.monotonic(), versions(self.workspace)
            if stamp == self._tried:
                different_since = 0.0
                continue
            different_since = different_since or now
            if stamp != seen:
                seen, since = stamp, now
            if now - since >= QUIET_S or now - different_since >= PATIENCE_S:
                self.refresh(apart=True)
                self._catch_up()
                different_since = 0.0

    def _catch_up(self) -> None:
        """Have tracks heard that were scanned after the training; their predictions then make a new reading."""
        busy = self._catching_up is not None and self._catching_up.is_alive()
        if self._loaded is None or busy:
            return
        session = self._loaded.default
        with _told_and_survived("hear the tracks that are new"):
            if has_new_tracks(session):
                self._catching_up = start_hearing_new_tracks(
                    self.workspace.root, session.catalogue.split.name, session.model
                )


@contextmanager
def _told_and_survived(what: str) -> Iterator[None]:
    """For the watching thread, which has to outlive anything: files vanish, disks fill, tables are half written."""
    try:
        yield
    except UnheardError as error:
        logging.getLogger(__name__).warning("could not %s: %s", what, error)
    except Exception:
        logging.getLogger(__name__).warning("could not %s", what, exc_info=True)


def served(request: Request) -> Served:
    """The `Served` of the running application."""
    return cast("Served", request.app.state.served)


async def current(request: Request) -> Loaded:
    """The current reading, for `Depends`; a dependency that is not `async` would cost a change of threads."""
    there = served(request)
    return there.loaded() if there.is_loaded else await run_in_threadpool(there.loaded)
