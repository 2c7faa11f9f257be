"""Queries that pages and the API share, as plain functions of a snapshot. Their results are cached in it.

Track ids of requests are only looked up in the library: an id that is a path is never opened as a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unheard.errors import UserError
from unheard.inference.predictions import can_encode_files
from unheard.library import Track
from unheard.recommend.models import BASELINES, ORACLE, without_part
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import Recommendation
from unheard.recommend.seeds import NewTrack
from unheard.serve.schema import (
    ArtistPage,
    Likes,
    ListParameters,
    ModelOut,
    PlaylistDetail,
    PlaylistPage,
    Ranked,
    RankedForFile,
    RankedTrack,
    ReasonOut,
    Shown,
    TrackDetail,
    TrackOut,
    TrackPage,
    UploadedFile,
)
from unheard.serve.snapshot import Snapshot
from unheard.session import Session

MEANS_PREFERENCE = "how well the track suits the playlist: larger is better; compare scores of this list only"
MEANS_VOTES = "votes of the seeds: sum of 1 / (60 + rank among a seed's neighbours)"
MEANS_COSINE = (
    "centred cosine, -1 to 1; 0 is the similarity of unrelated tracks. A list of both kinds is sorted after the "
    "cosines of each kind are scaled to be comparable"
)
SHOWN_PLAYLISTS = 100


class NotFoundError(UserError):
    """No track, playlist, model or job has this name."""


# ------------------------------------------------------------------------------------------------------- browsing


def search(
    snapshot: Snapshot, text: str = "", *, which: Shown = "all", artist: str = "", offset: int = 0, limit: int = 50
) -> TrackPage:
    """Return the tracks that match every word of `text`, the best matches first (unheard.search)."""
    rows = snapshot.cached(
        ("search", text, which, artist), lambda: snapshot.browse_index.search(text, which=which, artist=artist)
    )
    return TrackPage(
        total=len(rows),
        offset=offset,
        items=tuple(track_out(snapshot, row) for row in rows[offset : offset + limit].tolist()),
    )


def track(snapshot: Snapshot, track_id: str) -> TrackDetail:
    """Return the details of a track."""
    row = row_of(snapshot, track_id)
    known, catalogue = snapshot.catalogue.tracks[row], snapshot.catalogue
    holding = snapshot.browse_index.by_track.indices[slice(*snapshot.browse_index.by_track.indptr[row : row + 2])]
    return TrackDetail(
        **track_out(snapshot, row).model_dump(),
        artists=known.artists,
        isrc=known.isrc,
        mbid=known.mbid,
        in_playlists=tuple(catalogue.playlists.take(holding[:SHOWN_PLAYLISTS])),
    )


def artists(snapshot: Snapshot, text: str = "", *, offset: int = 0, limit: int = 50) -> ArtistPage:
    """Return the artists whose name matches every word of `text`, the best matches first; all, by name, for ""."""
    index = snapshot.browse_index
    found = index.search_artists(text)
    return ArtistPage(total=len(found), offset=offset, items=index.artists.take(found[offset : offset + limit]))


def playlists(snapshot: Snapshot, text: str = "", *, offset: int = 0, limit: int = 50) -> PlaylistPage:
    """Return the imported playlists that match every word of `text`, best first; all, by id, for "".

    Saved playlists have a list of their own.
    """
    index = snapshot.browse_index
    found = index.search_playlists(text)
    return PlaylistPage(total=len(found), offset=offset, items=index.playlists.take(found[offset : offset + limit]))


def playlist(snapshot: Snapshot, playlist_id: str) -> PlaylistDetail:
    """Return a playlist with its entries in order, and the number of its tracks as `playlists` counts them."""
    catalogue, index = snapshot.catalogue, snapshot.browse_index
    if playlist_id not in catalogue.playlists:
        raise NotFoundError(f"no playlist {playlist_id!r}")
    row = catalogue.playlists.row(playlist_id)
    items = tuple(track_out(snapshot, track) for track in index.tracks_of(row))
    return PlaylistDetail(**index.playlists[row].model_dump(), items=items)


def models(snapshot: Snapshot) -> list[ModelOut]:
    """Return the models that a request may name."""
    workspace, split = snapshot.default.workspace, snapshot.catalogue.split.name
    return [
        ModelOut(
            name=name,
            kind="baseline" if name in BASELINES else "oracle" if name == ORACLE else "trained",
            default=name == snapshot.default.model,
            reads_files=can_encode_files(workspace, split, without_part(name)),
        )
        for name in snapshot.models
    ]


# --------------------------------------------------------------------------------------------------- recommending


def for_playlist(snapshot: Snapshot, playlist_id: str, options: ListParameters) -> Ranked:
    """Return recommendations for an imported playlist."""
    if playlist_id not in snapshot.catalogue.playlists:
        raise NotFoundError(f"no playlist {playlist_id!r}")
    session = session_for(snapshot, options)
    found = snapshot.cached(
        ("for playlist", session.model, playlist_id, options, session.disliked),
        lambda: session.recommendations(playlist=playlist_id, options=list_options(snapshot, options)),
    )
    is_vote = any(item.agreeing_seeds for item in found)
    return ranked(snapshot, session, options, found, MEANS_VOTES if is_vote else MEANS_PREFERENCE)


def for_likes(snapshot: Snapshot, likes: Likes) -> Ranked:
    """Return recommendations for liked tracks."""
    session = session_for(snapshot, likes)
    found = snapshot.cached(
        ("for likes", session.model, likes, session.disliked),
        lambda: _vote(snapshot, session, _known(snapshot, likes.likes), likes),
    )
    return ranked(snapshot, session, likes, found, MEANS_VOTES)


def for_file(snapshot: Snapshot, new_track: NewTrack, options: ListParameters) -> RankedForFile:
    """Return recommendations for an encoded audio file."""
    session = session_for(snapshot, options)
    found = ranked(snapshot, session, options, _vote(snapshot, session, [new_track], options), MEANS_VOTES)
    return RankedForFile(**dict(found), file=uploaded_file(snapshot, new_track))


def similar_to_file(snapshot: Snapshot, new_track: NewTrack, options: ListParameters) -> RankedForFile:
    """Return the neighbours of an encoded audio file."""
    session = session_for(snapshot, options)
    found = session.neighbours(new_track, options=list_options(snapshot, options))
    return RankedForFile(
        **dict(ranked(snapshot, session, options, found, MEANS_COSINE)), file=uploaded_file(snapshot, new_track)
    )


def uploaded_file(snapshot: Snapshot, new_track: NewTrack) -> UploadedFile:
    """Return the description of an encoded file; its confidence only if the file need not be decoded again."""
    confidence = None if new_track.statistics is None else snapshot.default.confidence(new_track)
    return UploadedFile(title=new_track.track.title, artist=new_track.track.artist, confidence=confidence)


def similar(snapshot: Snapshot, track_id: str, options: ListParameters) -> Ranked:
    """Return the neighbours of a track."""
    row_of(snapshot, track_id)
    session = session_for(snapshot, options)
    found = snapshot.cached(
        ("similar", session.model, track_id, options, session.disliked),
        lambda: session.neighbours(track_id, options=list_options(snapshot, options)),
    )
    return ranked(snapshot, session, options, found, MEANS_COSINE)


# --------------------------------------------------------------------------------------------------------- shared


def row_of(snapshot: Snapshot, track_id: str) -> int:
    """Return the row of a track; NotFoundError if the library does not contain it."""
    if track_id not in snapshot.catalogue.tracks.ids:
        raise NotFoundError(f"no track {track_id!r}")
    return snapshot.catalogue.tracks.ids.row(track_id)


def track_out(snapshot: Snapshot, row: int) -> TrackOut:
    """Return a track as the API describes it."""
    known = snapshot.catalogue.tracks[row]
    return TrackOut(
        track_id=known.track_id,
        title=known.title,
        artist=known.artist,
        album=known.album,
        genre=known.genre,
        release_date=known.release_date,
        duration_s=known.duration_s,
        kind=snapshot.browse_index.kind(row),
        status=snapshot.browse_index.status(row),
        playlists=snapshot.browse_index.n_playlists(row),
        has_audio=bool(known.path),
    )


def file_of(snapshot: Snapshot, track_id: str) -> Path:
    """Return the audio file of a track; NotFoundError if it has none."""
    known: Track = snapshot.catalogue.tracks[row_of(snapshot, track_id)]
    path = Path(known.path)
    if not known.path or not path.is_file():
        raise NotFoundError(f"track {track_id!r} has no audio file")
    return path


def list_options(snapshot: Snapshot, options: ListParameters) -> ListOptions:
    """Return the options of the ranking; NotFoundError for an unknown track to exclude."""
    _known(snapshot, options.exclude)
    return options.for_list


def session_for(snapshot: Snapshot, options: ListParameters) -> Session:
    """Return the session of the requested model; NotFoundError for one that is not listed."""
    if options.model is not None and not snapshot.has_model(options.model):
        raise NotFoundError(f"no model {options.model!r}; /api/models lists them")
    return snapshot.session(options.model)


def _known(snapshot: Snapshot, ids: Sequence[str]) -> list[str]:
    for track_id in ids:
        row_of(snapshot, track_id)
    return list(ids)


def _vote(
    snapshot: Snapshot, session: Session, likes: Sequence[str | NewTrack], options: ListParameters
) -> list[Recommendation]:
    return session.recommendations(like=likes, options=list_options(snapshot, options))


def ranked(
    snapshot: Snapshot, session: Session, options: ListParameters, found: Sequence[Recommendation], score_means: str
) -> Ranked:
    """Return a list of the ranking as the API describes it."""
    return Ranked(
        model=session.model,
        split=snapshot.catalogue.split.name,
        candidates=options.candidates,
        score_means=score_means,
        items=tuple(
            RankedTrack(
                rank=item.rank,
                score=item.score,
                match=item.match,
                confidence=item.confidence,
                why=item.why,
                reasons=tuple(
                    ReasonOut(track_id=reason.track_id, label=reason.label, similarity=reason.similarity)
                    for reason in item.reasons
                ),
                track=track_out(snapshot, item.row),
            )
            for item in found
        ),
    )
