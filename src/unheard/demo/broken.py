"""Five files that are wrong on purpose, so that a scan of the world has failures to name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from unheard.artefacts import atomic_path
from unheard.demo.files import encode
from unheard.demo.render import perform
from unheard.demo.world import Track

FOLDER = "audio/broken-files"
NOTE = "This is a shopping list that somebody renamed.\n\n- bread\n- lamp oil\n- eleven pears\n" * 12


@dataclass(frozen=True)
class BrokenFile:
    """A file, its row of the table and how it is made: `write(folder of the world, where to write)`."""

    track_id: str
    path: str
    title: str
    artist: str
    write: Callable[[Path, Path], None]


def broken_files(tracks: Sequence[Track]) -> tuple[BrokenFile, ...]:
    """An empty file, a text, silence, a file cut off half-way, and a copy of a good track.

    The ids and places sort behind the good ones, so that of the two equal files the good one is met first.
    """
    model = min(tracks, key=lambda track: track.track_id)
    cut = replace(model, seed=(model.seed[0], len(tracks)), rate_hz=22_050, channels=1, format="flac")
    somebody = "Unknown Sender"
    return (
        BrokenFile("x-empty", f"{FOLDER}/empty.ogg", "Empty", somebody, _empty),
        BrokenFile("x-text", f"{FOLDER}/shopping list.mp3", "Shopping List", somebody, _text),
        BrokenFile("x-silent", f"{FOLDER}/silence.wav", "Silence", somebody, _silence),
        BrokenFile("x-truncated", f"{FOLDER}/cut off.flac", "Cut Off", somebody, partial(_truncated, track=cut)),
        BrokenFile(
            "x-duplicate",
            f"{FOLDER}/copy of {model.title}.{model.format}",
            model.title,
            model.band.name,
            partial(_copy, source=model.path),
        ),
    )


def write_broken(world: Path, file: BrokenFile) -> None:
    """Write one of them, whole or not at all."""
    with atomic_path(world / file.path) as beside:
        file.write(world, beside)


def _empty(_: Path, beside: Path) -> None:
    beside.write_bytes(b"")


def _text(_: Path, beside: Path) -> None:
    beside.write_text(NOTE, encoding="utf-8")


def _silence(_: Path, beside: Path) -> None:
    encode(beside, np.zeros((8 * 22_050, 1), np.float32), rate_hz=22_050, file_format="wav")


def _truncated(_: Path, beside: Path, *, track: Track) -> None:
    encode(beside, perform(track), rate_hz=track.rate_hz, file_format=track.format)
    whole = beside.read_bytes()
    beside.write_bytes(whole[: len(whole) * 55 // 100])


def _copy(world: Path, beside: Path, *, source: str) -> None:
    shutil.copyfile(world / source, beside)
