"""Encoders for the audio worker's process in place of a model. The process imports them by name, so imports are few."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np

from unheard.errors import AudioError, Reason, UserError
from unheard.library import Track
from unheard.recommend.seeds import NewTrack
from unheard.serve.audio_worker import FileEncoder


def hostile_encoder(root: Path, split: str | None, model: str | None) -> FileEncoder:
    """Return an encoder that crashes, hangs or fails as its file's name says."""

    def encode(file: Path, name: str | None) -> NewTrack:
        match file.name:
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                os._exit(0)
            case "hang":
                threading.Event().wait()
            case "bug":
                raise ZeroDivisionError("oh")
            case "mistake":
                raise UserError("name another model")
            case "silent":
                raise AudioError(file, Reason.SILENT, "nothing in it")
        return NewTrack(Track("", title=file.name), np.array([os.getpid()], np.float32))

    return encode


def hanging_encoder(_root: Path, _split: str | None, _model: str | None) -> FileEncoder:
    """Return an encoder that never returns."""

    def encode(_file: Path, _name: str | None) -> NewTrack:
        threading.Event().wait()
        raise AssertionError

    return encode
