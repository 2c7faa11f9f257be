"""Read tables that name their tracks, as services export them: Exportify, TuneMyMusic, Soundiiz, Apple Music, Last.fm.

Columns are found by their usual names: title and artist, ISRC, URI or path; name of the playlist; time of the play, or
the time at which an entry was added; number of plays. lastfm-to-csv writes artist, album, title, date without a header.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from unheard.bounded_text import whole_number
from unheard.errors import TableError
from unheard.ingest.text_files import MAX_EXPORT_BYTES, read_whole
from unheard.plays.listed import ListedFile, ListedTrack, label_reference, n_matches
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.readers.legacy_text import decode_text
from unheard.plays.readers.m3u import absolute_path
from unheard.plays.readers.row_problems import RowProblems
from unheard.plays.readers.text_table import Dialect, Line, read_dialect, records_of, table_lines
from unheard.plays.readers.times import month_first, parse_time, plausible
from unheard.plays.readers.values import parse_weight

COLUMNS: dict[str, tuple[str, ...]] = {
    "title": (
        *("track_name", "track_title", "song_name", "song_title", "title", "song", "track", "name", "trackname"),
        *("master_metadata_track_name", "titel", "titre", "título", "titolo", "nom"),
    ),
    "artist": (
        *("artist_name_s", "artist_names", "artist_name", "artists", "artist", "track_artist", "artistname"),
        *(
            "master_metadata_album_artist_name",
            "album_artist_name_s",
            "album_artist",
            "container_artist_name",
            "creator",
        ),
    ),
    "label": ("track_description",),
    "isrc": ("isrc", "track_isrc", "isrc_code"),
    "uri": ("track_uri", "spotify_track_uri", "spotify_uri", "spotify_id", "spotify_track_id", "uri", "track_id"),
    "mbid": ("track_mbid", "recording_mbid", "musicbrainz_recording_id", "mbid"),
    "path": ("location", "path", "file_path", "filepath", "file"),
    "playlist": (
        "playlist_name",
        "playlist",
        "playlistname",
        "playlist_id",
        "username",
        "user_name",
        "user_id",
        "user",
        "listener",
    ),
    "played": (
        *("uts", "played_at", "listened_at", "timestamp", "ts", "event_start_timestamp", "event_end_timestamp"),
        *("event_timestamp", "date_played", "last_played_date", "last_played", "endtime", "utc_time", "date"),
    ),
    "added": ("added_at", "date_added", "added_date", "addeddate"),
    "plays": ("play_count", "playcount", "times_played", "scrobbles", "weight"),
    "played_ms": ("ms_played", "msplayed", "play_duration_milliseconds"),
    "event": ("event_type",),
}
WITHOUT_HEADER = ("artist", "album", "title", "date")
MIN_PLAYED_MS = 30_000
SHORT, NO_PLAY = "plays of less than 30 seconds", "events that are no plays"
NO_TIME = "times that cannot be read (their rows are kept)"


def is_name_table(path: Path) -> bool:
    """Return whether a text table names tracks, and is not a table of the tracks of a library."""
    try:
        indices = _indices(read_dialect(path))
    except TableError:
        return False
    named = "title" in indices and indices.keys() & {"artist", "isrc", "uri", "mbid", "played"}
    return bool(named or indices.keys() & {"isrc", "label"}) and not {"track_id", "path"} <= _names(path)


def read_name_table(path: Path, matcher: Matcher) -> ListedFile:
    """Read the rows in order; plays in order of time. Invalid rows are left out, counted and explained.

    TableError if most rows are invalid.
    """
    dialect, notes = _with_encoding(path, read_dialect(path), matcher)
    reader = _Rows.of(path, dialect)
    found = ListedFile(notes=notes)
    problems = RowProblems(path, left_out=found.left_out)
    for number, fields, problem in reader.lines(problems):
        try:
            if problem:
                raise TableError(path, problem, "correct or remove the row")
            if (track := reader.track(fields, found)) is not None:
                found.tracks.append(track)
            problems.rows += 1
        except TableError as error:
            problems.note(number, error.problem, error.fix)
    found.reasons = problems.first(lambda records: {record: record for record in records})
    found.invalid = problems.invalid
    problems.check(found.reasons, n_plays=len(found.tracks))
    times, note = plausible(np.array([np.nan if one.timestamp is None else one.timestamp for one in found.tracks]))
    if note:
        found.notes.append(note)
        known = (None if np.isnan(time) else float(time) for time in times)
        found.tracks = [replace(one, timestamp=time) for one, time in zip(found.tracks, known, strict=True)]
    return found.in_order_of_time() if "played" in reader.indices else found


@dataclass(frozen=True)
class _Rows:
    """How the rows of one table are read. `month_first`: of dates such as 1/29/2021."""

    path: Path
    dialect: Dialect
    indices: Mapping[str, int]
    month_first: bool

    @staticmethod
    def of(path: Path, dialect: Dialect) -> _Rows:
        indices = _indices(dialect)
        at = indices.get("played", indices.get("added"))
        dates = [] if at is None else [fields[at] for _, fields, _ in table_lines(path, dialect) if len(fields) > at]
        return _Rows(path, dialect, indices, month_first(dates))

    def lines(self, problems: RowProblems) -> Iterator[Line]:
        """Yield the rows that are not blank, with a header-less first row."""
        first: list[Line] = [(self.dialect.line, list(self.dialect.header), "")] if _lacks_header(self.dialect) else []
        for number, fields, problem in chain(first, table_lines(self.path, self.dialect)):
            if problem or any(field.strip() for field in fields):
                yield number, fields, problem
            else:
                problems.left_out["blank rows"] += 1

    def track(self, fields: list[str], found: ListedFile) -> ListedTrack | None:
        """Return the entry of a row; None if the row is no play. TableError if it is invalid."""
        values = {name: fields[at].strip() for name, at in self.indices.items() if at < len(fields)}
        reference = reference_of(values, self.path)
        if not (reference.title or reference.isrc or reference.path or reference.track_id or reference.mbid):
            raise TableError(self.path, "no title, ISRC or path", "fill in artist and title, or remove the row")
        if values.get("event", "PLAY_END") not in ("", "PLAY_END"):
            found.left_out[NO_PLAY] += 1
            return None
        played_ms = values.get("played_ms", "")
        if (ms := whole_number(played_ms)) is not None and ms < MIN_PLAYED_MS:
            found.left_out[SHORT] += 1
            return None
        plays = values.get("plays", "")
        weight = parse_weight(self.path, "plays", plays, decimal_comma=self.dialect.decimal_comma) if plays else 1.0
        if not weight:
            found.left_out["rows with 0 plays"] += 1
            return None
        text = values.get("played") or values.get("added") or ""
        time = parse_time(text, month_first=self.month_first) if text else None
        if text and time is None:
            found.left_out[NO_TIME] += 1
        return ListedTrack(reference, values.get("playlist", ""), weight, time or None)


def reference_of(values: Mapping[str, str], path: Path) -> TrackReference:
    """Return what a row says about its track."""
    location = values.get("path", "")
    artist, title = values.get("artist", ""), values.get("title", "")
    named = TrackReference(artist=artist, title=title)
    if not artist and (label := values.get("label") or title):
        named = label_reference(label)
    return replace(
        named,
        track_id=values.get("uri", "").rpartition("spotify:track:")[2],
        path=absolute_path(path, location) if location else "",
        isrc=values.get("isrc", ""),
        mbid=values.get("mbid", ""),
    )


def _names(path: Path) -> set[str]:
    return set(read_dialect(path).names)


def _indices(dialect: Dialect) -> dict[str, int]:
    """Return the index of each kind of column that the table has."""
    names = WITHOUT_HEADER if _lacks_header(dialect) else dialect.names
    wanted = {kind: next((name for name in known if name in names), None) for kind, known in COLUMNS.items()}
    return {kind: names.index(name) for kind, name in wanted.items() if name is not None}


def _lacks_header(dialect: Dialect) -> bool:
    """Return whether the first line is a row of lastfm-to-csv: four fields, the last of them a date."""
    return len(dialect.header) == 4 and parse_time(dialect.header[3]) is not None


def _with_encoding(path: Path, dialect: Dialect, matcher: Matcher) -> tuple[Dialect, list[str]]:
    """Return the dialect with the encoding that fits the library if the table is not UTF-8, and a note about it."""
    indices = _indices(dialect)

    def score(text: str) -> int:
        rows = (fields for _, fields, _ in records_of(text.splitlines(keepends=True), dialect.delimiter))
        values = ({name: row[at].strip() for name, at in indices.items() if at < len(row)} for row in rows)
        return n_matches((ListedTrack(reference_of(one, path)) for one in values), matcher)

    if dialect.encoding != "utf-8-sig":
        return dialect, []
    try:
        encoding = decode_text(read_whole(path, MAX_EXPORT_BYTES), score)[1]
    except ValueError:
        raise TableError(path, "not text", "save the file as UTF-8") from None
    if encoding == "utf-8":
        return dialect, []
    return replace(dialect, encoding=encoding), [f"{path.name} is not UTF-8; it was read as {encoding}"]
