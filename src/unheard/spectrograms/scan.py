"""Scanning: sources in, a library of tracks with spectrograms out.

Files are heard by worker processes and committed by this one, in the order of the sources, whatever order they finish
in: the store's bytes depend neither on the number of workers nor on how often a scan was interrupted. Every track is
one transaction, its frames on disk before it; a killed scan goes on where it was when it is started again.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unheard.errors import AudioError, Reason, UserError
from unheard.features.current import source_hash
from unheard.features.mel_features import Signature, Statistics
from unheard.features.store import FeatureStore
from unheard.features.update import forget_removed, repair
from unheard.features.writer import FeatureWriter
from unheard.ingest.patches import PatchFile
from unheard.ingest.sources import Candidate, Sources, find_sources
from unheard.ingest.vectors import read_vectors
from unheard.library import Failure, Library, Track
from unheard.progress import Progress, silent
from unheard.spectrograms.listen import Heard, hear_file
from unheard.spectrograms.plan import Action, Planner, Step, duplicate, merge_metadata
from unheard.spectrograms.readymade import check_width, forget_missing, hear_patches, store_vectors
from unheard.spectrograms.store import ENCODINGS, MelWriter, map_frames
from unheard.spectrograms.workers import Job, Lost, in_order
from unheard.workspace import Settings, Workspace

# A file may take ten minutes and a second for every 100 kB; a slow machine needs a tenth of that.
LIMIT_S, BYTES_PER_S = 600.0, 1e5


@dataclass(frozen=True)
class ScanReport:
    """What a scan did, in tracks (or files, for `failed` and `known_failures`).

    added           stored for the first time
    changed         stored again, because the file changed or by force
    noted           moved, touched or with new metadata, but not decoded
    unchanged       nothing to do
    failed          skipped, with a reason that `unheard errors` lists
    known_failures  failed earlier, have not changed since, and were not tried again
    gone            stored tracks whose files are no longer there; they are kept
    audio_s         seconds of sound that were stored
    """

    added: int = 0
    changed: int = 0
    noted: int = 0
    unchanged: int = 0
    failed: int = 0
    known_failures: int = 0
    gone: int = 0
    audio_s: float = 0.0


def scan(
    workspace: Workspace,
    sources: Sequence[Path],
    *,
    jobs: int,
    exclude: Sequence[str] = (),
    force: bool = False,
    progress: Progress = silent,
) -> ScanReport:
    """Bring the library up to date with `sources`: folders, audio files, tables, vectors, HDF5 patches.

    jobs      worker processes
    exclude   patterns of file names, or of paths below a folder, to leave out (`*.live.*`, `podcasts/*`)
    force     decode again what is stored, and try again what failed

    Raises UserError or TableError for sources that cannot be read as what they are - before anything is decoded.
    Files that cannot be used are no errors: they are listed as failures.
    """
    if jobs < 1:
        raise UserError(f"jobs is {jobs}, expected at least 1")
    found = find_sources(sources, exclude=exclude)
    with ExitStack() as stack:
        vectors = [(path, read_vectors(path)) for path in found.vectors]
        patches = [stack.enter_context(PatchFile(path, workspace.settings)) for path in found.patches]
        stack.enter_context(_only_scan(workspace))
        library = stack.enter_context(Library(workspace.library_path))
        _check_store(workspace, library, force=force)
        features = FeatureStore(workspace.features_dir)
        for path, table in vectors:
            check_width(features, library, path, table)
        writer = stack.enter_context(MelWriter(workspace, library))
        repair(workspace, library, progress)  # vectors that a killed scan has not written
        feature_writer = stack.enter_context(FeatureWriter(features))
        instead = frozenset[str]().union(*(ids for _, (ids, _) in vectors), *(file.ids for file in patches))
        given = _pathless(found, instead)
        run = _Scan(library, writer, feature_writer, workspace.settings, progress, force=force)
        run.note_unlisted(found)
        run.audio(found, jobs=jobs)
        for file in patches:
            run.patches(file, given)
        for path, table in vectors:
            new, same = store_vectors(features, library, path, table, given)
            run.count.update(added=new, unchanged=same)
        run.note_pathless(found, instead)
        run.count_gone(found)
        feature_writer.flush()
        forget_removed(workspace, library)
    return ScanReport(**run.count, audio_s=run.audio_s)


def preview(
    workspace: Workspace, sources: Sequence[Path], *, exclude: Sequence[str] = (), force: bool = False
) -> Counter[str]:
    """What a scan would do with each audio file (see plan.py), counted. Writes nothing, decodes nothing."""
    found = find_sources(sources, exclude=exclude)
    there = workspace.library_path.exists()
    with Library(workspace.library_path if there else Path(":memory:")) as library:
        planner = Planner(library, given_ids=frozenset(found.rows), force=force)
        return Counter(planner.decide(candidate).action.value for candidate in found.audio)


@contextmanager
def _only_scan(workspace: Workspace) -> Iterator[None]:
    """Refuse a second scan of a workspace at a time. The lock goes with the process, however it ends."""
    with closing(sqlite3.connect(workspace.root / "scan.lock", timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise UserError(f"{workspace.root}: another scan is at work here; wait until it ends") from error
        yield


def _check_store(workspace: Workspace, library: Library, *, force: bool) -> None:
    """A store that lost frames is only mended by force: then their tracks are forgotten, and found again as new."""
    encoding = ENCODINGS[workspace.settings.front_end]
    n_frames = len(map_frames(workspace.mels_path, encoding, workspace.settings.n_mels))
    if n_frames >= library.stored_frames():
        return
    if not force:
        raise UserError(
            f"{workspace.mels_path}: holds {n_frames} frames, the library expects {library.stored_frames()}; "
            "restore it or scan with --force"
        )
    with library.transaction():
        for track_id, start, n in zip(*library.spectrograms(), strict=True):
            if start + n > n_frames:
                library.remove_track(track_id)


def _pathless(found: Sources, instead: frozenset[str]) -> dict[str, Track]:
    """What tables say of tracks without a file. Rows whose file is missing join them if vectors or patches stand in."""
    given = {track.track_id: track for _, track in found.pathless}
    audio: list[Candidate] = []
    for candidate in found.audio:
        row = candidate.given
        if row is not None and row.track_id in instead and not Path(candidate.path).exists():
            given[row.track_id] = row
        else:
            audio.append(candidate)
    found.audio = audio
    return given


class _Scan:
    """One scan at work: the only writer of the library and the store."""

    def __init__(
        self,
        library: Library,
        writer: MelWriter,
        features: FeatureWriter,
        settings: Settings,
        progress: Progress,
        *,
        force: bool,
    ) -> None:
        self.count: Counter[str] = Counter()
        self.audio_s = 0.0
        self._library, self._writer, self._features, self._settings = library, writer, features, settings
        self._progress, self._force = progress, force
        self._stored = set(library.spectrograms()[0])
        self._hashes = {track.track_id: track.content_hash for track in library.tracks().items}
        self._by_hash: dict[str, Track | AudioError] = {}  # what became of the files decoded in this scan

    # ------------------------------------------------------------------------------------------------- audio

    def audio(self, found: Sources, *, jobs: int) -> None:
        """Decide, hear and commit every audio file."""
        planner = Planner(self._library, given_ids=frozenset(found.rows), force=self._force)
        queue = (self._job(planner.decide(candidate)) for candidate in found.audio)
        total = len(found.audio)
        for done, (step, outcome) in enumerate(in_order(hear_file, queue, n_workers=jobs), start=1):
            with self._library.transaction():
                self._commit(step, outcome)
            self._progress("listening", done, total)

    def _job(self, step: Step) -> Job[Step]:
        arguments = (Path(step.track.path), self._settings) if step.action is Action.DECODE else None
        return Job(step, arguments, LIMIT_S + step.track.size / BYTES_PER_S)

    def _commit(self, step: Step, outcome: Heard | AudioError | Lost | None) -> None:
        if step.evict is not None:
            self._library.put_track(step.evict)
        if step.replaces:
            self._library.remove_track(step.replaces)
        match step.action:
            case Action.UNCHANGED:
                self.count["unchanged"] += 1
            case Action.GONE:
                self.count["gone"] += 1
            case Action.KNOWN:
                self.count["known_failures"] += 1
            case Action.NOTED:
                self._library.put_track(step.track)
                self.count["noted"] += 1
            case Action.FAILED:
                assert step.failure is not None
                self._fail(step.failure)
            case Action.TWIN:
                self._commit_twin(step)
            case Action.DECODE:
                self._commit_heard(step.track, outcome)

    def _commit_heard(self, track: Track, outcome: Heard | AudioError | Lost | None) -> None:
        if isinstance(outcome, Heard):
            whole = merge_metadata(replace(outcome.tags, **_identity(track)), track)
            self._by_hash[track.content_hash] = whole = replace(whole, duration_s=outcome.duration_s)
            self._forget_copies(whole)
            self._store(whole, outcome)
            return
        assert outcome is not None
        error = AudioError(track.path, outcome.reason, outcome.detail)
        self._by_hash[track.content_hash] = error
        self._library.remove_track(track.track_id)
        self._fail(_failure(track, error))

    def _forget_copies(self, track: Track) -> None:
        """Files that were copies of what a track was before it changed are looked at again by the next scan."""
        if track.track_id in self._stored and self._hashes.get(track.track_id) != track.content_hash:
            for failure in self._library.failures():
                if failure.duplicate_of == track.track_id:
                    self._library.remove_failure(failure.path)

    def _commit_twin(self, step: Step) -> None:
        """The same bytes as a file heard a moment ago: a duplicate of it, or broken in the same way."""
        first = self._by_hash[step.track.content_hash]
        same = _failure(step.track, first) if isinstance(first, AudioError) else duplicate(step.track, first)
        self._fail(same)

    # ------------------------------------------------------------------------------------------------ patches

    def patches(self, file: PatchFile, given: dict[str, Track]) -> None:
        """Hear and commit every track of an HDF5 file that is not stored from this very file already."""
        status = file.path.stat()
        stamp: dict[str, Any] = {"path": str(file.path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
        tracks = {track.track_id: track for track in self._library.tracks().items}
        failures = {failure.path: failure for failure in self._library.failures()}
        for done, track_id in enumerate(file.ids, start=1):
            known = tracks.get(track_id, Track(track_id))
            track = merge_metadata(replace(known, **stamp), given.get(track_id, Track(track_id)))
            failure = failures.get(f"{file.path}#{track_id}")
            with self._library.transaction():
                if track == known and track_id in self._stored and not self._force:
                    self.count["unchanged"] += 1
                elif failure and (failure.size, failure.mtime_ns) == (track.size, track.mtime_ns) and not self._force:
                    self.count["known_failures"] += 1
                else:
                    self._commit_patches(file, track)
            self._progress("reading patches", done, len(file.ids))

    def _commit_patches(self, file: PatchFile, track: Track) -> None:
        name = f"{file.path}#{track.track_id}"
        try:
            heard = hear_patches(file, track.track_id, self._settings)
        except AudioError as error:
            self._library.remove_track(track.track_id)
            self._fail(replace(_failure(track, error), path=name))
            return
        self._library.remove_failure(name)
        self._store(replace(track, duration_s=heard.duration_s), heard)

    # ----------------------------------------------------------------------------------------------- the rest

    def note_unlisted(self, found: Sources) -> None:
        """Folders that may not be read are failures like files."""
        with self._library.transaction():
            for folder in found.unlisted:
                self._fail(Failure(folder, Reason.UNREADABLE, "the folder cannot be listed; check its permissions"))

    def note_pathless(self, found: Sources, instead: frozenset[str]) -> None:
        """Rows of tables for which there is nothing to hear."""
        tracks = self._library.tracks().ids
        with self._library.transaction():
            forget_missing(self._library, (track_id for track_id in instead if track_id in tracks))
            for table, track in found.pathless:
                if track.track_id not in tracks and track.track_id not in instead:
                    detail = "its row has no path, and it has no vector; fill in `path` or add a vector"
                    self._fail(Failure(f"{table}#{track.track_id}", Reason.MISSING, detail, track.track_id))

    def count_gone(self, found: Sources) -> None:
        """Stored tracks of the scanned folders whose files are not there any more."""
        roots = tuple(folder.rstrip("/\\") for folder in found.folders)
        for track in self._library.tracks().items:
            below = any(Path(track.path).is_relative_to(root) for root in roots)
            if track.content_hash and roots and (not track.path or (below and not Path(track.path).exists())):
                self.count["gone"] += 1

    def _store(self, track: Track, heard: Heard) -> None:
        self.count["changed" if track.track_id in self._stored else "added"] += 1
        self.audio_s += track.duration_s
        self._stored.add(track.track_id)
        self._writer.append(track.track_id, heard.mel)
        self._library.put_track(track)
        for extractor, vector in ((Statistics, heard.statistics), (Signature, heard.signature)):
            self._features.add(extractor.kind, extractor.version, track.track_id, vector, source_hash(track))

    def _fail(self, failure: Failure) -> None:
        self.count["failed"] += 1
        self._library.put_failure(failure)


def _identity(track: Track) -> dict[str, Any]:
    return {name: getattr(track, name) for name in ("track_id", "path", "size", "mtime_ns", "content_hash")}


def _failure(track: Track, error: AudioError) -> Failure:
    return Failure(track.path, error.reason, error.detail, track.track_id, track.size, track.mtime_ns)
