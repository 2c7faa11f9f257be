"""The tracks of a large library as columns, which may be mapped from a file: a track is made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from unheard.ids import StoredIds
from unheard.library import Track, Tracks
from unheard.strings import Strings

RECENT = 4096  # tracks that are kept, some MB
NUMBERS = {"duration_s": np.float64, "size": np.int64, "mtime_ns": np.int64, "ctime_ns": np.int64}
TEXTS = (
    "path", "title", "album", "isrc", "mbid", "release_date", "genre", "content_hash", "album_artist", "audio_hash",
    "gone_since", "decoded_hash",
)  # fmt: skip


class TrackTable(Sequence[Track]):
    """A sequence of tracks.

    ids            of the tracks
    texts          the strings of each field, of those that any track has
    numbers        (n,) of each field
    artists        all credited artists, track after track
    artist_starts  (n + 1,) where the artists of each track start
    """

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.ids = StoredIds(track.track_id for track in tracks)
        columns = {name: Strings(getattr(track, name) for track in tracks) for name in TEXTS}
        self.texts = {name: column for name, column in columns.items() if column.text.size}
        self.numbers: dict[str, NDArray[np.generic]] = {
            name: np.array([getattr(track, name) for track in tracks], dtype) for name, dtype in NUMBERS.items()
        }
        self.artists = Strings(chain.from_iterable(track.artists for track in tracks))
        self.artist_starts = np.cumsum([0, *(len(track.artists) for track in tracks)])

    @cached_property
    def _recent(self) -> dict[int, Track]:
        """Tracks by row, because one response needs the same ones several times."""
        return {}

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> Track: ...

    @overload
    def __getitem__(self, row: slice) -> tuple[Track, ...]: ...

    def __getitem__(self, row: int | slice) -> Track | tuple[Track, ...]:
        if isinstance(row, slice):
            return tuple([self[number] for number in range(*row.indices(len(self)))])
        found = self._recent.get(row)
        if found is None:
            if len(self._recent) >= RECENT:
                self._recent.clear()
            found = self._recent[row] = self._made(row)
        return found

    def _made(self, row: int) -> Track:
        start, end = self.artist_starts[row : row + 2].tolist()
        values: dict[str, Any] = {name: column[row].item() for name, column in self.numbers.items()}
        values |= {name: column[row] for name, column in self.texts.items()}
        return Track(self.ids[row], artists=tuple(self.artists[start:end]), **values)

    def __iter__(self) -> Iterator[Track]:
        names = (*self.texts, *self.numbers)
        columns = (*self.texts.values(), *(column.tolist() for column in self.numbers.values()))
        counts, artists = np.diff(self.artist_starts).tolist(), iter(self.artists)
        for track_id, n, *values in zip(self.ids, counts, *columns, strict=True):
            credited = tuple([next(artists) for _ in range(n)])
            yield Track(track_id, artists=credited, **dict(zip(names, values, strict=True)))

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_recent"}


def stored_tracks(tracks: Tracks) -> Tracks:
    """Return the same tracks as columns."""
    if isinstance(tracks.items, TrackTable):
        return tracks
    table, found = TrackTable(tracks.items), object.__new__(Tracks)
    object.__setattr__(found, "items", table)
    object.__setattr__(found, "ids", table.ids)
    return found
