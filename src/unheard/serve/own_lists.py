"""Queries about what a person keeps (saved playlists, thumbs), and the sequences of radios and paths.

Saved playlists and thumbs are small files, which are read for each request: they change without a new snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence

from unheard.recommend.track_path import PathStep
from unheard.saved_playlists import PREFIX, SavedPlaylist, read_saved, saved_playlists
from unheard.serve import queries
from unheard.serve.own_lists_schema import (
    PathOut,
    PathStepOut,
    RadioRequest,
    RatedTrack,
    SavedPlaylistDetail,
    SavedPlaylistList,
    SavedPlaylistOut,
    Thumbs,
)
from unheard.serve.queries import NotFoundError
from unheard.serve.redaction import without_folders
from unheard.serve.schema import MAX_SEEDS, Likes, ListParameters, Ranked, TrackOut, Which
from unheard.serve.snapshot import Snapshot
from unheard.thumbs import read_thumbs

MEANS_STEP = "cosine to the previous track, -1 to 1; 0 is the similarity of unrelated tracks"


# ------------------------------------------------------------------------------------------------------ what is kept


def all_saved(snapshot: Snapshot) -> SavedPlaylistList:
    """Return all saved playlists, and messages about files that cannot be read."""
    workspace = snapshot.default.workspace
    found, problems = saved_playlists(workspace)
    plain = tuple(without_folders(problem, (workspace.root,)) for problem in problems)
    return SavedPlaylistList(items=tuple(_summary(one) for one in found), problems=plain)


def saved_playlist(snapshot: Snapshot, saved_id: str) -> SavedPlaylist:
    """Return a saved playlist by its id; NotFoundError if there is none."""
    found = read_saved(snapshot.default.workspace, saved_id)
    if found is None:
        raise NotFoundError(f"no saved playlist {saved_id!r}; /api/saved-playlists lists them")
    return found


def saved_detail(snapshot: Snapshot, found: SavedPlaylist) -> SavedPlaylistDetail:
    """Return a saved playlist with those of its tracks that are in the library."""
    known = known_ids(snapshot, found.track_ids)
    items = tuple(queries.track_out(snapshot, queries.row_of(snapshot, name)) for name in known)
    return SavedPlaylistDetail(**_summary(found).model_dump(), missing=len(found.track_ids) - len(known), items=items)


def for_saved(snapshot: Snapshot, saved_id: str, options: ListParameters) -> Ranked:
    """Return recommendations for a saved playlist.

    My likes is ranked by its factors if they were fitted on its present tracks (plays/likes.py). Otherwise the tracks
    of the playlist are the seeds, the latest MAX_SEEDS of them.
    """
    catalogue, playlist_id = snapshot.catalogue, PREFIX + saved_id
    known = list(dict.fromkeys(known_ids(snapshot, saved_playlist(snapshot, saved_id).track_ids)))
    if not known:
        raise NotFoundError(f"the saved playlist {saved_id!r} has no track of the library; add some")
    if playlist_id in catalogue.playlists:
        fitted = catalogue.plays[catalogue.playlists.row(playlist_id)].indices
        if set(catalogue.tracks.ids.take(fitted)) == set(known):
            return queries.for_playlist(snapshot, playlist_id, options)
    return queries.for_likes(snapshot, Likes(**{**dict(options), "likes": tuple(known[-MAX_SEEDS:])}))


def thumbs(snapshot: Snapshot) -> Thumbs:
    """Return the tracks of the library with a thumb, the latest first."""
    ids = snapshot.catalogue.tracks.ids
    found = [one for one in reversed(read_thumbs(snapshot.default.workspace)) if one.track_id in ids]
    return Thumbs(
        items=tuple(
            RatedTrack(thumb=one.thumb, at=one.at, track=queries.track_out(snapshot, ids.row(one.track_id)))
            for one in found
        )
    )


def known_ids(snapshot: Snapshot, ids: Sequence[str]) -> list[str]:
    """Return the ids that are in the library; a list may be older than the removal of a track."""
    return [name for name in ids if name in snapshot.catalogue.tracks.ids]


# -------------------------------------------------------------------------------------------------- radios and paths


def radio(snapshot: Snapshot, wanted: RadioRequest) -> Ranked:
    """Return the next tracks of a radio. Its seeds are tracks, those of a playlist, or both."""
    seeds = _radio_seeds(snapshot, wanted)
    if not seeds:
        raise NotFoundError("a radio needs seeds of the library; give tracks, or a playlist that has some")
    options = ListParameters(
        n=wanted.n,
        candidates=wanted.candidates,
        max_per_artist=wanted.max_per_artist,
        diversity=wanted.diversity,
        model=wanted.model,
    )
    session = queries.session_for(snapshot, options)
    found = session.radio(seeds, played=known_ids(snapshot, wanted.played), options=options.for_list)
    return queries.ranked(snapshot, session, options, found, queries.MEANS_VOTES)


def _radio_seeds(snapshot: Snapshot, wanted: RadioRequest) -> list[str]:
    """Return at most MAX_SEEDS different seeds: all that the request names, and the latest of its playlist."""
    named = dict.fromkeys(snapshot.catalogue.tracks.ids[queries.row_of(snapshot, name)] for name in wanted.seeds)
    listed = playlist_tracks(snapshot, wanted.playlist) if wanted.playlist else []
    others = dict.fromkeys(track.track_id for track in listed if track.track_id not in named)
    return [*others, *named][-MAX_SEEDS:]


def playlist_tracks(snapshot: Snapshot, playlist_id: str) -> list[TrackOut]:
    """Return the tracks of a playlist: an imported one by its id, or a saved one by `saved:<id>`."""
    if playlist_id.startswith(PREFIX):
        return list(saved_detail(snapshot, saved_playlist(snapshot, playlist_id.removeprefix(PREFIX))).items)
    return list(queries.playlist(snapshot, playlist_id).items)


def path(
    snapshot: Snapshot, start: str, end: str, *, n: int, candidates: Which = "all", model: str | None = None
) -> PathOut:
    """Return a path of `n` tracks between two tracks of the library."""
    for name in (start, end):
        queries.row_of(snapshot, name)
    session = queries.session_for(snapshot, ListParameters(model=model))
    key = ("path", session.model, start, end, n, candidates, session.disliked)
    found: list[PathStep] = snapshot.cached(key, lambda: session.path(start, end, n=n, candidates=candidates))
    return PathOut(
        model=session.model,
        score_means=MEANS_STEP,
        items=tuple(
            PathStepOut(similarity=step.similarity, track=queries.track_out(snapshot, step.row)) for step in found
        ),
    )


def _summary(found: SavedPlaylist) -> SavedPlaylistOut:
    return SavedPlaylistOut(
        saved_id=found.saved_id,
        playlist_id=found.playlist_id,
        name=found.name,
        tracks=len(found.track_ids),
        changed=found.changed,
        editable=not found.is_likes,
    )
