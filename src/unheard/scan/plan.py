"""What a scan does with each file: decided from the library, the file's stat and, where these differ, its bytes.

    unchanged    same path, size and time as the track that is stored: nothing to do
    known        the same of a file that failed in the same versions of unheard and the decoders: not tried again
    noted        bytes that are stored already, at a new path (moved) or with new metadata: not decoded
    failed       missing, unreadable, or the same bytes as another track
    twin         the same bytes as a file that this very scan is decoding: decided when that is done
    decode       anything else

Bytes go before paths: when files are renamed in a circle, each track follows its content. A path whose content is new
to the library keeps its track id.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from unheard.errors import Reason
from unheard.library import Failure, Library, Track
from unheard.scan.sources import TEXT_COLUMNS, Candidate

ID_DIGITS = 16


class Action(Enum):
    UNCHANGED = "unchanged"
    GONE = "gone"
    KNOWN = "known"
    NOTED = "noted"
    FAILED = "failed"
    TWIN = "twin"
    DECODE = "decode"


@dataclass(frozen=True)
class Step:
    """What to do with one file. `track` is how it will be stored, as far as known before decoding."""

    action: Action
    track: Track
    failure: Failure | None = None
    evict: Track | None = None  # a track that has lost its path to this one
    replaces: str = ""  # id under which the same file was stored before a table named it


class Planner:
    """Decides file by file, and remembers what it decided: later files of the same scan may hold the same bytes."""

    def __init__(
        self, library: Library, stored: frozenset[str], *, versions: str, given_ids: frozenset[str], force: bool
    ) -> None:
        """
        stored      ids of the tracks that have a spectrogram
        versions    of unheard and of the decoders: what failed under others is tried again
        given_ids   ids that tables name
        force       decode everything
        """
        self._given_ids, self._force, self._versions = given_ids, force, versions
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

    def decide(self, candidate: Candidate) -> Step:
        """The step for one file; its bytes are read only if its path, size or time is new."""
        path, given = candidate.path, candidate.given
        base = replace(given or Track(""), path=path)
        known = self._known(path, given)
        try:
            path.encode()
            status = os.stat(path)  # noqa: PTH116 - paths are strings here
            base = replace(base, size=status.st_size, mtime_ns=status.st_mtime_ns)
            if not self._force and (settled := self._settled(base, known)):
                return settled
            content_hash = hash_file(path) if base.size else ""
        except UnicodeEncodeError:
            shown = replace(base, path=os.fsencode(path).decode("utf-8", "backslashreplace"))
            return _fail(shown, Reason.UNREADABLE, "its name is not UTF-8; rename it")
        except (FileNotFoundError, NotADirectoryError, ValueError):
            if known and known.track_id in self._stored:
                return Step(Action.GONE, known)
            return _fail(base, Reason.MISSING, "no such file; correct the path or remove the row")
        except OSError as error:
            return _fail(base, Reason.UNREADABLE, f"{error.strerror}; check the file and its permissions")
        return self._by_content(replace(base, content_hash=content_hash), known)

    # ------------------------------------------------------------------------------------------- unchanged files

    def _known(self, path: str, given: Track | None) -> Track | None:
        return self._tracks.get(given.track_id) if given else self._by_path.get(path)

    def _settled(self, base: Track, known: Track | None) -> Step | None:
        """A file that is exactly as the library knows it."""
        here = (base.path, base.size, base.mtime_ns)
        if known and known.track_id in self._stored and (known.path, known.size, known.mtime_ns) == here:
            merged = merge_metadata(known, base)
            return Step(Action.UNCHANGED if merged == known else Action.NOTED, merged)
        failure = self._failures.get(base.path)
        if not failure or (failure.size, failure.mtime_ns) != (base.size, base.mtime_ns):
            return None
        if not still_fails(failure, self._versions) or (base.track_id and failure.track_id != base.track_id):
            return None
        if failure.duplicate_of:
            kept = self._tracks.get(failure.duplicate_of)
            if kept is None or (not base.track_id and not _is_there(kept)):
                return None
        return Step(Action.KNOWN, replace(base, track_id=failure.track_id), failure)

    # ------------------------------------------------------------------------------------------------ new bytes

    def _by_content(self, base: Track, known: Track | None) -> Step:
        twin = self._by_hash.get(base.content_hash)
        itself = twin is not None and self._is_itself(base, twin)
        track = replace(base, track_id=base.track_id or self._free_id(base, known, twin if itself else None))
        if not base.content_hash:
            return self._decode(track)
        if base.content_hash in self._decoding:
            return Step(Action.TWIN, track, evict=self._vacate(track.path, ""))
        if twin is None or twin.track_id not in self._stored:
            return self._decode(track)
        if itself:
            return self._decode(track) if self._force else self._note(track, twin)
        if base.track_id and twin.path == base.path and twin.track_id not in self._given_ids:
            return replace(self._decode(track), replaces=twin.track_id)
        return Step(Action.FAILED, track, duplicate(track, twin), evict=self._vacate(track.path, ""))

    def _is_itself(self, base: Track, twin: Track) -> bool:
        """Whether a file with a stored track's bytes is that track (perhaps moved) and not a copy beside it."""
        if base.track_id:
            return twin.track_id == base.track_id
        return twin.path == base.path or not _is_there(twin)

    def _free_id(self, base: Track, known: Track | None, itself: Track | None) -> str:
        """The id of a file that no table names."""
        if itself is not None:
            return itself.track_id
        if base.content_hash in self._by_hash:
            return base.content_hash[:ID_DIGITS]  # a copy; only its failure carries the id
        if known is not None:
            return known.track_id
        failure = self._failures.get(base.path)
        if failure and failure.track_id and not failure.duplicate_of and failure.track_id not in self._tracks:
            return failure.track_id
        # A track keeps its id when its file changes, so the digits of the old bytes may be taken when these come back.
        digits = base.content_hash or hashlib.blake2b(base.path.encode(), digest_size=32).hexdigest()
        return next(digits[:n] for n in range(ID_DIGITS, len(digits) + 1) if digits[:n] not in self._tracks)

    def _note(self, track: Track, stored: Track) -> Step:
        merged = merge_metadata(
            replace(stored, path=track.path, size=track.size, mtime_ns=track.mtime_ns),
            track,
        )
        evicted = self._remember(merged)
        return Step(Action.UNCHANGED if merged == stored else Action.NOTED, merged, evict=evicted)

    def _decode(self, track: Track) -> Step:
        evicted = self._remember(track)
        self._decoding.add(track.content_hash)
        return Step(Action.DECODE, track, evict=evicted)

    def _remember(self, track: Track) -> Track | None:
        """Note that `track` is at its path now; returns the other track that was there."""
        evicted = self._vacate(track.path, track.track_id)
        old = self._tracks.get(track.track_id)
        if old is not None and self._by_path.get(old.path) == old:
            del self._by_path[old.path]
        if old is not None and old.content_hash != track.content_hash:
            if self._by_hash.get(old.content_hash) == old:
                del self._by_hash[old.content_hash]
            for path in self._copies.pop(track.track_id, ()):  # of what it was
                self._failures.pop(path, None)
        self._tracks[track.track_id] = self._by_path[track.path] = track
        if track.content_hash:
            self._by_hash[track.content_hash] = track
        return evicted

    def _vacate(self, path: str, track_id: str) -> Track | None:
        """Take its path from a track that is not there any more: returns how that is stored from now on."""
        before = self._by_path.get(path)
        if before is None or before.track_id == track_id:
            return None
        del self._by_path[path]
        evicted = replace(before, path="", size=0, mtime_ns=0)
        self._tracks[evicted.track_id] = self._by_hash[evicted.content_hash] = evicted
        return evicted


