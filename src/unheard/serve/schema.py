"""Types of requests and responses, validated by pydantic; pages and the API share them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from unheard.recommend.filters import Filters
from unheard.recommend.options import NO_CAP, ListOptions, album_cap, artist_cap
from unheard.recommend.track_status import Status

Kind = Literal["cold", "warm", "other"]
Which = Literal["cold", "warm", "all"]
Shown = Which | Status  # which tracks a list of the library shows
Text = Annotated[str, Field(max_length=1000)]
Id = Annotated[str, Field(min_length=1, max_length=1000)]
Ids = Annotated[tuple[Id, ...], Field(max_length=5000)]
MAX_RESULTS = 500
WHICH_TEXT = (
    "cold: new tracks, which have no plays, or under an experiment split its test tracks; warm: tracks with plays that "
    "train; all: every track."
)
MAX_SEEDS = 200


class Error(BaseModel):
    """An error: a code for programs and a message for people."""

    error_code: str
    message: str


class ListParameters(BaseModel):
    """Options of every list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(default=10, ge=1, le=MAX_RESULTS, description="Maximum number of tracks.")
    candidates: Which = Field(default="cold", description=WHICH_TEXT)
    max_per_artist: int = Field(
        default=2, ge=NO_CAP, le=MAX_RESULTS, description="Maximum number of tracks of one artist; 0: no limit."
    )
    max_per_album: int | None = Field(
        default=None,
        ge=NO_CAP,
        le=MAX_RESULTS,
        description="Maximum number of tracks of one album; 0: no limit. Default: as max_per_artist.",
    )
    diversity: float = Field(
        default=0.0, ge=0, le=1, description="0: rank by score alone; 1: prefer tracks that differ from each other."
    )
    genre: tuple[Text, ...] = Field(default=(), max_length=50, description="Only tracks of one of these genres.")
    year_from: int | None = Field(default=None, ge=0, le=9999, description="Released in this year or later.")
    year_to: int | None = Field(default=None, ge=0, le=9999, description="Released in this year or earlier.")
    min_duration_s: float | None = Field(default=None, ge=0, le=1e6, description="Minimum duration in seconds.")
    max_duration_s: float | None = Field(default=None, ge=0, le=1e6, description="Maximum duration in seconds.")
    exclude: Ids = Field(default=(), description="Ids of tracks to leave out.")
    model: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="A model that /api/models lists. Default: the server's default model."
    )

    @property
    def for_list(self) -> ListOptions:
        """The same options as arguments of the ranking."""
        return ListOptions(
            n=self.n,
            candidates=self.candidates,
            max_per_artist=artist_cap(self.max_per_artist),
            max_per_album=album_cap(self.max_per_album),
            exclude=self.exclude,
            diversity=self.diversity,
            filters=Filters(self.genre, self.year_from, self.year_to, self.min_duration_s, self.max_duration_s),
        )


class NeighbourParameters(ListParameters):
    """Options of the neighbours of a track; by default all tracks are candidates."""

    candidates: Which = Field(default="all", description=WHICH_TEXT)


class Likes(ListParameters):
    """A request for recommendations from liked tracks."""

    likes: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MAX_SEEDS)] = Field(
        description="Ids of liked tracks."
    )


class TrackOut(BaseModel):
    """One track. Unknown text is empty, an unknown duration is 0.

    kind is cold (no model was trained on a play of it), warm (a training track) or other (a validation track, or a
    training track without plays). status is what people should know: new (nobody has played it), known (somebody has),
    test or validation (somebody has, but an experiment split holds the plays out) or gone (its file was not found).
    """

    track_id: str
    title: str
    artist: str
    album: str
    genre: str
    release_date: str
    duration_s: float
    kind: Kind
    status: Status
    playlists: int = Field(description="Number of playlists that contain it.")
    has_audio: bool = Field(description="Whether it has an audio file.")


class TrackDetail(TrackOut):
    """One track with all its metadata."""

    artists: tuple[str, ...]
    isrc: str
    mbid: str
    in_playlists: tuple[str, ...] = Field(description="Ids of the first playlists that contain it.")


class TrackPage(BaseModel):
    """One page of a list of tracks."""

    total: int
    offset: int
    items: tuple[TrackOut, ...]


class ReasonOut(BaseModel):
    """A track that explains a recommendation because it is near; the similarity is a centred cosine, above 0."""

    track_id: str = Field(description="Empty for an uploaded file.")
    label: str
    similarity: float


class RankedTrack(BaseModel):
    """A track of a ranked list, with its explanation."""

    rank: int
    score: float
    match: float | None = Field(
        description="What pages show: the share of the other candidates that it ranks above, 0 to 1. "
        "None: no more similar to the seeds than chance."
    )
    confidence: float | None = Field(description="0 to 1; low: unlike the known tracks. None: not computed.")
    why: str
    reasons: tuple[ReasonOut, ...]
    track: TrackOut


class Ranked(BaseModel):
    """A list of tracks, best first."""

    model: str
    split: str
    candidates: Which
    score_means: str
    items: tuple[RankedTrack, ...]


class UploadedFile(BaseModel):
    """An uploaded file."""

    title: str
    artist: str
    confidence: float | None = Field(None, description="0 to 1; low: unlike the known tracks. None: not computed.")


class RankedForFile(Ranked):
    """A list of tracks for an uploaded audio file."""

    file: UploadedFile


class ArtistOut(BaseModel):
    """An artist, with the numbers of tracks that credit it first."""

    name: str
    tracks: int
    new: int = Field(description="Tracks that nobody has played.")
    cold: int
    warm: int


class ArtistPage(BaseModel):
    """One page of the list of artists."""

    total: int
    offset: int
    items: tuple[ArtistOut, ...]


class PlaylistOut(BaseModel):
    """A playlist, or one listener's plays."""

    playlist_id: str
    tracks: int = Field(description="Number of different tracks of the library with plays in it.")


class PlaylistPage(BaseModel):
    """One page of the list of playlists."""

    total: int
    offset: int
    items: tuple[PlaylistOut, ...]


class PlaylistDetail(PlaylistOut):
    """A playlist and all its entries in order, without tracks that are not in the library.

    There may be more items than `tracks`: a track may occur more than once, or with a weight of 0.
    """

    items: tuple[TrackOut, ...]


class ModelOut(BaseModel):
    """A model that a request may name."""

    name: str
    kind: Literal["trained", "oracle", "baseline"]
    default: bool
    reads_files: bool = Field(description="Whether it can encode an uploaded file.")


class Matched(BaseModel):
    """An imported list of tracks, matched with the library."""

    items: tuple[TrackOut, ...]
    matched: int
    missed: int
    match_rate: float
    misses: tuple[str, ...] = Field(description="Entries that are not in the library.")
