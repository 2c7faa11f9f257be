"""Tracks and results as templates show them, with the addresses of their pages, pictures and audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unheard.library import Track
from unheard.recommend.confidence import LOW_CONFIDENCE
from unheard.recommend.filters import year_of
from unheard.recommend.shown_scores import match_text
from unheard.recommend.track_status import NAMES
from unheard.serve.pages.text import address_of, clock
from unheard.serve.queries import track_out
from unheard.serve.schema import Ranked, RankedTrack, TrackOut
from unheard.serve.snapshot import Snapshot


@dataclass(frozen=True)
class TrackView:
    """One track on a page."""

    track: TrackOut

    @property
    def track_id(self) -> str:
        return self.track.track_id

    @property
    def title(self) -> str:
        return self.track.title or self.track.track_id

    @property
    def artist(self) -> str:
        return self.track.artist

    @property
    def name(self) -> str:
        """Title and artist, for labels."""
        return f"{self.title}, {self.artist}" if self.artist else self.title

    @property
    def cold(self) -> bool:
        """Whether it is marked in blue: it is new, or an experiment holds its plays out."""
        return self.track.status not in ("known", "gone")

    @property
    def kind(self) -> str:
        """The status in words."""
        return NAMES[self.track.status]

    @property
    def length(self) -> str:
        return clock(self.track.duration_s)

    @property
    def year(self) -> int | None:
        return year_of(Track(self.track_id, release_date=self.track.release_date))

    @property
    def page(self) -> str:
        return address_of("/track", self.track_id)

    @property
    def record(self) -> str:
        """The address of its picture, to which the template adds a size."""
        return address_of("/pictures/record", self.track_id, int(self.cold))

    @property
    def sound(self) -> str:
        """The address of its audio; empty for a track without a file."""
        return address_of("/sound", self.track_id) if self.track.has_audio else ""


@dataclass(frozen=True)
class ResultView:
    """A track of a ranked list."""

    shown: TrackView
    found: RankedTrack

    @property
    def match(self) -> str:
        """The match in words."""
        return match_text(self.found.match)

    @property
    def has_low_confidence(self) -> bool:
        """Whether its features are far from those of all known tracks."""
        return self.found.confidence is not None and self.found.confidence < LOW_CONFIDENCE


def show(tracks: Iterable[TrackOut]) -> list[TrackView]:
    return [TrackView(track) for track in tracks]


def show_row(snapshot: Snapshot, row: int) -> TrackView:
    return TrackView(track_out(snapshot, int(row)))


def results(ranked: Ranked) -> list[ResultView]:
    return [ResultView(TrackView(item.track), item) for item in ranked.items]


def genres(snapshot: Snapshot) -> tuple[str, ...]:
    """Return every genre in the tags, the most frequent first."""

    def count() -> tuple[str, ...]:
        columns, counts = snapshot.catalogue.filter_columns, Counter[str]()
        tracks_of_tag = np.bincount(columns.genre, minlength=len(columns.genres)).tolist()
        for names, n in zip(columns.genres, tracks_of_tag, strict=True):
            counts.update(dict.fromkeys(names, n))
        return tuple(sorted(counts, key=lambda genre: (-counts[genre], genre)))

    return snapshot.table("genres", count)
