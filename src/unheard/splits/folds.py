"""Assign whole groups to balanced folds: the splits `tracks`, `artists` and `live`.

Groups are assigned as seats in an election (Webster / Sainte-Laguë): each goes to the use (train, val, test) that is
furthest below its share, counting half the group, and there to the smallest fold. A very large group therefore goes to
train, where it unbalances least, and groups of one track each come as close to 70:10:20 as whole numbers allow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from unheard.arrays import Rows
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.splits.split import Split, UseName

# The thesis' ten folds: 70 % train, 10 % validation, 20 % test.
TEN_FOLDS: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
LIVE_FOLDS: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6, 7, 8), "val": (9,), "test": (10,)}
LIVE = "live"


def tracks_split(tracks: IdMap, *, rng: np.random.Generator) -> Split:
    """Return the split `tracks`: ten folds of tracks. Raise UserError for fewer than three tracks."""
    if len(tracks) < len(TEN_FOLDS):
        raise UserError(f"a split needs at least 3 tracks, the library has {len(tracks)}; scan more music first")
    return _split("tracks", tracks, assign_folds(np.arange(len(tracks), dtype=np.int32), TEN_FOLDS, rng=rng), TEN_FOLDS)


def artists_split(tracks: IdMap, groups: Rows, *, rng: np.random.Generator) -> Split:
    """Return the split `artists`: ten folds of whole artist groups. Raise UserError for fewer than three groups."""
    n_groups = len(np.unique(groups))
    if n_groups < len(TEN_FOLDS):
        raise UserError(
            f"the split 'artists' needs at least 3 independent artists, the library has {n_groups} (artists who share "
            "a track, an ISRC or a recording count as one); scan more music, or use the split 'tracks'"
        )
    return _split("artists", tracks, assign_folds(groups, TEN_FOLDS, rng=rng), TEN_FOLDS)


def live_split(tracks: IdMap, groups: Rows, *, played: Collection[str], rng: np.random.Generator) -> Split:
    """Return the split `live`, for production: played tracks train, except whole artists of a tenth, which validate.

    All tracks without plays are test tracks, possibly none. Raise UserError when no track has plays.
    """
    has_plays = np.fromiter((track in played for track in tracks), np.bool_, len(tracks))
    if not has_plays.any():
        raise UserError(
            "the split 'live' needs tracks with plays, there are none; import playlists, or factors of your own "
            "(`unheard factors --import`)"
        )
    fold = np.full(len(tracks), LIVE_FOLDS["test"][0], np.int32)
    played_folds: dict[UseName, tuple[int, ...]] = {"train": LIVE_FOLDS["train"], "val": LIVE_FOLDS["val"]}
    fold[has_plays] = assign_folds(groups[has_plays], played_folds, rng=rng)
    return _split(LIVE, tracks, fold, LIVE_FOLDS)


def nothing_played(tracks: IdMap) -> Split:
    """Return the split `live` of a library without plays: all tracks are test tracks."""
    return _split(LIVE, tracks, np.full(len(tracks), LIVE_FOLDS["test"][0], np.int32), LIVE_FOLDS)


def assign_folds(groups: Rows, use: Mapping[UseName, tuple[int, ...]], *, rng: np.random.Generator) -> Rows:
    """Return the fold of each member, (n,) int32, for members in `groups` (n,); no group is in two folds.

    Large groups come first, in bands of a power of two and in random order within a band, so that no use systematically
    gets the larger ones. No use stays empty if there are at least as many groups as uses.
    """
    _, member_group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-np.floor(np.log2(sizes[order])), kind="stable")]
    names = list(use)
    share = np.array([len(use[name]) for name in names], np.float64)
    use_size = np.zeros(len(names))
    fold_size = {int(fold): 0 for name in names for fold in rng.permutation(use[name])}  # ties: first in this order
    fold_of_group = np.empty(len(sizes), np.int32)
    for position, group in enumerate(order):
        empty = use_size == 0
        need = (use_size + sizes[group] / 2) / share
        if empty.any() and len(order) - position <= empty.sum():
            need[~empty] = np.inf  # the last groups go to uses without any
        chosen = int(np.argmin(need))
        fold = min(use[names[chosen]], key=lambda fold: (fold_size[fold], list(fold_size).index(fold)))
        use_size[chosen] += sizes[group]
        fold_size[fold] += int(sizes[group])
        fold_of_group[group] = fold
    return fold_of_group[member_group]


def _split(name: str, tracks: IdMap, fold: Rows, use: dict[UseName, tuple[int, ...]]) -> Split:
    return Split(name, dict(zip(tracks, fold.tolist(), strict=True)), use)
