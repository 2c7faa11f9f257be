"""Scan sources: write the tracks to the library, with spectrograms and features.

Worker processes decode the files; this process commits the results in the order of the sources, in whatever order they
finish. So what is stored depends neither on the number of workers nor on interruptions. Every track is one transaction,
and its frames are on disk before it is committed; a killed scan continues when it is started again. Several scans may
write to one workspace at once, each to its own shard of the mel store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from unheard.errors import UserError, quoted
from unheard.features.recording_prints import prints_by_id
from unheard.features.store import FeatureStore
from unheard.features.update import remove_orphaned_vectors, repair
from unheard.features.writer import FeatureWriter
from unheard.ingest.audio import MISSING_SHARE
from unheard.ingest.decoders import decoder_versions
from unheard.ingest.limited import limited
from unheard.ingest.patches import patch_ids
from unheard.ingest.remote_files import is_url
from unheard.ingest.track_details import details_reader
from unheard.ingest.vectors import read_vectors
from unheard.ingest.workers import FileTask, InternalError, RunTasks, in_order
from unheard.library import Library, Track
from unheard.progress import Progress, silent
from unheard.scan.audio_extraction import extract_unless_known
from unheard.scan.commit import Committer
from unheard.scan.continuations import is_missing
from unheard.scan.plan import Action, Planner, Step, merge_metadata, still_fails
from unheard.scan.read_ahead import decided, outcomes, read_file, write_hashes
from unheard.scan.readymade import check_width, store_vectors
from unheard.scan.sources import Candidate, Sources, find_sources
from unheard.spectrograms.store import check_store, mel_writer, stored_ids
from unheard.system_errors import explain_write, is_of_disk
from unheard.temporaries import remove_leftovers, temporary_beside
from unheard.workspace import Settings, Workspace

# A file may take ten minutes and a second for every 100 kB; a slow machine needs a tenth of that.
LIMIT_S, BYTES_PER_S = 600.0, 1e5
MEMORY_BYTES = 4 << 30  # of a worker; a day of sound needs 2 GB
MAX_INTERNAL_ERRORS = 5  # in a row: the other files would most likely fail in the same way

Key = TypeVar("Key")


@dataclass(frozen=True)
class ScanReport:
    """What a scan did, in tracks (or files, for `failed` and `known_failures`).

    added                 stored for the first time
    changed               stored again, because the file changed or by force
    updated               moved, back again, or with a new time or metadata; not decoded
    unchanged             nothing to do
    failed                skipped, with a reason that `unheard errors` lists
    known_failures        failed earlier, have not changed since, and were not tried again
    gone                  stored tracks of the scanned folders whose files are missing; kept, but not listed
    accepted_with_damage  stored although more than 2 % of the sound is lost, because the caller accepts it
    left                  not looked at, because the scan was stopped; the next one goes on with them
    audio_s               seconds of sound that were stored
    """

    added: int = 0
    changed: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    known_failures: int = 0
    gone: int = 0
    accepted_with_damage: int = 0
    left: int = 0
    audio_s: float = 0.0


def never() -> bool:
    """Return False: nothing stops a scan."""
    return False


def ignore(message: str) -> None:
    """Take a remark of a scan, and do nothing with it."""


def scan(
    workspace: Workspace,
    sources: Sequence[Path | str],
    *,
    jobs: int,
    exclude: Sequence[str] = (),
    force: bool = False,
    accept_damaged: float = 100 * MISSING_SHARE,
    progress: Progress = silent,
    remark: Callable[[str], None] = ignore,
    extract: RunTasks | None = None,
    stopped: Callable[[], bool] = never,
) -> ScanReport:
    """Bring the library up to date with `sources`: folders, audio files, tables, vectors, HDF5 patches.

    jobs            worker processes
    exclude         names, paths or globs of files and folders to leave out (`*.live.*`, `podcasts/*`, `Live [2009]`)
    force           decode stored files again, and try failed files again
    accept_damaged  percent of its sound that a damaged file may lack; 2 (or 0.5 s) is always accepted. At 100,
                    files are accepted whose end is missing so that their length is unknown
    remark          is called with one line for what was passed over, for each pattern of `exclude` that matched nothing
                    and for each damaged file that was accepted
    extract         runs the extraction of files elsewhere than in processes of this machine; files are then read ahead
                    (read_ahead.py), as those at URLs are
    stopped         is called before each audio file; once it returns True, no further one is begun, and what is
                    decoded is stored

    Files that cannot be used are listed as failures. UserError or TableError, before anything is decoded, for sources
    that cannot be read. UnheardError for an internal error: at once after `MAX_INTERNAL_ERRORS` files in a row, else
    after everything else is stored; such files are not listed as failures.
    """
    if jobs < 1:
        raise UserError(f"jobs is {jobs}, expected at least 1")
    found = find_sources(sources, exclude=exclude)
    remove_leftovers(workspace.root)
    roots = [*found.folders, *{str(table.parent): None for table, _ in found.rows.values()}]
    for line in found.remarks():
        remark(line)
    with _explained_full_disk(workspace), ExitStack() as stack:
        vectors = [(path, read_vectors(path, left_out=remark)) for path in found.vectors]
        patches = [(path, limited(patch_ids, path, workspace.settings)) for path in found.patches]
        library = stack.enter_context(Library(workspace.library_path))
        _check_folders(library, found)
        check_store(workspace, repair=force)
        features = FeatureStore(workspace.features_dir)
        for path, table in vectors:
            check_width(features, library, path, table)
        writer = stack.enter_context(mel_writer(workspace))
        repair(workspace, library, progress)  # vectors that a killed scan has not written
        feature_writer = stack.enter_context(FeatureWriter(features))
        ids_with_input = frozenset[str]().union(*(ids for _, (ids, _) in vectors), *(ids for _, ids in patches))
        table_tracks = _tracks_without_audio(found, ids_with_input)
        stored = frozenset(stored_ids(workspace, library))
        versions = _versions(accept_damaged)
        planner = Planner(library, stored, versions=versions, table_ids=frozenset(found.rows), force=force)
        committer = Committer(
            library,
            writer,
            feature_writer,
            stored,
            versions,
            prints=lambda: prints_by_id(workspace, library.tracks()),
            roots=roots,
        )
        committer.record_unlisted_folders(found.unlisted_folders)

        begun = _Begun(found.audio, stopped)
        extraction = _Extraction(workspace.settings, found, begun, accept_damaged, planner, committer)
        run = extract or partial(in_order, n_workers=jobs, memory_bytes=MEMORY_BYTES)
        if extract is not None or any(is_url(candidate.path) for candidate in found.audio):
            hashes = stack.enter_context(_stored_hashes(workspace, library, frozenset() if force else stored))
            results = extraction.read_ahead(run, hashes)
        else:
            results = extraction.planned(run)
        with closing(results):
            problem = _commit_all(results, len(found.audio), committer, progress)
        n_left = len(found.audio) - begun.n
        for path, ids in patches:
            _scan_patches(committer, path, ids, table_tracks, workspace.settings, force=force, progress=progress)
        for path, table in vectors:
            new, same = store_vectors(features, library, path, table, table_tracks)
            committer.count.update(added=new, unchanged=same)
        committer.record_rows_without_input(found.without_path, ids_with_input)
        committer.record_gone(roots)
        writer.compact(library)
        feature_writer.flush()
        remove_orphaned_vectors(workspace, library)
        for damaged, share in committer.damaged:
            remark(f"{damaged}: accepted, though {share:.1%} of the sound is lost")
        if problem is not None:
            raise problem
    n_damaged = len(committer.damaged)
    return ScanReport(**committer.count, accepted_with_damage=n_damaged, left=n_left, audio_s=committer.audio_s)


@dataclass
class _Begun:
    """Yields candidates until the scan is stopped, and counts them."""

    candidates: Sequence[Candidate]
    stopped: Callable[[], bool]
    n: int = 0

    def __iter__(self) -> Iterator[Candidate]:
        for candidate in self.candidates:
            if self.stopped():
                return
            self.n += 1
            yield candidate


def _versions(accept_damaged: float) -> str:
    """Return what a failure depends on besides the file; with another value, the file is tried again."""
    accepted = f", up to {accept_damaged:g} % of the sound lost" if accept_damaged > 100 * MISSING_SHARE else ""
    return decoder_versions() + accepted


@contextmanager
def _explained_full_disk(workspace: Workspace) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if not is_of_disk(error):
            raise
        raise explain_write(error, workspace.root) or error from error


def preview(
    workspace: Workspace,
    sources: Sequence[Path | str],
    *,
    exclude: Sequence[str] = (),
    force: bool = False,
    accept_damaged: float = 100 * MISSING_SHARE,
    remark: Callable[[str], None] = ignore,
) -> Counter[str]:
    """Count what a scan would do with each audio file (see plan.py). Writes nothing, decodes nothing."""
    found = find_sources(sources, exclude=exclude)
    for line in found.remarks():
        remark(line)
    there = workspace.library_path.exists()
    with Library(workspace.library_path if there else Path(":memory:")) as library:
        stored = frozenset(stored_ids(workspace, library))
        versions = _versions(accept_damaged)
        planner = Planner(library, stored, versions=versions, table_ids=frozenset(found.rows), force=force)
        return Counter(planner.decide(candidate).action.value for candidate in found.audio)


def _commit_all(
    results: Iterable[tuple[Step, Any]], total: int, committer: Committer, progress: Progress
) -> Exception | None:
    """Commit every audio file; return the first internal error, or None."""
    first: Exception | None = None
    in_a_row = 0
    for done, (step, outcome) in enumerate(results, start=1):
        if isinstance(outcome, InternalError):
            first, in_a_row = first or outcome.as_error(step.track.path), in_a_row + 1
            if in_a_row == MAX_INTERNAL_ERRORS:
                raise first
        else:
            in_a_row = 0 if step.action is Action.DECODE else in_a_row
            committer.commit(step, outcome)
        progress("decoding", min(done, total), total)
    return first


@dataclass(frozen=True)
class _Extraction:
    """Yields step and outcome of every audio file, first of all that were found, then of those in `not_decoded`.

    The second are files that were taken for stored ones, but are not: asked for when all others are committed.
    """

    settings: Settings
    found: Sources
    begun: _Begun
    accept_damaged: float
    planner: Planner
    committer: Committer

    def planned(self, run: RunTasks) -> Generator[tuple[Step, Any]]:
        """Decide about files before they are extracted."""
        for steps in ((self.planner.decide(candidate) for candidate in self.begun), self._again()):
            with closing(run(extract_unless_known, (self._task(step) for step in steps))) as results:
                yield from results

    def read_ahead(self, run: RunTasks, hashes: Path) -> Generator[tuple[Step, Any]]:
        """Extract files before it is decided about them (read_ahead.py)."""
        read = partial(read_file, extract_unless_known)
        tasks = (self._task_ahead(candidate, self.planner.to_read(candidate), hashes) for candidate in self.begun)
        with closing(run(read, tasks)) as results:
            yield from decided(self.planner, results, self.committer.not_decoded.append)
        again = (self._task_ahead(step, (step.track, frozenset()), None) for step in self._again())
        with closing(run(read, again)) as results:
            yield from outcomes(results)

    def _again(self) -> Iterator[Step]:
        return (replace(step, known_audio=frozenset()) for step in self.committer.take_not_decoded())

    def _task(self, step: Step) -> FileTask[Step]:
        if step.action is not Action.DECODE:
            return FileTask(step)
        path, folder = Path(step.track.path), self.found.folder_of(step.track.path)
        root = None if folder is None else Path(folder)
        arguments = (path, self.settings, step.known_audio, root, self._max_lost)
        return FileTask(step, arguments, _limit_s(step.track))

    def _task_ahead(self, key: Key, wanted: tuple[Track, frozenset[str]] | None, hashes: Path | None) -> FileTask[Key]:
        if wanted is None:
            return FileTask(key)
        track, known_audio = wanted
        root = self.found.folder_of(track.path)
        arguments = (track.path, self.settings, known_audio, root, self._max_lost, track.track_id, hashes)
        return FileTask(key, arguments, _limit_s(track))

    @property
    def _max_lost(self) -> float:
        return max(MISSING_SHARE, self.accept_damaged / 100)


def _limit_s(track: Track) -> float:
    return LIMIT_S + track.size / BYTES_PER_S


@contextmanager
def _stored_hashes(workspace: Workspace, library: Library, stored: frozenset[str]) -> Iterator[Path]:
    """Yield a file of the content hashes of stored tracks, where every machine sees it; delete it."""
    with temporary_beside(workspace.root.resolve() / "scan.npy") as path:
        write_hashes(path, [track for track in library.tracks().items if track.track_id in stored])
        yield path


def _scan_patches(
    committer: Committer,
    file: Path,
    ids: Sequence[str],
    table_tracks: dict[str, Track],
    settings: Settings,
    *,
    force: bool,
    progress: Progress,
) -> None:
    """Extract and commit every track of an HDF5 file that is not stored from this file yet."""
    status = file.stat()
    state: dict[str, Any] = {"path": str(file), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    tracks = {track.track_id: track for track in committer.library.tracks().items}
    failures = {failure.path: failure for failure in committer.library.failures()}
    for done, track_id in enumerate(ids, start=1):
        known = tracks.get(track_id, Track(track_id))
        track = merge_metadata(replace(known, **state), table_tracks.get(track_id, Track(track_id)))
        failure = failures.get(f"{file}#{track_id}")
        if track == known and committer.is_stored(track_id) and not force:
            committer.count["unchanged"] += 1
        elif (
            failure
            and (failure.size, failure.mtime_ns) == (track.size, track.mtime_ns)
            and still_fails(failure, committer.versions)
            and not force
        ):
            committer.count["known_failures"] += 1
        else:
            committer.commit_patches(file, track, settings)
        progress("reading patches", done, len(ids))


def _tracks_without_audio(found: Sources, ids_with_input: frozenset[str]) -> dict[str, Track]:
    """Return the metadata of tracks without an audio file, by id.

    Rows whose file is missing are moved to them from `found.audio` if vectors or patches have their id.
    """
    table_tracks = {track.track_id: track for _, track in found.without_path}
    for path in found.details:
        read = details_reader(path)
        for track in read(path, ids_with_input) if read is not None else ():
            table_tracks[track.track_id] = merge_metadata(table_tracks.get(track.track_id, track), track)
    audio: list[Candidate] = []
    for candidate in found.audio:
        row = candidate.table_track
        if row is not None and row.track_id in ids_with_input and not Path(candidate.path).exists():
            table_tracks[row.track_id] = row
        else:
            audio.append(candidate)
    found.audio = audio
    return table_tracks


def _check_folders(library: Library, found: Sources) -> None:
    """Raise UserError for a folder without any audio below which tracks are known: its disk is probably not mounted."""
    for folder in found.folders:
        if any(Path(candidate.path).is_relative_to(folder) for candidate in found.audio):
            continue
        known = [track for track in library.tracks().items if track.content_hash and track.path]
        below = [track for track in known if not track.gone_since and Path(track.path).is_relative_to(folder)]
        if below and all(map(is_missing, below)):
            raise UserError(
                f"{folder}: no audio in it, but {len(below)} tracks of the library are below it; mount the disk or, "
                f"if they are deleted, run `unheard forget -w {quoted(library.path.parent)} --below {quoted(folder)}`"
            )
