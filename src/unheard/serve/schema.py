"""What travels between the server and whoever asks: typed, checked, the same for pages and API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from unheard.recommend.filters import Filters
from unheard.recommend.options import NO_CAP, ListOptions, artist_cap

Kind = Literal["cold", "warm", "other"]
Which = Literal["cold", "warm", "all"]
Text = Annotated[str, Field(max_length=1000)]
Id = Annotated[str, Field(min_length=1, max_length=1000)]
Ids = Annotated[tuple[Id, ...], Field(max_length=5000)]
MAX_RESULTS = 500


class Error(BaseModel):
    """What went wrong: a code for programs, a line for people."""

    error_code: str
    message: str


class Options(BaseModel):
    """What may be asked of every list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(default=10, ge=1, le=MAX_RESULTS, description="How many tracks at most.")
    candidates: Which = Field(
        default="cold", description="cold: tracks nobody has played; warm: tracks with plays; all: both."
    )
    max_per_artist: int = Field(
        default=2, ge=NO_CAP, le=MAX_RESULTS, description="At most this many tracks of one artist; 0: no cap."
    )
    any_number_per_artist: bool = Field(
        default=False,
        description="The same as max_per_artist=0, which is how to write it.",
        json_schema_extra={"deprecated": True},
    )
    diversity: float = Field(
        default=0.0, ge=0, le=1, description="0: by score alone; 1: as unlike each other as possible."
    )
    genre: tuple[Text, ...] = Field(default=(), max_length=50, description="Only tracks of one of these genres.")
    year_from: int | None = Field(default=None, ge=0, le=9999, description="Released in this year or later.")
    year_to: int | None = Field(default=None, ge=0, le=9999, description="Released in this year or earlier.")
    min_duration_s: float | None = Field(default=None, ge=0, le=1e6, description="At least so many seconds long.")
    max_duration_s: float | None = Field(default=None, ge=0, le=1e6, description="At most so many seconds long.")
    exclude: Ids = Field(default=(), description="Ids of tracks that must not be returned.")
    model: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="A model that /api/models lists. Default: the server's."
    )

    @property
    def for_list(self) -> ListOptions:
        """The same options as the ranking takes them."""
        return ListOptions(
            n=self.n,
            candidates=self.candidates,
            max_per_artist=artist_cap(NO_CAP if self.any_number_per_artist else self.max_per_artist),
            exclude=self.exclude,
            diversity=self.diversity,
            filters=Filters(self.genre, self.year_from, self.year_to, self.min_duration_s, self.max_duration_s),
        )


class NeighbourOptions(Options):
    """What may be asked of the neighbours of a track: of all tracks, if nothing else is said."""

    candidates: Which = Field(
        default="all", description="cold: tracks nobody has played; warm: tracks with plays; all: both."
    )


class Likes(Options):
    """A list wanted for tracks that somebody likes."""

    likes: Annotated[tuple[Id, ...], Field(min_length=1, max_length=200)] = Field(description="Ids of liked tracks.")


class TrackOut(BaseModel):
    """One track. Unknown text is empty, an unknown duration 0. cold: no model knows a play of it; warm: it
    trains; other: it tunes, or nobody played it in training."""

    track_id: str
    title: str
    artist: str
    album: str
    genre: str
    release_date: str
    duration_s: float
    kind: Kind
    playlists: int = Field(description="How many playlists hold it.")
    has_audio: bool = Field(description="Whether there is a file to listen to.")


class TrackDetail(TrackOut):
    """One track with everything that is known about it."""

    artists: tuple[str, ...]
    isrc: str
    mbid: str
    in_playlists: tuple[str, ...] = Field(description="Ids of the first playlists that hold it.")


class TrackPage(BaseModel):
    """A part of a longer list of tracks."""

    total: int
    offset: int
    items: tuple[TrackOut, ...]


class ReasonOut(BaseModel):
    """A track that a recommendation is near to; the similarity is a centred cosine, -1 to 1."""

    track_id: str = Field(description="Empty for an uploaded file.")
    label: str
    similarity: float


class RankedTrack(BaseModel):
    """A track in a list, with the reason."""

    rank: int
    score: float
    confidence: float | None = Field(description="0 to 1; low: not enough like anything known. None: not measured.")
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
    """What an uploaded file says about itself."""

    title: str
    artist: str
    confidence: float | None = Field(
        None, description="How like anything known its sound is, 0 to 1; none where the model does not tell."
    )


class RankedForFile(Ranked):
    """A list for an audio file that the library does not hold."""

    heard: UploadedFile


class ArtistOut(BaseModel):
    """An artist by the first credited name."""

    name: str
    tracks: int
    cold: int
    warm: int


class ArtistPage(BaseModel):
    """A part of the list of artists."""

    total: int
    offset: int
    items: tuple[ArtistOut, ...]


class PlaylistOut(BaseModel):
    """A playlist, or one listener's plays."""

    playlist_id: str
    tracks: int = Field(description="How many tracks of the library it holds.")


class PlaylistPage(BaseModel):
    """A part of the list of playlists."""

    total: int
    offset: int
    items: tuple[PlaylistOut, ...]


class PlaylistDetail(PlaylistOut):
    """A playlist and its tracks in order; tracks that the library does not hold are left out."""

    items: tuple[TrackOut, ...]


class ModelOut(BaseModel):
    """A model that may be named."""

    name: str
    kind: Literal["trained", "oracle", "baseline"]
    default: bool
    hears_files: bool = Field(description="Whether it can place an uploaded file.")


class Matched(BaseModel):
    """A list of tracks that somebody brought, found in the library."""

    items: tuple[TrackOut, ...]
    matched: int
    missed: int
    match_rate: float
    misses: tuple[str, ...] = Field(description="Entries that are not in the library.")
