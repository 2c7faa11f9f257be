"""Encode uploaded audio files in a process of its own, so that the server never loads a network.

One process holds torch and the models. A decoder may crash or hang on a hostile file; then that process is ended and
replaced, and the server only reports that the file cannot be used.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from unheard.errors import AudioError, Reason, UnheardError, UserError
from unheard.recommend.seeds import NewTrack

FILE_TIMEOUT_S = 60.0
START_TIMEOUT_S = 300.0  # for loading torch and the model from a cold disk
MAX_WAITING = 4
NICENESS = 5

FileEncoder = Callable[[Path, str | None], NewTrack]  # (file, model; None: the default one)
MakeEncoder = Callable[[Path, str | None, str | None], FileEncoder]  # (workspace, split, model); called in the process


class BusyError(UserError):
    """Too many requests wait for something that is done one at a time."""


class AudioWorker:
    """The process and the pipe to it; safe to use from several threads, encodes one file at a time."""

    def __init__(
        self,
        root: Path,
        *,
        split: str | None = None,
        model: str | None = None,
        timeout_s: float = FILE_TIMEOUT_S,
        make_encoder: MakeEncoder | None = None,
    ) -> None:
        self._arguments = (make_encoder or session_encoder, root, split, model)
        self._timeout_s = timeout_s
        self._busy = threading.Lock()
        self._slots = threading.BoundedSemaphore(MAX_WAITING)
        self._process: BaseProcess | None = None
        self._pipe: connection.Connection | None = None
        self._warm = False
        self._stopped = False

    def start(self) -> None:
        """Start the process if it is not running; it loads the model in the background."""
        with self._busy:
            self._start()

    def stop(self) -> None:
        """Kill the process, whatever it is doing."""
        self._stopped = True
        if (process := self._process) is not None:
            process.kill()  # a waiting thread sees the end of the pipe and releases the lock
        with self._busy:
            self._drop()

    @property
    def is_warm(self) -> bool:
        """Whether the model is loaded, so that the next file does not wait for it."""
        if not self._busy.acquire(blocking=False):
            return self._warm
        try:
            if not self._warm and self._pipe is not None and self._pipe.poll():
                self._warm = self._pipe.recv() is None
        except (EOFError, OSError):
            self._drop()
        finally:
            self._busy.release()
        return self._warm

    def encode_file(self, file: Path, model: str | None = None) -> NewTrack:
        """Return the tags, features and embedding of a file.

        Raise AudioError for a file that cannot be used, also when it crashes or hangs a decoder; UserError for a model
        that cannot encode files; BusyError when too many files are waiting.
        """
        if not self._slots.acquire(blocking=False):
            raise BusyError(f"{MAX_WAITING} files are waiting to be encoded; try again in a moment")
        try:
            with self._busy:
                outcome = self._request_or_restart(file, model)
        finally:
            self._slots.release()
        if isinstance(outcome, UnheardError):
            raise outcome
        return outcome

    # -------------------------------------------------------------------------------------------- inside

    def _request_or_restart(self, file: Path, model: str | None) -> NewTrack | UnheardError:
        """Return the result of the process; replace a process that a file has ended."""
        try:
            return self._request(file, model)
        except TimeoutError as error:
            failure = AudioError(file, Reason.TIMED_OUT, str(error))
        except (EOFError, OSError):
            if not (self._warm or self._stopped):
                self._drop()
                return UserError("no file can be encoded: the audio worker does not start; see the server's log")
            failure = AudioError(file, Reason.CRASHED, "the decoder ended its process; check the file")
        self._drop()
        self._start()
        return failure

    def _request(self, file: Path, model: str | None) -> NewTrack | UnheardError:
        self._start()
        if self._pipe is None:
            raise EOFError
        if not self._warm:
            if not self._pipe.poll(START_TIMEOUT_S):
                raise TimeoutError(f"the model did not load within {START_TIMEOUT_S:g} s; try again")
            self._warm = self._pipe.recv() is None
        self._pipe.send((file, model))
        if not self._pipe.poll(self._timeout_s):
            raise TimeoutError(f"still decoding after {self._timeout_s:g} s")
        outcome: NewTrack | UnheardError = self._pipe.recv()
        return outcome

    def _start(self) -> None:
        if self._stopped or (self._process is not None and self._process.is_alive()):
            return
        self._drop()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        process.start()
        self._process = process  # now, because `stop` kills it from another thread
        theirs.close()
        if self._is_stopped():  # while the process was being started, when `stop` saw none
            process.kill()

    def _is_stopped(self) -> bool:
        """Return whether `stop` was called; a type checker would take `_stopped` for unchanged since it was read."""
        return self._stopped

    def _drop(self) -> None:
        self._warm = False
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._pipe = self._process = None


def session_encoder(root: Path, split: str | None, model: str | None) -> FileEncoder:
    """Return an encoder that uses the models of a workspace; called in the process.

    Sessions are opened again when files of the workspace change, so it also works for one that has no model yet.
    """
    from unheard.serve.snapshot_files import file_versions
    from unheard.serve.stored_snapshot import open_snapshot
    from unheard.session import Session
    from unheard.workspace import Workspace

    workspace = Workspace.open(root)
    sessions: dict[str | None, Session] = {}
    loaded: object = None

    def session_of(name: str | None) -> Session:
        nonlocal loaded
        if loaded != (current := file_versions(workspace)):
            sessions.clear()
            loaded = current
        if None not in sessions:
            stored = open_snapshot(workspace, split, model)
            sessions[None] = stored[0] if stored is not None else Session(root, split=split, model=model)
        if name not in sessions:
            sessions[name] = Session(root, model=name, catalogue=sessions[None].catalogue)
        return sessions[name]

    with suppress(UnheardError):
        session_of(None).embed([])  # loads torch and the network
    return lambda file, name: session_of(name).encode_file(file)


def start_update_of_predictions(root: Path, split: str, model: str) -> BaseProcess:
    """Start a process that predicts the tracks which were scanned after the training, and then ends."""
    process = multiprocessing.get_context("spawn").Process(
        target=_update_predictions, args=(root, split, model), daemon=True
    )
    process.start()
    return process


def start_making_indexes(root: Path, split: str | None, model: str | None) -> BaseProcess:
    """Start a process that makes the indexes of a model that are missing or outdated, and then ends."""
    process = multiprocessing.get_context("spawn").Process(target=_make_indexes, args=(root, split, model), daemon=True)
    process.start()
    return process


def _make_indexes(root: Path, split: str | None, model: str | None) -> None:
    from unheard.serve.stored_snapshot import open_snapshot
    from unheard.session import Session
    from unheard.workspace import Workspace

    _lower_priority()
    with suppress(UnheardError):  # lists are found by a scan then
        stored = open_snapshot(Workspace.open(root), split, model)
        session = stored[0] if stored is not None else Session(root, split=split, model=model)
        session.make_indexes()


def _update_predictions(root: Path, split: str, model: str) -> None:
    from unheard.session import Session

    _lower_priority()
    with suppress(UnheardError):  # a request that needs the model reports the same error
        Session(root, split=split, model=model).update_predictions()


def _serve(
    pipe: connection.Connection, make_encoder: MakeEncoder, root: Path, split: str | None, model: str | None
) -> None:
    """Run in the process: encode files until the server closes the pipe or ends."""
    _lower_priority()
    try:
        encode = make_encoder(root, split, model)
        pipe.send(None)
        while True:
            file, name = pipe.recv()
            outcome: NewTrack | UnheardError
            try:
                outcome = encode(file, name)
            except AudioError as error:
                outcome = error
            except UnheardError as error:
                outcome = UserError(str(error))  # other classes do not survive pickling with all their arguments
            except Exception as error:  # noqa: BLE001 - one bad file must not end the process
                outcome = AudioError(file, Reason.UNREADABLE, f"{type(error).__name__}: {str(error)[:200]}")
            pipe.send(outcome)
    except (EOFError, OSError):
        return


def _lower_priority() -> None:
    """Give way to page requests, leave Ctrl-C to the server, and discard what C libraries write to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
