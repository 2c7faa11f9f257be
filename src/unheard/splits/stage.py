"""Make a workspace's splits or import them from a file, and keep existing ones."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.errors import MissingStageError, UserError, quoted
from unheard.features.current import current_features
from unheard.library import Tracks, open_library
from unheard.locks import WAIT_S, one_at_a_time
from unheard.plays import Plays, read_plays
from unheard.splits.exchange import read_splits, write_splits
from unheard.splits.folds import LIVE, live_split, nothing_played
from unheard.splits.groups import Signatures, artist_groups
from unheard.splits.make_splits import ignore, make_splits
from unheard.splits.split import Split, Use
from unheard.workspace import Workspace


def prepare_splits(
    workspace: Workspace,
    *,
    file: Path | None = None,
    seed: int | None = None,
    after: str | None = None,
    force: bool = False,
    left_out: Callable[[str], None] = ignore,
) -> list[tuple[str, int, int, int]]:
    """Make the library's splits, or import those of `file`; return (name, train, val, test tracks) of all splits.

    Existing splits are kept, and tracks scanned since then are NEW to them, unless `force`. Only `live` is made anew
    when other tracks have plays than before. Raise UserError if `file` or `after` differ from an existing split, or if
    a split of `file` has no train track of the library. `left_out` is called with the reason for each split that could
    not be made.
    """
    with _changing_splits(workspace):
        return _prepare(workspace, file, seed, after, force=force, left_out=left_out)


def _changing_splits(workspace: Workspace) -> AbstractContextManager[None]:
    return one_at_a_time(workspace.root, "splits", "makes splits", wait_s=WAIT_S)


def _prepare(
    workspace: Workspace,
    file: Path | None,
    seed: int | None,
    after: str | None,
    *,
    force: bool,
    left_out: Callable[[str], None],
) -> list[tuple[str, int, int, int]]:
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
        if not len(tracks):
            raise MissingStageError(
                f"{workspace.root}: no tracks yet", f"unheard scan -w {quoted(workspace.root)} MUSIC"
            )
        if file:
            new = _imported(file, tracks)
        else:
            plays, signatures = read_plays(workspace), _signatures(workspace, tracks)
            new = _made(plays, tracks, signatures, seed=seed or 0, after=after, left_out=left_out)
    existing = read_splits(workspace.splits_path) if workspace.splits_path.is_file() else {}
    kept = dict(existing)
    if not file and LIVE in existing and LIVE in new and _played(existing[LIVE], tracks) != _played(new[LIVE], tracks):
        del kept[LIVE]
    for name, split in new.items():
        explicit = file is not None or (name == "time" and after is not None)
        if name in existing and existing[name] != split and explicit and not force:
            raise UserError(
                f"{workspace.splits_path}: has another split {name!r}; rename one, or replace it with --force"
            )
        if name in kept and kept[name] != split and seed is not None and not force:
            left_out(f"split {name!r} is kept as it was made, whatever the seed; --force replaces it")
    splits = {**kept, **new} if force else {**new, **kept}
    if splits != existing:
        write_splits(workspace.splits_path, splits)
    return [_row(split, tracks) for split in splits.values()]


def renew_live(workspace: Workspace, *, seed: int = 0, left_out: Callable[[str], None] = ignore) -> bool:
    """Bring the split `live` up to date with the plays; return whether it changed. Make splits that are missing.

    If other tracks have plays than when the split was made, it is made anew: they are train or validation tracks, and
    all others test tracks, in a library without plays all of them. New tracks without plays change nothing: they are
    NEW to the split, and as cold as its test tracks. Other splits are kept as they are, because models that were
    measured on them would have to be trained again.
    """
    with _changing_splits(workspace):
        return _renew_live(workspace, seed, left_out)


def _renew_live(workspace: Workspace, seed: int, left_out: Callable[[str], None]) -> bool:
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
        if not len(tracks):
            raise MissingStageError(
                f"{workspace.root}: no tracks yet", f"unheard scan -w {quoted(workspace.root)} MUSIC"
            )
        plays, signatures = read_plays(workspace), _signatures(workspace, tracks)
        new = _made(plays, tracks, signatures, seed=seed, after=None, left_out=left_out)
    existing = read_splits(workspace.splits_path) if workspace.splits_path.is_file() else {}
    live = new.get(LIVE) or nothing_played(tracks.ids)
    if LIVE in existing and _played(existing[LIVE], tracks) == _played(live, tracks):
        live = existing[LIVE]
    splits = {**new, **existing, LIVE: live}
    if splits != existing:
        write_splits(workspace.splits_path, splits)
    return live != existing.get(LIVE)


def live_of(workspace: Workspace, known: Collection[str], *, seed: int = 0) -> Split:
    """Write a split `live` in which the tracks `known` count as played, for a library without plays; return it."""
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
        groups = library_groups(workspace, tracks)
    live_rng = np.random.default_rng(seed).spawn(4)[2]  # as in make_splits
    live = live_split(tracks.ids, groups, played=known, rng=live_rng)
    splits = read_splits(workspace.splits_path)
    existing = splits.get(LIVE)
    if existing is not None and _played(existing, tracks) == _played(live, tracks):
        return existing
    write_splits(workspace.splits_path, splits | {LIVE: live})
    return live


def library_groups(workspace: Workspace, tracks: Tracks) -> NDArray[np.int32]:
    """Return the artist group of each track of a library, (n,): tracks that no split separates."""
    return artist_groups(tracks, _signatures(workspace, tracks))


def _signatures(workspace: Workspace, tracks: Tracks) -> Signatures:
    found = current_features(workspace, tracks, "signature")
    return found.ids, found.values


def _played(live: Split, tracks: Tracks) -> frozenset[str]:
    """Return the tracks that are in a playlist, to the split `live`."""
    uses = live.uses(tracks.ids)
    return frozenset(tracks.ids.take(np.flatnonzero((uses == Use.TRAIN) | (uses == Use.VAL))))


def _imported(file: Path, tracks: Tracks) -> dict[str, Split]:
    splits = read_splits(file)
    for name, split in splits.items():
        if not (split.uses(tracks.ids) == Use.TRAIN).any():
            example = next(track for track, fold in split.fold.items() if fold in split.use["train"])
            raise UserError(
                f"{file}, split {name!r}: none of its train tracks (such as {example!r}) is in the library; "
                "use the library's track ids"
            )
    return splits


def _made(
    plays: Plays,
    tracks: Tracks,
    signatures: Signatures,
    *,
    seed: int,
    after: str | None,
    left_out: Callable[[str], None],
) -> dict[str, Split]:
    of_library = plays.for_tracks(tracks.ids)
    splits = make_splits(
        tracks,
        signatures,
        seed=seed,
        first_played=plays.first_played(),
        played=frozenset(tracks.ids.take(np.unique(of_library.track_rows))),
        after=after,
        left_out=left_out,
    )
    return {split.name: split for split in splits}


def _row(split: Split, tracks: Tracks) -> tuple[str, int, int, int]:
    uses = split.uses(tracks.ids)
    train, val, test = (int((uses == use).sum()) for use in (Use.TRAIN, Use.VAL, Use.TEST))
    return split.name, train, val, test
