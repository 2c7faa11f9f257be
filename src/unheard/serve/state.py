"""The state of a server process: the current snapshot of its workspace, the job queue and the audio worker.

Several processes may serve one workspace. What may run once only runs in the owner (owner.py); if it ends, another
process becomes the owner. The others wait for the snapshot of a large catalogue until the owner has stored it.

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
from unheard.file_lock import HAS_LOCKS
from unheard.serve.audio_worker import MAX_WAITING, AudioWorker, start_making_indexes, start_update_of_predictions
from unheard.serve.config import ServeConfig
from unheard.serve.jobs import Jobs
from unheard.serve.owner import Owner
from unheard.serve.shared_audio import AudioListener, SharedAudioWorker
from unheard.serve.snapshot import Snapshot
from unheard.serve.snapshot_files import FileVersions, file_versions, name_of
from unheard.serve.snapshot_loader import (
    Contents,
    has_new_tracks,
    load,
    load_in_process,
    prepare_all,
    warm_up,
)
from unheard.serve.stored_snapshot import is_large, open_snapshot, remove_if_damaged
from unheard.session import Session
from unheard.thumbs import Version, file_version
from unheard.workspace import Workspace

T = TypeVar("T")

CHECK_EVERY_S = 1.0
QUIET_S = 2.0
MAX_DELAY_S = 60.0
TRIED, STORED = "tried", "stored"  # what the owner says: the files that it has tried, and which stored snapshot it has
MAX_UPLOADS = 2 * MAX_WAITING  # more than the worker accepts, so that further uploads get their error immediately


class ServerState:
    """What all requests of one process share; safe to use from several threads."""

    def __init__(self, config: ServeConfig) -> None:
        self.config = config
        self.workspace = Workspace.open(config.workspace)
        self.jobs = Jobs(self.workspace.root, config.music_roots)
        self.owner = Owner(self.workspace.root)
        self.own_worker = AudioWorker(self.workspace.root, split=config.split, model=config.model)
        self._shared_worker = SharedAudioWorker(self.owner)
        self._listener: AudioListener | None = None
        self.stopping = threading.Event()
        self._update: BaseProcess | None = None
        self._indexing: BaseProcess | None = None
        self._indexed: Session | None = None  # the last session whose indexes were looked at
        self._loading = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._error: UnheardError | None = None
        self._tried: FileVersions = ()
        self._watcher: threading.Thread | None = None
        self._seen_indexes: Version | None = None
        self._stored = ""  # version of the stored snapshot that is open
        self._load_s = 0.0  # time of the last making of a snapshot in another process
        self._uploads: CapacityLimiter | None = None  # created inside the event loop that uses it

    def start(self) -> None:
        """Start the watching thread, which loads the workspace and then the audio worker, and the job queue."""
        self._run_jobs_if_owner()
        self._watcher = threading.Thread(target=self._watch, name="watch the workspace", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop threads and processes; a running job gets an interrupt."""
        self.stopping.set()
        self.jobs.stop()
        self.own_worker.stop()
        if self._watcher is not None:
            self._watcher.join()
        for process in (self._update, self._indexing):
            if process is not None:
                process.kill()
                process.join()
        if self._listener is not None:
            self._listener.close()
        self.owner.release()

    @property
    def audio_worker(self) -> AudioWorker | SharedAudioWorker:
        """What encodes files: a process of this one, or of the owner."""
        return self._shared_worker if self.owner.is_elsewhere else self.own_worker

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
            has_tried = self._snapshot is not None or self._error is not None
            if files == self._tried and has_tried and not self._is_behind_the_owner:
                return
            before, self._tried = self._tried, files
            previous = self._snapshot
            try:
                loaded = self._load(files, in_process=in_process)
                if loaded is not None:
                    warm_up(loaded[0])  # before it is used: otherwise each of the first requests computes the same
            except Exception as error:  # noqa: BLE001 - a file that is being written may raise anything
                if not isinstance(error, UnheardError):
                    self._tried = ()  # try again even if no file changes
                if self._snapshot is None:  # otherwise the previous snapshot stays, as while `factors` is running
                    message = f"{self.workspace.root}: cannot be read now ({type(error).__name__}: {error})"
                    self._error = error if isinstance(error, UnheardError) else UserError(message)
                return
            finally:
                self._say()
            if loaded is None:
                self._tried = before  # look again
                return
            self._snapshot, self._error = Snapshot(*loaded, files), None
            if previous is not None:
                previous.clear()

    def _load(self, files: FileVersions, *, in_process: bool) -> Contents | None:
        """Return the contents of a new snapshot; None if the owner of a large catalogue has not stored it yet."""
        arguments = (self.workspace, self.config.split, self.config.model)
        large = is_large(self.workspace)
        while large and (stored := self._open_stored()) is None and self.owner.is_elsewhere:
            if self.owner.said().get(TRIED) == name_of(files):
                break  # it cannot be stored
            if self._snapshot is not None or self.stopping.wait(CHECK_EVERY_S):
                return None
            self._run_jobs_if_owner()
        if large and stored is not None:
            return stored
        if in_process or large:
            began = time.monotonic()
            loaded = load_in_process(*arguments, self.stopping)
            self._load_s = time.monotonic() - began
            if loaded is not None:
                with _logged("open the indexes"):  # lists are found by a scan then
                    loaded[0].open_indexes()  # mapped files are not sent between processes
                self._stored = self._version_of_stored() if large else ""
                return loaded
        self._stored = ""
        return load(*arguments)

    def _open_stored(self) -> Contents | None:
        """Return the stored snapshot of the present files, or the one that the owner of the workspace has."""
        version = self._version_of_stored()
        is_of_owner = self.owner.is_elsewhere and self.owner.said().get(STORED) == version
        found = open_snapshot(self.workspace, self.config.split, self.config.model, must_be_current=not is_of_owner)
        if found is not None:
            with _logged("open the indexes"):
                found[0].open_indexes()
            self._stored = version
        return found

    def _version_of_stored(self) -> str:
        return str(file_version(self.workspace.snapshot_path(self.config.split, self.config.model)))

    @property
    def _is_behind_the_owner(self) -> bool:
        """Whether the owner has another stored snapshot than this process."""
        return (
            bool(self._stored)
            and self.owner.is_elsewhere
            and self.owner.said().get(STORED, "") not in ("", self._stored)
        )

    def _run_jobs_if_owner(self) -> None:
        """Become the owner if there is none, and run the jobs as such."""
        if self.owner.try_to_become() and not self.jobs.is_started:
            self.jobs.start()

    def _say(self) -> None:
        """Let the other processes know what this one has loaded and where its audio worker is."""
        where = {} if self._listener is None else self._listener.said
        self.owner.say({TRIED: name_of(self._tried), STORED: self._stored, **where})

    def _start_worker_if_owner(self) -> None:
        """Start the audio worker, and let other processes use it."""
        if self.owner.is_here and self._listener is None and not self.stopping.is_set():
            self.own_worker.start()
            if HAS_LOCKS:
                self._listener = AudioListener(self.own_worker)
            self._say()
            self._update_predictions()

    def _watch(self) -> None:
        with _logged("load the workspace"):
            self.refresh()
        if self._snapshot is not None:
            with _logged("prepare all lists"):
                prepare_all(self._snapshot.default, self._snapshot.browse_index, stopped=self.stopping.is_set)
        with _logged("start the audio worker"):
            self._start_worker_if_owner()  # last, because loading torch would slow down everything above
        with _logged("check the stored snapshot"):
            if self.owner.is_here and remove_if_damaged(self.workspace, self.config.split, self.config.model):
                self._tried = ()
        seen, unchanged_since, changed_since, loaded_at = self._tried, time.monotonic(), 0.0, 0.0
        while not self.stopping.wait(CHECK_EVERY_S):
            with _logged("continue the work of another process"):
                self._run_jobs_if_owner()
                self._start_worker_if_owner()
            with _logged("look at the workspace"):
                self._make_indexes() if self.owner.is_here else self._open_new_indexes()
                now, files = time.monotonic(), file_versions(self.workspace)
                if self._is_behind_the_owner:
                    self.refresh()
                if files == self._tried:
                    changed_since = 0.0
                    continue
                changed_since = changed_since or now
                if files != seen:
                    seen, unchanged_since = files, now
                has_rested = now - loaded_at >= self._load_s  # a large one takes minutes: at most half of the time
                if has_rested and (now - unchanged_since >= QUIET_S or now - changed_since >= MAX_DELAY_S):
                    self.refresh(in_process=True)
                    loaded_at = time.monotonic()
                    self._update_predictions()
                    changed_since = 0.0

    def _update_predictions(self) -> None:
        """Predict tracks that were scanned after the training; the written predictions then cause a new snapshot."""
        is_running = self._update is not None and self._update.is_alive()
        if self._snapshot is None or is_running or not self.owner.is_here:
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
                    self._indexing = start_making_indexes(self.workspace.root, self.config.split, self.config.model)

    def _open_new_indexes(self) -> None:
        """Open the indexes that the owner has made since."""
        if self._snapshot is None:
            return
        session = self._snapshot.default
        folder = self.workspace.index_path(session.catalogue.split.name, session.model, "_").parent
        with _logged("open the indexes"):
            if session.needs_indexes and file_version(folder) != self._seen_indexes:
                self._seen_indexes = file_version(folder)
                session.open_indexes()


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
