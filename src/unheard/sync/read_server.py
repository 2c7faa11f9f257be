"""Read what has changed on a server: albums with their songs, playlists, stars.

All albums are listed, 500 a request, newest first, and an album is read only if its entry has changed: its songs, their
number, length or number of plays. If the server says when it last scanned and has not scanned since, only the albums
that were played last are listed. A playlist is read only if its `changed`, name or length is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from unheard.plays.list_marks import ABOUT
from unheard.progress import Progress
from unheard.sync.subsonic_client import NoAnswerError, SubsonicAnswerError, SubsonicClient
from unheard.sync.sync_state import Song, SyncState, add_album, read_albums, write_albums
from unheard.workspace import Workspace

T = TypeVar("T")
PAGE = 500
MAX_FAILURES = 3  # requests in a row without an answer
OF_SONG = (
    *("id", "title", "artist", "album", "displayAlbumArtist", "year", "genre", "isrc", "musicBrainzId", "path", "size"),
    *("suffix", "duration", "playCount", "played", "userRating"),
)
OF_ALBUM = ("name", "artist", "songCount", "duration", "created", "playCount", "played", "year", "genre", "userRating")


def each(items: Iterable[T], problems: list[str]) -> Iterator[tuple[T, Any]]:
    """Yield items with a function that takes the error of an item; NoAnswerError after three of them in a row."""
    failed = 0

    def fail(error: SubsonicAnswerError) -> None:
        nonlocal failed
        problems.append(str(error))
        failed = failed + 1 if isinstance(error, NoAnswerError) else 0
        if failed >= MAX_FAILURES:
            raise error

    for item in items:
        before = len(problems)
        yield item, fail
        if len(problems) == before:
            failed = 0


def entries(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; old servers send a list of one as an object."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, dict) and one.get("id") not in (None, "")]


def read_songs(
    workspace: Workspace,
    client: SubsonicClient,
    state: SyncState,
    problems: list[str],
    progress: Progress,
    *,
    again: bool,
) -> dict[str, Song]:
    """Return all songs by id, after what has changed was read; `again`: read all albums."""
    known = read_albums(workspace)
    before = scan_state(client)
    is_same = bool(before) and before == state.scanned and not again
    listed: dict[str, dict[str, Any]] = {}
    for page in _pages(client, "recent" if is_same else "newest"):
        new = {str(one["id"]): one for one in page}
        changed = {name: one for name, one in new.items() if again or known.get(name, {}).get("key") != _key(one)}
        listed |= new
        n_read = 0
        for name, fail in each(changed, problems):
            try:
                album = client.read("getAlbum", id=name).get("album")
            except SubsonicAnswerError as error:
                fail(error)
                continue
            songs = [kept for one in entries((album or {}).get("song")) if (kept := _kept(one, problems)) is not None]
            known[name] = {"id": name, "key": _key(changed[name]), "songs": songs}
            add_album(workspace, known[name])
            n_read += 1
            progress("reading albums", n_read, len(changed))
        if is_same and not changed:
            break
    if not is_same and before == scan_state(client) and before != "scanning":
        known = {name: album for name, album in known.items() if name in listed}
        write_albums(workspace, known)
        state.scanned = before if not problems else ""
    return {song["id"]: song for album in known.values() for song in album["songs"]}


def scan_state(client: SubsonicClient) -> str:
    """Return when the server last scanned; "" if it does not say so, "scanning" while it does."""
    try:
        status = client.read("getScanStatus").get("scanStatus")
    except SubsonicAnswerError:
        return ""
    if not isinstance(status, dict):
        return ""
    if status.get("scanning") is True:
        return "scanning"
    return f"{status['lastScan']} {status.get('count')}" if status.get("lastScan") else ""


def _pages(client: SubsonicClient, kind: str) -> Iterator[list[dict[str, Any]]]:
    seen: set[str] = set()
    while True:
        found = client.read("getAlbumList2", type=kind, size=PAGE, offset=len(seen)).get("albumList2")
        page = [one for one in entries((found or {}).get("album")) if str(one["id"]) not in seen]
        if not page:  # a short page is no sign: servers have limits of their own
            return
        seen |= {str(one["id"]) for one in page}
        yield page


def _key(album: dict[str, Any]) -> list[Any]:
    return [album.get(name) for name in OF_ALBUM]


def _kept(song: dict[str, Any], problems: list[str]) -> Song | None:
    """Return the parts of a song that are used; None for a folder, a video, or an id that a table cannot hold."""
    if song.get("isDir") is True or song.get("isVideo") is True:
        return None
    kept = {name: song[name] for name in OF_SONG if song.get(name) is not None}
    kept["id"] = str(song["id"])
    if kept["id"].split() != [kept["id"]]:
        problems.append(f"song id {kept['id'][:80]!r}: expected no blanks; left out")
        return None
    return kept


def read_lists(
    client: SubsonicClient, state: SyncState, problems: list[str], *, again: bool, others: bool = False
) -> None:
    """Bring the playlists of the state up to date, without those that unheard has written.

    others  read playlists of other users too
    """
    own = set(state.written.values())
    listed = {
        str(one["id"]): one
        for one in playlists_of(client, others=others)
        if str(one["id"]) not in own and not is_written(one) and not _is_pending(one, state)
    }
    for name, fail in each(listed, problems):
        about = listed[name]
        key = [about.get("changed"), about.get("name"), about.get("songCount")]
        if about.get("changed") and not again and state.playlists.get(name, {}).get("changed") == key:
            continue
        try:
            content = client.read("getPlaylist", id=name).get("playlist") or {}
        except SubsonicAnswerError as error:
            fail(error)
            continue
        songs = [str(one["id"]) for one in entries(content.get("entry"))]
        state.playlists[name] = {"name": str(about.get("name") or name), "changed": key, "songs": songs}
    state.playlists = {name: one for name, one in state.playlists.items() if name in listed}


def playlists_of(client: SubsonicClient, *, others: bool) -> list[dict[str, Any]]:
    """Return the entries of the login's own playlists, or also of those of others that it sees."""
    found = entries((client.read("getPlaylists").get("playlists") or {}).get("playlist"))
    if others or not any(one.get("owner") for one in found):
        return found
    user = client.user.casefold()
    return [one for one in found if str(one.get("owner") or user).casefold() == user]


