"""Make all splits of one library."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from unheard.errors import UserError
from unheard.library import Tracks
from unheard.splits.folds import artists_split, live_split, tracks_split
from unheard.splits.groups import Signatures, artist_groups
from unheard.splits.newest import time_split
from unheard.splits.split import Split


def ignore(_: str) -> None:
    """Do nothing; the default of `left_out`."""


def make_splits(
    tracks: Tracks,
    signatures: Signatures,
    *,
    seed: int,
    first_played: Mapping[str, float],
    played: Collection[str],
    after: str | None,
    left_out: Callable[[str], None] = ignore,
) -> list[Split]:
    """Return the splits `tracks`, `artists`, `live` and `time`, as far as the library allows them.

    signatures     fingerprints of the library's tracks, see `artist_groups`
    first_played   track id -> earliest timestamp, for tracks that have one
    played         ids of tracks with plays
    after          the last date whose tracks train in `time`, see `time_split`
    left_out       called with one line for each split that could not be made (one artist only, no dates, no plays)

    Raise UserError if `tracks` cannot be made, or if `after` was given and `time` cannot.
    """
    groups = artist_groups(tracks, signatures)

    # Each split has its own random numbers, so an option of one does not change the folds of another.
    tracks_rng, artists_rng, live_rng, time_rng = np.random.default_rng(seed).spawn(4)
    splits = [tracks_split(tracks.ids, rng=tracks_rng)]
    optional: list[Callable[[], Split]] = [
        lambda: artists_split(tracks.ids, groups, rng=artists_rng),
        lambda: live_split(tracks.ids, groups, played=played, rng=live_rng),
    ]
    if after is None:
        optional.append(lambda: time_split(tracks, first_played=first_played, after=None, rng=time_rng))
    for make in optional:
        try:
            splits.append(make())
        except UserError as reason:
            left_out(str(reason))
    if after is not None:
        splits.append(time_split(tracks, first_played=first_played, after=after, rng=time_rng))
    return splits
