"""Write a list as a playlist of a ListenBrainz user, and replace its tracks in place on the next refresh.

Playlists are JSPF with the extension of https://musicbrainz.org/doc/jspf. Their tracks are MusicBrainz recordings: a
track's own MBID, else the recording that ListenBrainz finds for its artist and title, if both names match; others are
left out and reported. Playlists are private.

To replace, the new tracks are added before the old ones, at most 100 a request, and then the old ones are deleted. A
replacement that is interrupted leaves a playlist with too many tracks, never an empty one, and the next one repairs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from unheard.errors import UnheardError, UserError
from unheard.library import Track
from unheard.listenbrainz.client import ListenBrainz, NotFoundOnServerError, segment
from unheard.plays.list_marks import ABOUT
from unheard.plays.names import normalise
from unheard.recommend.export import one_line

EXTENSION = "https://musicbrainz.org/doc/jspf#playlist"
RECORDING, PLAYLIST = "https://musicbrainz.org/recording/", "https://listenbrainz.org/playlist/"
MAX_ADDED = 100  # tracks in one request
PER_PAGE = 100  # playlists


@dataclass(frozen=True)
class SubmittedPlaylist:
    """A playlist on the server: its MBID, the number of its tracks, and the labels of tracks that were left out."""

    mbid: str
    n_tracks: int
    left_out: tuple[str, ...]

    @property
    def link(self) -> str:
        return PLAYLIST + self.mbid


def submit_playlist(api: ListenBrainz, title: str, tracks: Sequence[Track], known_as: str = "") -> SubmittedPlaylist:
    """Create a playlist, or replace the tracks of an earlier one; `known_as` is its MBID, "" for the first time.

    Without `known_as`, a playlist of this title that unheard has made is replaced: the answer to an earlier request may
    have been lost. Raise UserError if no track has a recording, UnheardError if the server cannot be used.
    """
    title = one_line(title)
    found = {track.track_id: recording_of(api, track) for track in tracks}
    mbids = [mbid for track in tracks if (mbid := found[track.track_id])]
    left_out = tuple(track.label for track in tracks if not found[track.track_id])
    if not mbids:
        raise UserError(f"{title}: none of its {len(tracks)} tracks is known to MusicBrainz; nothing is written")
    playlist = _existing(api, title, known_as)
    if playlist is None:
        answer = api.post("/1/playlist/create", as_jspf(title, mbids))
        mbid = _uuid(answer.get("playlist_mbid"))
        if not mbid:
            raise UnheardError("ListenBrainz: an answer without the playlist's MBID; run again later")
    else:
        mbid = _mbid_of(playlist)
        _replace_tracks(api, playlist, title, mbids)
    return SubmittedPlaylist(mbid, len(mbids), left_out)


def as_jspf(title: str, mbids: Iterable[str]) -> dict[str, Any]:
    """Return a private playlist of recordings as JSPF with MusicBrainz's extension."""
    return {
        "playlist": {
            "title": title,
            "annotation": ABOUT,
            "extension": {EXTENSION: {"public": False}},
            "track": [{"identifier": RECORDING + mbid} for mbid in mbids],
        }
    }


def recording_of(api: ListenBrainz, track: Track) -> str:
    """Return the MBID of a track's recording; "" if it is unknown."""
    if mbid := _uuid(track.mbid):
        return mbid
    if not track.title or not track.artists:
        return ""
    try:
        found = api.get("/1/metadata/lookup/", artist_name=track.artists[0], recording_name=track.title)
    except NotFoundOnServerError:
        return ""
    same_title = normalise(str(found.get("recording_name", ""))) == normalise(track.title)
    same_artist = f" {normalise(track.artists[0])} " in f" {normalise(str(found.get('artist_credit_name', '')))} "
    return _uuid(found.get("recording_mbid")) if same_title and same_artist else ""


def _existing(api: ListenBrainz, title: str, known_as: str) -> dict[str, Any] | None:
    """Return the playlist to replace, with its tracks; None if there is none."""
    mbid = known_as or next((_mbid_of(one) for one in _made_by_unheard(api) if one.get("title") == title), "")
    if not mbid:
        return None
    try:
        found = api.get(f"/1/playlist/{segment(mbid)}", fetch_metadata="false").get("playlist")
    except NotFoundOnServerError:  # a person has deleted it
        return None
    return found if isinstance(found, dict) else None


def _made_by_unheard(api: ListenBrainz) -> Iterable[dict[str, Any]]:
    """Yield the user's playlists with our annotation, without their tracks."""
    user, offset = segment(api.user_name()), 0
    while True:
        answer = api.get(f"/1/user/{user}/playlists", count=PER_PAGE, offset=offset)
        page = [one.get("playlist") for one in answer.get("playlists") or [] if isinstance(one, dict)]
        yield from (one for one in page if isinstance(one, dict) and one.get("annotation") == ABOUT)
        offset += len(page)
        if not page or offset >= int(answer.get("playlist_count", 0)):
            return


def _replace_tracks(api: ListenBrainz, playlist: dict[str, Any], title: str, mbids: Sequence[str]) -> None:
    mbid = segment(_mbid_of(playlist))
    n_old = len(playlist.get("track") or [])
    for start in range(0, len(mbids), MAX_ADDED):
        api.post(f"/1/playlist/{mbid}/item/add/{start}", as_jspf(title, mbids[start : start + MAX_ADDED]))
    if n_old:
        api.post(f"/1/playlist/{mbid}/item/delete", {"index": len(mbids), "count": n_old})
    if playlist.get("title") != title:
        api.post(f"/1/playlist/edit/{mbid}", {"playlist": {"title": title, "annotation": ABOUT}})


def _mbid_of(playlist: dict[str, Any]) -> str:
    return _uuid(str(playlist.get("identifier", "")).rstrip("/").rpartition("/")[2])


def _uuid(value: object) -> str:
    """Return a UUID in its usual form; "" for anything else."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        return ""
