"""Read XSPF (XML) and JSPF (JSON) playlists: one file is one playlist, https://xspf.org/spec.

A track has `location` (URL or path), `creator`, `title`, and `identifier` (ISRC or a MusicBrainz recording URL).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.parsers.expat import ExpatError, ParserCreate

from unheard.errors import TableError
from unheard.ingest.text_files import MAX_EXPORT_BYTES, read_whole
from unheard.plays.listed import ListedFile, ListedTrack
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.readers.m3u import absolute_path

ISRC = re.compile(r"(?:^|isrc[:/])([A-Z]{2}-?[A-Z0-9]{3}-?\d{2}-?\d{5})$", re.IGNORECASE)
RECORDING = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


def read_xspf(path: Path, _matcher: Matcher) -> ListedFile:
    """Read an XSPF file. TableError if it is none."""
    root = xml_root(path)
    if _plain_tag(root) != "playlist":
        raise TableError(path, "no element `playlist`", "expected an XSPF playlist")
    found = ListedFile(title=next((one.text or "" for one in root if _plain_tag(one) == "title"), "").strip())
    for track in (one for one in root.iter() if _plain_tag(one) == "track"):
        texts: dict[str, list[str]] = {}
        for one in track:
            texts.setdefault(_plain_tag(one), []).append((one.text or "").strip())
        found.tracks.append(_listed(path, texts))
    return found


def jspf_playlist(path: Path, playlist: dict[str, Any]) -> ListedFile:
    """Return the list of the value of `playlist` in a JSPF file."""
    found = ListedFile(title=str(playlist.get("title") or ""))
    tracks = playlist.get("track")
    for track in tracks if isinstance(tracks, list) else []:
        if isinstance(track, dict):
            values = {key: value if isinstance(value, list) else [value] for key, value in track.items()}
            texts = {key: [one for one in value if isinstance(one, str)] for key, value in values.items()}
            found.tracks.append(_listed(path, texts))
    return found


def xml_root(path: Path) -> Element:
    """Return the root element of an XML file. TableError if it is none, or if it declares entities."""
    try:
        data = read_whole(path, MAX_EXPORT_BYTES)
        if _declares_entities(data):
            raise TableError(path, "it declares XML entities", "remove the declarations")
        return fromstring(data)  # noqa: S314 - entities are refused, and external ones are never read
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    except (ParseError, ExpatError, ValueError, LookupError) as error:
        raise TableError(path, f"not XML ({str(error)[:80]})", "export the playlist again") from error


class _DeclaredError(Exception):
    """An entity is declared."""


class _BegunError(Exception):
    """The root element has begun, so that no declaration can follow."""


def _declares_entities(data: bytes) -> bool:
    """Return whether a document declares entities, in whatever encoding. ExpatError for damage before its root."""

    def declared(*_: object) -> None:
        raise _DeclaredError

    def begun(*_: object) -> None:
        raise _BegunError

    parser = ParserCreate()
    parser.EntityDeclHandler, parser.StartElementHandler = declared, begun
    try:
        parser.Parse(data, True)  # noqa: FBT003 - of expat, positional
    except _DeclaredError:
        return True
    except _BegunError:
        return False
    return False


def _listed(path: Path, texts: dict[str, list[str]]) -> ListedTrack:
    identifiers = [*texts.get("identifier", []), *texts.get("isrc", [])]
    return ListedTrack(
        TrackReference(
            path=next((absolute_path(path, one) for one in texts.get("location", []) if one), ""),
            isrc=_found(ISRC, identifiers),
            mbid=_found(RECORDING, identifiers),
            artist=next(iter(texts.get("creator", [])), ""),
            title=next(iter(texts.get("title", [])), ""),
        )
    )


def _found(pattern: re.Pattern[str], texts: Iterable[str]) -> str:
    return next((match[1] for text in texts if (match := pattern.search(text))), "")


def _plain_tag(element: Element) -> str:
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""
