"""Commit what a scan has decided and extracted: every track with its frames, vectors and failures is one transaction.

Another scan may write to the same library at the same time. Therefore the bytes of a decoded file are looked up again
before it is stored: if the other scan has stored them since this scan began, the file is a duplicate.

A file with new bytes may continue a stored track (continuations.py): then it gets the track's id, and the track keeps
its plays. If only tags are new, its spectrogram and features stay too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unheard.errors import AudioError, Reason, TableError
from unheard.features.mel_features import SCANNED
from unheard.features.writer import FeatureWriter
from unheard.ingest.limited import limited
from unheard.ingest.workers import WorkerFailure
from unheard.library import Failure, Library, Track
from unheard.scan.audio_extraction import ExtractedAudio, KnownAudio
from unheard.scan.continuations import Continuations, is_missing
from unheard.scan.plan import Action, Step, duplicate, merge_metadata
from unheard.scan.readymade import extract_stored_patches, remove_failures_of
from unheard.spectrograms.same_recording import Prints
from unheard.spectrograms.shards import MelWriter
from unheard.workspace import Settings

Outcome = ExtractedAudio | KnownAudio | AudioError | WorkerFailure | None
IDENTITY = ("track_id", "path", "size", "mtime_ns", "ctime_ns", "content_hash")  # of a file, not of its tags
METADATA = ("title", "artists", "album", "album_artist", "isrc", "mbid", "release_date", "genre")


class Committer:
    """Write and count what a scan has decided and extracted.

    stored    ids of the tracks that have a spectrogram when the scan begins
    versions  of unheard and of the decoders, stored with every failure
    prints    returns what identifies the recordings of stored tracks, by id
    roots     folders that are scanned

    `not_decoded` collects the steps of files that were recognised by their audio, but continue no track after all; they
    have to be decoded.
    """

    def __init__(
        self,
        library: Library,
        writer: MelWriter,
        features: FeatureWriter,
        stored: frozenset[str],
        versions: str,
        *,
        prints: Callable[[], Mapping[str, Prints]] = dict,
        roots: Sequence[str] = (),
    ) -> None:
        self.library, self.versions = library, versions
        self.count: Counter[str] = Counter()
        self.audio_s = 0.0
        self.damaged: list[tuple[str, float]] = []  # path and lost share of each accepted file with damage
        self._writer, self._features = writer, features
        self._stored = set(stored)
        tracks = library.tracks().items
        self._hashes = {track.track_id: track.content_hash for track in tracks}
        self._continuations = Continuations(tracks, prints, roots)
        self._gone_rows: set[str] = set()  # ids of table rows whose files are missing
        self.not_decoded: list[Step] = []
        self._by_hash: dict[str, Track | AudioError] = {}  # outcomes of the files decoded in this scan

    def take_not_decoded(self) -> Iterator[Step]:
        """Yield the steps in `not_decoded`; ask for them when everything else is committed."""
        yield from tuple(self.not_decoded)

    def is_stored(self, track_id: str) -> bool:
        """Return whether a track has a spectrogram."""
        return track_id in self._stored

    # ------------------------------------------------------------------------------------------------- audio

    def commit(self, step: Step, outcome: Outcome) -> None:
        """Commit one step; `outcome` is the result of decoding, None for a step that needs none."""
        with self.library.transaction():
            if step.displaced is not None:
                self._put_track(step.displaced)
            if step.replaces:
                self.library.remove_track(step.replaces)
                self._hashes.pop(step.replaces, None)
                self._continuations.remove(step.replaces)
            match step.action:
                case Action.UNCHANGED:
                    self.count["unchanged"] += 1
                    stored = self._continuations.get(step.track.track_id)
                    if stored is not None and stored.ctime_ns != step.track.ctime_ns:  # so that it is not hashed again
                        self._put_track(step.track)
                case Action.GONE:
                    self._gone_rows.add(step.track.track_id)
                case Action.KNOWN_FAILURE:
                    self.count["known_failures"] += 1
                case Action.UPDATED:
                    self._put_track(step.track)
                    self.count["updated"] += 1
                case Action.FAILED:
                    assert step.failure is not None
                    self._fail(step.failure)
                case Action.COPY:
                    self._commit_copy(step)
                case Action.DECODE:
                    if isinstance(outcome, KnownAudio):
                        self._commit_known_audio(step, outcome)
                    else:
                        self._commit_decoded(step, outcome)

    def _commit_known_audio(self, step: Step, outcome: KnownAudio) -> None:
        """Store a file that has the audio of a stored track: with new tags, and perhaps at a new path."""
        track = step.track
        file = merge_metadata(replace(outcome.tags, **_identity(track)), track)
        old = self._continuations.of_audio(outcome.audio_hash, file, own=track.track_id, named=step.named)
        if old is None or old.track_id not in self._stored:
            self.not_decoded.append(step)
            return
        before = self._continuations.get(track.track_id)
        if before is not None and before.track_id != old.track_id and before.path == track.path:  # it was another's
            self._put_track(replace(before, path="", size=0, mtime_ns=0))
        whole = replace(
            file,
            track_id=old.track_id,
            duration_s=old.duration_s,
            audio_hash=outcome.audio_hash,
            decoded_hash=old.source_hash,
        )
        self.library.remove_duplicates(old.track_id)  # of the old bytes; the next scan decides about them
        self._by_hash[whole.content_hash] = whole
        self._put_track(whole)
        self.count["updated"] += 1

    def _commit_decoded(self, step: Step, outcome: Outcome) -> None:
        track = step.track
        if isinstance(outcome, ExtractedAudio):
            other = self._stored_by_another_scan(track)
            if other is not None:
                self._by_hash[track.content_hash] = other
                self._commit_stored_by_another_scan(track, other)
                return
            if outcome.lost_share:
                self.damaged.append((track.path, outcome.lost_share))
            whole = merge_metadata(replace(outcome.tags, **_identity(track)), track)
            whole = replace(whole, duration_s=outcome.duration_s, audio_hash=outcome.audio_hash)
            if not step.named and track.track_id not in self._hashes:
                old = self._continuations.of_recording(whole, Prints(outcome.fingerprint, outcome.signature))
                track = whole = whole if old is None else _replaced(old, whole)
            self._by_hash[track.content_hash] = whole
            if track.track_id in self._stored and self._hashes.get(track.track_id) != track.content_hash:
                self.library.remove_duplicates(track.track_id)  # of the old bytes; the next scan decides about them
            self._store(whole, outcome)
            return
        assert isinstance(outcome, AudioError | WorkerFailure)
        error = AudioError(track.path, outcome.reason, outcome.detail)
        self._by_hash[track.content_hash] = error
        self.library.remove_track(track.track_id)
        self._continuations.remove(track.track_id)
        self._fail(self._failure(track, error))

    def _stored_by_another_scan(self, track: Track) -> Track | None:
        """Return the track as which another scan has stored these bytes since this scan began, or None."""
        other = self.library.track_of_content(track.content_hash)
        if other is None or self._hashes.get(other.track_id) == other.content_hash:
            return None
        return other

    def _commit_stored_by_another_scan(self, track: Track, other: Track) -> None:
        if other.path == track.path:
            self.count["unchanged"] += 1
        elif track.track_id not in self._hashes:
            self._fail(duplicate(track, other))
        # else a stored track now has these bytes: the next scan reads both from the library, and decides

    def _commit_copy(self, step: Step) -> None:
        """Record a file with the bytes of one decoded in this scan: as its duplicate, or as the same failure."""
        first = self._by_hash.get(step.track.content_hash)
        if first is None and any(step.track.content_hash == other.track.content_hash for other in self.not_decoded):
            self.not_decoded.append(step)
        elif isinstance(first, AudioError):
            self._fail(self._failure(step.track, first))
        elif first is not None:  # None after an internal error: the next scan tries both
            self._fail(duplicate(step.track, first))

    # ------------------------------------------------------------------------------------------------ patches

    def commit_patches(self, file: Path, track: Track, settings: Settings) -> None:
        """Extract and commit one track of an HDF5 file."""
        name = f"{file}#{track.track_id}"
        with self.library.transaction():
            try:
                audio = limited(extract_stored_patches, file, track.track_id, settings)
            except TableError as error:  # its process was ended
                failed = AudioError(name, Reason.UNREADABLE, f"{error.problem}; {error.fix}")
                self._fail(replace(self._failure(track, failed), path=name))
                return
            except AudioError as error:
                self.library.remove_track(track.track_id)
                self._fail(replace(self._failure(track, error), path=name))
                return
            self.library.remove_failure(name)
            self._store(replace(track, duration_s=audio.duration_s), audio)

    # --------------------------------------------------------------------------------- folders and rows without input

    def record_unlisted_folders(self, folders: Sequence[str]) -> None:
        """Record folders that cannot be listed as failures, like files."""
        with self.library.transaction():
            for folder in folders:
                self._fail(Failure(folder, Reason.UNREADABLE, "the folder cannot be listed; check its permissions"))

    def record_rows_without_input(self, rows: Sequence[tuple[Path, Track]], ids_with_input: frozenset[str]) -> None:
        """Record table rows without a path as failures, unless their track is stored or has patches or a vector."""
        tracks = self.library.tracks().ids
        with self.library.transaction():
            remove_failures_of(self.library, (track_id for track_id in ids_with_input if track_id in tracks))
            for table, track in rows:
                if track.track_id not in tracks and track.track_id not in ids_with_input:
                    detail = "its row has no path, and it has no vector; fill in `path` or add a vector"
                    self._fail(Failure(f"{table}#{track.track_id}", Reason.MISSING, detail, track.track_id))

    def record_gone(self, roots: Sequence[str]) -> None:
        """Mark tracks whose files are missing: below these folders, of table rows, and those whose path was taken."""
        today = datetime.now(UTC).date().isoformat()
        folders = tuple(Path(root) for root in roots)
        with self.library.transaction():
            for track in self.library.tracks().items if folders or self._gone_rows else ():
                here = not track.path or any(Path(track.path).is_relative_to(folder) for folder in folders)
                if track.content_hash and (here or track.track_id in self._gone_rows) and is_missing(track):
                    self.count["gone"] += 1
                    if not track.gone_since:
                        self._put_track(replace(track, gone_since=today))

    def _store(self, track: Track, audio: ExtractedAudio) -> None:
        self.count["changed" if track.track_id in self._stored else "added"] += 1
        self.audio_s += track.duration_s
        self._stored.add(track.track_id)
        self._writer.append(track.track_id, audio.mel, track.source_hash)
        self._put_track(track)
        for extractor, vector in zip(SCANNED, (audio.statistics, audio.signature, audio.fingerprint), strict=True):
            self._features.add(extractor.kind, extractor.version, track.track_id, vector, track.source_hash)

    def _put_track(self, track: Track) -> None:
        self._hashes[track.track_id] = track.content_hash
        self._continuations.put(track)
        self.library.put_track(track)

    def _fail(self, failure: Failure) -> None:
        self.count["failed"] += 1
        self.library.put_failure(failure)

    def _failure(self, track: Track, error: AudioError) -> Failure:
        return Failure(
            track.path, error.reason, error.detail, track.track_id, track.size, track.mtime_ns, versions=self.versions
        )


def _replaced(old: Track, new: Track) -> Track:
    """Return a track whose file was replaced; what the new file's tags do not say is kept."""
    kept = merge_metadata(old, new if new.artists else replace(new, title=""))  # without tags, the title is a file name
    return replace(new, track_id=old.track_id, **{name: getattr(kept, name) for name in METADATA})


def _identity(track: Track) -> dict[str, Any]:
    return {name: getattr(track, name) for name in IDENTITY}
