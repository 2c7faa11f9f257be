"""The factors stage of a workspace: warm factors of every split, and full factors, learned or imported.

Warm factors know only plays of train tracks (and, where the split has a cutoff, only earlier ones). Tracks outside
train get theirs afterwards from the fixed playlists, for tuning and as the oracle; nothing flows back.

Imported factors are used as they are: what they were fitted on, test tracks perhaps included, is the business of
whoever made them, and so is the leak if they were. Only playlists that are folded in here are certain to be clean.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.errors import MissingStageError, TableError, UserError
from unheard.factors.als import AlsConfig, fit_als, fold_in
from unheard.factors.imported import GivenFactors, read_factors
from unheard.factors.store import Factors, save_factors
from unheard.ids import IdMap
from unheard.library import open_library
from unheard.plays import Plays, read_plays
from unheard.progress import Progress, silent
from unheard.splits import Split, Use, load_split, load_splits
from unheard.workspace import Workspace

FULL = "full"
Arrays = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]  # tracks, known, playlists


def compute_factors(
    workspace: Workspace,
    split: str | None,
    config: AlsConfig,
    *,
    imported: Path | None = None,
    imported_playlists: Path | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Write factors/full and factors/<split> (every split when None); returns a line about each.

    imported             parquet (track_id, vector): the tracks' factors are these instead of ALS factors; `config`
                         then only says how playlists are folded in, and its `dim` gives way to the file's.
    imported_playlists   parquet (playlist_id, vector) of the same space; other playlists are folded in.

    MissingStageError if there are no splits or no plays, UserError if a split has no plays of train tracks.
    """
    splits = list(load_splits(workspace).values()) if split is None else [load_split(workspace, split)]
    with open_library(workspace.library_path) as library:
        track_ids = library.tracks().ids
    plays = read_plays(workspace).for_tracks(track_ids)
    playlist_ids = plays.playlist_ids
    if not len(plays) and imported is None:
        raise MissingStageError(
            f"{workspace.root}: no plays of the scanned tracks", f"unheard import -w {workspace.root} PLAYLISTS"
        )
    tasks = [_Task(FULL, np.ones(len(track_ids), np.bool_), plays.matrix, plays.matrix, "")]
    tasks += [_task(plays, split) for split in splits]

    given = _read_given(imported, imported_playlists, track_ids, playlist_ids)
    lines = _lines_about(given, imported, imported_playlists)
    if given:
        config = replace(config, dim=given[0].dim)
    for task in tasks:
        if given:
            tracks, known, playlists = _imported(given, task, config)
        else:
            tracks, known, playlists = _learned(task, config, progress)
        about = {**asdict(config), "source": "imported" if given else "als", "split": task.name}
        about["n_plays"] = task.train_plays.nnz
        about |= {"split_digest": task.split_digest, "digest": digest(tracks[task.train], playlists)}
        save_factors(workspace, task.name, Factors(track_ids, playlist_ids, tracks, known, playlists, about))
        lines.append(
            f"{task.name}: {config.dim} factors of {known.sum()} of {len(track_ids)} tracks and "
            f"{playlists.any(axis=1).sum()} of {len(playlist_ids)} playlists, from {task.train_plays.nnz} plays"
        )
    return lines


@dataclass(frozen=True)
class _Task:
    """One file to write.

    train         (n,) which tracks are train
    train_plays   (m, n) the plays that may be known of them
    folded_plays  (m, n) the plays that the other tracks are folded in from: of validation tracks those before the
                  cutoff, if the split has one, because they tune; of test tracks all, because they are the oracle
    """

    name: str
    train: NDArray[np.bool_]
    train_plays: csr_matrix
    folded_plays: csr_matrix
    split_digest: str


def _task(plays: Plays, split: Split) -> _Task:
    uses = split.uses(plays.track_ids)
    train, tunes = uses == int(Use.TRAIN), uses == int(Use.VAL)
    earlier = plays.before(split.cutoff_timestamp).matrix
    folded_plays = columns_of(earlier, train | tunes) + columns_of(plays.matrix, ~(train | tunes))
    return _Task(split.name, train, columns_of(earlier, train), folded_plays.tocsr(), split.digest)


def columns_of(plays: csr_matrix, tracks: NDArray[np.bool_]) -> csr_matrix:
    """Plays (m, n) of some `tracks` (n,) alone, same shape."""
    kept = csr_matrix(plays, copy=True)
    kept.data[~tracks[kept.indices]] = 0
    kept.eliminate_zeros()
    return kept


def digest(train_tracks: NDArray[np.float32], playlists: NDArray[np.float32]) -> str:
    """A hash of a space: vectors predicted in another one mean nothing in this one. Test tracks take no part."""
    found = hashlib.sha256(np.ascontiguousarray(train_tracks).tobytes())
    found.update(np.ascontiguousarray(playlists).tobytes())
    return found.hexdigest()[:16]


def _learned(task: _Task, config: AlsConfig, progress: Progress) -> Arrays:
    if not task.train_plays.nnz:
        raise UserError(f"split {task.name!r}: none of its train tracks has plays; import playlists or choose another")
    playlists, tracks = fit_als(
        task.train_plays, config, progress=lambda what, done, total: progress(f"{what} {task.name}", done, total)
    )
    tracks[~task.train] = fold_in(playlists, task.folded_plays.T.tocsr()[~task.train], config)
    return tracks, np.any(tracks, axis=1), playlists


def _imported(given: tuple[GivenFactors, GivenFactors | None], task: _Task, config: AlsConfig) -> Arrays:
    tracks, playlists = given
    train_only = np.where(task.train[:, None], tracks.vectors, np.float32(0))
    folded = fold_in(train_only, task.train_plays, config)
    if playlists is not None:
        folded = np.where(playlists.known[:, None], playlists.vectors, folded)
    vectors, lacking = tracks.vectors.copy(), ~tracks.known  # such as cold tracks, when the file holds warm ones
    vectors[lacking] = fold_in(folded, task.folded_plays.T.tocsr()[lacking], config)
    return vectors, tracks.known | np.any(vectors, axis=1), folded


def _read_given(
    imported: Path | None, imported_playlists: Path | None, track_ids: IdMap, playlist_ids: IdMap
) -> tuple[GivenFactors, GivenFactors | None] | None:
    if imported is None:
        if imported_playlists is not None:
            raise UserError("playlist factors need the track factors of the same space; import both")
        return None
    tracks = read_factors(imported, track_ids, id_column="track_id")
    if imported_playlists is None:
        return tracks, None
    playlists = read_factors(imported_playlists, playlist_ids, id_column="playlist_id")
    if playlists.dim != tracks.dim:
        problem = f"has {playlists.dim} values a vector, {imported} has {tracks.dim}"
        raise TableError(imported_playlists, problem, "import two files of one factorisation")
    return tracks, playlists


def _lines_about(
    given: tuple[GivenFactors, GivenFactors | None] | None, imported: Path | None, imported_playlists: Path | None
) -> list[str]:
    parts = zip(given or (), (imported, imported_playlists), ("tracks", "playlists"), strict=False)
    return [
        f"{path}: {part.known.sum()} {what} of the library, {part.n_unknown_ids} unknown ids ignored"
        for part, path, what in parts
        if part is not None
    ]
