"""Decide what a scan does with each file, from the library, the file's status and, if these differ, its bytes.

    unchanged      path, size and times are those of the stored track: nothing to do. The change time (ctime)
                   counts too, because taggers restore the modification time
    known failure  path, size and time are those of a failure under the same versions of unheard and of the decoders:
                   not tried again
    gone           the file of a stored track is missing; the track is kept
    updated        the bytes are stored, but the path (moved) or the metadata is new, or the file has come back: not
                   decoded
    failed         missing, unreadable, or the same bytes as another track
    copy           the same bytes as a file that this scan is decoding: decided when that file is decoded
    decode         anything else; a file whose audio is stored is recognised before it is decoded (continuations.py)

Bytes take precedence over paths: if files are renamed in a circle, each track follows its content. A path whose content
is new to the library keeps its track id.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from unheard.errors import Reason
from unheard.ingest.remote_files import file_status, local_file
from unheard.library import Failure, Library, Track
from unheard.scan.folders import in_system_folder
from unheard.scan.sources import TEXT_COLUMNS, Candidate

ID_DIGITS = 16


class Action(Enum):
    UNCHANGED = "unchanged"
    GONE = "gone"
    KNOWN_FAILURE = "known failure"
    UPDATED = "updated"
    FAILED = "failed"
    COPY = "copy"
    DECODE = "decode"


@dataclass(frozen=True)
class Step:
    """What to do with one file.

    track      how the file will be stored, as far as this is known before it is decoded
    displaced  another track, which was stored with the path of this file and loses it
    replaces   id under which the same file was stored before a table named it
    named      whether a table gives the id of the track
    known_audio  audio hashes of tracks that the file may continue
    """

    action: Action
    track: Track
    failure: Failure | None = None
    displaced: Track | None = None
    replaces: str = ""
    named: bool = False
    known_audio: frozenset[str] = frozenset()


class Planner:
    """Decide file by file. Earlier decisions count, because files of one scan may have the same bytes."""

    def __init__(
        self, library: Library, stored: frozenset[str], *, versions: str, table_ids: frozenset[str], force: bool
    ) -> None:
        """
        stored     ids of the tracks that have a spectrogram
        versions   of unheard and of the decoders; a file that failed under other versions is tried again
        table_ids  track ids of tables
        force      decode everything
        """
        self._table_ids, self._force, self._versions = table_ids, force, versions
        self._tracks = {track.track_id: track for track in library.tracks().items}
        files = [track for track in self._tracks.values() if track.content_hash]
        self._by_path = {track.path: track for track in files if track.path}
        self._by_hash = {track.content_hash: track for track in files}
        self._failures = {failure.path: failure for failure in library.failures()}
        self._copies: dict[str, list[str]] = defaultdict(list)  # paths of the duplicates of each track
        for failure in self._failures.values():
            if failure.duplicate_of:
                self._copies[failure.duplicate_of].append(failure.path)
        self._stored = stored
        self._decoding: set[str] = set()  # hashes
        self._left: frozenset[str] | None = None  # audio hashes of tracks whose file is not at its path now

    def to_read(self, candidate: Candidate) -> tuple[Track, frozenset[str]] | None:
        """Return None if `decide` will not need the bytes of a file; else what reading it ahead needs. Decides nothing.

        That are path, status and id (of the track at its path or of its row, else empty), and the audio hashes of the
        tracks that it may continue.
        """
        known = self._known(candidate.path, candidate.table_track)
        base = replace(candidate.table_track or Track(""), path=candidate.path)
        try:
            candidate.path.encode()
            base = _with_status(base)
        except (OSError, ValueError):
            return None
        if not self._force and self._step_by_status(base, known):
            return None
        named = candidate.table_track is not None
        known_audio = frozenset[str]() if self._force else self._own_audio(known)
        if not (self._force or named):
            known_audio |= self._left_audio()
        return replace(base, track_id=base.track_id or (known.track_id if known else "")), known_audio

    def decide(self, candidate: Candidate, hash_of: Callable[[str], str] | None = None) -> Step:
        """Return the step for one file; its bytes are read only if its path, size or time is new.

        hash_of  returns `content_hash` of a path that was read already
        """
        path, table_track = candidate.path, candidate.table_track
        base = replace(table_track or Track(""), path=path)
        known = self._known(path, table_track)
        try:
            path.encode()
            base = _with_status(base)
            if not self._force and (step := self._step_by_status(base, known)):
                return step
            found = (hash_of or content_hash)(path) if base.size else ""
        except UnicodeEncodeError:
            shown = replace(base, path=os.fsencode(path).decode("utf-8", "backslashreplace"))
            return failed_step(shown, Reason.UNREADABLE, "its name is not UTF-8; rename it")
        except (FileNotFoundError, NotADirectoryError, ValueError):
            if known and known.track_id in self._stored:
                return Step(Action.GONE, known)
            return failed_step(base, Reason.MISSING, "no such file; correct the path or remove the row")
        except OSError as error:
            return failed_step(base, Reason.UNREADABLE, f"{error.strerror}; check the file and its permissions")
        return self._step_by_content(replace(base, content_hash=found), known)

    # ------------------------------------------------------------------------------------------- unchanged files

    def _known(self, path: str, table_track: Track | None) -> Track | None:
        return self._tracks.get(table_track.track_id) if table_track else self._by_path.get(path)

    def _step_by_status(self, base: Track, known: Track | None) -> Step | None:
        """Return the step for a file whose path, size and time are in the library; None for other files."""
        here = (base.path, base.size, base.mtime_ns)
        same_ctime = known is not None and known.ctime_ns in {0, base.ctime_ns}  # 0: stored by an older version
        if known and same_ctime and known.track_id in self._stored and (known.path, known.size, known.mtime_ns) == here:
            now = replace(known, ctime_ns=base.ctime_ns)
            merged = replace(merge_metadata(now, base), gone_since="")
            return Step(Action.UNCHANGED if merged == now else Action.UPDATED, merged)
        failure = self._failures.get(base.path)
        if not failure or (failure.size, failure.mtime_ns) != (base.size, base.mtime_ns):
            return None
        if not still_fails(failure, self._versions) or (base.track_id and failure.track_id != base.track_id):
            return None
        if failure.duplicate_of:
            kept = self._tracks.get(failure.duplicate_of)
            if kept is None or (not base.track_id and not _is_there(kept)):
                return None
        return Step(Action.KNOWN_FAILURE, replace(base, track_id=failure.track_id), failure)

    # ------------------------------------------------------------------------------------------------ new bytes

    def _step_by_content(self, base: Track, known: Track | None) -> Step:
        stored = self._by_hash.get(base.content_hash)
        is_same = stored is not None and self._is_same_track(base, stored)
        track = replace(base, track_id=base.track_id or self._free_id(base, known, stored if is_same else None))
        if not base.content_hash:
            return self._decode(track)
        if base.content_hash in self._decoding:
            return Step(Action.COPY, track, displaced=self._displace(track.path, ""))
        if stored is None or stored.track_id not in self._stored:
            return self._decode(track)
        if is_same:
            return self._decode(track) if self._force else self._update(track, stored)
        if base.track_id and stored.path == base.path and stored.track_id not in self._table_ids:
            return replace(self._decode(track), replaces=stored.track_id)
        return Step(Action.FAILED, track, duplicate(track, stored), displaced=self._displace(track.path, ""))

    def _is_same_track(self, base: Track, stored: Track) -> bool:
        """Return whether a file with the bytes of a stored track is that track, perhaps moved, and not a copy of it."""
        if base.track_id:
            return stored.track_id == base.track_id
        return stored.path == base.path or not _is_there(stored)

    def _free_id(self, base: Track, known: Track | None, same: Track | None) -> str:
        """Return the id of a file that no table names; `same` is the stored track if the file is that track."""
        if same is not None:
            return same.track_id
        if base.content_hash in self._by_hash:
            return base.content_hash[:ID_DIGITS]  # a copy; only its failure carries the id
        if known is not None:
            return known.track_id
        failure = self._failures.get(base.path)
        if failure and failure.track_id and not failure.duplicate_of and failure.track_id not in self._tracks:
            return failure.track_id
        # A track keeps its id when its file changes, so the id of a file with the old bytes may be taken already.
        digits = base.content_hash or hashlib.blake2b(base.path.encode(), digest_size=32).hexdigest()
        return next(digits[:n] for n in range(ID_DIGITS, len(digits) + 1) if digits[:n] not in self._tracks)

    def _update(self, track: Track, stored: Track) -> Step:
        merged = merge_metadata(
            replace(
                stored,
                path=track.path,
                size=track.size,
                mtime_ns=track.mtime_ns,
                ctime_ns=track.ctime_ns,
                gone_since="",
            ),
            track,
        )
        displaced = self._record(merged)
        is_same = merged == replace(stored, ctime_ns=track.ctime_ns)
        return Step(Action.UNCHANGED if is_same else Action.UPDATED, merged, displaced=displaced)

    def _decode(self, track: Track) -> Step:
        before = self._tracks.get(track.track_id)
        named = track.track_id in self._table_ids
        known_audio = frozenset[str]() if self._force else self._audio_of(before, named=named)
        displaced = self._record(track)
        self._decoding.add(track.content_hash)
        return Step(Action.DECODE, track, displaced=displaced, named=named, known_audio=known_audio)

    def _audio_of(self, before: Track | None, *, named: bool) -> frozenset[str]:
        """Return the audio hashes of the tracks that a file may continue: the one of its path, and all that have left.

        Tracks leave when their file is missing or has changed, or when another file takes their path.
        """
        own = self._own_audio(before)
        if named:
            return own
        if not own <= self._left_audio():
            self._left = self._left_audio() | own
        return self._left_audio()

    def _own_audio(self, track: Track | None) -> frozenset[str]:
        return frozenset({track.audio_hash} - {""}) if track and track.track_id in self._stored else frozenset()

    def _left_audio(self) -> frozenset[str]:
        if self._left is None:
            tracks = (self._tracks[name] for name in self._stored if name in self._tracks)
            self._left = frozenset(track.audio_hash for track in tracks if track.audio_hash and not _is_there(track))
        return self._left

    def _record(self, track: Track) -> Track | None:
        """Record that `track` has its path now; return the track that had it before."""
        displaced = self._displace(track.path, track.track_id)
        old = self._tracks.get(track.track_id)
        if old is not None and self._by_path.get(old.path) == old:
            del self._by_path[old.path]
        if old is not None and old.content_hash != track.content_hash:
            if self._by_hash.get(old.content_hash) == old:
                del self._by_hash[old.content_hash]
            for path in self._copies.pop(track.track_id, ()):  # copies of the old bytes
                self._failures.pop(path, None)
        self._tracks[track.track_id] = self._by_path[track.path] = track
        if track.content_hash:
            self._by_hash[track.content_hash] = track
        return displaced

    def _displace(self, path: str, track_id: str) -> Track | None:
        """Return the track that had this path, without a path; None if no other track had it."""
        before = self._by_path.get(path)
        if before is None or before.track_id == track_id:
            return None
        del self._by_path[path]
        displaced = replace(before, path="", size=0, mtime_ns=0)
        if self._left is not None and before.audio_hash:
            self._left |= {before.audio_hash}
        self._tracks[displaced.track_id] = self._by_hash[displaced.content_hash] = displaced
        return displaced


def merge_metadata(stored: Track, new: Track) -> Track:
    """Return `stored` with every text field that is not empty in `new`."""
    filled = {name: getattr(new, name) for name in (*(n for n in TEXT_COLUMNS if n != "artist"), "artists")}
    return replace(stored, **{name: value for name, value in filled.items() if value})


def still_fails(failure: Failure, versions: str) -> bool:
    """Return whether a failure of an unchanged file is still valid: a copy stays a copy, others depend on versions."""
    return bool(failure.duplicate_of) or failure.versions == versions


def duplicate(track: Track, kept: Track) -> Failure:
    """Return the failure of a file whose bytes are stored under another id."""
    detail = f"the same bytes as track {kept.track_id} ({kept.path}); nothing to do"
    return _failure(track, Reason.DUPLICATE, detail, duplicate_of=kept.track_id)


def content_hash(path: str) -> str:
    """Return `hash_file` of a path or URL."""
    with local_file(path) as (file, _):
        return hash_file(str(file))


def hash_file(path: str) -> str:
    """Return the BLAKE2b hash of a file's bytes in 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _is_there(track: Track) -> bool:
    """Return whether a track's file is still the one that was stored, and not in a recycle bin."""
    if in_system_folder(track.path):
        return False
    try:
        status = file_status(track.path)
    except (OSError, ValueError):
        return False
    return (status.size, status.mtime_ns) == (track.size, track.mtime_ns)


def _with_status(track: Track) -> Track:
    status = file_status(track.path)
    return replace(track, size=status.size, mtime_ns=status.mtime_ns, ctime_ns=status.ctime_ns)


def _failure(track: Track, reason: Reason, detail: str, *, duplicate_of: str = "") -> Failure:
    return Failure(track.path, reason, detail, track.track_id, track.size, track.mtime_ns, duplicate_of)


def failed_step(track: Track, reason: Reason, detail: str) -> Step:
    """Return the step of a file that cannot be read now; the next scan tries it again."""
    return Step(Action.FAILED, track, _failure(track, reason, detail))
