"""Quality against the number of plays: the protocol, the file it writes, and resuming an earlier run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import music_world as toy
from unheard.errors import UserError
from unheard.experiments.cold_to_warm import (
    COLD_TO_WARM,
    LEVELS,
    Options,
    Predicted,
    _measure,
    summary,
    tables,
)
from unheard.experiments.experiment import path_of, run_experiment
from unheard.plays import Play, Plays, replace_playlists
from unheard.recommend.catalogue import load_catalogue
from unheard.recommend.models import make_recommender
from unheard.recommend.recommenders import FactorRecommender
from unheard.recommend.revealed_plays import METRICS, reveal_plays
from unheard.report.stored_results import read_experiments
from unheard.workspace import Workspace

Found = dict[str, Any]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return toy.build(tmp_path_factory.mktemp("cold") / "w")


@pytest.fixture(scope="module")
def found(workspace: Workspace) -> Found:
    return cold_to_warm(workspace, "tracks", models=("ridge", "artist-mean"))


def cold_to_warm(workspace: Workspace, split: str, *, models: tuple[str, ...] = ("ridge",), seed: int = 0) -> Found:
    return run_experiment(COLD_TO_WARM, workspace, split, Options(models, seed))


def values(found: Found, model: str, estimate: str, metric: str) -> list[float]:
    rows = found["models"][model]["rows"]
    return [r["value"] for r in rows if (r["estimate"], r["metric"]) == (estimate, metric)]


def test_sound_stays_plays_grow_and_the_blend_leads_from_one_to_the_other(found: Found) -> None:
    for metric in METRICS:
        sound, plays, blend = (values(found, "ridge", estimate, metric) for estimate in ("audio", "plays", "blend"))
        assert len(set(sound)) == 1
        assert plays[-1] > plays[0]
        assert blend[0] == values(found, "ridge", "artist", metric)[0]
        assert blend[-1] > plays[-1]
    assert values(found, "ridge", "plays", "auc")[0] == 0.5
    assert values(found, "ridge", "artist", "auc") == [values(found, "ridge", "blend", "auc")[0]] * len(LEVELS)
    for model in found["models"].values():
        assert model["oracle"]["auc"] > max(r["value"] for r in model["rows"] if r["metric"] == "auc") - 0.05
        assert model["chance"]["auc"] == 0.5


def test_a_figure_worked_the_long_way(workspace: Workspace, found: Found) -> None:
    """AUC of the sound alone: every (sought, other) pair of every playlist, one at a time."""
    catalogue = load_catalogue(workspace, "tracks")
    ridge = make_recommender(workspace, catalogue, "ridge")
    assert isinstance(ridge, FactorRecommender)
    from unheard.splits import Use

    reveal = reveal_plays(catalogue, catalogue.plays, Use.TEST, np.any(catalogue.warm.playlists, axis=1), 0)
    sought, out = reveal.hidden.toarray() > 0, reveal.left_out.toarray() > 0
    of_playlists = []
    for playlist in np.flatnonzero(sought.any(axis=1)):
        scores = ridge.scores(np.array([playlist]), reveal.tracks)[0]
        wins = [
            float(scores[a] > scores[b]) + 0.5 * float(scores[a] == scores[b])
            for a in np.flatnonzero(sought[playlist])
            for b in np.flatnonzero(~sought[playlist] & ~out[playlist])
        ]
        of_playlists.append(np.mean(wins))
    assert found["models"]["ridge"]["n"] == len(of_playlists)
    assert values(found, "ridge", "audio", "auc")[0] == pytest.approx(np.mean(of_playlists))


def test_intervals_hold_their_values_and_tables_fit(found: Found) -> None:
    for model in found["models"].values():
        assert all(row["low"] <= row["value"] <= row["high"] for row in model["rows"])
    drawn = tables(found)
    assert len(drawn) == 2 * len(METRICS)
    assert {len(row) for table in drawn for row in table.rows} == {1 + len(LEVELS)}
    assert "artist" in [row[0] for row in drawn[0].rows]
    assert "Plays alone rank better than ridge" in summary(found)


def test_a_model_with_places_of_its_own_has_a_line_for_them(workspace: Workspace, found: Found) -> None:
    """Places that are the factors themselves must rank as the factors do, whatever their scale."""
    from unheard.splits import Use

    catalogue = load_catalogue(workspace, "tracks")
    ridge = make_recommender(workspace, catalogue, "ridge")
    assert isinstance(ridge, FactorRecommender)
    asked = np.any(catalogue.warm.playlists, axis=1)
    test, val = (
        reveal_plays(catalogue, plays, use, asked, 0)
        for plays, use in ((catalogue.plays, Use.TEST), (catalogue.validation_plays, Use.VAL))
    )
    embedding = replace(ridge, tracks=ridge.tracks * np.float32(4), playlists=ridge.playlists * np.float32(0.5))
    model = Predicted(ridge.tracks, embedding)
    measured = _measure(catalogue, model, test, val, 0)
    named = {"about": found["about"], "models": {"embedded": measured}}
    assert values(named, "embedded", "embedding", "auc") == values(found, "ridge", "audio", "auc")
    assert values(named, "embedded", "blend", "auc") == values(found, "ridge", "blend", "auc")
    assert [row[0] for row in tables(named)[0].rows][1:3] == ["embedding", "audio"]


def test_unknown_artists_have_no_line(workspace: Workspace, tmp_path: Path) -> None:
    alone = cold_to_warm(workspace, "artists", models=("ridge",), seed=3)
    assert not alone["models"]["ridge"]["artist"]
    assert values(alone, "ridge", "artist", "auc") == []


def test_what_was_measured_is_not_measured_again(workspace: Workspace) -> None:
    path = path_of(COLD_TO_WARM, workspace)
    first = cold_to_warm(workspace, "tracks", models=("ridge",), seed=5)
    text = path.read_text()
    stored = json.loads(text)
    del stored["checksum"]  # as a person who edits the file is told
    stored["findings"]["models"]["ridge"]["kappa"] = 12345.0
    path.write_text(json.dumps(stored))
    kept = cold_to_warm(workspace, "tracks", models=("ridge", "artist-mean"), seed=5)
    assert kept["models"]["ridge"]["kappa"] == 12345.0
    assert set(kept["models"]) == {"ridge", "artist-mean"}
    other = cold_to_warm(workspace, "tracks", models=("ridge",), seed=6)
    assert other["models"]["ridge"]["kappa"] != 12345.0
    path.write_text("{")  # damaged: measured anew
    assert cold_to_warm(workspace, "tracks", models=("ridge",), seed=5) == first
    assert path.read_text() == text


def test_the_report_draws_it(workspace: Workspace, found: Found) -> None:
    cold_to_warm(workspace, "tracks", models=("ridge",), seed=5)
    (experiment,) = [e for e in read_experiments(workspace) if e.name == COLD_TO_WARM.name]
    (drawn,) = experiment.curves
    assert [int(x) for x in drawn.x] == list(LEVELS)
    assert set(drawn.lines) == {"audio", "artist", "plays", "blend"}
    assert found["about"]["levels"] == list(LEVELS)


@pytest.mark.parametrize("model", ["random", "popularity", "oracle", "user-knn-cosine"])
def test_models_without_factors_are_refused(workspace: Workspace, model: str) -> None:
    with pytest.raises(UserError, match=f"{model} predicts no factors"):
        cold_to_warm(workspace, "tracks", models=(model,))


def test_a_split_without_plays_of_test_tracks_is_refused(tmp_path: Path) -> None:
    from shutil import rmtree

    world = toy.build(tmp_path / "w")
    splits = json.loads(world.splits_path.read_text())["artists"]["fold"]
    train = [name for name, fold in splits.items() if fold < 7]
    rmtree(world.plays_dir)
    replace_playlists(world, Plays.of([Play("p00", name, place) for place, name in enumerate(train)]))
    with pytest.raises(UserError, match="no playlist with train plays holds a test track"):
        cold_to_warm(world, "artists")
