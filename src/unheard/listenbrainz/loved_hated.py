"""Read the tracks that a ListenBrainz user loves and hates, and give them thumbs up and down.

    W/listens/listenbrainz-<user>.feedback.json   recording -> [1 (loved) or -1 (hated), track], as last seen

`GET /1/feedback/user/<user>/get-feedback` returns at most 1,000 a request. Only what has changed there since the last
read changes thumbs here, so a thumb that is given here stays. A recording that is not in the library yet is looked for
again each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unheard.atomic_files import write_json
from unheard.checksums import read_sealed
from unheard.errors import UnheardError
from unheard.library import open_library
from unheard.listenbrainz.client import ListenBrainz, NotFoundOnServerError, segment
from unheard.listenbrainz.listen_history import listens_path
from unheard.plays.matching import Matcher, TrackReference
from unheard.thumbs import Thumb, read_thumbs, set_thumbs
from unheard.workspace import Workspace

PER_PAGE = 1000  # the most that the server gives
THUMBS: dict[int, Thumb] = {1: "up", -1: "down"}


def read_feedback_of(workspace: Workspace, api: ListenBrainz, user: str) -> int:
    """Bring thumbs up to date with what a user loves and hates; return how many changed. UnheardError as of a read."""
    path = listens_path(workspace, user).with_suffix(".feedback.json")
    before = _read(path)
    now, references = dict[str, int](), dict[str, TrackReference]()
    for one in _items(api, user):
        about = _object(one.get("track_metadata"))
        mapped = _object(about.get("mbid_mapping"))
        mbid = str(one.get("recording_mbid") or mapped.get("recording_mbid") or "")
        artist, title = str(about.get("artist_name") or ""), str(about.get("track_name") or "")
        key = mbid or str(one.get("recording_msid") or "")
        if key and one.get("score") in THUMBS:
            now[key], references[key] = int(one["score"]), TrackReference(mbid=mbid, artist=artist, title=title)
    with open_library(workspace.library_path) as library:
        matcher = Matcher(library.tracks(), library.failures())
    tracks = {key: found for key, reference in references.items() if (found := matcher.match(reference, similar=False))}
    seen = {key: [score, tracks[key]] for key, score in now.items() if key in tracks}
    current = {one.track_id: one.thumb for one in read_thumbs(workspace)}
    changes: dict[str, Thumb | None] = {
        track: None  # taken back there
        for key, (score, track) in before.items()
        if key not in now and current.get(track) == THUMBS[score]
    }
    changes |= {tracks[key]: THUMBS[now[key]] for key, value in seen.items() if before.get(key) != value}
    changes = {track: thumb for track, thumb in changes.items() if current.get(track) != thumb}
    if changes:
        set_thumbs(workspace, changes)
    if seen != before:
        write_json(path, seen)
    return len(changes)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(api: ListenBrainz, user: str) -> Iterator[dict[str, Any]]:
    offset = 0
    while True:
        query: dict[str, str | int] = {"count": PER_PAGE, "offset": offset, "metadata": "true"}
        try:
            page = api.get(f"/1/feedback/user/{segment(user)}/get-feedback", **query).get("feedback")
        except NotFoundOnServerError as error:
            raise UnheardError(f"ListenBrainz has no user {user!r}; check --user") from error
        if not isinstance(page, list):
            raise UnheardError("ListenBrainz: an answer without feedback; run again later")
        yield from (one for one in page if isinstance(one, dict))
        if not page:
            return
        offset += len(page)


def _read(path: Path) -> dict[str, list[Any]]:
    """Return recording -> [score, track] as last seen; nothing of a missing or damaged file."""
    try:
        values = read_sealed(path)
        return {str(key): [int(score), str(track)] for key, (score, track) in values.items() if score in THUMBS}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