def is_written(playlist: dict[str, Any]) -> bool:
    """Return whether unheard has made a playlist, by its comment."""
    return str(playlist.get("comment") or "").startswith(ABOUT)


def _is_pending(playlist: dict[str, Any], state: SyncState) -> bool:
    """Return whether a playlist was created by a sync that was stopped before it could note that."""
    before = state.pending.get(str(playlist.get("name")))
    return before is not None and str(playlist["id"]) not in before


def read_starred(client: SubsonicClient, problems: list[str]) -> dict[str, int] | None:
    """Return the rating of each song with a star; None if the server cannot say."""
    try:
        found = client.read("getStarred2").get("starred2") or {}
    except SubsonicAnswerError as error:
        problems.append(str(error))
        return None
    return {str(one["id"]): rating_of(one) for one in entries(found.get("song"))}


def read_ratings(client: SubsonicClient, problems: list[str]) -> dict[str, int]:
    """Return the rating of each song, 0 for none, 500 songs a request; none of a server without OpenSubsonic.

    An album's entry does not change with the ratings of its songs; an OpenSubsonic server lists all songs if it is
    asked for those that contain an empty text.
    """
    found: dict[str, int] = {}
    while True:
        query: dict[str, str | int] = {"songCount": PAGE, "songOffset": len(found), "artistCount": 0, "albumCount": 0}
        try:
            answer = client.read("search3", query="", **query)
        except SubsonicAnswerError as error:
            problems.append(str(error))
            return found
        page = entries((answer.get("searchResult3") or {}).get("song"))
        new = {str(one["id"]): rating_of(one) for one in page}
        if answer.get("openSubsonic") is not True or new.keys() <= found.keys():
            return found
        found |= new


def rating_of(song: dict[str, Any]) -> int:
    """Return the rating of a song, 0 to 5; 0 for none."""
    value = song.get("userRating")
    return value if isinstance(value, int) and 0 <= value <= 5 else 0
