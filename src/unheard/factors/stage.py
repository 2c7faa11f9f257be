"""Write a workspace's factors: warm factors of every split and full factors, fitted or imported.

Warm factors are fitted on plays of train tracks only (and, where the split has a cutoff, on earlier plays only). Other
tracks are folded in afterwards with playlist factors fixed, for tuning and as the oracle; they never change the fit.

Imported factors are used as they are. If they were fitted on plays of test tracks, test information leaks into every
result, and this module cannot detect it. Only playlist factors that are folded in here are certain to be free of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Floats, Mask
from unheard.errors import MissingStageError, TableError, UserError, quoted
from unheard.factors.als import AlsConfig, FactorPair, fit_als, fold_in
from unheard.factors.imported_factors import ImportedFactors, read_factors
from unheard.factors.store import Factors, save_factors
from unheard.ids import IdMap
from unheard.library import open_library
from unheard.locks import one_at_a_time
from unheard.plays import Plays, read_plays
from unheard.plays.playlist_digests import playlist_digests
from unheard.progress import Progress, silent
from unheard.splits import LIVE, Split, Use, live_of, load_split, load_splits
from unheard.workspace import Workspace

FULL = "full"
Arrays = tuple[Floats, Mask, Floats]  # tracks, known, playlists
Fit = Callable[..., FactorPair]  # `fit_als`, or another solver with the same arguments and result
Given = tuple[ImportedFactors, ImportedFactors | None]  # of tracks and, if imported, of playlists


def compute_factors(
    workspace: Workspace,
    split: str | None,
    config: AlsConfig,
    *,
    imported: Path | None = None,
    imported_playlists: Path | None = None,
    fit: Fit = fit_als,
    progress: Progress = silent,
) -> list[str]:
    """Write factors/full and factors/<split> (every split when None); return one line of report for each.

    imported             parquet (track_id, vector) with the tracks' factors, instead of fitting ALS; `config` is then
                         only used to fold in playlists, and its `dim` is replaced by the file's
                         Without plays, its tracks are the known ones of the split `live`
    imported_playlists   parquet (playlist_id, vector) in the same space; other playlists are folded in
    fit                  solves ALS; the cluster has another solver

    Raise MissingStageError without splits or plays, UserError if a split has no plays of train tracks, LockedError
    while another process fits factors.
    """
    with one_at_a_time(workspace.root, "factors", "fits factors"):
        return _compute(workspace, split, config, imported, imported_playlists, fit, progress)


def _compute(
    workspace: Workspace,
    split: str | None,
    config: AlsConfig,
    imported: Path | None,
    imported_playlists: Path | None,
    fit: Fit,
    progress: Progress,
) -> list[str]:
    splits = load_splits(workspace)
    with open_library(workspace.library_path) as library:
        track_ids = library.tracks().ids
    plays = read_plays(workspace).for_tracks(track_ids)
    playlist_ids, digests = plays.playlist_ids, playlist_digests(plays.positive().matrix, track_ids)
    if not len(plays) and imported is None:
        raise MissingStageError(
            f"{workspace.root}: no plays of the scanned tracks", f"unheard import -w {quoted(workspace.root)} PLAYLISTS"
        )
    given = _read_given(imported, imported_playlists, track_ids, playlist_ids)
    lines = _import_report(given, imported, imported_playlists)
    if given:
        config = replace(config, dim=given[0].dim)
        if not len(plays) and split in (None, LIVE):
            splits |= {LIVE: live_of(workspace, frozenset(track_ids.take(np.flatnonzero(given[0].known))))}
    wanted = splits.values() if split is None else [splits.get(split) or load_split(workspace, split)]
    tasks = [_Task(FULL, np.ones(len(track_ids), np.bool_), plays.matrix, plays.matrix, "")]
    tasks += [_task(plays, one) for one in wanted]
    for task in tasks:
        if given:
            tracks, known, playlists = _imported(given, task, config)
        else:
            tracks, known, playlists = _fitted(task, config, fit, progress)
        about = {**asdict(config), "source": "imported" if given else "als", "split": task.name}
        about["n_plays"] = task.train_plays.nnz
        about |= {"split_digest": task.split_digest, "digest": digest(tracks[task.train], playlists)}
        save_factors(workspace, task.name, Factors(track_ids, playlist_ids, tracks, known, playlists, about, digests))
        lines.append(
            f"{task.name}: {config.dim} factors of {known.sum()} of {len(track_ids)} tracks and "
            f"{playlists.any(axis=1).sum()} of {len(playlist_ids)} playlists, from {task.train_plays.nnz} plays"
        )
    return lines


@dataclass(frozen=True)
class _Task:
    """One file to write.

    train         (n,) which tracks are train
    train_plays   (m, n) the plays of train tracks that may be used: those before the split's cutoff
    folded_plays  (m, n) the plays from which the other tracks are folded in: of validation tracks those before the
                  cutoff, if the split has one, because they are used for tuning; of test tracks all, because their
                  factors are the oracle
    """

    name: str
    train: Mask
    train_plays: csr_matrix
    folded_plays: csr_matrix
    split_digest: str


def _task(plays: Plays, split: Split) -> _Task:
    uses = split.uses(plays.track_ids)
    train, validation = uses == int(Use.TRAIN), uses == int(Use.VAL)
    earlier = plays.before(split.cutoff_timestamp).matrix
    folded_plays = mask_columns(earlier, train | validation) + mask_columns(plays.matrix, ~(train | validation))
    return _Task(split.name, train, mask_columns(earlier, train), folded_plays.tocsr(), split.digest)


def mask_columns(plays: csr_matrix, tracks: Mask) -> csr_matrix:
    """Return the plays (m, n) of `tracks` (n,) only, same shape."""
    kept = csr_matrix(plays, copy=True)
    kept.data[~tracks[kept.indices]] = 0
    kept.eliminate_zeros()
    return kept


def digest(train_tracks: Floats, playlists: Floats) -> str:
    """Return a hash that identifies a factor space, because vectors of different spaces cannot be compared.

    Test tracks are not part of it.
    """
    sha256 = hashlib.sha256(np.ascontiguousarray(train_tracks).tobytes())
    sha256.update(np.ascontiguousarray(playlists).tobytes())
    return sha256.hexdigest()[:16]


def _fitted(task: _Task, config: AlsConfig, fit: Fit, progress: Progress) -> Arrays:
    if not task.train_plays.nnz:
        raise UserError(f"split {task.name!r}: none of its train tracks has plays; import playlists or choose another")
    playlists, tracks = fit(
        task.train_plays, config, progress=lambda what, done, total: progress(f"{what} {task.name}", done, total)
    )
    tracks[~task.train] = fold_in(playlists, task.folded_plays.T.tocsr()[~task.train], config)
    return tracks, np.any(tracks, axis=1), playlists


def _imported(given: Given, task: _Task, config: AlsConfig) -> Arrays:
    tracks, playlists = given
    train_only = np.where(task.train[:, None], tracks.vectors, np.float32(0))
    folded = fold_in(train_only, task.train_plays, config)
    if playlists is not None:
        folded = np.where(playlists.known[:, None], playlists.vectors, folded)
    vectors, missing = tracks.vectors.copy(), ~tracks.known  # such as cold tracks, when the file has only warm ones
    vectors[missing] = fold_in(folded, task.folded_plays.T.tocsr()[missing], config)
    return vectors, tracks.known | np.any(vectors, axis=1), folded


def _read_given(
    imported: Path | None, imported_playlists: Path | None, track_ids: IdMap, playlist_ids: IdMap
) -> Given | None:
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


def _import_report(given: Given | None, imported: Path | None, imported_playlists: Path | None) -> list[str]:
    parts = zip(given or (), (imported, imported_playlists), ("tracks", "playlists"), strict=False)
    return [
        f"{path}: {part.known.sum()} {what} of the library, {part.n_unknown_ids} unknown ids ignored"
        for part, path, what in parts
        if part is not None
    ]
