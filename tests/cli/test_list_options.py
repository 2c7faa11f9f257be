"""Tests of diversity, filters and the low-confidence mark, on the command line and in Python."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

import unheard
from tests.builders.command_line import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def tags(world: Path) -> dict[str, dict[str, str]]:
    with (world / "tracks.csv").open(newline="") as table:
        return {row["track_id"]: row for row in csv.DictReader(table)}


def test_filters_select_from_the_same_list(workspace: Path, run: Run, tags: dict[str, dict[str, str]]) -> None:
    words = ("recommend", "-w", workspace, "--playlist", "p001", "--candidates", "all", "-n", 40, "--json")
    everything = json.loads(run(*words, "--max-per-artist", 9).stdout)
    genre = Counter(tags[item["track_id"]]["genre"] for item in everything).most_common(1)[0][0]
    found = json.loads(run(*words, "--max-per-artist", 9, "--genre", genre.upper()).stdout)
    assert [i["track_id"] for i in found] == [
        i["track_id"] for i in everything if tags[i["track_id"]]["genre"] == genre
    ]
    ids, scores = unheard.open(workspace).recommend(
        playlist="p001", candidates="all", n=40, max_per_artist=9, filters=unheard.Filters([genre])
    )
    assert [(item["track_id"], item["score"]) for item in found] == list(zip(ids, map(float, scores), strict=True))
    years = [int(tags[item["track_id"]]["release_date"][:4]) for item in everything]
    middle = sorted(years)[len(years) // 2]
    for text, fits in ((f"{middle}", {middle}), (f"{middle}-", range(middle, 3000)), (f"-{middle}", range(middle + 1))):
        rows = json.loads(run(*words, "--year", text).stdout)
        assert rows
        assert all(int(tags[row["track_id"]]["release_date"][:4]) in fits for row in rows)
    nothing = run(*words[:-1], "--min-duration", 60)  # every track of this world is shorter
    assert "no candidates: the split, the filters, the artist cap" in nothing.stderr


def test_diversity_changes_the_list_and_not_the_scores(workspace: Path, run: Run) -> None:
    words = ("similar", "-w", workspace, "--candidates", "all", "--json", "-n", 6)
    seed = json.loads(run("recommend", "-w", workspace, "--playlist", "p001", "--json").stdout)[0]["track_id"]
    plain, diverse = (json.loads(run(*words, seed, "--diversity", d).stdout) for d in (0, 0.8))
    assert plain == json.loads(run(*words, seed).stdout)
    assert plain[0]["track_id"] == diverse[0]["track_id"]
    assert {item["track_id"] for item in plain} != {item["track_id"] for item in diverse}
    ids, _ = unheard.open(workspace).similar(seed, n=6, diversity=0.8)
    assert ids == [item["track_id"] for item in diverse]


def test_a_file_unlike_all_known_tracks_gets_a_warning(workspace: Path, run: Run, tmp_path: Path) -> None:
    clicks = tmp_path / "clicks.wav"
    soundfile.write(clicks, (np.arange(22_050 * 4) % 4410 == 0) * 0.9, 22_050)
    ran = run("similar", "-w", workspace, clicks)
    assert ran.code == 0
    assert "clicks: low confidence" in ran.stderr
    assert unheard.open(workspace).confidence(str(clicks)) == 0
    found = json.loads(run("recommend", "-w", workspace, "--playlist", "p001", "--candidates", "all", "--json").stdout)
    marked = [item for item in found if item["confidence"] < 0.05]
    table = run("recommend", "-w", workspace, "--playlist", "p001", "--candidates", "all").stdout
    assert table.count(" ? ") == len(marked)
    warm = json.loads(run("similar", "-w", workspace, clicks, "--candidates", "warm", "--json").stdout)
    assert {item["confidence"] for item in warm} == {1.0}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--playlist", "p001", "--year", "soon"), "--year 'soon': expected 1999"),
        (("--playlist", "p001", "--year", "-"), "--year '-'"),
        (("--playlist", "p001", "--year", "2001-1999"), "expected the smaller number first; swap"),
        (("--playlist", "p001", "--genre", " "), "expected a name"),
        (
            ("--playlist", "p001", "--min-duration", "9", "--max-duration", "3"),
            "expected the smaller number first; swap",
        ),
        (("--playlist", "p001", "--diversity", "1", "--model", "popularity"), "leave diversity out"),
        (("--all-playlists", "-o", "x.csv", "--genre", "funk"), "--all-playlists: writes the lists that"),
        (("--all-playlists", "-o", "x.csv", "--diversity", "0.5"), "leave out --diversity"),
        (("--all-playlists", "-o", "x.csv", "--max-per-artist", "2"), "--max-per-artist"),
        (("--all-playlists", "-o", "x.csv", "--max-per-album", "3"), "--max-per-album"),
        (("--all-playlists", "-o", "x.csv", "--exclude", "t00-0"), "--exclude"),
        (("--all-playlists", "-o", "x.csv", "--json"), "leave out --json"),
    ],
)
def test_invalid_options_are_errors(workspace: Path, run: Run, words: tuple[str, ...], says: str) -> None:
    assert says in run("recommend", "-w", workspace, *words).error
