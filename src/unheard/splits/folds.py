"""Whole groups dealt into balanced folds: the splits `tracks`, `artists` and `live`.

Groups are dealt as seats are in an election (Webster / Sainte-Laguë): each goes to the use (train, val, test) that is
furthest below its share, counting half the group, and there into the emptiest fold. A giant group thus lands in train,
where it unbalances least, and groups of one track each come out as near 70:10:20 as whole numbers can.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.ids import IdMap, Rows
from unheard.splits.split import Split, UseName

# The thesis' ten folds: 70 % train, 10 % validation, 20 % test.
TEN_FOLDS: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
LIVE_FOLDS: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6, 7, 8), "val": (9,), "test": (10,)}
LIVE = "live"


def tracks_split(tracks: IdMap, *, rng: np.random.Generator) -> Split:
    """Split `tracks`: ten folds of whole tracks. UserError for fewer than three tracks."""
    if len(tracks) < len(TEN_FOLDS):
        raise UserError(f"a split needs at least 3 tracks, the library has {len(tracks)}; scan more music first")
    return _split("tracks", tracks, deal(np.arange(len(tracks), dtype=np.int32), TEN_FOLDS, rng=rng), TEN_FOLDS)


def artists_split(tracks: IdMap, groups: Rows, *, rng: np.random.Generator) -> Split:
    """Split `artists`: ten folds of whole artist groups. UserError for fewer than three groups."""
    n_groups = len(np.unique(groups))
    if n_groups < len(TEN_FOLDS):
        raise UserError(
            f"the split 'artists' needs at least 3 independent artists, the library has {n_groups} (artists who share "
            "a track, an ISRC or a recording count as one); scan more music, or use the split 'tracks'"
        )
    return _split("artists", tracks, deal(groups, TEN_FOLDS, rng=rng), TEN_FOLDS)


def live_split(tracks: IdMap, groups: Rows, *, played: Collection[str], rng: np.random.Generator) -> Split:
    """Split `live`, for production: all played tracks train, but for the artists of a tenth of them, which validate.

    Test is every track that nobody has played, possibly none. UserError when nothing has been played.
    """
    has_plays = np.fromiter((track in played for track in tracks), np.bool_, len(tracks))
    if not has_plays.any():
        raise UserError("the split 'live' needs tracks with plays, there are none; import playlists first")
    fold = np.full(len(tracks), LIVE_FOLDS["test"][0], np.int32)
    played_folds: dict[UseName, tuple[int, ...]] = {"train": LIVE_FOLDS["train"], "val": LIVE_FOLDS["val"]}
    fold[has_plays] = deal(groups[has_plays], played_folds, rng=rng)
    return _split(LIVE, tracks, fold, LIVE_FOLDS)


def deal(groups: Rows, use: Mapping[UseName, tuple[int, ...]], *, rng: np.random.Generator) -> NDArray[np.int32]:
    """The fold of each member, (n,) int32, for members in `groups` (n,); no group is in two folds.

    Large groups come first, in bands of a power of two and at random within a band, so that no use systematically gets
    the larger ones. No use stays empty as long as there are as many groups as uses.
    """
    _, member_group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-np.floor(np.log2(sizes[order])), kind="stable")]
    names = list(use)
    share = np.array([len(use[name]) for name in names], np.float64)
    use_size = np.zeros(len(names))
    fold_size = {int(fold): 0 for name in names for fold in rng.permutation(use[name])}  # ties: first in this order
    fold_of_group = np.empty(len(sizes), np.int32)
    for place, group in enumerate(order):
        empty = use_size == 0
        need = (use_size + sizes[group] / 2) / share
        if empty.any() and len(order) - place <= empty.sum():
            need[~empty] = np.inf  # the last groups belong to uses that have none
        chosen = int(np.argmin(need))
        fold = min(use[names[chosen]], key=lambda fold: (fold_size[fold], list(fold_size).index(fold)))
        use_size[chosen] += sizes[group]
        fold_size[fold] += int(sizes[group])
        fold_of_group[group] = fold
    return fold_of_group[member_group]


def _split(name: str, tracks: IdMap, fold: NDArray[np.int32], use: dict[UseName, tuple[int, ...]]) -> Split:
    return Split(name, dict(zip(tracks, fold.tolist(), strict=True)), use)
