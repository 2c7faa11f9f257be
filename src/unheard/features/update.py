"""Extract features that are missing or stale.

Kinds that are computed from the stored mel spectrogram are extracted from it in this process. The others are extracted
from the audio files by worker processes; each file is decoded once for all kinds that it lacks.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from unheard.errors import AudioError, Reason, UserError, quoted
from unheard.features.current import current_features, source_hashes
from unheard.features.extraction import Vectors, extract_file
from unheard.features.extractor import FeatureExtractor, MelExtractor, Prepared, Tagger
from unheard.features.mel_features import vector_of_mel
from unheard.features.store import FeatureStore
from unheard.features.table import SCANNED_KINDS, check_kinds, load_extractor
from unheard.features.writer import FeatureWriter
from unheard.ingest.audio import MISSING_SHARE
from unheard.ingest.remote_files import file_status, local_file
from unheard.ingest.workers import FileTask, InternalError, RunTasks, in_order
from unheard.library import Library, Track, Tracks, open_library
from unheard.progress import Progress, silent
from unheard.search import did_you_mean_tracks
from unheard.spectrograms.store import open_store, stored_ids
from unheard.workspace import Settings, Workspace

LIMIT_S, BYTES_PER_S = 600.0, 1e5  # of a file in a worker process: as in a scan


@dataclass(frozen=True)
class UpdateReport:
    """Numbers of tracks of one kind in `update_features`. Files in `failures` are tried again by the next run."""

    kind: str
    extracted: int
    unchanged: int
    failures: tuple[AudioError, ...] = ()


def update_features(
    workspace: Workspace,
    kinds: Sequence[str],
    *,
    track_ids: Collection[str] | None = None,
    jobs: int = 1,
    force: bool = False,
    progress: Progress = silent,
    run: RunTasks | None = None,
) -> list[UpdateReport]:
    """Extract features of these kinds for every track that lacks them or has stale ones.

    track_ids  only these
    jobs       worker processes; the vectors do not depend on how many there are
    force      extract current features again
    run        runs the extraction from files elsewhere than in processes of this machine, as `in_order` does

    MissingStageError if weights of an extractor are missing, or if a network is not trained; UserError if a kind is
    unknown or not extracted from audio, if no track has audio, or if a track id is unknown.
    """
    if jobs < 1:
        raise UserError(f"jobs is {jobs}, expected at least 1")
    kinds = list(dict.fromkeys(kinds))
    check_kinds(kinds, "--kind")
    extractors = [load_extractor(kind, workspace) for kind in kinds]
    for extractor in extractors:
        if extractor.sample_rate_hz is None:
            raise UserError(f"{extractor.kind}: not extracted from audio; scan a vectors file")
        if isinstance(extractor, Prepared):
            extractor.prepare()
    from_mel = [extractor for extractor in extractors if isinstance(extractor, MelExtractor)]
    from_files = [extractor for extractor in extractors if not isinstance(extractor, MelExtractor)]
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
        _check_ids(workspace, tracks, track_ids)
        found: dict[str, UpdateReport] = {}
        if from_mel:
            found |= _update_from_mel(workspace, library, from_mel, track_ids, force=force, progress=progress)
        if from_files:
            files = _FileRun(workspace, tracks, from_files, track_ids, force=force)
            found |= files.extract(run or partial(in_order, n_workers=jobs), progress=progress)
    return [found[kind] for kind in kinds]


def repair(workspace: Workspace, library: Library, progress: Progress = silent) -> int:
    """Extract features that a scan stores for tracks with a spectrogram, and that are missing or stale.

    They are missing if a scan was killed, and stale if an extractor has a new version. Return the number of vectors.
    """
    if not stored_ids(workspace, library):
        return 0
    extractors = [load_extractor(kind) for kind in SCANNED_KINDS]
    reports = _update_from_mel(workspace, library, extractors, None, force=False, progress=progress)
    return sum(report.extracted for report in reports.values())


def remove_orphaned_vectors(workspace: Workspace, library: Library) -> None:
    """Delete the vectors of tracks that are not in the library."""
    store, library_ids = FeatureStore(workspace.features_dir), library.tracks().ids
    orphaned = {track_id for kind in store.kinds() for track_id in store.track_ids(kind) if track_id not in library_ids}
    if orphaned:
        store.remove(orphaned)


def top_tags(
    workspace: Workspace, kind: str, *, track_ids: Collection[str] | None = None, n: int = 3
) -> list[tuple[Track, dict[str, float]]]:
    """Return the n most probable tags of every track that has features of this kind (or of `track_ids`), by track id.

    UserError if the extractor of the kind has no tags.
    """
    extractor = load_extractor(kind, workspace)
    if not isinstance(extractor, Tagger):
        raise UserError(f"{kind}: has no tags")
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
    features = current_features(workspace, tracks, kind)
    rows = [row for row, track_id in enumerate(features.ids) if track_ids is None or track_id in track_ids]
    if not rows:
        return []
    tags = [dict(list(named.items())[:n]) for named in extractor.tags(features.values[rows])]
    return [(tracks[tracks.ids.row(features.ids[row])], best) for row, best in zip(rows, tags, strict=True)]


def _check_ids(workspace: Workspace, tracks: Tracks, track_ids: Collection[str] | None) -> None:
    for track_id in track_ids or ():
        if track_id not in tracks.ids:
            near = did_you_mean_tracks(track_id, tracks)
            raise UserError(
                f"{track_id!r}: no such track in the library; {near}"
                f"`unheard tracks -w {quoted(workspace.root)}` lists them"
            )


def _missing(workspace: Workspace, tracks: Tracks, ids: Collection[str], kind: str, *, force: bool) -> list[str]:
    """Return which of `ids`, in their order, lack current features of a kind; with `force` all of them."""
    current = frozenset[str]() if force else frozenset(current_features(workspace, tracks, kind).ids)
    return [track_id for track_id in ids if track_id not in current]


def _update_from_mel(
    workspace: Workspace,
    library: Library,
    extractors: Sequence[FeatureExtractor],
    track_ids: Collection[str] | None,
    *,
    force: bool,
    progress: Progress,
) -> dict[str, UpdateReport]:
    """Extract from stored spectrograms. No track fails, because scans have checked the spectrograms."""
    mels, tracks = open_store(workspace, library), library.tracks()
    hashes = source_hashes(tracks)
    with_mel = [name for name in mels.ids if name in tracks.ids and (track_ids is None or name in track_ids)]
    reports = {}
    with FeatureWriter(FeatureStore(workspace.features_dir)) as writer:
        for extractor in extractors:
            assert isinstance(extractor, MelExtractor)
            todo = _missing(workspace, tracks, with_mel, extractor.kind, force=force)
            for done, name in enumerate(todo, start=1):
                row = mels.ids.row(name)
                vector = vector_of_mel(extractor, mels.frames(row), workspace.settings, name)
                writer.add(extractor.kind, extractor.version, name, vector, hashes[name])
                progress(f"extracting {extractor.kind}", done, len(todo))
            reports[extractor.kind] = UpdateReport(extractor.kind, len(todo), len(with_mel) - len(todo))
    return reports


class _FileRun:
    """Run extractors over audio files."""

    def __init__(
        self,
        workspace: Workspace,
        tracks: Tracks,
        extractors: Sequence[FeatureExtractor],
        track_ids: Collection[str] | None,
        *,
        force: bool,
    ) -> None:
        self._workspace, self._extractors = workspace, {extractor.kind: extractor for extractor in extractors}
        self._tracks = [
            track
            for track in tracks.items
            if track.path
            and track.content_hash
            and not track.gone_since
            and (track_ids is None or track.track_id in track_ids)
        ]
        if not self._tracks:
            raise UserError(
                f"{workspace.root}: no track with an audio file; run `unheard scan -w {quoted(workspace.root)} MUSIC`"
            )
        ids = [track.track_id for track in self._tracks]
        self._missing = {
            kind: frozenset(_missing(workspace, tracks, ids, kind, force=force)) for kind in self._extractors
        }

    def extract(
        self,
        run: RunTasks,
        progress: Progress,
    ) -> dict[str, UpdateReport]:
        """Extract missing features and store them."""
        extracted: Counter[str] = Counter()
        failures: dict[str, list[AudioError]] = {kind: [] for kind in self._extractors}
        n_files = len(frozenset[str]().union(*self._missing.values()))
        store = FeatureStore(self._workspace.features_dir)
        with FeatureWriter(store) as writer, closing(run(_extract, self._jobs())) as results:
            for done, ((track, kinds), outcome) in enumerate(results, start=1):
                if isinstance(outcome, InternalError):
                    raise outcome.as_error(track.path)
                if isinstance(outcome, UserError) and not isinstance(outcome, AudioError):
                    raise outcome
                if isinstance(outcome, dict):
                    for kind, vector in outcome.items():
                        writer.add(kind, self._extractors[kind].version, track.track_id, vector, track.source_hash)
                        extracted[kind] += 1
                else:
                    error = AudioError(track.path, outcome.reason, outcome.detail)
                    for kind in kinds:
                        failures[kind].append(error)
                progress("extracting features", done, n_files)
        return {
            kind: UpdateReport(
                kind, extracted[kind], len(self._tracks) - len(self._missing[kind]), tuple(failures[kind])
            )
            for kind in self._extractors
        }

    def _jobs(self) -> Iterator[FileTask[tuple[Track, list[str]]]]:
        for track in self._tracks:
            kinds = [kind for kind in self._extractors if track.track_id in self._missing[kind]]
            if kinds:
                # The scan accepted the file as it was, perhaps damaged; one that has changed since must be whole.
                max_lost = 1.0 if _is_unchanged(track) else MISSING_SHARE
                arguments = (track.path, kinds, self._workspace.settings, max_lost)
                yield FileTask((track, kinds), arguments, LIMIT_S + track.size / BYTES_PER_S)


def _is_unchanged(track: Track) -> bool:
    try:
        status = file_status(track.path)
    except OSError:
        return False
    return (status.size, status.mtime_ns) == (track.size, track.mtime_ns)


def _extract(path: str, kinds: list[str], settings: Settings, max_lost: float) -> Vectors | UserError:
    """Call `extract_file` in a worker process, on one core."""
    os.environ["OMP_NUM_THREADS"] = "1"  # of torch, which an extractor may import later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    try:
        with local_file(path) as (file, _):
            return extract_file(file, kinds, settings, max_lost=max_lost)
    except OSError as error:  # of a URL; extractors raise AudioError for a file that they cannot read
        raise AudioError(path, Reason.UNREADABLE, error.strerror or str(error)) from error
    except AudioError:
        raise
    except UserError as error:  # a broken extractor fails for every file, so it ends the run
        return UserError(str(error))
