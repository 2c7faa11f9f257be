"""What an import gives, and the collecting of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from unheard.library import Play


@dataclass(frozen=True)
class Imported:
    """Plays that matched a track, and what did not.

    plays    rows to store, in the order of the source
    matched  how many rows matched (the length of `plays`)
    misses   distinct tracks that could not be matched, as a person would name them
    missed   how many rows those were
    """

    plays: list[Play]
    matched: int
    misses: list[str]
    missed: int = 0

    @property
    def match_rate(self) -> float:
        """Share of rows that matched a track; 0 without any rows."""
        return self.matched / max(1, self.matched + self.missed)


@dataclass
class Collected:
    """An import while it is being read."""

    plays: list[Play] = field(default_factory=list)
    missed: int = 0
    _misses: dict[str, None] = field(default_factory=dict)
    _playlists: dict[str, str] = field(default_factory=dict)

    def add(
        self, playlist_id: str, track_id: str, position: int, weight: float = 1.0, timestamp: float | None = None
    ) -> None:
        """One play; equal playlist ids are kept as one string, because there are millions of plays."""
        playlist_id = self._playlists.setdefault(playlist_id, playlist_id)
        self.plays.append(Play(playlist_id, track_id, position, weight, timestamp))

    def miss(self, what: str) -> None:
        """One row without a track."""
        self.missed += 1
        self._misses[what] = None

    def done(self) -> Imported:
        return Imported(self.plays, len(self.plays), list(self._misses), self.missed)
