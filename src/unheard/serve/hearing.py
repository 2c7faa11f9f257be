"""Hearing what the library does not hold, in processes of their own: the server itself never loads a network.

One warm process holds torch and the models. A decoder may crash or hang on a hostile file; then that process dies and
another is started, and the server only tells that the file cannot be used.
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
from unheard.recommend.recommend import NewTrack

LIMIT_S = 60.0  # for one file
START_LIMIT_S = 300.0  # to load torch and the model from a cold disk
MOST_WAITING = 4
NICENESS = 5

Hear = Callable[[Path, str | None], NewTrack]  # of a file, through a model (None: the default one)
MakeHear = Callable[[Path, str | None, str | None], Hear]  # from (workspace, split, model); called in the process


class BusyError(UserError):
    """Too many files wait to be heard."""


class Ears:
    """The warm process and the pipe to it; may be used from many threads, hears one file at a time."""

    def __init__(
        self,
        root: Path,
        *,
        split: str | None = None,
        model: str | None = None,
        limit_s: float = LIMIT_S,
        make_hear: MakeHear | None = None,
    ) -> None:
        self._arguments = (make_hear or through_sessions, root, split, model)
        self._limit_s = limit_s
        self._busy = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST_WAITING)
        self._process: BaseProcess | None = None
        self._pipe: connection.Connection | None = None
        self._warm = False
        self._stopped = False

    def start(self) -> None:
        """Start the process if there is none; it warms up while others go on."""
        with self._busy:
            self._start()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._stopped = True
        if (process := self._process) is not None:
            process.kill()  # whoever waits for it learns so, and lets go of the lock
        with self._busy:
            self._drop()

    @property
    def is_warm(self) -> bool:
        """Whether the next file will be heard at once."""
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

    def hear(self, file: Path, model: str | None = None) -> NewTrack:
        """The tags and the predicted factor of a file.

        AudioError for one that cannot be used, also when it crashes or hangs a decoder; UserError for a model that
        cannot hear files; BusyError when too many wait.
        """
        if not self._places.acquire(blocking=False):
            raise BusyError(f"{MOST_WAITING} files are being heard; try again in a moment")
        try:
            with self._busy:
                outcome = self._ask_and_mend(file, model)
        finally:
            self._places.release()
        if isinstance(outcome, UnheardError):
            raise outcome
        return outcome

    # -------------------------------------------------------------------------------------------- inside

    def _ask_and_mend(self, file: Path, model: str | None) -> NewTrack | UnheardError:
        """What the process answers; a process that a file has ended is replaced."""
        try:
            return self._ask(file, model)
        except TimeoutError as error:
            lost = AudioError(file, Reason.TIMED_OUT, str(error))
        except (EOFError, OSError):
            if not (self._warm or self._stopped):
                self._drop()
                return UserError("no file can be heard: the process for it does not start; see what the server writes")
            lost = AudioError(file, Reason.CRASHED, "the decoder ended its process; check the file")
        self._drop()
        self._start()
        return lost

    def _ask(self, file: Path, model: str | None) -> NewTrack | UnheardError:
        self._start()
        if self._pipe is None:
            raise EOFError
        if not self._warm:
            if not self._pipe.poll(START_LIMIT_S):
                raise TimeoutError(f"the model did not load within {START_LIMIT_S:g} s; try again")
            self._warm = self._pipe.recv() is None
        self._pipe.send((file, model))
        if not self._pipe.poll(self._limit_s):
            raise TimeoutError(f"still decoding after {self._limit_s:g} s")
        outcome: NewTrack | UnheardError = self._pipe.recv()
        return outcome

    def _start(self) -> None:
        if self._stopped or (self._process is not None and self._process.is_alive()):
            return
        self._drop()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()

    def _drop(self) -> None:
        self._warm = False
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._pipe = self._process = None


def through_sessions(root: Path, split: str | None, model: str | None) -> Hear:
    """Hears through the models of a workspace; runs in the process. A workspace that has none yet is opened later."""
    from unheard.serve.reading import open_session, versions
    from unheard.session import Session
    from unheard.workspace import Workspace

    workspace = Workspace.open(root)
    sessions: dict[str | None, Session] = {}
    read: object = None

    def session_of(name: str | None) -> Session:
        nonlocal read
        if read != (now := versions(workspace)):
            sessions.clear()
            read = now
        if None not in sessions:
            sessions[None] = open_session(workspace, split, model)
        if name not in sessions:
            sessions[name] = Session(root, model=name, catalogue=sessions[None].catalogue)
        return sessions[name]

    with suppress(UnheardError):
        session_of(None).embed([])  # loads torch and the network
    return lambda file, name: session_of(name).encode_file(file)


def start_hearing_new_tracks(root: Path, split: str, model: str) -> BaseProcess:
    """A process that predicts the tracks which were scanned after the training, and ends."""
    process = multiprocessing.get_context("spawn").Process(
        target=_hear_new_tracks, args=(root, split, model), daemon=True
    )
    process.start()
    return process


def _hear_new_tracks(root: Path, split: str, model: str) -> None:
    from unheard.session import Session

    _stay_behind()
    with suppress(UnheardError):  # the same error meets whoever asks
        Session(root, split=split, model=model).update_predictions()


def _serve(pipe: connection.Connection, make_hear: MakeHear, root: Path, split: str | None, model: str | None) -> None:
    """In the process: answer until the server closes the pipe, by will or by dying."""
    _stay_behind()
    try:
        hear = make_hear(root, split, model)
        pipe.send(None)
        while True:
            file, name = pipe.recv()
            outcome: NewTrack | UnheardError
            try:
                outcome = hear(file, name)
            except AudioError as error:
                outcome = error
            except UnheardError as error:
                outcome = UserError(str(error))  # others do not cross process borders whole
            except Exception as error:  # noqa: BLE001 - one bad file must not end the process
                outcome = AudioError(file, Reason.UNREADABLE, f"{type(error).__name__}: {str(error)[:200]}")
            pipe.send(outcome)
    except (EOFError, OSError):
        return


def _stay_behind() -> None:
    """Pages go first; Ctrl-C is the server's business; what C libraries complain about is nobody's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
