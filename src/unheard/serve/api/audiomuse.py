"""Routes that plugins for AudioMuse-AI call: similar tracks, a path, similar artists.

Parameters and answers are those of its public documentation, so that a plugin of Navidrome, Jellyfin or Lyrion can use
this server instead. `item_id` is the track id of the library: a plugin sends the ids of its own server, so the library
must have been scanned with them. A distance is (1 - cosine) / 2, 0 to 1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from unheard.artist_names import loose
from unheard.recommend.track_path import MAX_LENGTH, MIN_LENGTH
from unheard.serve import client_ids
from unheard.serve.api.parameters import CurrentSnapshot
from unheard.serve.player_tables import Artist
from unheard.serve.queries import NotFoundError
from unheard.serve.schema import MAX_RESULTS
from unheard.serve.subsonic.music import Music, music_of
from unheard.serve.subsonic.similar import path, similar_artists, similarity, sonic_neighbours

router = APIRouter(tags=["AudioMuse"])

PER_ARTIST = 3
REPRESENTATIVE = 5  # songs of an artist
Count = Annotated[int, Query(ge=1, le=MAX_RESULTS)]
ItemId = Annotated[str, Query(max_length=1000)]


class NamedTrack(BaseModel):
    """One track."""

    item_id: str
    title: str
    author: str
    album: str


class NearTrack(NamedTrack):
    """One track and its distance: to the seed, or in a path to the track before (0 for the first)."""

    distance: float = Field(ge=0, le=1)


class TrackSequence(BaseModel):
    """A path; `total_distance` is the sum of its steps."""

    path: tuple[NearTrack, ...]
    total_distance: float


class ComponentMatch(BaseModel):
    """Songs that stand for two artists."""

    artist1_representative_songs: tuple[NamedTrack, ...]
    artist2_representative_songs: tuple[NamedTrack, ...]


class NearArtist(BaseModel):
    """One artist; `divergence` is the distance of the artists' mean vectors, 0 to 1."""

    artist: str
    artist_id: str
    divergence: float = Field(ge=0, le=1)
    component_matches: tuple[ComponentMatch, ...] = ()


@router.get("/similar_tracks", summary="Similar tracks, as AudioMuse-AI answers")
def similar_tracks(
    snapshot: CurrentSnapshot,
    *,
    item_id: ItemId = "",
    title: ItemId = "",
    artist: ItemId = "",
    n: Count = 50,
    eliminate_duplicates: Annotated[
        bool, Query(description=f"At most {PER_ARTIST} tracks of an artist. Songs are listed once in any case.")
    ] = True,
) -> list[NearTrack]:
    """The tracks that are nearest to a track, given by its id or by title and artist, the nearest first.

    `radius_similarity`, `server` and other parameters of AudioMuse-AI have no effect.
    """
    music = music_of(snapshot)
    row = _row(music, item_id, title, artist)
    cap = PER_ARTIST if eliminate_duplicates else None
    found = sonic_neighbours(snapshot.default, music, row, n, max_per_artist=cap)
    return [_near(music, other, value) for other, value in found]


@router.get("/find_path", summary="A path between two tracks, as AudioMuse-AI answers")
def find_path(
    snapshot: CurrentSnapshot, start_song_id: ItemId, end_song_id: ItemId, max_steps: Count = 25
) -> TrackSequence:
    """A sequence from one track to another whose steps are short."""
    music, session = music_of(snapshot), snapshot.default
    start, end = (_row(music, given) for given in (start_song_id, end_song_id))
    steps = path(session, music, start, end, min(max(max_steps, MIN_LENGTH), MAX_LENGTH))
    rows = [row for row, _ in steps]
    directions = session.directions
    values = [1.0, *(similarity(float(directions[a] @ directions[b])) for a, b in pairwise(rows))]
    found = tuple(_near(music, row, value) for row, value in zip(rows, values, strict=True))
    return TrackSequence(path=found, total_distance=round(sum(one.distance for one in found), 6))


@router.get("/similar_artists", summary="Similar artists, as AudioMuse-AI answers")
def near_artists(
    snapshot: CurrentSnapshot,
    *,
    artist: Annotated[str, Query(max_length=1000, description="Name or id.")] = "",
    artist_id: ItemId = "",
    n: Count = 10,
    include_component_matches: Annotated[bool, Query(description="With songs that stand for both artists.")] = False,
) -> list[NearArtist]:
    """The artists whose tracks are nearest to those of an artist."""
    music = music_of(snapshot)
    named = artist or artist_id
    own = music.artist(named) or music.artist(client_ids.of_artist(named))
    if own is None:
        raise NotFoundError(f"no artist {named!r}; /api/artists lists them")
    return [
        NearArtist(
            artist=one.name,
            artist_id=one.artist_id,
            divergence=round(1 - value, 6),
            component_matches=(_match(music, own, one),) if include_component_matches else (),
        )
        for one, value in similar_artists(snapshot.default, music, own, n)
    ]


def _row(music: Music, item_id: str, title: str = "", artist: str = "") -> int:
    """Return the row of a track given by id, or by title and artist; NotFoundError if it is not in the library."""
    for name in (item_id, client_ids.track_of(item_id)):
        if name and name in music.tracks.ids and music.has_file(row := music.tracks.ids.row(name)):
            return row
    named = music.playable(music.search_songs(f"{artist} {title}")) if title and not item_id else ()
    for row in named:
        track = music.tracks[row]
        if loose(track.title) == loose(title) and loose(artist) in (
            "",
            loose(track.artist),
            *map(loose, track.artists),
        ):
            return row
    raise NotFoundError(f"no track {(item_id or title)!r}; scan the library with the ids that your server has")


def _item(music: Music, row: int) -> dict[str, str]:
    track = music.tracks[row]
    return {"item_id": track.track_id, "title": track.title, "author": track.artist, "album": track.album}


def _near(music: Music, row: int, value: float) -> NearTrack:
    """Return a track with the distance for a similarity; 1 for an unsupported one."""
    return NearTrack(**_item(music, row), distance=round(min(1 - value, 1.0), 6))


def _match(music: Music, one: Artist, other: Artist) -> ComponentMatch:
    first, second = (
        tuple(NamedTrack(**_item(music, row)) for row in artist.rows[:REPRESENTATIVE]) for artist in (one, other)
    )
    return ComponentMatch(artist1_representative_songs=first, artist2_representative_songs=second)
