"""Tables whose rows are made when they are asked for: artists, playlists and albums of a catalogue of any size."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Mask, Rows
from unheard.artist_names import loose
from unheard.ids import IdMap
from unheard.serve.schema import ArtistOut, PlaylistOut
from unheard.strings import Strings

T = TypeVar("T")


class BrowseTable(Sequence[T]):
    """A sequence of rows that are made when they are asked for."""

    @abstractmethod
    def row(self, number: int) -> T:
        """Return one row, from 0."""

    @overload
    def __getitem__(self, at: int) -> T: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[T, ...]: ...

    def __getitem__(self, at: int | slice) -> T | tuple[T, ...]:
        if isinstance(at, slice):
            return self.take(range(*at.indices(len(self))))
        if not -len(self) <= at < len(self):
            raise IndexError(f"row {at} of {len(self)}")
        return self.row(at % len(self))

    def take(self, numbers: Iterable[int] | Rows) -> tuple[T, ...]:
        """Return some rows, in their order."""
        return tuple([self.row(int(number)) for number in numbers])


@dataclass(frozen=True)
class Taken(BrowseTable[T]):
    """Some rows of a table, by their `numbers` (n,) there."""

    table: BrowseTable[T]
    numbers: Rows

    def __len__(self) -> int:
        return len(self.numbers)

    def row(self, number: int) -> T:
        return self.table.row(int(self.numbers[number]))


@dataclass
class BrowsedArtists(BrowseTable[ArtistOut]):
    """Artists by name. `counts` (artist, 4): all tracks, new ones, cold ones, warm ones."""

    names: Strings
    counts: NDArray[np.int32]

    @staticmethod
    def of(first: Sequence[str | None], kinds: NDArray[np.int8], is_new: Mask) -> BrowsedArtists:
        """Return the artists of tracks by the first credited artist of each, None: no artist.

        kinds   (n,) 0 for cold tracks, 1 for warm ones
        is_new  (n,)
        """
        names = sorted({name for name in first if name is not None}, key=lambda name: (loose(name), name))
        number = {name: at for at, name in enumerate(names)} | {None: len(names)}
        artist = np.array([number[name] for name in first], np.int64)
        shown = (np.ones(len(first), np.bool_), is_new, kinds == 0, kinds == 1)
        counts = [np.bincount(artist[mask], minlength=len(names) + 1)[: len(names)] for mask in shown]
        return BrowsedArtists(Strings(names), np.stack(counts, axis=1).astype(np.int32))

    def __len__(self) -> int:
        return len(self.names)

    def row(self, number: int) -> ArtistOut:
        tracks, new, cold, warm = self.counts[number].tolist()
        return ArtistOut(name=self.names[number], tracks=tracks, new=new, cold=cold, warm=warm)


@dataclass
class BrowsedPlaylists(BrowseTable[PlaylistOut]):
    """Playlists by id. `sizes` (m,): number of different tracks."""

    ids: IdMap
    sizes: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, number: int) -> PlaylistOut:
        return PlaylistOut(playlist_id=self.ids[number], tracks=int(self.sizes[number]))
