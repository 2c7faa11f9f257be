"""Questions that pages and API both ask, as plain functions of what is loaded. What was answered is remembered.

Names from outside are looked up in the library and nowhere else: a name that is a path is not opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unheard.errors import UserError
from unheard.inference.predictions import can_encode_files
from unheard.library import Track
from unheard.recommend.models import BASELINES, ORACLE, without_part
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import NewTrack, Recommendation
from unheard.serve.schema import (
    ArtistPage,
    HeardFile,
    Likes,
    ModelOut,
    Options,
    PlaylistDetail,
    PlaylistPage,
    Ranked,
    RankedForFile,
    RankedTrack,
    ReasonOut,
    TrackDetail,
    TrackOut,
    TrackPage,
    Which,
)
from unheard.serve.state import Loaded
from unheard.session import Session
from unheard.splits.groups import loose

MEANS_PREFERENCE = "how well it suits the playlist: larger is better, to be compared within this list only"
MEANS_VOTES = "votes of the seeds: sum of 1 / (60 + rank among a seed's neighbours)"
MEANS_COSINE = "centred cosine, -1 to 1; 0 is no more alike than chance"
SHOWN_PLAYLISTS = 100


class NotFoundError(UserError):
    """A name that is not in the library."""


# ------------------------------------------------------------------------------------------------------- browsing


def search(
    loaded: Loaded, text: str = "", *, which: Which = "all", artist: str = "", offset: int = 0, limit: int = 50
) -> TrackPage:
    """Tracks whose artist, title or album hold every word of `text`, the nearest names first."""
    rows = loaded.once(("search", text, which, artist), lambda: loaded.shelves.search(text, which=which, artist=artist))
    return TrackPage(
        total=len(rows), offset=offset, items=tuple(track_out(loaded, row) for row in rows[offset : offset + limit])
    )


def track(loaded: Loaded, track_id: str) -> TrackDetail:
    """Everything about one track."""
    row = row_of(loaded, track_id)
    known, catalogue = loaded.catalogue.tracks[row], loaded.catalogue
    holding = loaded.shelves.by_track.indices[slice(*loaded.shelves.by_track.indptr[row : row + 2])]
    return TrackDetail(
        **track_out(loaded, row).model_dump(),
        artists=known.artists,
        isrc=known.isrc,
        mbid=known.mbid,
        in_playlists=tuple(catalogue.playlists.take(holding[:SHOWN_PLAYLISTS])),
    )


def artists(loaded: Loaded, text: str = "", *, offset: int = 0, limit: int = 50) -> ArtistPage:
    """Artists whose name holds every word of `text`, by name."""
    words = loose(text).split()
    found = [one for one in loaded.shelves.artists if all(word in loose(one.name) for word in words)]
    return ArtistPage(total=len(found), offset=offset, items=tuple(found[offset : offset + limit]))


def playlists(loaded: Loaded, text: str = "", *, offset: int = 0, limit: int = 50) -> PlaylistPage:
    """Playlists whose id holds `text`, by id."""
    wanted = text.casefold()
    found = [one for one in loaded.shelves.playlists if wanted in one.playlist_id.casefold()]
    return PlaylistPage(total=len(found), offset=offset, items=tuple(found[offset : offset + limit]))


def playlist(loaded: Loaded, playlist_id: str) -> PlaylistDetail:
    """One playlist with its tracks in order."""
    catalogue = loaded.catalogue
    if playlist_id not in catalogue.playlists:
        raise NotFoundError(f"no playlist {playlist_id!r}")
    items = tuple(track_out(loaded, row) for row in loaded.shelves.in_order(catalogue.playlists.row(playlist_id)))
    return PlaylistDetail(playlist_id=playlist_id, tracks=len(items), items=items)


def models(loaded: Loaded) -> list[ModelOut]:
    """Models that may be named."""
    workspace, split = loaded.default.workspace, loaded.catalogue.split.name
    return [
        ModelOut(
            name=name,
            kind="baseline" if name in BASELINES else "oracle" if name == ORACLE else "trained",
            default=name == loaded.default.model,
            hears_files=can_encode_files(workspace, split, without_part(name)),
        )
        for name in loaded.models
    ]


# --------------------------------------------------------------------------------------------------- recommending


def for_playlist(loaded: Loaded, playlist_id: str, options: Options) -> Ranked:
    """Tracks that suit a playlist."""
    if playlist_id not in loaded.catalogue.playlists:
        raise NotFoundError(f"no playlist {playlist_id!r}")
    session = session_for(loaded, options)
    found = loaded.once(
        ("for playlist", session.model, playlist_id, options),
        lambda: session.recommendations(playlist=playlist_id, options=list_options(loaded, options)),
    )
    voted = any(item.agreeing_seeds for item in found)
    return _ranked(loaded, session, options, found, MEANS_VOTES if voted else MEANS_PREFERENCE)


def for_likes(loaded: Loaded, wish: Likes) -> Ranked:
    """Tracks that the liked ones vote for."""
    session = session_for(loaded, wish)
    found = loaded.once(
        ("for likes", session.model, wish), lambda: _vote(loaded, session, _known(loaded, wish.likes), wish)
    )
    return _ranked(loaded, session, wish, found, MEANS_VOTES)


def for_file(loaded: Loaded, heard: NewTrack, options: Options) -> RankedForFile:
    """Tracks for an audio file that was heard."""
    session = session_for(loaded, options)
    ranked = _ranked(loaded, session, options, _vote(loaded, session, [heard], options), MEANS_VOTES)
    return RankedForFile(**dict(ranked), heard=told_of(loaded, heard))


def similar_to_file(loaded: Loaded, heard: NewTrack, options: Options) -> RankedForFile:
    """Neighbours of an audio file that was heard."""
    session = session_for(loaded, options)
    found = session.neighbours(heard, options=list_options(loaded, options))
    return RankedForFile(**dict(_ranked(loaded, session, options, found, MEANS_COSINE)), heard=told_of(loaded, heard))


def told_of(loaded: Loaded, heard: NewTrack) -> HeardFile:
    """What is said of a file; its confidence only if nothing has to be decoded for it."""
    confidence = None if heard.statistics is None else loaded.default.confidence(heard)
    return HeardFile(title=heard.track.title, artist=heard.track.artist, confidence=confidence)


def similar(loaded: Loaded, track_id: str, options: Options) -> Ranked:
    """Neighbours of a track."""
    row_of(loaded, track_id)
    session = session_for(loaded, options)
    found = loaded.once(
        ("similar", session.model, track_id, options),
        lambda: session.neighbours(track_id, options=list_options(loaded, options)),
    )
    return _ranked(loaded, session, options, found, MEANS_COSINE)


# --------------------------------------------------------------------------------------------------------- pieces


def row_of(loaded: Loaded, track_id: str) -> int:
    """The row of a track; NotFoundError if it is not there."""
    if track_id not in loaded.catalogue.tracks.ids:
        raise NotFoundError(f"no track {track_id!r}")
    return loaded.catalogue.tracks.ids.row(track_id)


def track_out(loaded: Loaded, row: int) -> TrackOut:
    """One track of a list."""
    known = loaded.catalogue.tracks[row]
    return TrackOut(
        track_id=known.track_id,
        title=known.title,
        artist=known.artist,
        album=known.album,
        genre=known.genre,
        release_date=known.release_date,
        duration_s=known.duration_s,
        kind=loaded.shelves.kind(row),
        playlists=loaded.shelves.n_playlists(row),
        has_audio=bool(known.path),
    )


def file_of(loaded: Loaded, track_id: str) -> Path:
    """The audio file of a track of the library; NotFoundError without one."""
    known: Track = loaded.catalogue.tracks[row_of(loaded, track_id)]
    path = Path(known.path)
    if not known.path or not path.is_file():
        raise NotFoundError(f"track {track_id!r} has no file to listen to")
    return path


def list_options(loaded: Loaded, options: Options) -> ListOptions:
    """Return the options as the ranking takes them; NotFoundError for an unknown track to exclude."""
    _known(loaded, options.exclude)
    return options.for_list


def session_for(loaded: Loaded, options: Options) -> Session:
    """The session of the model that is asked for; NotFoundError for one that is not listed."""
    if options.model is not None and not loaded.knows(options.model):
        raise NotFoundError(f"no model {options.model!r}; /api/models lists them")
    return loaded.session(options.model)


def _known(loaded: Loaded, ids: Sequence[str]) -> list[str]:
    for track_id in ids:
        row_of(loaded, track_id)
    return list(ids)


def _vote(loaded: Loaded, session: Session, likes: Sequence[str | NewTrack], options: Options) -> list[Recommendation]:
    return session.recommendations(like=likes, options=list_options(loaded, options))


def _ranked(
    loaded: Loaded, session: Session, options: Options, found: Sequence[Recommendation], score_means: str
) -> Ranked:
    return Ranked(
        model=session.model,
        split=loaded.catalogue.split.name,
        candidates=options.candidates,
        score_means=score_means,
        items=tuple(
            RankedTrack(
                rank=item.rank,
                score=item.score,
                confidence=item.confidence,
                why=item.why,
                reasons=tuple(
                    ReasonOut(track_id=reason.track_id, label=reason.label, similarity=reason.similarity)
                    for reason in item.reasons
                ),
                track=track_out(loaded, item.row),
            )
            for item in found
        ),
    )
