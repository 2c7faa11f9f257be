"""Choose the next tracks of a radio: an endless list that starts from seeds and avoids what was played.

The tracks are recommendations for the seeds without the tracks that were played. When all candidates have been played,
the older half of them may return, so a radio ends only if there is no candidate at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from unheard.recommend.recommend import Recommendation


def next_tracks(
    recommended: Callable[[Collection[str]], list[Recommendation]],
    artists: NDArray[np.int32],
    *,
    played: Sequence[str],
    last: int | None = None,
) -> list[Recommendation]:
    """Return the next tracks of a radio.

    recommended  returns recommendations for the seeds without the given ids
    artists      (track,) number of each track's main artist
    played       ids that were played, oldest first
    last         row of the track that plays now, if it is known
    """
    left_out = list(dict.fromkeys(reversed(played)))  # each track once, at its latest play; latest first
    while not (found := recommended(left_out)) and left_out:
        left_out = left_out[: len(left_out) // 2]
    return without_neighbours(found, artists, None if last is None else int(artists[last]))


def without_neighbours(
    found: Sequence[Recommendation], artists: NDArray[np.int32], last_artist: int | None
) -> list[Recommendation]:
    """Return the tracks in an order in which no artist follows itself, as far as there are other artists.

    Each place gets the first remaining track of an artist other than the previous one.
    """
    left, ordered = list(found), list[Recommendation]()
    while left:
        at = next((i for i, item in enumerate(left) if int(artists[item.row]) != last_artist), 0)
        ordered.append(left.pop(at))
        last_artist = int(artists[ordered[-1].row])
    return ordered
