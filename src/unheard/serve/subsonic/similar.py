"""Endpoints for similar songs and artists, and the extension `sonicSimilarity`.

The extension compares tracks by predicted factors, which all tracks have whether anybody played them or not: the space
of the map. Its similarity is (1 + cosine) / 2: 1 for the same song, 1/2 for unrelated ones, 0 for the most different.
For a model without such vectors the order is that of the model, and the similarity is -1, as the extension asks.

Similar songs are the recommendations of the model: they know who listens to what.
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from unheard.errors import UserError
from unheard.recommend.options import ListOptions
from unheard.recommend.track_path import MAX_LENGTH, MIN_LENGTH
from unheard.serve.player_tables import Artist
from unheard.serve.schema import MAX_SEEDS
from unheard.serve.subsonic.answer import Answer
from unheard.serve.subsonic.call import Call
from unheard.serve.subsonic.client_entries import Entry, song, songs
from unheard.serve.subsonic.errors import Code, SubsonicError
from unheard.serve.subsonic.music import Music
from unheard.session import Session

MAX_COUNT = 500
UNSUPPORTED = -1.0
PER_ARTIST = 3  # tracks of an artist among similar songs


def similar_songs(call: Call) -> Answer:
    return {"similarSongs": {"song": _recommended(call)}}


def similar_songs2(call: Call) -> Answer:
    return {"similarSongs2": {"song": _recommended(call)}}


def _recommended(call: Call) -> list[Entry]:
    """Return recommendations for a song, an album or an artist; of known and new tracks alike."""
    rows = call.rows_of(call.parameters.required("id"))
    count = call.parameters.number("count", 50, high=MAX_COUNT)
    if not count:
        return []
    tracks, unplayable = call.music.tracks, call.music.unplayable
    seeds = [tracks.ids[row] for row in rows[:MAX_SEEDS]]
    options = ListOptions(
        n=count, candidates="all", max_per_artist=PER_ARTIST, max_per_album=None, exclude=unplayable, explain=False
    )
    disliked = call.session.disliked
    key = ("subsonic similar", tuple(seeds), count, disliked)
    found = call.snapshot.cached(
        key,
        lambda: (
            call.session.neighbours(seeds[0], options=options)
            if len(seeds) == 1
            else call.session.recommendations(like=seeds, options=options)
        ),
    )
    return songs(call, (item.row for item in found))


# -------------------------------------------------------------------------------------------------- sonicSimilarity


def sonic_similar_tracks(call: Call) -> Answer:
    row = call.row(call.parameters.required("id"))
    count = call.parameters.number("count", 10, low=1, high=MAX_COUNT)
    found = sonic_neighbours(call.session, call.music, row, count)
    return {"sonicMatch": [{"entry": song(call, other), "similarity": value} for other, value in found]}


def sonic_path(call: Call) -> Answer:
    start, end = (call.row(call.parameters.required(name)) for name in ("startSongId", "endSongId"))
    count = call.parameters.number("count", 25, low=MIN_LENGTH, high=MAX_LENGTH)
    try:
        found = path(call.session, call.music, start, end, count)
    except UserError as error:
        raise SubsonicError(Code.GENERIC, str(error)) from error
    return {"sonicMatch": [{"entry": song(call, row), "similarity": value} for row, value in found]}


def sonic_neighbours(
    session: Session, music: Music, row: int, n: int, *, max_per_artist: int | None = None
) -> list[tuple[int, float]]:
    """Return rows and similarities of the tracks with a file that are nearest to a track, best first.

    A track that has no vector yet, such as one that was just scanned, has no neighbours.
    """
    track_id = music.tracks.ids[row]
    options = ListOptions(n=n, max_per_artist=max_per_artist, max_per_album=None, exclude=music.unplayable)
    try:
        if not session.has_direction(row):
            return []
        found, cosines = session.near_on_map(track_id, options=options)
    except UserError:  # the model has no vectors
        found, _ = session.similar(track_id, options=options)
        return [(music.tracks.ids.row(name), UNSUPPORTED) for name in found]
    return [(music.tracks.ids.row(name), similarity(float(one))) for name, one in zip(found, cosines, strict=True)]


def path(session: Session, music: Music, start: int, end: int, n: int) -> list[tuple[int, float]]:
    """Return rows of at most `n` tracks from one to another, both included, and their similarities to the first."""
    if start == end:
        return [(start, 1.0)]
    steps = session.path(music.tracks.ids[start], music.tracks.ids[end], n=n)
    rows = [step.row for step in steps if music.has_file(step.row)]
    cosines = session.directions[rows] @ session.directions[start]
    values = (similarity(float(one)) for one in cosines)
    return [(row, 1.0 if row == start else value) for row, value in zip(rows, values, strict=True)]


def similarity(cosine: float) -> float:
    """Return a cosine as a similarity, 0 to 1."""
    return round(min(max((1 + cosine) / 2, 0.0), 1.0), 6)


# ---------------------------------------------------------------------------------------------------------- artists


def similar_artists(session: Session, music: Music, artist: Artist, n: int) -> list[tuple[Artist, float]]:
    """Return the artists whose mean vectors are nearest to that of an artist, and similarities, best first.

    None if the model has no vectors, or the artist has no track with one.
    """
    if not session.has_space:
        return []
    others, means = music.artist_directions(session)
    own = np.flatnonzero(others == music.artists.ids.row(artist.artist_id))
    if not len(own) or not means[own[0]].any():
        return []
    cosines = means @ means[own[0]]
    ranked = (int(at) for at in np.argsort(-cosines, kind="stable") if at != own[0] and means[at].any())
    return [(music.artists[int(others[at])], similarity(float(cosines[at]))) for at in islice(ranked, n)]
