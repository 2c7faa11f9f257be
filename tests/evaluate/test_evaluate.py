"""Tests of the whole evaluation on the toy world: properties that hold for any numbers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import r2_score

from tests.builders import music_world as toy
from unheard.errors import MissingStageError, UserError
from unheard.evaluate.evaluate import evaluate, measure, model_names, prepare
from unheard.evaluate.measure import Figure
from unheard.evaluate.results import ROW_KEYS, Results, write_results
from unheard.evaluate.similar_task import KS
from unheard.factors.stage import compute_factors
from unheard.library import Library
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.models import BASELINES, make_recommender
from unheard.recommend.predicted import from_predictions
from unheard.recommend.recommenders import FactorRecommender
from unheard.splits import Split, Use, write_splits
from unheard.workspace import Workspace


@pytest.fixture(scope="module")
def results(workspace: Workspace) -> Results:
    return evaluate(workspace, "artists")


def value(results: Results, model: str, task: str, candidates: str, metric: str, k: int | None) -> dict[str, Any]:
    (row,) = [
        r
        for r in results.rows
        if (r["model"], r["task"], r["candidates"], r["metric"], r["k"]) == (model, task, candidates, metric, k)
    ]
    return row


def test_rows_are_the_contract(results: Results) -> None:
    models = [*BASELINES, "toy", "toy@1", "toy@2", "oracle"]
    assert list(dict.fromkeys(row["model"] for row in results.rows)) == models
    assert {row["split"] for row in results.rows} == {"artists"}
    for row in results.rows:
        assert tuple(row) == ROW_KEYS
        assert isinstance(row["n"], int)
        assert row["n"] > 0
        for name in ("value", "low", "high", "chance", "oracle"):
            assert row[name] is None or (type(row[name]) is float and math.isfinite(row[name]))
        if row["low"] is not None and row["task"] != "factors":
            assert row["low"] <= row["value"] <= row["high"]
    assert {row["seed"] for row in results.rows if row["model"] == "toy@2"} == {2}
    keys = [tuple(row[name] for name in ROW_KEYS[:6]) for row in results.rows]
    assert len(set(keys)) == len(keys)


def test_every_figure_of_the_contract_is_there(results: Results) -> None:
    found = {(r["task"], r["candidates"], r["metric"], r["k"]) for r in results.rows if r["model"] == "toy"}
    accuracy = [("recall", 20), ("ndcg", 20), ("map", 500), ("auc", None), ("mrr", None), ("hit", 20)]
    accuracy += [(f"recall-{name}", 20) for name in ("inverse-plays", "low", "middle", "high")]
    beyond = ["coverage", "exposure-gini", "mean-popularity", "distinct-artists", "k-occurrence-skew", "antihub-share"]
    for which in ("cold", "all"):
        assert {("recommend", which, *metric) for metric in [*accuracy, *((name, 20) for name in beyond)]} <= found
    cold_ks, warm_ks = [k for k in KS if k <= 57], [k for k in KS if k <= 190]
    for name in ("overlap", "overlap-other"):
        assert {("similar", "cold", name, k) for k in cold_ks} <= found
        assert {("similar", "warm", name, k) for k in warm_ks} <= found
    assert {("playlist-overlap", "cold", "overlap", k) for k in cold_ks} <= found
    assert {("factors", "cold", name, None) for name in ("r2", "centred-cosine", "norm-spearman")} <= found
    assert not any(k == 500 and metric.startswith("overlap") for *_, metric, k in found)  # fewer candidates than that


def test_popularity_is_only_measured_where_it_is_defined(results: Results) -> None:
    tasks = {(row["task"], row["candidates"]) for row in results.rows if row["model"] == "popularity"}
    assert tasks == {("similar", "warm"), ("recommend", "all")}


def test_the_ceiling_of_overlaps_and_factors_is_one(results: Results) -> None:
    for row in results.rows:
        if row["metric"].startswith("overlap") or row["task"] == "factors":
            assert row["oracle"] == pytest.approx(1.0, abs=1e-12)
        if row["model"] == "oracle":
            assert row["value"] == row["oracle"]


def test_random_is_chance_and_other_models_are_not(results: Results) -> None:
    compared = [
        row for row in results.rows if row["model"] == "random" and row["chance"] is not None and row["low"] is not None
    ]
    strays = [row for row in compared if not row["low"] - 0.02 <= row["chance"] <= row["high"] + 0.02]
    assert len(compared) > 20
    assert [row for row in strays if row["metric"] not in ("mean-popularity", "distinct-artists")] == []
    for metric in ("recall", "ndcg", "hit"):
        row = value(results, "ridge", "recommend", "cold", metric, 20)
        assert row["low"] > row["chance"]


def test_chance_agrees_with_many_random_rankings(workspace: Workspace, catalogue: Catalogue) -> None:
    tasks = prepare(catalogue, seed=0)
    runs = [measure(tasks, make_recommender(workspace, catalogue, "random", seed=seed)) for seed in range(40)]
    for figure, first in runs[0].items():
        values = np.array([run[figure].value for run in runs])
        error = values.std() / np.sqrt(len(values))
        # The figures of all lists together are chances of large catalogues; here there are 58 candidates.
        slack = 0.02 * abs(first.chance) if first.replicates is not None else 0.25 * abs(first.chance) + 0.01
        assert abs(values.mean() - first.chance) < 4 * error + slack, figure


def test_a_constant_prediction_scores_chance_and_not_the_order_of_rows(catalogue: Catalogue) -> None:
    constant = FactorRecommender(
        "constant",
        np.repeat(catalogue.warm.centre[None, :], len(catalogue), axis=0),
        catalogue.warm.playlists,
        catalogue.warm.centre,
    )
    found = measure(prepare(catalogue, seed=0), constant)
    for metric, k in (("recall", 20), ("ndcg", 20), ("map", 500), ("mrr", None), ("hit", 20)):
        measured = found[Figure("recommend", "cold", metric, k)]
        assert measured.value == pytest.approx(measured.chance, abs=0.12)
    assert found[Figure("recommend", "cold", "auc")].value == 0.5
    overlap = found[Figure("similar", "cold", "overlap", 10)]
    assert overlap.value == pytest.approx(overlap.chance, abs=0.04)


def test_factors_against_scikit_learn_and_scipy(workspace: Workspace, catalogue: Catalogue, results: Results) -> None:
    recommender = make_recommender(workspace, catalogue, "ridge")
    assert isinstance(recommender, FactorRecommender)
    rows = np.flatnonzero((catalogue.use == Use.TEST) & catalogue.warm.known)
    true, found = catalogue.warm.tracks[rows].astype(float), recommender.tracks[rows].astype(float)
    r2 = value(results, "ridge", "factors", "cold", "r2", None)
    assert r2["value"] == pytest.approx(r2_score(true, found, multioutput="variance_weighted"))
    assert r2["n"] == len(rows)
    norms = value(results, "ridge", "factors", "cold", "norm-spearman", None)
    truth = spearmanr(np.linalg.norm(true, axis=1), np.linalg.norm(found, axis=1)).statistic
    assert norms["value"] == pytest.approx(truth, abs=1e-3)
    a, b = true - catalogue.warm.centre, found - catalogue.warm.centre
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = np.where(lengths > 0, (a * b).sum(axis=1) / np.maximum(lengths, 1e-30), 0)  # `silent` is at the mean
    assert value(results, "ridge", "factors", "cold", "centred-cosine", None)["value"] == pytest.approx(cosines.mean())
    constant = value(results, "artist-mean", "factors", "cold", "norm-spearman", None)
    assert constant["value"] is constant["low"] is None
    assert value(results, "artist-mean", "factors", "cold", "centred-cosine", None)["value"] == 0.0


def test_a_model_of_all_plays_is_measured_in_their_space(catalogue: Catalogue) -> None:
    """The factors of all plays may have another dimension; predicting them exactly is perfect there."""
    assert catalogue.full is not None
    space = replace(
        catalogue.full,
        tracks=catalogue.full.tracks[:, :4],
        playlists=catalogue.full.playlists[:, :4],
        centre=catalogue.full.centre[:4],
    )
    other, exact = replace(catalogue, full=space), np.where(space.known[:, None], space.tracks, space.centre)
    found = measure(prepare(other, seed=0), from_predictions(other, "exact", exact, space))
    assert found[Figure("factors", "cold", "r2")].value == pytest.approx(1)
    assert found[Figure("similar", "cold", "overlap", 10)].value == 1


def test_seeds_are_averaged_and_counted(results: Results) -> None:
    (mean,) = [m for m in results.means if m.model == "toy" and m.figure == Figure("recommend", "cold", "recall", 20)]
    seeds = [value(results, name, "recommend", "cold", "recall", 20)["value"] for name in ("toy", "toy@1", "toy@2")]
    assert mean.n_seeds == 3
    assert mean.value == pytest.approx(np.mean(seeds))
    assert len(set(seeds)) > 1
    assert not [m for m in results.means if "@" in m.model]


def test_comparisons_are_paired_and_corrected(results: Results) -> None:
    figure = Figure("recommend", "cold", "recall", 20)
    family = {c.against: c for c in results.comparisons if c.figure == figure}
    assert set(family) == {"random", "artist-mean", "content-neighbours", "ridge"}  # neither popularity nor oracle
    means = {m.model: m.value for m in results.means if m.figure == figure}
    for against, c in family.items():
        assert (c.model, c.n_seeds) == ("toy", 3)
        assert c.difference == pytest.approx(means["toy"] - means[against])  # type: ignore[operator]
        assert c.low <= c.difference <= c.high
        assert c.p <= c.p_holm <= 1
    assert family["random"].p_holm == pytest.approx(4 / 1001)
    assert family["random"].low > 0


def test_the_same_seed_gives_the_same_results(workspace: Workspace, results: Results) -> None:
    some = evaluate(workspace, "artists", models=["ridge", "random"])
    again = [row for row in results.rows if row["model"] in ("ridge", "random")]
    assert sorted(some.rows, key=str) == sorted(again, key=str)
    other = evaluate(workspace, "artists", models=["random"], seed=1)
    assert {row["seed"] for row in other.rows} == {1}
    recall = value(other, "random", "recommend", "cold", "recall", 20)["value"]
    assert recall != value(results, "random", "recommend", "cold", "recall", 20)["value"]


def test_a_recipe_stands_for_all_of_its_seeds(workspace: Workspace, catalogue: Catalogue) -> None:
    assert model_names(workspace, catalogue, ["toy", "random", "toy@1"]) == ["toy", "toy@1", "toy@2", "random"]
    assert model_names(workspace, catalogue, ["toy@1"]) == ["toy@1"]


def test_time_is_also_reported_by_whether_the_artist_was_known(workspace: Workspace) -> None:
    found = evaluate(workspace, "time", models=["ridge", "artist-mean"])
    assert {row["split"] for row in found.rows} == {"time", "time-artist-seen", "time-artist-unseen"}
    n = {
        part: next(r["n"] for r in found.rows if r["split"] == part and r["metric"] == "r2")
        for part in ("time", "time-artist-seen", "time-artist-unseen")
    }
    assert n["time"] == n["time-artist-seen"] + n["time-artist-unseen"]
    catalogue = load_catalogue(workspace, "time")
    played = catalogue.tracks.ids.take(np.flatnonzero(catalogue.warm.known))
    assert n["time-artist-unseen"] == sum(name.startswith(("t38", "t39")) for name in played)  # all of theirs is new


def test_json_is_a_bare_list_without_nan(results: Results, tmp_path: Path) -> None:
    comparisons_path = write_results(tmp_path / "results.json", results)

    def refuse(text: str) -> float:
        raise AssertionError(text)

    rows = json.loads((tmp_path / "results.json").read_text(), parse_constant=refuse)
    assert rows == results.rows
    assert comparisons_path == tmp_path / "results.comparisons.json"
    first = json.loads(comparisons_path.read_text(), parse_constant=refuse)[0]
    assert set(first) == {
        "model", "against", "split", "task", "candidates", "metric", "k", "difference", "low", "high", "p", "p_holm",
        "n_seeds", "enough_seeds",
    }  # fmt: skip


def test_progress_ends_at_its_total(workspace: Workspace) -> None:
    steps: list[tuple[str, int, int]] = []
    evaluate(workspace, "artists", models=["random"], progress=lambda *step: steps.append(step))
    assert steps[-1][1] == steps[-1][2]


def test_invalid_requests_raise(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model 'nonsense'"):
        evaluate(workspace, "artists", models=["nonsense"])
    with pytest.raises(UserError, match="nonsense"):
        evaluate(workspace, "nonsense")
    small = toy.build(tmp_path / "w")
    small.factors_path("full").unlink()
    with pytest.raises(MissingStageError, match="unheard factors"):
        evaluate(small, "artists")


def test_a_split_without_test_plays_cannot_be_measured(tmp_path: Path) -> None:
    workspace = toy.build(tmp_path / "w")
    split = Split("artists", {"unplayed": 8, "t00-0": 0, "t01-0": 0}, toy.USE)  # type: ignore[arg-type]
    write_splits(workspace.splits_path, {"artists": split})
    compute_factors(workspace, "artists", toy.ALS)
    with pytest.raises(UserError, match="'artists' has no test track that is in a playlist"):
        evaluate(workspace, "artists")


def test_a_world_without_sound_or_with_three_test_tracks_is_measured(tmp_path: Path) -> None:
    workspace = toy.build(tmp_path / "w")
    with Library(workspace.library_path) as library:
        ids = library.tracks().ids
    fold = dict.fromkeys(ids, 0) | {"t08-1": 8, "t18-2": 8, "t29-3": 8}
    write_splits(workspace.splits_path, {"artists": Split("artists", fold, toy.USE)})  # type: ignore[arg-type]
    compute_factors(workspace, "artists", toy.ALS)
    found = evaluate(workspace, "artists", models=["ridge", "random", "oracle"])
    assert not [row for row in found.rows if row["candidates"] == "cold" and row["metric"].startswith("overlap")]
    assert value(found, "oracle", "recommend", "cold", "recall", 20)["value"] == 1.0
    catalogue = load_catalogue(workspace, "artists", need_full=True)
    assert list(model_names(workspace, catalogue, None)[:2]) == ["random", "popularity"]
