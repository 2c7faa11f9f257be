"""Quality and exposure by group: groups that are a partition, figures worked the long way, and tables that fit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.builders import music_world as toy
from unheard.errors import UserError
from unheard.evaluate.evaluate import evaluate
from unheard.experiments.experiment import path_of, run_experiment
from unheard.experiments.fairness import (
    FAIRNESS,
    NO_GENRE,
    OTHER_GENRES,
    Options,
    by_artist_size,
    by_genre,
    summary,
    tables,
)
from unheard.library import Library, Tracks
from unheard.ranking import top_k
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.models import make_recommender
from unheard.report.stored_results import read_experiments
from unheard.splits import Use
from unheard.workspace import Workspace

Found = dict[str, Any]
GENRES = ("Rock; Pop", "rock", "Jazz", "", "Folk / World")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    world = toy.build(tmp_path_factory.mktemp("fairness") / "w")
    with Library(world.library_path) as library, library.transaction():
        for place, track in enumerate(library.tracks().items):
            library.put_track(replace(track, genre=GENRES[place % len(GENRES)]))
    return world


@pytest.fixture(scope="module")
def found(workspace: Workspace) -> Found:
    return run_experiment(FAIRNESS, workspace, "tracks", Options(("random", "ridge", "popularity")))


def value(found: Found, model: str, candidates: str, group: str, metric: str) -> float:
    (row,) = [
        r
        for r in found["rows"]
        if (r["model"], r["candidates"], r["group"], r["metric"]) == (model, candidates, group, metric)
    ]
    return float(row["value"])


@pytest.fixture(scope="module")
def catalogue(workspace: Workspace) -> Catalogue:
    return load_catalogue(workspace, "tracks")


def test_groups_part_the_test_tracks(catalogue: Catalogue) -> None:
    test = catalogue.use == Use.TEST
    for groups in (by_artist_size(catalogue), by_genre(catalogue)):
        assert ((groups.of >= 0) == test).all()
        assert sorted(set(groups.of[test])) == list(range(len(groups.names)))
    genre = by_genre(catalogue)
    assert genre.names == ("folk", "jazz", "rock", NO_GENRE)
    row = int(np.flatnonzero(test & (np.arange(len(test)) % 5 == 1))[0])
    assert genre.names[genre.of[row]] == "rock"
    size = by_artist_size(catalogue)
    for row in np.flatnonzero(test)[:20]:
        mates = (catalogue.main_artist == catalogue.main_artist[row]) & (catalogue.use == Use.TRAIN)
        known = int((mates & catalogue.warm.known).sum())
        expected = "unknown artist" if not known else "1-4 train tracks" if known < 5 else "5-19 train tracks"
        assert size.names[size.of[row]] == expected


def test_rare_genres_are_put_together_and_none_are_no_groups(catalogue: Catalogue) -> None:
    items = tuple(replace(track, genre=f"Genre {row}") for row, track in enumerate(catalogue.tracks.items))
    many = by_genre(replace(catalogue, tracks=Tracks(items)))
    assert len(many.names) == 9
    assert many.names[-1] == OTHER_GENRES
    silent = tuple(replace(track, genre="") for track in catalogue.tracks.items)
    assert by_genre(replace(catalogue, tracks=Tracks(silent))).names == ()


@pytest.mark.parametrize("which", ["cold", "all"])
def test_figures_of_a_group_the_long_way(workspace: Workspace, catalogue: Catalogue, found: Found, which: str) -> None:
    ridge, groups = make_recommender(workspace, catalogue, "ridge"), by_genre(catalogue)
    rows = catalogue.candidates(which, new=False)  # type: ignore[arg-type]
    jazz = {int(row) for row in np.flatnonzero(groups.of == groups.names.index("jazz"))}
    recalls, shares, shown, sought, n_sought = [], [], set(), 0, 0
    for playlist in playlists_with_tests(catalogue):
        mine = set(catalogue.plays[playlist].indices.tolist())
        tests = {row for row in mine if catalogue.use[row] == Use.TEST}
        scores = ridge.scores(np.array([playlist]), rows)
        scores[0, np.isin(rows, [row for row in mine if catalogue.use[row] == Use.TRAIN])] = -np.inf
        best = top_k(scores, 20, seed=0, queries=np.array([playlist]), candidates=rows)[0]
        first = {int(row) for row in rows[best[best >= 0]]}
        shares.append(len(first & jazz) / len(first))
        shown |= first & jazz
        sought, n_sought = sought + len(tests & jazz), n_sought + len(tests)
        if tests & jazz:
            recalls.append(len(first & tests & jazz) / len(tests & jazz))
    assert value(found, "ridge", which, "jazz", "recall") == pytest.approx(np.mean(recalls))
    assert value(found, "ridge", which, "jazz", "exposure") == pytest.approx(np.mean(shares))
    assert value(found, "ridge", which, "jazz", "coverage") == pytest.approx(len(shown) / len(jazz))
    assert value(found, "ridge", which, "jazz", "relevant") == pytest.approx(sought / n_sought)
    assert value(found, "ridge", which, "jazz", "tracks") == len(jazz)


def test_shares_add_up_and_the_whole_is_that_of_evaluate(workspace: Workspace, found: Found) -> None:
    for kind in ("artist", "genre"):
        for metric, candidates in (("relevant", "cold"), ("exposure", "cold"), ("relevant", "all")):
            rows = [r for r in found["rows"] if (r["kind"], r["metric"]) == (kind, metric)]
            shares = [r["value"] for r in rows if (r["model"], r["candidates"]) == ("ridge", candidates)]
            assert sum(shares) == pytest.approx(1)
    of_all = [r for r in found["rows"] if (r["kind"], r["metric"], r["candidates"]) == ("genre", "exposure", "all")]
    in_tests = sum(r["value"] for r in of_all if r["model"] == "ridge")
    assert value(found, "ridge", "all", "", "cold-share") == pytest.approx(in_tests)
    measured = evaluate(workspace, "tracks", models=("ridge",))
    for row in measured.rows:
        if (row["task"], row["candidates"]) == ("recommend", "cold") and row["metric"] in ("recall", "exposure-gini"):
            assert value(found, "ridge", "cold", "", row["metric"]) == row["value"]


def test_popularity_is_only_asked_among_all(found: Found) -> None:
    assert {row["candidates"] for row in found["rows"] if row["model"] == "popularity"} == {"all"}


def test_tables_fit_and_the_report_reads_them(workspace: Workspace, found: Found) -> None:
    drawn = tables(found)
    assert {table.title.partition(": ")[2] for table in drawn} == {"lists as a whole", "by artist", "by genre"}
    assert all(len(row) == len(table.columns) for table in drawn for row in table.rows)
    assert "The recall of ridge is highest for" in summary(found)
    stored = json.loads(path_of(FAIRNESS, workspace).read_text())
    assert stored["findings"] == found
    assert FAIRNESS.name in [experiment.name for experiment in read_experiments(workspace)]


def test_unknown_models_are_named(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="no model 'magic'"):
        run_experiment(FAIRNESS, workspace, "tracks", Options(("magic",)))
