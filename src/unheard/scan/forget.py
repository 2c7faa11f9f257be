"""Remove tracks that are gone from a workspace: the tracks, their features, spectrograms and failures.

Plays keep their entries. An entry whose track is not in the library is not used, and counts again if the file is
scanned again, because it gets the same id.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from unheard.errors import UserError
from unheard.features.update import remove_orphaned_vectors
from unheard.library import Library, Track, Tracks, open_library
from unheard.scan.continuations import is_missing
from unheard.spectrograms.store import mel_writer
from unheard.workspace import Workspace


def forget(
    workspace: Workspace,
    track_ids: Collection[str] = (),
    *,
    gone: bool = False,
    below: Path | None = None,
    dry_run: bool = False,
) -> list[Track]:
    """Remove tracks whose files are gone, and return them.

    track_ids  these; UserError for an unknown id, and for a track whose file is there
    gone       all that a scan has marked
    below      all below this folder whose files are missing, whether a scan has marked them or not
    dry_run    return the tracks and remove nothing
    """
    if not (track_ids or gone or below):
        raise UserError("nothing to forget; name track ids, --gone or --below FOLDER (see `unheard errors`)")
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
        chosen = _chosen(tracks, track_ids, gone=gone, below=below)
        if not dry_run and chosen:
            _remove(workspace, library, chosen)
    return chosen


def _chosen(tracks: Tracks, track_ids: Collection[str], *, gone: bool, below: Path | None) -> list[Track]:
    wanted = frozenset(track_ids)
    for track_id in sorted(wanted):
        if track_id not in tracks.ids:
            raise UserError(f"no track {track_id!r} in the library; `unheard errors` lists the tracks that are gone")
        track = tracks[tracks.ids.row(track_id)]
        if not _is_gone(track):
            raise UserError(f"{track_id}: its file is there ({track.path}); delete the file and scan again first")
    folder = None if below is None else below.absolute()
    return [
        track
        for track in tracks.items
        if track.track_id in wanted
        or (gone and track.gone_since)
        or (folder is not None and track.path and Path(track.path).is_relative_to(folder) and _is_gone(track))
    ]


def _is_gone(track: Track) -> bool:
    return bool(track.gone_since) or bool(track.content_hash and is_missing(track))


def _remove(workspace: Workspace, library: Library, tracks: Collection[Track]) -> None:
    ids = {track.track_id for track in tracks}
    with library.transaction():
        for track in tracks:
            library.remove_duplicates(track.track_id)
            library.remove_track(track.track_id)
        for failure in library.failures():
            if failure.track_id in ids:
                library.remove_failure(failure.path)
    remove_orphaned_vectors(workspace, library)
    with mel_writer(workspace) as writer:
        writer.compact(library)
