"""The state of a running server: the current snapshot of its workspace, the job queue and the audio worker.

A thread watches the workspace's files. When they change, a new snapshot is built in the background and swapped in when
it is complete; until then the previous one is served. A scan writes to the library continuously, so a new snapshot is
started when the files have not changed for QUIET_S, or after MAX_DELAY_S of continuous change.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import TypeVar, cast

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from unheard.errors import UnheardError, UserError
from unheard.serve.audio_worker import MAX_WAITING, AudioWorker, start_making_indexes, start_update_of_predictions
from unheard.serve.config import ServeConfig
from unheard.serve.jobs import Jobs
from unheard.serve.snapshot import Snapshot
from unheard.serve.snapshot_files import FileVersions, file_versions
from unheard.serve.snapshot_loader import (
    has_new_tracks,
    load,
    load_in_process,
    prepare_all,
)
from unheard.session import Session
from unheard.workspace import Workspace

T = TypeVar("T")

CHECK_EVERY_S = 1.0
QUIET_S = 2.0
MAX_DELAY_S = 60.0
MAX_UPLOADS = 2 * MAX_WAITING  # more than the worker accepts, so that further uploads get their error immediately


class ServerState:
    """What all requests of one server share; safe to use from several threads."""

    def __init__(self, config: ServeConfig) -> None:
        self.config = config
        self.workspace = Workspace.open(config.workspace)
        self.jobs = Jobs(self.workspace.root, config.music_roots)
        self.audio_worker = AudioWorker(self.workspace.root, split=config.split, model=config.model)
        self.stopping = threading.Event()
        self._update: BaseProcess | None = None
        self._indexing: BaseProcess | None = None
        self._indexed: Session | None = None  # the last session whose indexes were looked at
        self._loading = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._error: UnheardError | None = None
        self._tried: FileVersions = ()
        self._watcher: threading.Thread | None = None
        self._uploads: CapacityLimiter | None = None  # created inside the event loop that uses it

    def start(self) -> None:
        """Start the watching thread, which loads the workspace and then the audio worker, and the job queue."""
        self._watcher = threading.Thread(target=self._watch, name="watch the workspace", daemon=True)
        self._watcher.start()
        self.jobs.start()

    def stop(self) -> None:
        """Stop threads and processes; a running job gets an interrupt."""
        self.stopping.set()
        self.jobs.stop()
        self.audio_worker.stop()
        if self._watcher is not None:
            self._watcher.join()
        for process in (self._update, self._indexing):
            if process is not None:
                process.kill()
                process.join()

    async def run_upload(self, function: Callable[[], T]) -> T:
        """Run a function that waits for the audio worker in a thread outside the pool that pages use."""
        if self._uploads is None:
            self._uploads = CapacityLimiter(MAX_UPLOADS)
        return await to_thread.run_sync(function, limiter=self._uploads)

    @property
    def experiment(self) -> str:
        """Name of the current snapshot's split if it is an experiment; empty under `live` or without a snapshot."""
        catalogue = None if self._snapshot is None else self._snapshot.catalogue
        return "" if catalogue is None or catalogue.is_live else catalogue.split.name

    @property
    def has_snapshot(self) -> bool:
        """Whether `snapshot` returns without reading files."""
        return self._snapshot is not None

    def snapshot(self) -> Snapshot:
        """Return the current snapshot; the error of an incomplete workspace names the command to run."""
        if self._snapshot is None and self._error is None:
            self.refresh()
        if self._snapshot is None:
            assert self._error is not None
            raise self._error
        return self._snapshot

    def refresh(self, *, in_process: bool = False) -> None:
        """Load a new snapshot if the files of the workspace have changed; `in_process`: in a process of its own."""
        with self._loading:
            files = file_versions(self.workspace)
            if files == self._tried and (self._snapshot is not None or self._error is not None):
                return
            self._tried = files
            arguments = (self.workspace, self.config.split, self.config.model)
            previous = self._snapshot
            if in_process and (loaded := load_in_process(*arguments, self.stopping)) is not None:
                loaded[0].open_indexes()  # mapped files are not sent between processes
                self._snapshot, self._error = Snapshot(*loaded, files), None
                if previous is not None:
                    previous.clear()
                return
            try:
                self._snapshot, self._error = Snapshot(*load(*arguments), files), None
            except Exception as error:  # noqa: BLE001 - a file that is being written may raise anything
                if not isinstance(error, UnheardError):
                    self._tried = ()  # try again even if no file changes
                if self._snapshot is None:  # otherwise the previous snapshot stays, as while `factors` is running
                    message = f"{self.workspace.root}: cannot be read now ({type(error).__name__}: {error})"
                    self._error = error if isinstance(error, UnheardError) else UserError(message)

    def _watch(self) -> None:
        self.refresh()
        if self._snapshot is not None:
            with _logged("prepare all lists"):
                prepare_all(self._snapshot.default, self._snapshot.browse_index, stopped=self.stopping.is_set)
        with _logged("start the audio worker"):
            self.audio_worker.start()  # last, because loading torch would slow down everything above
        self._update_predictions()
        seen, unchanged_since, changed_since = self._tried, time.monotonic(), 0.0
        while not self.stopping.wait(CHECK_EVERY_S):
            self._make_indexes()
            now, files = time.monotonic(), file_versions(self.workspace)
            if files == self._tried:
                changed_since = 0.0
                continue
            changed_since = changed_since or now
            if files != seen:
                seen, unchanged_since = files, now
            if now - unchanged_since >= QUIET_S or now - changed_since >= MAX_DELAY_S:
                self.refresh(in_process=True)
                self._update_predictions()
                changed_since = 0.0

    def _update_predictions(self) -> None:
        """Predict tracks that were scanned after the training; the written predictions then cause a new snapshot."""
        is_running = self._update is not None and self._update.is_alive()
        if self._snapshot is None or is_running:
            return
        session = self._snapshot.default
        with _logged("predict the new tracks"):
            if has_new_tracks(session):
                self._update = start_update_of_predictions(
                    self.workspace.root, session.catalogue.split.name, session.model
                )

    def _make_indexes(self) -> None:
        """Make missing or outdated indexes in another process, and open them when it has ended.

        Until then lists are found by a scan.
        """
        if self._snapshot is None or (self._indexing is not None and self._indexing.is_alive()):
            return
        session = self._snapshot.default
        with _logged("make the indexes"):
            if self._indexing is not None:
                self._indexing = None
                session.open_indexes()
            elif session is not self._indexed:
                self._indexed = session
                if session.needs_indexes:
                    split = session.catalogue.split.name
                    self._indexing = start_making_indexes(self.workspace.root, split, session.model)


@contextmanager
def _logged(action: str) -> Iterator[None]:
    """Log errors of the watching thread, which must not end: files vanish, disks fill, tables are half written."""
    try:
        yield
    except UnheardError as error:
        logging.getLogger(__name__).warning("could not %s: %s", action, error)
    except Exception:
        logging.getLogger(__name__).warning("could not %s", action, exc_info=True)


def server_state(request: Request) -> ServerState:
    """Return the state of the application that handles a request."""
    return cast("ServerState", request.app.state.server)


async def current_snapshot(request: Request) -> Snapshot:
    """Return the current snapshot, for `Depends`; FastAPI would run a dependency that is not `async` in a thread."""
    server = server_state(request)
    return server.snapshot() if server.has_snapshot else await run_in_threadpool(server.snapshot)
