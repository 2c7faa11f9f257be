"""Lists of all models side by side (thesis figures B.1 and B.2), and how unevenly lists share out tracks (hubs)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.evaluate.diversity import antihub_share, chance_skewness, occurrences, skewness
from unheard.ids import Rows
from unheard.library import Track
from unheard.recommend.build import ORACLE
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.lists import similar_blocks, tests_with_plays
from unheard.recommend.ranking import top_k
from unheard.recommend.recommend import similar
from unheard.recommend.recommenders import Recommender
from unheard.splits import Use

LENGTH = 10
MOST_HUB_TRACKS = 4000  # beyond, all pairs of test tracks are no longer cheap


@dataclass(frozen=True)
class Listed:
    """A track as the page shows it. `audio` is the address of its file, empty if there is none here."""

    track: Track
    use: Use
    audio: str = ""
    hit: bool = False

    @property
    def cold(self) -> bool:
        """Whether no model has learnt anything from its plays."""
        return self.use != Use.TRAIN


@dataclass(frozen=True)
class ModelList:
    """The neighbours that one model names; `hits` of them the true factors name too."""

    model: str
    tracks: tuple[Listed, ...]
    hits: int | None


@dataclass(frozen=True)
class SideBySide:
    """One seed track, how many playlists hold it, and every model's list; the true factors' list first."""

    seed: Listed
    playlists: int
    lists: tuple[ModelList, ...]


@dataclass(frozen=True)
class Hubs:
    """How many of the lists of test tracks hold each test track, (candidate,) per model."""

    counts: dict[str, NDArray[np.int64]]
    length: int
    n_candidates: int

    @property
    def chance_skewness(self) -> float:
        return chance_skewness(self.n_candidates, self.length / max(1, self.n_candidates - 1))

    def rows(self) -> list[list[str]]:
        """Model, most lists that hold one track, share in no list, skewness."""
        return [
            [name, str(counts.max()), f"{100 * antihub_share(counts):.0f} %", f"{skewness(counts):.2f}"]
            for name, counts in self.counts.items()
        ]


def default_seeds(catalogue: Catalogue) -> list[int]:
    """The most played test track, and the next by another artist (and of another genre, if both name one)."""
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
    """Lists as `unheard similar --candidates all -n 10` gives them."""
    played = np.diff(catalogue.plays.tocsc().indptr)
    found = {
        recommender.name: [item.row for item in similar(catalogue, recommender, seed, candidates="all", n=LENGTH)]
        for recommender in recommenders
    }
    true = set(found.get(ORACLE, ()))
    lists = []
    for name in sorted(found, key=lambda name: name != ORACLE):
        marked = true if name != ORACLE else set()
        tracks = tuple(listed(catalogue, row, hit=row in marked) for row in found[name])
        lists.append(ModelList(name, tracks, len(marked & set(found[name])) if true and name != ORACLE else None))
    return SideBySide(listed(catalogue, seed), int(played[seed]), tuple(lists))


def listed(catalogue: Catalogue, row: int, *, hit: bool = False) -> Listed:
    """A row of the catalogue as the page shows it."""
    track = catalogue.tracks[row]
    return Listed(track, Use(catalogue.use[row]), audio_address(track.path), hit)


def audio_address(path: str) -> str:
    """`file:///...` of a file that is there now, else empty."""
    file = Path(path)
    try:
        return file.as_uri() if path and file.is_absolute() and file.is_file() else ""
    except (OSError, ValueError):  # a name that this machine cannot even ask for
        return ""


def find_hubs(catalogue: Catalogue, recommenders: Sequence[Recommender], *, seed: int = 0) -> Hubs | None:
    """Occurrences of test tracks in each other's lists; None where there are too few, or too many to be cheap."""
    tests: Rows = tests_with_plays(catalogue)
    length = min(LENGTH, len(tests) // 4)
    if not length or len(tests) > MOST_HUB_TRACKS:
        return None
    counts = {}
    for recommender in recommenders:
        lists = np.empty((len(tests), length), np.int32)
        for block in similar_blocks(recommender, tests, tests, n_tracks=len(catalogue)):
            lists[block.place] = top_k(block.scores, length, seed=seed, queries=block.queries, candidates=tests)
        counts[recommender.name] = occurrences(lists, len(tests))
    return Hubs(counts, length, len(tests))
