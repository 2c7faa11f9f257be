"""Publish lists on Spotify: find every track, then create each playlist or replace its tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unheard.library import Track
from unheard.progress import Progress, silent
from unheard.spotify.account import Account
from unheard.spotify.seed_lists import NamedList
from unheard.spotify.song_matching import choose, queries

PLAYLIST_URL = "https://open.spotify.com/playlist/"


@dataclass(frozen=True)
class Published:
    """The result of one list. `link` is empty if nothing was written."""

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
    """Write each list to the user's playlist of its name; a list is not written if none of its tracks is found.

    All tracks are searched before anything is written, each once.
    """
    wanted = {track.track_id: track for item in lists for track in item.tracks}
    uris: dict[str, str | None] = {}
    for done, (track_id, track) in enumerate(wanted.items(), start=1):
        uris[track_id] = find(track, account, market=market)
        progress("searching", done, len(wanted))
    existing = {} if dry_run else account.playlists()
    results = []
    for done, item in enumerate(lists, start=1):
        found = [uri for track in item.tracks if (uri := uris[track.track_id])]
        misses = tuple(f"{track.label} ({track.track_id})" for track in item.tracks if not uris[track.track_id])
        link = ""
        if found and not dry_run:
            link = PLAYLIST_URL + _write(item, found, account, existing.get(item.name), public=public)
            progress("writing", done, len(lists))
        results.append(Published(item.name, len(found), len(item.tracks), misses, link))
    return results


def find(track: Track, account: Account, *, market: str | None = None) -> str | None:
    """Return the URI of a track on Spotify, or None if it is not found."""
    for query in queries(track):
        if song := choose(track, account.search(query, market=market)):
            return song.uri
    return None


def _write(item: NamedList, uris: Sequence[str], account: Account, playlist: str | None, *, public: bool) -> str:
    if playlist is None:
        playlist = account.create(item.name, description=item.description, public=public)
    else:
        account.set_description(playlist, description=item.description, public=public)
    account.replace(playlist, uris)
    return playlist
