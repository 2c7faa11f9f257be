"""Find the stored track that a file continues whose bytes are new: moved and retagged, or replaced by another encoding.

A file continues a track only if the track's own file is missing, and if no other track fits as well: two tracks that
should be one cost a listener little, one track that should be two mixes the plays of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from unheard.ingest.remote_files import file_status
from unheard.library import Track
from unheard.scan.folders import in_system_folder
from unheard.spectrograms.same_recording import Prints, is_same_recording, is_short_or_steady, sketch

MAX_GAP_S = 15.0  # between the durations of two encodings, with and without silence at the ends


class Continuations:
    """The stored tracks of a scan, kept up to date with `put` and `remove`.

    tracks  of the library when the scan begins
    prints  returns fingerprint and signature of stored tracks by id; called once, when they are first needed
    roots   folders that are scanned: a track below another folder is missing only if an earlier scan missed it, because
            that folder may be on a disk that is not there now
    """

    def __init__(
        self, tracks: Iterable[Track], prints: Callable[[], Mapping[str, Prints]] = dict, roots: Sequence[str] = ()
    ) -> None:
        self._tracks = {track.track_id: track for track in tracks}
        self._by_audio: dict[str, set[str]] = {}
        for track in self._tracks.values():
            self._index(track)
        self._roots = tuple(Path(root) for root in roots)
        self._load, self._prints, self._sketches = prints, dict[str, Prints](), dict[int, set[str]]()
        self._missing: set[str] | None = None  # ids that may be replaced

    def put(self, track: Track) -> None:
        """Store a track, new or changed."""
        self.remove(track.track_id)
        self._tracks[track.track_id] = track
        self._index(track)
        if self._missing is not None and not track.path:  # another file has taken its path
            self._missing.add(track.track_id)

    def remove(self, track_id: str) -> None:
        """Forget a track."""
        old = self._tracks.pop(track_id, None)
        if old is not None and old.audio_hash:
            self._by_audio[old.audio_hash].discard(track_id)

    def get(self, track_id: str) -> Track | None:
        return self._tracks.get(track_id)

    def of_audio(self, audio_hash: str, file: Track, *, own: str, named: bool) -> Track | None:
        """Return the track that a file with this audio hash continues, or None.

        own    id of the track that was stored with the path of the file
        named  whether a table names the track; then it is `own` or none
        """
        ids = self._by_audio.get(audio_hash, set())
        if own in ids:
            return self._tracks[own]
        if named:
            return None
        # A file at a path of its own may still be there under new tags; one whose path was taken has moved on.
        taken = own in self._tracks
        there = [self._tracks[name] for name in sorted(ids)]
        return _only([track for track in there if is_missing(track) or (taken and _has_changed(track))], file)

    def of_recording(self, file: Track, prints: Prints) -> Track | None:
        """Return the missing track of which a new file is another encoding, or None.

        Tracks with the MBID or the ISRC of the file are preferred; the sound has to be the same in any case.
        """
        if not self._missing_ids():
            return None
        missing = [self._tracks[name] for name in sorted(self._missing_ids())]
        for code in ("mbid", "isrc"):
            if getattr(file, code):
                coded = [track for track in missing if getattr(track, code) == getattr(file, code)]
                found = _only(self._same(coded, file, prints), file)
                if found is not None:
                    return found
        near = {name for number in sketch(prints.fingerprint).tolist() for name in self._sketches.get(number, ())}
        steady = bool(is_short_or_steady(prints.fingerprint[None])[0])
        return _only(self._same([track for track in missing if steady or track.track_id in near], file, prints), file)

    def _same(self, tracks: Iterable[Track], file: Track, prints: Prints) -> list[Track]:
        return [
            track
            for track in tracks
            if abs(track.duration_s - file.duration_s) <= MAX_GAP_S
            and track.track_id in self._prints
            and is_missing(track)
            and is_same_recording(self._prints[track.track_id], prints)
        ]

    def _missing_ids(self) -> set[str]:
        """Return the ids of tracks whose files are missing; the first call looks at every file."""
        if self._missing is None:
            self._missing = {
                track.track_id
                for track in self._tracks.values()
                if track.content_hash and (track.gone_since or self._is_below_root(track)) and is_missing(track)
            }
            if self._missing:
                self._prints = dict(self._load())
            for name in self._missing & self._prints.keys():
                for number in sketch(self._prints[name].fingerprint).tolist():
                    self._sketches.setdefault(number, set()).add(name)
        self._missing &= self._tracks.keys()
        return self._missing

    def _is_below_root(self, track: Track) -> bool:
        return not track.path or any(Path(track.path).is_relative_to(root) for root in self._roots)

    def _index(self, track: Track) -> None:
        if track.audio_hash:
            self._by_audio.setdefault(track.audio_hash, set()).add(track.track_id)


def is_missing(track: Track) -> bool:
    """Return whether a track has no file: its path was taken by another track, or leads nowhere or to a recycle bin.

    A path that cannot be looked up, because of permissions or of a disk with errors, is not missing.
    """
    if not track.path or in_system_folder(track.path):
        return True
    try:
        file_status(track.path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def _has_changed(track: Track) -> bool:
    status = file_status(track.path)
    return (status.size, status.mtime_ns) != (track.size, track.mtime_ns)


def _only(tracks: Sequence[Track], file: Track) -> Track | None:
    """Return the only track, or of several the only one with the title and artists, or else the name, of the file."""
    if len(tracks) == 1:
        return tracks[0]
    tagged = [track for track in tracks if (track.title, track.artists) == (file.title, file.artists)]
    if len(tagged) == 1:
        return tagged[0]
    named = [track for track in tracks if Path(track.path).name == Path(file.path).name]
    return named[0] if len(named) == 1 else None
