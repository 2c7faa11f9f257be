"""Read files before it is decided what a scan does with them, so that other processes hash them too.

A scan of local files hashes a new file, decides (plan.py), and has it decoded. On a cluster, and for files in object
storage, a task fetches, hashes and decodes a file at once. The decisions are made afterwards, by the same planner in
the same order, with the hash that the task has found; so they are those of a local scan. What a task has read and the
decision does not need is dropped: that of a copy, say. What it has not read after all is read in a second pass.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from unheard.errors import AudioError, Reason
from unheard.ingest.remote_files import local_file
from unheard.library import Track
from unheard.scan.audio_extraction import ExtractedAudio, KnownAudio
from unheard.scan.plan import ID_DIGITS, Action, Planner, Step, content_hash, failed_step, hash_file
from unheard.scan.sources import Candidate
from unheard.workspace import Settings


@dataclass(frozen=True)
class FileRead:
    """What a task has found in a file.

    content_hash  of its bytes
    track_id      that it will most likely have
    outcome       of the extraction; None if a stored track has the same bytes
    problem       why the file could not be read; empty if it could
    """

    content_hash: str = ""
    track_id: str = ""
    outcome: ExtractedAudio | KnownAudio | AudioError | None = None
    problem: str = ""


def read_file(
    extract: Callable[..., ExtractedAudio | KnownAudio],
    path: str,
    settings: Settings,
    known_audio: frozenset[str],
    root: str | None,
    max_lost: float,
    track_id: str,
    stored: Path | None,
) -> FileRead:
    """Hash and extract the file at a path or URL, in a worker process.

    root      the scanned folder
    track_id  of the track that has this path, or that a table names
    stored    file of the hashes whose bytes need not be extracted (`write_hashes`)
    """
    try:
        with local_file(path, root) as (file, folder):
            found = hash_file(str(file))
            track_id = track_id or found[:ID_DIGITS]
            if stored is not None and _is_among(found, stored):
                return FileRead(found, track_id)
            try:
                return FileRead(found, track_id, extract(file, settings, known_audio, folder, max_lost))
            except AudioError as error:
                return FileRead(found, track_id, error)
    except OSError as error:
        return FileRead(problem=error.strerror or str(error))


def decided(
    planner: Planner, results: Generator[tuple[Candidate, Any]], postpone: Callable[[Step], None]
) -> Iterator[tuple[Step, Any]]:
    """Yield step and outcome of every file, in the order of the results; `postpone` takes steps without an outcome."""
    for candidate, read in results:
        step = planner.decide(candidate, hash_of=partial(_hash, read))
        if step.action is not Action.DECODE:
            yield step, None
            continue
        outcome = read.outcome if isinstance(read, FileRead) else read
        if isinstance(outcome, ExtractedAudio) and outcome.audio_hash in step.known_audio:
            outcome = KnownAudio(outcome.audio_hash, outcome.tags)
        elif isinstance(outcome, KnownAudio) and outcome.audio_hash not in step.known_audio:
            outcome = None
        if outcome is None:
            postpone(step)
        else:
            yield step, outcome


def outcomes(results: Generator[tuple[Step, Any]]) -> Iterator[tuple[Step, Any]]:
    """Yield step and outcome of files that are decided already."""
    for step, read in results:
        outcome = read.outcome if isinstance(read, FileRead) else read
        if isinstance(read, FileRead) and read.problem:
            yield failed_step(step.track, Reason.UNREADABLE, read.problem), None
        else:
            yield step, outcome


def write_hashes(path: Path, tracks: Sequence[Track]) -> None:
    """Write the first 64 bits of the content hashes of tracks, sorted, which worker processes map into memory."""
    hashes = (int(track.content_hash[:16], 16) for track in tracks if track.content_hash)
    with path.open("wb") as file:
        np.save(file, np.unique(np.fromiter(hashes, np.uint64)))


def _is_among(found: str, stored: Path) -> bool:
    hashes, wanted = np.load(stored, mmap_mode="r"), np.uint64(int(found[:16], 16))
    row = int(np.searchsorted(hashes, wanted))
    return row < len(hashes) and bool(hashes[row] == wanted)


def _hash(read: Any, path: str) -> str:
    """Return the hash that a task has found; of a file that crashed the task, or that none has read, compute it."""
    if not isinstance(read, FileRead):
        return content_hash(path)
    if read.problem:
        raise OSError(0, read.problem)
    return read.content_hash
