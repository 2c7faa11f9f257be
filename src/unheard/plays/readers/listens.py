"""Read listens that Last.fm and ListenBrainz export as JSON: each is one play of a history.

Last.fm       {"artist": {"#text", "mbid"}, "name", "mbid", "date": {"uts"}}, in pages or in one list
ListenBrainz  {"listened_at", "track_metadata": {"artist_name", "track_name", "additional_info": {"isrc", ...}}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unheard.plays.listed import ListedFile, ListedTrack, one_of
from unheard.plays.matching import TrackReference
from unheard.plays.readers.times import parse_time

TIMES = ("listened_at", "uts", "timestamp", "time", "played_at", "playedAt", "date")
NO_NAMES = "entries without artist and title"


def read_listens(content: Any) -> ListedFile:
    """Return one play for each listen, oldest first; none if the content has no listens."""
    found = ListedFile()
    for listen in _listens(content):
        reference = _reference(listen)
        if not reference.title:
            found.left_out[NO_NAMES] += 1
        elif not _is_playing_now(listen):
            found.tracks.append(ListedTrack(reference, timestamp=_time(listen)))
    return found.in_order_of_time()


def _listens(content: Any) -> Iterator[dict[str, Any]]:
    """Yield the listens of a list, of pages, or of the value of `payload`, `recenttracks`, `track`, `listens`, ..."""
    if isinstance(content, list):
        for part in content:
            yield from _listens(part)
    elif isinstance(content, dict):
        if any(isinstance(content.get(key), dict | str) for key in ("artist", "artistName", "track_metadata")):
            yield content
        else:
            for key in ("payload", "recenttracks", "track", "tracks", "listens", "scrobbles", "plays"):
                yield from _listens(content.get(key))


def _reference(listen: dict[str, Any]) -> TrackReference:
    about = listen.get("track_metadata", listen)
    about = about if isinstance(about, dict) else {}
    more = about.get("additional_info")
    more = more if isinstance(more, dict) else {}
    mapped = about.get("mbid_mapping")
    mapped = mapped if isinstance(mapped, dict) else {}
    artist = about.get("artist")
    if isinstance(artist, dict):
        artist = one_of([artist.get("#text"), artist.get("name")])
    track = about.get("track")
    title = one_of([about.get("track_name"), about.get("name"), about.get("title"), about.get("trackName")])
    return TrackReference(
        isrc=one_of([more.get("isrc"), about.get("isrc")]),
        mbid=one_of([more.get("recording_mbid"), mapped.get("recording_mbid"), about.get("mbid")]),
        artist=one_of([about.get("artist_name"), artist, about.get("artistName")]),
        title=title or (track if isinstance(track, str) else ""),
    )


def _time(listen: dict[str, Any]) -> float | None:
    for key in TIMES:
        value = listen.get(key)
        if isinstance(value, dict):
            value = one_of([value.get("uts"), value.get("#text")])
        if value and (time := parse_time(str(value))):
            return time
    return None


def _is_playing_now(listen: dict[str, Any]) -> bool:
    attributes = listen.get("@attr")
    return isinstance(attributes, dict) and str(attributes.get("nowplaying")).lower() == "true"