def merge_metadata(stored: Track, given: Track) -> Track:
    """`stored` with what `given` says, where it says anything."""
    said = {name: getattr(given, name) for name in (*(n for n in TEXT_COLUMNS if n != "artist"), "artists")}
    return replace(stored, **{name: value for name, value in said.items() if value})


def still_fails(failure: Failure, versions: str) -> bool:
    """Whether nothing that a failure depends on has changed, given that its file has not: a copy stays a copy."""
    return bool(failure.duplicate_of) or failure.versions == versions


def duplicate(track: Track, kept: Track) -> Failure:
    """The failure of a file whose bytes are stored under another id."""
    detail = f"the same bytes as track {kept.track_id} ({kept.path}); nothing to do"
    return _failure(track, Reason.DUPLICATE, detail, duplicate_of=kept.track_id)


def hash_file(path: str) -> str:
    """64 hexadecimal digits of the BLAKE2b hash of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _is_there(track: Track) -> bool:
    """Whether a track's file is still the one that was stored."""
    try:
        status = os.stat(track.path)  # noqa: PTH116
    except (OSError, ValueError):
        return False
    return (status.st_size, status.st_mtime_ns) == (track.size, track.mtime_ns)


def _failure(track: Track, reason: Reason, detail: str, *, duplicate_of: str = "") -> Failure:
    return Failure(track.path, reason, detail, track.track_id, track.size, track.mtime_ns, duplicate_of)


def _fail(track: Track, reason: Reason, detail: str) -> Step:
    return Step(Action.FAILED, track, _failure(track, reason, detail))
