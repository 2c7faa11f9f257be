"""Write five broken files, so that a scan of the world has failures to report."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from unheard.atomic_files import atomic_path
from unheard.demo.audio_files import encode
from unheard.demo.render import perform
from unheard.demo.world import GeneratedTrack

FOLDER = "audio/broken-files"
NOTE = "This is a shopping list that somebody renamed.\n\n- bread\n- lamp oil\n- eleven pears\n" * 12


@dataclass(frozen=True)
class BrokenFile:
    """A file, its row of the table and the function that makes it: `write(folder of the world, path to write)`."""

    track_id: str
    path: str
    title: str
    artist: str
    write: Callable[[Path, Path], None]


def broken_files(tracks: Sequence[GeneratedTrack]) -> tuple[BrokenFile, ...]:
    """Return an empty file, a text file, silence, a truncated file, and a copy of a good track.

    Their ids and paths sort after the good ones, so that of the two equal files the good one is scanned first.
    """
    first = min(tracks, key=lambda track: track.track_id)
    cut = replace(first, seed=(first.seed[0], len(tracks)), rate_hz=22_050, channels=1, format="flac")
    artist = "Unknown Sender"
    return (
        BrokenFile("x-empty", f"{FOLDER}/empty.ogg", "Empty", artist, _empty),
        BrokenFile("x-text", f"{FOLDER}/shopping list.mp3", "Shopping List", artist, _text),
        BrokenFile("x-silent", f"{FOLDER}/silence.wav", "Silence", artist, _silence),
        BrokenFile("x-truncated", f"{FOLDER}/cut off.flac", "Cut Off", artist, partial(_truncated, track=cut)),
        BrokenFile(
            "x-duplicate",
            f"{FOLDER}/copy of {first.title}.{first.format}",
            first.title,
            first.band.name,
            partial(_copy, source=first.path),
        ),
    )


def write_broken(world: Path, file: BrokenFile) -> None:
    """Write one broken file atomically."""
    with atomic_path(world / file.path) as temporary:
        file.write(world, temporary)


def _empty(_: Path, path: Path) -> None:
    path.write_bytes(b"")


def _text(_: Path, path: Path) -> None:
    path.write_text(NOTE, encoding="utf-8")


def _silence(_: Path, path: Path) -> None:
    encode(path, np.zeros((8 * 22_050, 1), np.float32), rate_hz=22_050, file_format="wav")


def _truncated(_: Path, path: Path, *, track: GeneratedTrack) -> None:
    encode(path, perform(track), rate_hz=track.rate_hz, file_format=track.format)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 55 // 100])


def _copy(world: Path, path: Path, *, source: str) -> None:
    shutil.copyfile(world / source, path)
