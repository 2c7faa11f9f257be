"""Import lists of tracks (M3U files, pasted lines) and export them (M3U8, JSPF, CSV, JSON)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from fastapi import Response

from unheard.errors import UserError
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.readers.m3u import read_m3u
from unheard.recommend.export import Format, ListEntry, as_text
from unheard.serve.queries import row_of, track_out
from unheard.serve.schema import Matched
from unheard.serve.snapshot import Snapshot
from unheard.temporaries import scratch_folder

MEDIA_TYPES: dict[Format, str] = {
    "m3u8": "audio/mpegurl",
    "jspf": "application/jspf+json",
    "csv": "text/csv",
    "json": "application/json",
}
MAX_TEXT_CHARS = 500_000
MAX_LINES = 5_000
NUMBERED = re.compile(r"^\d{1,4}[.)]\s+")
DASH = re.compile(r"\s[-–—]\s|\t")


# ------------------------------------------------------------------------------------------------------------- import


def match_text(snapshot: Snapshot, text: str) -> Matched:
    """Match pasted lines (an id, a path or `artist - title` each, or the text of an M3U file) with the library."""
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    _check_length(lines)
    if any(line.upper().startswith("#EXTINF:") for line in lines):
        with scratch_folder("list") as folder:
            path = folder / "pasted.m3u8"
            path.write_bytes(text.encode("utf-8", "replace"))
            return match_file(snapshot, path)
    matcher = _matcher(snapshot)
    wanted = [_wanted(line) for line in lines if not line.startswith("#")]
    found = [(one, matcher.match(one)) for one in wanted]
    misses = [one.label for one, track_id in found if track_id is None]
    return _matched(snapshot, [track_id for _, track_id in found if track_id is not None], misses, len(misses))


def match_file(snapshot: Snapshot, path: Path) -> Matched:
    """Match an M3U or M3U8 file with the library."""
    if path.stat().st_size > 4 * MAX_TEXT_CHARS:
        raise UserError(f"the list has more than {4 * MAX_TEXT_CHARS:,} bytes; split it")
    _check_length(path.read_bytes().splitlines())
    try:
        found = read_m3u(path, path.stem, _matcher(snapshot))
    except UserError as error:  # do not show the temporary path of an upload
        raise UserError(str(error).replace(str(path), "the list")) from error
    folder = f"{path.absolute().parent.as_posix()}/"  # of this machine; the list names paths below it, or absolute ones
    misses = [miss.removeprefix(folder) for miss in found.misses]
    return _matched(snapshot, found.plays.tracks_of(path.stem), misses, found.missed)


def _matcher(snapshot: Snapshot) -> Matcher:
    return snapshot.table("matcher", lambda: Matcher(snapshot.catalogue.tracks, snapshot.failures))


def _wanted(line: str) -> TrackReference:
    """Parse one line."""
    parts = DASH.split(NUMBERED.sub("", line), maxsplit=1)
    artist, title = (parts[0].strip(), parts[1].strip()) if len(parts) == 2 else ("", parts[0])
    return TrackReference(track_id=line, path=line if "/" in line or "\\" in line else "", artist=artist, title=title)


def _matched(snapshot: Snapshot, ids: Sequence[str], misses: Sequence[str], missed: int) -> Matched:
    """Return each track once, in the order of the list."""
    return Matched(
        items=tuple(track_out(snapshot, row_of(snapshot, track_id)) for track_id in dict.fromkeys(ids)),
        matched=len(ids),
        missed=missed,
        match_rate=len(ids) / max(1, len(ids) + missed),
        misses=tuple(dict.fromkeys(misses)),
    )


def _check_length(lines: Sequence[object]) -> None:
    if len(lines) > MAX_LINES:
        raise UserError(f"the list has {len(lines):,} lines, expected at most {MAX_LINES:,}; split it")


# ------------------------------------------------------------------------------------------------------------ export


def exported(entries: Sequence[ListEntry], format: Format, *, title: str) -> Response:  # noqa: A002 - as clients say
    """Return a list as a download whose file name comes from its title. Paths in M3U8 files are absolute."""
    return Response(
        as_text(entries, format, title=title).encode("utf-8", "replace"),
        media_type=MEDIA_TYPES[format],
        headers={"content-disposition": disposition(f"{slug(title)}.{format}")},
    )


def slug(name: str) -> str:
    """Return a title as a file name: letters of any script, digits and dashes."""
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")[:60] or "unheard"


def disposition(file: str) -> str:
    """Return the Content-Disposition header of a download, with an ASCII name for old clients (RFC 6266).

    What is not UTF-8 in the name of a file becomes a question mark.
    """
    stem, _, suffix = file.rpartition(".")
    plain = re.sub(r"[^a-z0-9]+", "-", stem).strip("-") or "unheard"
    suffix = re.sub(r"[^A-Za-z0-9]+", "", suffix)
    return f"attachment; filename=\"{plain}.{suffix}\"; filename*=UTF-8''{quote(file, errors='replace')}"
