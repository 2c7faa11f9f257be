"""Endpoints that tell what a person likes and plays: stars, ratings, scrobbles."""

from __future__ import annotations

import time

from unheard.bounded_text import whole_number
from unheard.play_history import Event, Listen, add_listens
from unheard.ratings import ALBUM, ARTIST, MAX_RATING, TRACK, rate
from unheard.ratings import star as set_star
from unheard.serve import client_ids
from unheard.serve.subsonic.answer import Answer
from unheard.serve.subsonic.call import Call, not_found
from unheard.serve.subsonic.errors import Code, SubsonicError

MAX_SCROBBLES = 500  # in one request: days of music that a player has kept while it was offline


def star(call: Call) -> Answer:
    return _star(call, starred=True)


def unstar(call: Call) -> Answer:
    return _star(call, starred=False)


def _star(call: Call, *, starred: bool) -> Answer:
    given = [one for name in ("id", "albumId", "artistId") for one in call.parameters.every(name)]
    if not given:
        raise SubsonicError(Code.MISSING_PARAMETER, "required parameter is missing: id, albumId or artistId")
    set_star(call.workspace, [_item(call, one) for one in given], starred=starred)  # an unknown id changes nothing
    return {}


def set_rating(call: Call) -> Answer:
    item = _item(call, call.parameters.required("id"))
    call.parameters.required("rating")
    rating = call.parameters.number("rating", 0, low=-1)
    if not 0 <= rating <= MAX_RATING:
        raise SubsonicError(Code.GENERIC, f"rating: expected 1 to {MAX_RATING}, or 0 for none, found {rating}")
    rate(call.workspace, item, rating)
    return {}


def _item(call: Call, given: str) -> str:
    """Return the item of ratings.py that a client means."""
    if given.startswith(client_ids.ALBUM):
        return ALBUM + call.album(given).album_id
    if given.startswith(client_ids.ARTIST):
        return ARTIST + call.artist(given).artist_id
    return TRACK + call.music.tracks.ids[call.row(given)]


def scrobble(call: Call) -> Answer:
    """Note that songs were played, or with `submission` false that one begins. Unknown songs are passed over."""
    given = call.parameters.every("id")
    if not given:
        raise SubsonicError(Code.MISSING_PARAMETER, "required parameter is missing: id")
    if len(given) > MAX_SCROBBLES:  # a line of the history is ten times as long as an id
        raise SubsonicError(Code.GENERIC, f"id: expected at most {MAX_SCROBBLES} in one request, found {len(given):,}")
    event: Event = "play" if call.parameters.flag("submission", default=True) else "start"
    now = time.time()
    times = [_seconds(value, now) for value in call.parameters.every("time")]
    times += [now] * (len(given) - len(times))
    rows = [call.row_or_none(one) for one in given]
    found = [(row, at) for row, at in zip(rows, times, strict=False) if row is not None]
    if not found:
        raise not_found("song", given[0])
    track_ids = call.music.tracks.ids
    add_listens(call.workspace, [Listen(track_ids[row], at, event, call.player) for row, at in found])
    return {}


def _seconds(value: str, now: float) -> float:
    """Return a time that was sent in milliseconds since 1970; now if it is no time, or to come."""
    milliseconds = whole_number(value)
    return min(milliseconds / 1000, now) if milliseconds else now
