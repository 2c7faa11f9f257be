"""Publish lists on Spotify: find every track, then create each playlist or replace its tracks.

Only a playlist that unheard made is replaced: one whose id the last call returned, or whose description is unheard's.
If a person's own playlist has the name of a list, that stays, and the list is called `<name> (unheard)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unheard.library import Track
from unheard.plays.list_marks import ABOUT
from unheard.progress import Progress, silent
from unheard.spotify.account import Account, OwnedPlaylist
from unheard.spotify.seed_lists import MAX_NAME, NEAREST, NamedList
from unheard.spotify.song_matching import choose, queries

PLAYLIST_URL = "https://open.spotify.com/playlist/"
IF_TAKEN = " (unheard)"


@dataclass(frozen=True)
class Published:
    """The result of one list. `name` is that of the playlist, `link` is empty if nothing was written."""

    name: str
    n_found: int
    n_wanted: int
    misses: tuple[str, ...]
    link: str = ""

    @property
    def rate(self) -> float:
        return self.n_found / self.n_wanted


def publish(
    lists: Sequence[NamedList],
    account: Account,
    *,
    market: str | None = None,
    public: bool = False,
    dry_run: bool = False,
    progress: Progress = silent,
) -> list[Published]:
    """Write each list to a playlist of its name; a list is not written if none of its tracks is found.

    All tracks are searched before anything is written, each once.
    """
    wanted = {track.track_id: track for item in lists for track in item.tracks}
    uris: dict[str, str | None] = {}
    for done, (track_id, track) in enumerate(wanted.items(), start=1):
        uris[track_id] = find(track, account, market=market)
        progress("searching", done, len(wanted))
    existing = [] if dry_run else account.playlists()
    results = []
    for done, item in enumerate(lists, start=1):
        found = [uri for track in item.tracks if (uri := uris[track.track_id])]
        misses = tuple(f"{track.label} ({track.track_id})" for track in item.tracks if not uris[track.track_id])
        name, link = item.name, ""
        if found and not dry_run:
            playlist = _playlist(item, existing)
            name, link = playlist.name, PLAYLIST_URL + _write(playlist, found, account, public=public)
            progress("writing", done, len(lists))
        results.append(Published(name, len(found), len(item.tracks), misses, link))
    return results


def find(track: Track, account: Account, *, market: str | None = None) -> str | None:
    """Return the URI of a track on Spotify, or None if it is not found."""
    for query in queries(track):
        if song := choose(track, account.search(query, market=market)):
            return song.uri
    return None


def _playlist(item: NamedList, existing: Sequence[OwnedPlaylist]) -> OwnedPlaylist:
    """Return the playlist to write, without an id if it has to be made. One that a person renamed is named back."""
    names = (item.name, item.name[: MAX_NAME - len(IF_TAKEN)].rstrip() + IF_TAKEN)
    known = [one for one in existing if item.known_as and one.playlist_id == item.known_as]
    ours = next(iter(known or [one for name in names for one in existing if one.name == name and _is_ours(one)]), None)
    if ours is not None and ours.name in names:
        return OwnedPlaylist(ours.playlist_id, ours.name, item.description)
    is_taken = any(one.name == item.name for one in existing)
    return OwnedPlaylist("" if ours is None else ours.playlist_id, names[1 if is_taken else 0], item.description)


def _is_ours(playlist: OwnedPlaylist) -> bool:
    return playlist.description == ABOUT or playlist.description.startswith(NEAREST)


def _write(playlist: OwnedPlaylist, uris: Sequence[str], account: Account, *, public: bool) -> str:
    """Write a playlist; return its id."""
    name, description = playlist.name, playlist.description
    if written := playlist.playlist_id:
        account.change(written, name=name, description=description, public=public)
    else:
        written = account.create(name, description=description, public=public)
    account.replace(written, uris)
    return written
