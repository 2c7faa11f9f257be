"""Test the titles of songs against the labelled pairs of bench/title_pairs.csv, and the limits of the rules."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from unheard.library import Track, Tracks
from unheard.recommend.sameness import sameness
from unheard.recommend.song_titles import is_generic, song_title

PAIRS = Path(__file__).parents[2] / "bench" / "title_pairs.csv"
NO_PAIRS = np.empty((0, 2), np.int64)


def is_one_song(row: dict[str, str]) -> bool:
    tracks = [Track(n, title=row[f"title_{n}"], artists=tuple(filter(None, (row[f"artist_{n}"],)))) for n in ("1", "2")]
    first, second = sameness(Tracks(tuple(tracks)), NO_PAIRS).song
    return bool(first == second)


def test_labelled_pairs() -> None:
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    merged = [row for row in rows if is_one_song(row)]
    assert [row for row in merged if row["same"] == "no"] == []  # precision 1
    assert len(merged) / sum(row["same"] == "yes" for row in rows) > 0.92


@pytest.mark.parametrize(
    ("title", "song"),
    [
        ("Song (feat. A) [Live] - 2011 Remaster", "song"),
        ("花（Acoustic Ver.）", "花"),
        ("(Live Your Life)", "live your life"),
        ("Song (Part. 2)", "song part 2"),
        ("Long Live (Taylor's Version)", "long live"),
        ("Remix", "remix"),
        ("", ""),
        ("???", "???"),
    ],
)
def test_one_title(title: str, song: str) -> None:
    assert song_title(title) == song


@pytest.mark.parametrize("title", ["Intro", "Track 01", "II. Andante", "Symphony No. 5 in C minor", "Skit #2"])
def test_generic_titles(title: str) -> None:
    assert is_generic(song_title(title))


@pytest.mark.parametrize("title", ["Introspection", "1979", "Part of Me", "In My Life"])
def test_titles_that_name_a_song(title: str) -> None:
    assert not is_generic(song_title(title))
