"""Endpoints that browse the library: folders, indexes, artists, albums, songs, genres, searching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

from unheard.arrays import Rows
from unheard.artist_names import loose
from unheard.serve import client_ids
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
from unheard.serve.subsonic.similar import similar_artists

T = TypeVar("T")

FOLDER = {"id": 1, "name": "Music"}
ARTICLES = "The"  # the only one that `loose` leaves out
MAX_FOUND = 10_000  # of each kind in one answer


def music_folders(_: Call) -> Answer:
    return {"musicFolders": {"musicFolder": [FOLDER]}}


def indexes(call: Call) -> Answer:
    """Artists as folders."""
    since_ms, modified_ms = call.parameters.number("ifModifiedSince", 0), call.music.last_modified_ms
    found = [] if since_ms >= modified_ms > 0 else _by_letter(call, artist_folder)
    return {"indexes": {"lastModified": modified_ms, "ignoredArticles": ARTICLES, "index": found}}


def artists(call: Call) -> Answer:
    return {"artists": {"ignoredArticles": ARTICLES, "index": _by_letter(call, artist_entry)}}


def _by_letter(call: Call, entry: Callable[[Call, Artist], Entry]) -> list[Entry]:
    """Return the artists under the first letter of their names; "#" for those that begin with none."""

    def letter(artist: Artist) -> str:
        first = loose(artist.name)[:1].upper()
        return first if first.isalpha() else "#"

    ordered = sorted(call.music.artists, key=letter)  # stable: by name within a letter
    return [
        {"name": first, "artist": [entry(call, artist) for artist in found]}
        for first, found in groupby(ordered, key=letter)
    ]


def music_directory(call: Call) -> Answer:
    """The folder of all artists, of an artist or of an album."""
    given = call.parameters.required("id")
    if given == str(FOLDER["id"]):
        folders = [{**artist_folder(call, one), "title": one.name, "isDir": True} for one in call.music.artists]
        children = [{name: value for name, value in one.items() if name != "name"} for one in folders]
        return {"directory": {**FOLDER, "id": given, "child": children}}
    if given.startswith(client_ids.ALBUM):
        album = call.album(given)
        entry = album_entry(call, album)
        shared = {name: entry[name] for name in ("id", "name", "starred", "userRating", "playCount")}
        return {"directory": {**shared, "parent": entry["artistId"], "child": songs(call, album.rows)}}
    artist = call.artist(given)
    children = [album_folder(call, album) for album in artist.albums]
    return {"directory": {**artist_folder(call, artist), "parent": str(FOLDER["id"]), "child": children}}


def artist(call: Call) -> Answer:
    found = call.artist(call.parameters.required("id"))
    return {"artist": {**artist_entry(call, found), "album": [album_entry(call, one) for one in found.albums]}}


def album(call: Call) -> Answer:
    found = call.album(call.parameters.required("id"))
    return {"album": {**album_entry(call, found), "song": songs(call, found.rows)}}


def one_song(call: Call) -> Answer:
    return {"song": song(call, call.row(call.parameters.required("id")))}


def genres(call: Call) -> Answer:
    found = call.music.genres
    return {
        "genres": {
            "genre": [
                {"value": genre.name, "songCount": len(genre.rows), "albumCount": len(genre.albums)} for genre in found
            ]
        }
    }


def artist_info2(call: Call) -> Answer:
    return {"artistInfo2": {"similarArtist": [artist_entry(call, one) for one in _similar(call)]}}


def artist_info(call: Call) -> Answer:
    return {"artistInfo": {"similarArtist": [artist_folder(call, one) for one in _similar(call)]}}


def _similar(call: Call) -> list[Artist]:
    count = call.parameters.number("count", 20, high=500)
    given = call.parameters.required("id")
    if not given.startswith(client_ids.ARTIST):  # clients that browse folders ask about albums and songs too
        row = call.rows_of(given)[0]
        given = client_ids.of_artist(call.music.main_artist(row))
    return [one for one, _ in similar_artists(call.session, call.music, call.artist(given), count)]


def album_info(call: Call) -> Answer:
    """Nothing is known about albums that their tags do not say."""
    call.rows_of(call.parameters.required("id"))
    return {"albumInfo": {}}


def search3(call: Call) -> Answer:
    return {"searchResult3": _found(call, artist_entry, album_entry)}


def search2(call: Call) -> Answer:
    return {"searchResult2": _found(call, artist_folder, album_folder)}


def _found(call: Call, artist_as: Callable[..., Entry], album_as: Callable[..., Entry]) -> Entry:
    """Return what matches every word; everything for an empty query. Each kind has its own page."""
    text = call.parameters.text("query").strip()
    text = "" if text in ('""', "''", "*") else text.removesuffix("*")
    music = call.music
    return {
        "artist": [artist_as(call, one) for one in _page(call, "artist", lambda: music.search_artists(text))],
        "album": [album_as(call, one) for one in _page(call, "album", lambda: music.search_albums(text))],
        "song": songs(call, _page(call, "song", lambda: music.search_songs(text))),
    }


def _page(call: Call, kind: str, search: Callable[[], Sequence[T] | Rows]) -> Sequence[T] | Rows:
    count = call.parameters.number(f"{kind}Count", 20, high=MAX_FOUND)
    offset = call.parameters.number(f"{kind}Offset", 0)
    return search()[offset : offset + count] if count else ()
