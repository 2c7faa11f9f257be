"""The result of reading a file of playlists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from unheard.errors import TableError
from unheard.plays.plays import Play, Plays


@dataclass(frozen=True)
class Imported:
    """Entries that matched a track, those that did not, and what was left out.

    plays     what matched
    misses    names of the distinct tracks that could not be matched, in the order of the source
    missed    number of entries of those tracks
    names     playlist id -> title, for playlists with a title
    invalid   number of rows or lists that cannot be read
    reasons   why, for the first of them
    left_out  kind of row -> number of valid rows that hold no play, such as blank rows
    notes     how the file was read where it is not obvious
    """

    plays: Plays
    misses: list[str]
    missed: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    invalid: int = 0
    reasons: Sequence[TableError] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def matched(self) -> int:
        return len(self.plays)

    @property
    def n_playlists(self) -> int:
        """Number of playlists with an entry that matched."""
        return len(np.unique(self.plays.playlist_rows))

    @property
    def match_rate(self) -> float:
        """Share of entries that matched a track; 0 without any."""
        return self.matched / max(1, self.matched + self.missed)


@dataclass
class ImportBuilder:
    """Collects the entries of a small file one by one."""

    rows: list[Play] = field(default_factory=list)
    missed: int = 0
    misses: dict[str, None] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def add(
        self, playlist_id: str, track_id: str, position: int, *, weight: float = 1.0, timestamp: float | None = None
    ) -> None:
        """Add an entry that matched."""
        self.rows.append(Play(playlist_id, track_id, position, weight, timestamp))

    def miss(self, label: str) -> None:
        """Add an entry that matched no track."""
        self.missed += 1
        self.misses[label] = None

    def build(
        self,
        *,
        invalid: int = 0,
        reasons: Sequence[TableError] = (),
        left_out: Mapping[str, int] | None = None,
        notes: Sequence[str] = (),
    ) -> Imported:
        """Return the collected entries."""
        plays = Plays.of(self.rows)
        return Imported(plays, list(self.misses), self.missed, self.names, invalid, reasons, left_out or {}, notes)
