"""Let all server processes of a workspace use the one audio worker of its owner (owner.py), through a socket.

The socket is in a folder that only its user may enter, and a connection needs a secret as well, because values are
pickled.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from contextlib import suppress
from multiprocessing import AuthenticationError, connection
from pathlib import Path

from unheard.errors import AudioError, UnheardError, UserError
from unheard.recommend.seeds import NewTrack
from unheard.serve.audio_worker import AudioWorker, BusyError
from unheard.serve.owner import Owner

ADDRESS, SECRET = "audio", "audio_secret"
NOT_THERE = "no file can be encoded at the moment, because another process of the server is starting; try again"


class AudioListener:
    """Answers other processes with the audio worker of this one."""

    def __init__(self, worker: AudioWorker) -> None:
        self._worker = worker
        self._folder = Path(tempfile.mkdtemp(prefix="unheard-"))  # 0700
        secret = secrets.token_hex()
        self._listener = connection.Listener(str(self._folder / "audio"), "AF_UNIX", authkey=secret.encode())
        self.said = {ADDRESS: str(self._listener.address), SECRET: secret}
        threading.Thread(target=self._accept, name="share the audio worker", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                asked = self._listener.accept()
            except AuthenticationError:
                continue
            except (OSError, EOFError):
                if not self._folder.exists():
                    return
                continue
            threading.Thread(target=self._answer, args=(asked,), daemon=True).start()

    def _answer(self, asked: connection.Connection) -> None:
        with asked, suppress(EOFError, OSError):
            request = asked.recv()
            if request is None:
                asked.send(self._worker.is_warm)
                return
            outcome: NewTrack | UnheardError
            try:
                outcome = self._worker.encode_file(*request)
            except (AudioError, BusyError) as error:
                outcome = error
            except UnheardError as error:
                outcome = UserError(str(error))  # other classes do not survive pickling with all their arguments
            asked.send(outcome)


class SharedAudioWorker:
    """The audio worker of the owner, as another process sees it."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    @property
    def is_warm(self) -> bool:
        """Whether the model is loaded, so that the next file does not wait for it."""
        try:
            return bool(self._ask(None))
        except BusyError:
            return False

    def encode_file(self, file: Path, model: str | None = None) -> NewTrack:
        """Return the tags, features and embedding of a file; the errors are those of `AudioWorker.encode_file`."""
        outcome = self._ask((file, model))
        if isinstance(outcome, UnheardError):
            raise outcome
        assert isinstance(outcome, NewTrack)
        return outcome

    def _ask(self, request: object) -> object:
        said = self._owner.said()
        try:
            with connection.Client(said[ADDRESS], "AF_UNIX", authkey=said[SECRET].encode()) as asked:
                asked.send(request)
                return asked.recv()
        except (KeyError, OSError, EOFError, AuthenticationError) as error:
            raise BusyError(NOT_THERE) from error
