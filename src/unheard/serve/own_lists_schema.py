"""Types of requests and responses about saved playlists, thumbs, radios and paths."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from unheard.recommend.options import NO_CAP
from unheard.recommend.track_path import MAX_LENGTH, MIN_LENGTH
from unheard.saved_playlists import MAX_NAME_CHARS
from unheard.serve.schema import MAX_RESULTS, MAX_SEEDS, Id, Ids, TrackOut, Which
from unheard.thumbs import Thumb

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS, pattern=r"\S")]


class NewPlaylist(BaseModel):
    """A playlist to save."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    ids: Ids = Field(description="Ids of its tracks, in order.")


class PlaylistChange(BaseModel):
    """A change of a saved playlist; what is missing stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    ids: Ids | None = Field(default=None, description="Ids of all its tracks, in order.")


class SavedPlaylistOut(BaseModel):
    """A saved playlist."""

    saved_id: str
    playlist_id: str = Field(description="Its id in /api/recommend/{playlist_id} and in a radio.")
    name: str
    tracks: int
    changed: str = Field(description="Time of the last change, ISO 8601.")
    editable: bool = Field(description="False for My likes, which consists of the tracks with a thumb up.")


class SavedPlaylistList(BaseModel):
    """All saved playlists."""

    items: tuple[SavedPlaylistOut, ...]
    problems: tuple[str, ...] = Field(description="Files of saved playlists that cannot be read, and why.")


class SavedPlaylistDetail(SavedPlaylistOut):
    """A saved playlist and its tracks in order."""

    missing: int = Field(description="Number of its tracks that are not in the library.")
    items: tuple[TrackOut, ...]


class ThumbChange(BaseModel):
    """A thumb for a track."""

    model_config = ConfigDict(extra="forbid")

    thumb: Thumb = Field(description="up: a track of My likes; down: never recommended.")


class RatedTrack(BaseModel):
    """A track with a thumb."""

    thumb: Thumb
    at: str = Field(description="Time of the thumb, ISO 8601.")
    track: TrackOut


class Thumbs(BaseModel):
    """All tracks with a thumb, the latest first."""

    items: tuple[RatedTrack, ...]


# ---------------------------------------------------------------------------------------------- radios and paths


class RadioRequest(BaseModel):
    """A request for the next tracks of a radio."""

    model_config = ConfigDict(extra="forbid")

    seeds: Annotated[tuple[Id, ...], Field(max_length=MAX_SEEDS)] = Field(default=(), description="Ids of tracks.")
    playlist: Annotated[str, Field(max_length=1000)] = Field(
        default="", description="Id of a playlist whose tracks are seeds; saved:<id> is a saved playlist."
    )
    played: Ids = Field(default=(), description="Ids of the tracks that were played, oldest first.")
    n: int = Field(default=10, ge=1, le=100, description="Number of tracks; fewer if the candidates run out.")
    candidates: Which = Field(
        default="all", description="cold: tracks without plays; warm: tracks with plays; all: both."
    )
    max_per_artist: int = Field(default=2, ge=NO_CAP, le=MAX_RESULTS, description="As in every list, of these tracks.")
    diversity: float = Field(default=0.0, ge=0, le=1, description="As in every list.")
    model: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="As in every list.")


class PathParameters(BaseModel):
    """Ends and options of a path between two tracks."""

    model_config = ConfigDict(extra="forbid")

    start: Id = Field(description="Id of the first track.")
    end: Id = Field(description="Id of the last track.")
    n: int = Field(default=10, ge=MIN_LENGTH, le=MAX_LENGTH, description="Number of tracks, both ends included.")
    candidates: Which = Field(
        default="all", description="cold: tracks without plays; warm: tracks with plays; all: both."
    )
    model: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="As in every list.")


class PathStepOut(BaseModel):
    """A track of a path."""

    similarity: float | None = Field(description="Centred cosine to the previous track; None for the first.")
    track: TrackOut


class PathOut(BaseModel):
    """A path between two tracks."""

    model: str
    score_means: str
    items: tuple[PathStepOut, ...]
