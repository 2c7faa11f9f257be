"""Make lists of neighbours by every model (thesis figures B.1 and B.2), and count hubs in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unheard.arrays import Indices, Rows
from unheard.library import Track
from unheard.metrics.diversity import antihub_share, chance_skewness, occurrences, skewness
from unheard.ranking import top_k
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.csv_lists import similar_blocks, tests_with_plays
from unheard.recommend.models import ORACLE
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import similar
from unheard.recommend.recommenders import Recommender
from unheard.recommend.track_status import NAMES, Status, statuses

LENGTH = 10
LISTED = ListOptions(n=LENGTH, candidates="all", explain=False)
MAX_HUB_TRACKS = 4000  # for more, all pairs of test tracks take too long


@dataclass(frozen=True)
class Listed:
    """A track of a list; `audio` is the address of its file, empty if there is no file."""

    track: Track
    status: Status
    audio: str = ""
    hit: bool = False

    @property
    def mark(self) -> str:
        """What a list writes beside it; empty for a known track."""
        return "" if self.status == "known" else NAMES[self.status]


@dataclass(frozen=True)
class ModelList:
    """The neighbours that one model ranks first; `hits` of them are in the list of the true factors too."""

    model: str
    tracks: tuple[Listed, ...]
    hits: int | None


@dataclass(frozen=True)
class SideBySide:
    """One seed track, the number of playlists with it, and the list of every model; that of the true factors first."""

    seed: Listed
    playlists: int
    lists: tuple[ModelList, ...]


@dataclass(frozen=True)
class Hubs:
    """Number of lists of test tracks that contain each test track, (candidate,) per model."""

    counts: dict[str, Indices]
    length: int
    n_candidates: int

    @property
    def chance_skewness(self) -> float:
        return chance_skewness(self.n_candidates, self.length / max(1, self.n_candidates - 1))

    def rows(self) -> list[list[str]]:
        """Return per model: most lists with the same track, share of tracks in no list, skewness."""
        return [
            [name, str(counts.max()), f"{100 * antihub_share(counts):.0f} %", f"{skewness(counts):.2f}"]
            for name, counts in self.counts.items()
        ]


def default_seeds(catalogue: Catalogue) -> list[int]:
    """Return the most played test track, and the next by another artist (and of another genre, if both have one)."""
    tests = tests_with_plays(catalogue)
    played = np.diff(catalogue.plays.tocsc().indptr)[tests]
    ordered = [int(row) for row in tests[np.argsort(-played, kind="stable")]]
    if not ordered:
        return []
    first = ordered[0]
    others = [row for row in ordered if catalogue.main_artist[row] != catalogue.main_artist[first]]
    genre = catalogue.tracks[first].genre
    second = next((row for row in others if genre and catalogue.tracks[row].genre not in ("", genre)), None)
    return [first, *([second] if second is not None else others[:1])]


def side_by_side(catalogue: Catalogue, recommenders: Sequence[Recommender], seed: int) -> SideBySide:
    """Return lists as `unheard similar --candidates all -n 10` does."""
    played = np.diff(catalogue.plays.tocsc().indptr)
    found = {
        recommender.name: [item.row for item in similar(catalogue, recommender, seed, options=LISTED)]
        for recommender in recommenders
    }
    true = set(found.get(ORACLE, ()))
    lists, status = [], statuses(catalogue)
    for name in sorted(found, key=lambda name: name != ORACLE):
        marked = true if name != ORACLE else set()
        tracks = tuple(listed(catalogue, row, status[row], hit=row in marked) for row in found[name])
        lists.append(ModelList(name, tracks, len(marked & set(found[name])) if true and name != ORACLE else None))
    return SideBySide(listed(catalogue, seed, status[seed]), int(played[seed]), tuple(lists))


def listed(catalogue: Catalogue, row: int, status: Status, *, hit: bool = False) -> Listed:
    """Return a row of the catalogue as a track of a list."""
    track = catalogue.tracks[row]
    return Listed(track, status, audio_address(track.path), hit)


def audio_address(path: str) -> str:
    """Return `file:///...` of a file that exists, else ""."""
    file = Path(path)
    try:
        return file.as_uri() if path and file.is_absolute() and file.is_file() else ""
    except (OSError, ValueError):  # a name that is invalid on this system
        return ""


def find_hubs(catalogue: Catalogue, recommenders: Sequence[Recommender], *, seed: int = 0) -> Hubs | None:
    """Count test tracks in the lists of all test tracks; None if there are too few of them, or too many."""
    tests: Rows = tests_with_plays(catalogue)
    length = min(LENGTH, len(tests) // 4)
    if not length or len(tests) > MAX_HUB_TRACKS:
        return None
    counts = {}
    for recommender in recommenders:
        lists = np.empty((len(tests), length), np.int32)
        for block in similar_blocks(recommender, tests, tests, n_tracks=len(catalogue)):
            lists[block.rows] = top_k(block.scores, length, seed=seed, queries=block.queries, candidates=tests)
        counts[recommender.name] = occurrences(lists, len(tests))
    return Hubs(counts, length, len(tests))
