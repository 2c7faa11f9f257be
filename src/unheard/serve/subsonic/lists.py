"""Endpoints that list albums and songs: by time, by number of plays, by rating, at random."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from unheard.play_history import ListenCounts
from unheard.ratings import ALBUM, ARTIST, TRACK, Feedback
from unheard.serve import client_ids
from unheard.serve.album_index import Album
from unheard.serve.browse_tables import Taken
from unheard.serve.player_tables import Artist
from unheard.serve.subsonic.answer import Answer
from unheard.serve.subsonic.call import Call
from unheard.serve.subsonic.client_entries import (
    Entry,
    album_entry,
    album_folder,
    artist_entry,
    artist_folder,
    song,
    songs,
)
from unheard.serve.subsonic.errors import Code, SubsonicError

MAX_SIZE = 500
MAX_YEAR, UNKNOWN_YEAR = 9999, 0
NOW_S = 600.0  # a track without a known duration is playing for so long


# ----------------------------------------------------------------------------------------------------------- albums


def album_list2(call: Call) -> Answer:
    return {"albumList2": {"album": [album_entry(call, album) for album in _albums(call)]}}


def album_list(call: Call) -> Answer:
    return {"albumList": {"album": [album_folder(call, album) for album in _albums(call)]}}


def _albums(call: Call) -> Sequence[Album]:
    kind = call.parameters.required("type")
    if kind not in ALBUM_LISTS:
        raise SubsonicError(Code.GENERIC, f"type: expected one of {', '.join(ALBUM_LISTS)}, found {kind[:40]!r}")
    size, offset = call.parameters.number("size", 10, high=MAX_SIZE), call.parameters.number("offset", 0)
    return ALBUM_LISTS[kind](call)[offset : offset + size]


def _random(call: Call) -> Sequence[Album]:
    return Taken(call.music.albums, np.random.default_rng().permutation(len(call.music.albums)))


def _best(call: Call, values: Mapping[str, float] | Mapping[str, str]) -> list[Album]:
    """Return the albums with a value, given by id, largest first; equal ones in the order of artists and names."""
    numbers = (call.music.album_number(album_id) for album_id, value in values.items() if value)
    found = call.music.albums.take(sorted(number for number in numbers if number is not None))
    return sorted(found, key=lambda album: values[album.album_id], reverse=True)


def _feedback_of_albums(call: Call) -> dict[str, Feedback]:
    """Return the feedback of each album that has some."""
    given = {item.removeprefix(ALBUM): one for item, one in call.feedback_of_items.items() if item.startswith(ALBUM)}
    return {album_id: one for album_id, one in given.items() if call.music.album_number(album_id) is not None}


def _highest(call: Call) -> list[Album]:
    return _best(call, {album_id: one.rating for album_id, one in _feedback_of_albums(call).items()})


def _starred_albums(call: Call) -> list[Album]:
    return _best(call, {album_id: one.starred for album_id, one in _feedback_of_albums(call).items()})


def _played(call: Call) -> Iterator[tuple[str, ListenCounts]]:
    """Yield the album and the counts of each track that was played."""
    for track_id, counts in call.history.counts.items():
        row = call.row_or_none(client_ids.of_track(track_id))
        if row is not None:
            yield call.music.album_of(row), counts


def _frequent(call: Call) -> list[Album]:
    plays: Counter[str] = Counter()
    for album_id, counts in _played(call):
        plays[album_id] += counts.plays
    return _best(call, plays)


def _recent(call: Call) -> list[Album]:
    last: dict[str, float] = {}
    for album_id, counts in _played(call):
        last[album_id] = max(counts.last, last.get(album_id, 0.0))
    return _best(call, last)


def _by_year(call: Call) -> Sequence[Album]:
    first, last = (_year(call, name) for name in ("fromYear", "toYear"))
    low, high = min(first, last), max(first, last)
    years = call.music.albums.years
    found = np.flatnonzero((years != UNKNOWN_YEAR) & (low <= years) & (years <= high))
    return Taken(call.music.albums, found[np.argsort(-years[found] if first > last else years[found], kind="stable")])


def _by_genre(call: Call) -> Sequence[Album]:
    genre = call.music.genre(call.parameters.required("genre"))
    return () if genre is None else genre.albums


def _year(call: Call, name: str) -> int:
    call.parameters.required(name)
    return call.parameters.number(name, 0, high=MAX_YEAR)


ALBUM_LISTS: dict[str, Callable[[Call], Sequence[Album]]] = {
    "random": _random,
    "newest": lambda call: call.music.newest_albums,
    "highest": _highest,
    "frequent": _frequent,
    "recent": _recent,
    "starred": _starred_albums,
    "alphabeticalByName": lambda call: call.music.albums_by_name,
    "alphabeticalByArtist": lambda call: call.music.albums,
    "byYear": _by_year,
    "byGenre": _by_genre,
}


# ------------------------------------------------------------------------------------------------------------ songs


def random_songs(call: Call) -> Answer:
    parameters = call.parameters
    size = parameters.number("size", 10, high=MAX_SIZE)
    low, high = parameters.number("fromYear", 0), parameters.number("toYear", MAX_YEAR)
    genre = parameters.text("genre")
    rows = np.array(_rows_of_genre(call, genre), np.int32) if genre else call.music.albums.rows
    if "fromYear" in parameters or "toYear" in parameters:
        years = call.snapshot.catalogue.filter_columns.year[rows]
        rows = rows[(years != UNKNOWN_YEAR) & (low <= years) & (years <= high)]
    return {"randomSongs": {"song": songs(call, np.random.default_rng().permutation(rows)[:size])}}


def songs_by_genre(call: Call) -> Answer:
    rows = _rows_of_genre(call, call.parameters.required("genre"))
    count, offset = call.parameters.number("count", 10, high=MAX_SIZE), call.parameters.number("offset", 0)
    return {"songsByGenre": {"song": songs(call, rows[offset : offset + count])}}


def _rows_of_genre(call: Call, name: str) -> tuple[int, ...]:
    genre = call.music.genre(name)
    return () if genre is None else genre.rows


def top_songs(call: Call) -> Answer:
    """The songs of an artist that were played most in players, then those in most playlists."""
    given = call.parameters.text("id") or client_ids.of_artist(call.parameters.required("artist"))
    artist = call.music.artist(given)
    count = call.parameters.number("count", 50, high=MAX_SIZE)
    rows = () if artist is None else artist.rows
    ranked = sorted(rows, key=lambda row: (-call.counts(row).plays, -call.music.index.n_playlists(row), row))
    return {"topSongs": {"song": songs(call, ranked[:count])}}


def now_playing(call: Call) -> Answer:
    now, entries = time.time(), []
    for number, (player, listen) in enumerate(sorted(call.history.playing.items()), start=1):
        row = call.row_or_none(client_ids.of_track(listen.track_id))
        ago_s = now - listen.at
        if row is not None and 0 <= ago_s < (call.music.tracks[row].duration_s or NOW_S):
            name, _, program = player.partition("/")
            about = {"username": name, "minutesAgo": int(ago_s // 60), "playerId": number, "playerName": program}
            entries.append({**song(call, row), **about})
    return {"nowPlaying": {"entry": entries}}


# ---------------------------------------------------------------------------------------------------------- starred


def starred2(call: Call) -> Answer:
    return {"starred2": _starred(call, artist_entry, album_entry)}


def starred(call: Call) -> Answer:
    return {"starred": _starred(call, artist_folder, album_folder)}


def _starred(call: Call, artist_as: Callable[[Call, Artist], Entry], album_as: Callable[[Call, Album], Entry]) -> Entry:
    """Return what has a star, the latest first."""
    items = {item: feedback.starred for item, feedback in call.feedback_of_items.items() if feedback.starred}
    ordered = sorted(items, key=lambda item: items[item], reverse=True)
    artists = [call.music.artist(item.removeprefix(ARTIST)) for item in ordered if item.startswith(ARTIST)]
    albums = [
        call.music.album(client_ids.of_album(item.removeprefix(ALBUM))) for item in ordered if item.startswith(ALBUM)
    ]
    rows = [
        call.row_or_none(client_ids.of_track(item.removeprefix(TRACK))) for item in ordered if item.startswith(TRACK)
    ]
    return {
        "artist": [artist_as(call, one) for one in artists if one is not None],
        "album": [album_as(call, one) for one in albums if one is not None],
        "song": songs(call, (row for row in rows if row is not None)),
    }
