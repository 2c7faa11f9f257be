"""Warm and cold tracks in one list, on the toy world."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders import music_world as toy
from unheard.errors import UserError
from unheard.evaluate.evaluate import evaluate
from unheard.experiments.calibration import CALIBRATED, CALIBRATION, RAW, Options, summary, tables
from unheard.experiments.experiment import path_of, run_experiment
from unheard.report.stored_results import read_experiments
from unheard.workspace import Workspace

Found = dict[str, Any]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return toy.build(tmp_path_factory.mktemp("calibration") / "w")


@pytest.fixture(scope="module")
def found(workspace: Workspace) -> Found:
    return run_experiment(CALIBRATION, workspace, "tracks", Options(("ridge", "random")))


def row(found: Found, model: str, scores: str, figure: str) -> dict[str, Any]:
    (one,) = [r for r in found["rows"] if (r["model"], r["scores"], r["figure"]) == (model, scores, figure)]
    return dict(one)


def test_the_share_of_cold_tracks_comes_nearer_to_that_of_relevant_ones(found: Found) -> None:
    relevant_cold_share = found["about"]["relevant_cold_share"]
    assert 0 < relevant_cold_share < 0.5
    gaps = [abs(row(found, "ridge", how, "cold-share")["value"] - relevant_cold_share) for how in (RAW, CALIBRATED)]
    assert gaps[1] <= gaps[0] + 0.01
    # numbers that know nothing, of another scale than warm scores: they no longer fill the lists
    assert row(found, "random", RAW, "cold-share")["value"] > 3 * relevant_cold_share
    assert row(found, "random", CALIBRATED, "cold-share")["value"] <= row(found, "random", RAW, "cold-share")["value"]


def test_uncalibrated_figures_among_all_are_those_of_evaluate(workspace: Workspace, found: Found) -> None:
    for measured in evaluate(workspace, "tracks", models=("ridge",)).rows:
        if (measured["task"], measured["candidates"], measured["metric"]) == ("recommend", "all", "recall"):
            mine = row(found, "ridge", RAW, "all-recall")
            assert [mine[key] for key in ("value", "low", "high", "n")] == [
                measured[key] for key in ("value", "low", "high", "n")
            ]


def test_intervals_tables_and_the_report(workspace: Workspace, found: Found) -> None:
    assert all(r["low"] <= r["value"] <= r["high"] for r in found["rows"])
    (table,) = tables(found)
    assert [line[:2] for line in table.rows] == [[m, how] for m in ("ridge", "random") for how in (RAW, CALIBRATED)]
    assert all(len(line) == len(table.columns) for line in table.rows)
    assert "ridge" in summary(found)
    assert json.loads(path_of(CALIBRATION, workspace).read_text())["findings"] == found
    assert CALIBRATION.name in [experiment.name for experiment in read_experiments(workspace)]
    assert run_experiment(CALIBRATION, workspace, "tracks", Options(("ridge", "random"))) == found


def test_unknown_models_are_named(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="no model 'magic'"):
        run_experiment(CALIBRATION, workspace, "tracks", Options(("magic",)))
