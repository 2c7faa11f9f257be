"""Store what listeners dislike, and leave plays of it out.

    W/plays/dislikes.parquet   playlist_id, track_id

A dislike holds for plays that are imported before it, with it and after it. An import with dislikes of a listener
replaces that listener's stored ones. A file that is deleted takes all dislikes back, for later imports.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unheard.atomic_files import atomic_path
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.plays.plays import DISLIKE, Plays, join_plays
from unheard.plays.storage import read_playlists, read_plays, remove_playlists, replace_playlists
from unheard.workspace import Workspace


def dislikes_path(workspace: Workspace) -> Path:
    """Return the file of all dislikes."""
    return workspace.plays_dir / "dislikes.parquet"


def read_dislikes(workspace: Workspace) -> Plays:
    """Return the stored dislikes as plays of weight `DISLIKE`; UserError for a damaged file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = dislikes_path(workspace)
    if not path.is_file():
        return Plays.of([])
    try:
        table = pq.read_table(path)
        encoded = [table[name].combine_chunks().dictionary_encode() for name in ("playlist_id", "track_id")]
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: damaged; delete it and import the dislikes again") from error
    ids = [IdMap(column.dictionary.to_pylist()) for column in encoded]
    rows = [column.indices.to_numpy().astype(np.int32) for column in encoded]
    n = len(table)
    weights, times = np.full(n, DISLIKE, np.float32), np.full(n, np.nan)
    found = Plays(ids[0], ids[1], rows[0], rows[1], np.arange(n, dtype=np.int32), weights, times)
    return found.for_playlists(IdMap(sorted(ids[0])))


def with_new(stored: Plays, imported: Plays) -> Plays:
    """Return the dislikes after an import: those among its plays, and the stored ones of other listeners."""
    new = imported.take(imported.weights < 0)
    if not len(new):
        return stored
    listeners = set(new.playlist_ids.take(np.unique(new.playlist_rows)))
    others = stored.for_playlists(IdMap([name for name in stored.playlist_ids if name not in listeners]))
    track_ids = IdMap(sorted({*others.track_ids, *new.track_ids}))
    return join_plays([others.for_tracks(track_ids), new.for_tracks(track_ids)])


def without(plays: Plays, dislikes: Plays) -> Plays:
    """Return the plays that are no dislikes, and whose listener does not dislike the track."""
    kept = plays.weights >= 0
    if len(dislikes):
        playlists = plays.playlist_ids.rows(dislikes.playlist_ids, missing=-1)[dislikes.playlist_rows]
        tracks = plays.track_ids.rows(dislikes.track_ids, missing=-1)[dislikes.track_rows]
        known, n = (playlists >= 0) & (tracks >= 0), len(plays.track_ids)
        disliked = playlists[known].astype(np.int64) * n + tracks[known]
        kept &= ~np.isin(plays.playlist_rows.astype(np.int64) * n + plays.track_rows, disliked)
    return plays if kept.all() else plays.take(kept)


def store_dislikes(workspace: Workspace, dislikes: Plays) -> None:
    """Replace the stored dislikes, and remove stored plays that contradict them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "playlist_id": pa.array(dislikes.playlist_ids.take(dislikes.playlist_rows), pa.string()),
        "track_id": pa.array(dislikes.track_ids.take(dislikes.track_rows), pa.string()),
    }
    with atomic_path(dislikes_path(workspace)) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
    stored = {one.playlist_id: one for one in read_playlists(workspace)}
    disliking = dislikes.playlist_ids.take(np.unique(dislikes.playlist_rows))
    plays = read_plays(workspace).for_playlists(IdMap([name for name in disliking if name in stored]))
    kept = without(plays, dislikes)
    if len(kept) == len(plays):
        return
    left = set(kept.playlist_ids.take(np.unique(kept.playlist_rows)))
    remove_playlists(workspace, set(plays.playlist_ids) - left)
    names, origins = ({name: getattr(stored[name], key) for name in left} for key in ("name", "origin"))
    replace_playlists(workspace, kept, names=names, origins=origins)
