"""Endpoints that send files: audio, cover art, lyrics. Audio is sent as it is stored, whole or in ranges."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import Response

from unheard.artist_names import loose
from unheard.errors import UserError
from unheard.ingest.limited import limited
from unheard.ingest.lyrics import Lyrics, read_lyrics
from unheard.library import Track
from unheard.serve import client_ids
from unheard.serve.http_caching import file_response
from unheard.serve.media_types import media_type_of
from unheard.serve.pages.covers import cover_or_record
from unheard.serve.pages.media import picture
from unheard.serve.subsonic.answer import HEADERS, Answer
from unheard.serve.subsonic.call import Call, not_found
from unheard.serve.subsonic.client_entries import Entry
from unheard.serve.subsonic.playlists import cover_row
from unheard.serve.track_lists import disposition

DEFAULT_SIZE, MAX_SIZE = 480, 480  # pixels of cover art
OF_OTHER_SITES = {name: HEADERS[name] for name in ("access-control-allow-origin", "cross-origin-resource-policy")}


def stream(call: Call) -> Response:
    """Bit rates, formats and time offsets are passed over: nothing is transcoded."""
    path = _file(call)
    sent = file_response(call.request, path, media_type_of(path))
    sent.headers.update(OF_OTHER_SITES)
    return sent


def download(call: Call) -> Response:
    sent = stream(call)
    sent.headers["content-disposition"] = disposition(_file(call).name)
    return sent


def _file(call: Call) -> Path:
    given = call.parameters.required("id")
    path = Path(call.music.tracks[call.row(given)].path)
    if not path.is_file():
        raise not_found("file of song", given)
    return path


def cover_art(call: Call) -> Response:
    """The cover of a song, of an album, an artist or a playlist; its record for one without."""
    given = call.parameters.required("id")
    size = call.parameters.number("size", DEFAULT_SIZE, low=1, high=MAX_SIZE)
    is_playlist = given.startswith((client_ids.SAVED, client_ids.IMPORTED))
    row = cover_row(call, given) if is_playlist else next(iter(call.rows_of(given)))
    sent = picture(cover_or_record(call.snapshot, call.music.tracks.ids[row], size), "image/jpeg")
    sent.headers.update(OF_OTHER_SITES)
    return sent


def lyrics_by_song_id(call: Call) -> Answer:
    """The lyrics of the file's tags, or of a file of the same name that ends in .lrc."""
    row = call.row(call.parameters.required("id"))
    track = call.music.tracks[row]
    about = {"displayArtist": track.artist or None, "displayTitle": track.title or None}
    found = [{**about, **_structured(one)} for one in _lyrics_of(track)]
    return {"lyricsList": {"structuredLyrics": found}}


def lyrics(call: Call) -> Answer:
    """The lyrics of the song with this artist and title, as plain text."""
    artist, title = (call.parameters.text(name) for name in ("artist", "title"))
    for row in call.music.search_songs(f"{artist} {title}").tolist() if title else ():
        track = call.music.tracks[row]
        if loose(track.title) == loose(title) and (found := _lyrics_of(track)):
            text = "\n".join(line for _, line in found[0].lines)
            return {"lyrics": {"artist": track.artist, "title": track.title, "value": text}}
    return {"lyrics": {}}


def _lyrics_of(track: Track) -> list[Lyrics]:
    """Return the lyrics of a track, read in a process with limits; none of a file that exceeds them."""
    try:
        return limited(read_lyrics, Path(track.path))
    except UserError:
        return []


def _structured(found: Lyrics) -> Entry:
    lines = [{"start": start_ms if found.is_synced else None, "value": text} for start_ms, text in found.lines]
    return {"lang": found.language, "synced": found.is_synced, "line": lines}
