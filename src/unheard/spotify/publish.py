"""From lists to playlists: find every track on Spotify, then create each playlist or replace what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unheard.library import Track
from unheard.progress import Progress, silent
from unheard.spotify.account import Account
from unheard.spotify.lists import NamedList
from unheard.spotify.matching import choose, queries

PAGE_OF_PLAYLIST = "https://open.spotify.com/playlist/"


@dataclass(frozen=True)
class Published:
    """What became of one list. `link` is empty if nothing was written."""

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
    """Write each list to the user's playlist of its name; one of which nothing is found stays unwritten.

    All tracks are searched before anything is written, each once.
    """
    wanted = {track.track_id: track for item in lists for track in item.tracks}
    uris: dict[str, str | None] = {}
    for done, (track_id, track) in enumerate(wanted.items(), start=1):
        uris[track_id] = find(track, account, market=market)
        progress("searching", done, len(wanted))
    there = {} if dry_run else account.playlists()
    results = []
    for done, item in enumerate(lists, start=1):
        found = [uri for track in item.tracks if (uri := uris[track.track_id])]
        misses = tuple(f"{track.label} ({track.track_id})" for track in item.tracks if not uris[track.track_id])
        link = ""
        if found and not dry_run:
            link = PAGE_OF_PLAYLIST + _write(item, found, account, there.get(item.name), public=public)
            progress("writing", done, len(lists))
        results.append(Published(item.name, len(found), len(item.tracks), misses, link))
    return results


def find(track: Track, account: Account, *, market: str | None = None) -> str | None:
    """The URI of a track on Spotify, None if it is not there."""
    for query in queries(track):
        if song := choose(track, account.search(query, market=market)):
            return song.uri
    return None


def _write(item: NamedList, uris: Sequence[str], account: Account, playlist: str | None, *, public: bool) -> str:
    if playlist is None:
        playlist = account.create(item.name, description=item.description, public=public)
    else:
        account.describe(playlist, description=item.description, public=public)
    account.replace(playlist, uris)
    return playlist
