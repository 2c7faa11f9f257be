"""Measure lists of warm and cold tracks together, with raw scores and with calibrated scores.

Both measurements rank 20 tracks, before and after calibration (recommend/calibration.py):

    validation  Warm and validation tracks are candidates. Relevant are one in five train plays of a playlist, with
                factors fitted without them, and the same share of its plays of validation tracks. The calibration is
                fitted on half of the main artists of the validation tracks and measured on the other half, then the
                other way round.
    all         The task `recommend` with candidates `all`. Only test tracks are relevant there, so that any shift of
                scores towards them raises the recall; the first measurement shows what the shift costs warm tracks.

The share of cold tracks among the relevant ones is the share of a list that they should fill.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unheard.arrays import Doubles, Mask, Rows
from unheard.evaluate.evaluate import check_measurable, model_names
from unheard.evaluate.recommend_task import K, RecommendTask, measure_lists, prepare_recommend, rank
from unheard.evaluate.result_tables import Table
from unheard.evaluate.results import number
from unheard.experiments.experiment import Experiment, Findings, Models, Seed
from unheard.metrics import diversity
from unheard.metrics.intervals import Resamples, percentile_interval
from unheard.progress import Progress
from unheard.ranking import top_k
from unheard.recommend.calibration import CalibrationPairs, calibrated, calibration_pairs
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.holdout import HIDDEN_ONE_IN
from unheard.recommend.models import make_recommender
from unheard.recommend.recommenders import EmbeddingRecommender, Recommender, Scale
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

RAW, CALIBRATED = "raw", "calibrated"
COLUMNS = {
    "recall": f"recall@{K}",
    "warm-recall": "warm recall",
    "cold-recall": "cold recall",
    "cold-share": "share of cold",
    "all-recall": f"all: recall@{K}",
    "all-share": "all: share of cold",
}


@dataclass(frozen=True)
class Options:
    """Options of the experiment."""

    models: Models = ("ridge",)
    seed: Seed = 0


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Measure models on one split.

    UserError for an unknown model, and for a split without validation or test tracks in playlists.
    """
    seed = options.seed
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS)
    check_measurable(catalogue)
    resamples = Resamples.draw(playlists_with_tests(catalogue), rng=np.random.default_rng([seed, 2]))
    task = prepare_recommend(catalogue, "all", resamples, seed=seed)
    names = list(dict.fromkeys(model_names(workspace, catalogue, options.models)))
    recommenders = [_uncalibrated(make_recommender(workspace, catalogue, name, seed=seed)) for name in names]
    rows: list[dict[str, Any]] = []
    scales: dict[str, dict[str, float]] = {}
    relevant_cold_share = 0.0
    for done, (name, recommender) in enumerate(zip(names, recommenders, strict=True)):
        progress("calibrating", done, len(names))
        validation = calibration_pairs(catalogue, recommender, rng=np.random.default_rng([seed, 9]))
        found, relevant_cold_share = _on_validation(catalogue, validation, seed)
        scale = validation.scale() or Scale()
        for how, of_all in ((RAW, recommender), (CALIBRATED, calibrated(catalogue, recommender, scale))):
            figures = found[how] | _among_all(task, of_all)
            rows += [{"model": name, "scores": how, "figure": key, **figure} for key, figure in figures.items()]
        scales[name] = vars(scale)
    progress("calibrating", len(names), len(names))
    about = {"split": catalogue.split.name, "seed": seed, "relevant_cold_share": relevant_cold_share, "scales": scales}
    return {"about": about, "rows": rows}


def _uncalibrated(recommender: Recommender) -> Recommender:
    return replace(recommender, warm_cold=None) if isinstance(recommender, EmbeddingRecommender) else recommender


def tables(findings: Findings) -> list[Table]:
    """Return a table with two rows per model."""
    cells = {(row["model"], row["scores"], row["figure"]): row for row in findings["rows"]}
    lines = [
        [model, how, *(_cell(cells[model, how, figure]) for figure in COLUMNS)]
        for model, how in dict.fromkeys((row["model"], row["scores"]) for row in findings["rows"])
    ]
    title = f"{findings['about']['split']}: warm and cold tracks in one list"
    return [Table(title, ["model", "scores", *COLUMNS.values()], lines)]


def summary(findings: Findings) -> str:
    """Explain the table, and give the calibration of each model."""
    about = findings["about"]
    scales = "; ".join(
        f"{model} {scale['slope']:.3g} s {scale['offset']:+.3g}" for model, scale in about["scales"].items()
    )
    return (
        f"One in {HIDDEN_ONE_IN} train plays of each playlist and the same share of its plays of validation tracks are "
        f"relevant, among warm and validation tracks together; {about['relevant_cold_share']:.3f} of them are cold, "
        "and a list should hold the same share of cold tracks. In the columns `all`, only test tracks are relevant. "
        f"Intervals are 95 %, bootstrap over playlists. Calibration replaces the score s of a cold track by: {scales}."
    )


def _on_validation(
    catalogue: Catalogue, validation: CalibrationPairs, seed: int
) -> tuple[dict[str, dict[str, dict[str, Any]]], float]:
    """Return metrics with raw and with calibrated scores, and the share of cold tracks among the relevant ones."""
    rng = np.random.default_rng([seed, 10])
    relevant_cold = validation.hidden_cold & (rng.random(validation.hidden_cold.shape) < 1 / HIDDEN_ONE_IN)
    artist = np.unique(catalogue.main_artist[validation.cold], return_inverse=True)[1].reshape(-1)
    half = rng.permutation(int(artist.max()) + 1)[artist] % 2 == 0
    resamples = Resamples.draw(validation.playlists, rng=np.random.default_rng([seed, 11]))
    values: dict[str, list[dict[str, Doubles]]] = {RAW: [], CALIBRATED: []}
    for measured in (half, ~half):
        scale = validation.scale(cold=~measured) or Scale()
        for how, used in ((RAW, Scale()), (CALIBRATED, scale)):
            values[how].append(_lists(validation, relevant_cold, measured, used, seed))
    found = {
        how: {key: _estimate(_mean([part[key] for part in parts]), resamples) for key in parts[0]}
        for how, parts in values.items()
    }
    # Each half of the cold tracks is ranked together with all warm ones.
    n_cold, n_warm = relevant_cold.sum() / 2, validation.hidden_warm.sum()
    return found, float(n_cold / max(n_cold + n_warm, 1))


def _lists(
    validation: CalibrationPairs, relevant_cold: Mask, measured: Mask, scale: Scale, seed: int
) -> dict[str, Doubles]:
    """Return metrics of the list of 20 of each playlist, (playlist,); NaN where nothing is relevant."""
    of_cold = scale.slope * validation.cold_scores[:, measured].astype(np.float64) + scale.offset
    known = (validation.hidden_cold & ~relevant_cold)[:, measured]
    scores = np.concatenate([validation.warm_scores, np.where(known, -np.inf, of_cold).astype(np.float32)], axis=1)
    relevant = np.concatenate([validation.hidden_warm, relevant_cold[:, measured]], axis=1)
    rows = np.concatenate([validation.warm, validation.cold[measured]])
    lists = top_k(scores, K, seed=seed, queries=validation.playlists, candidates=rows)
    there, n_warm = lists >= 0, len(validation.warm)
    hits, cold = np.take_along_axis(relevant, lists, axis=1) & there, there & (lists >= n_warm)
    return {
        "recall": _share(hits.sum(axis=1), relevant.sum(axis=1)),
        "warm-recall": _share((hits & ~cold).sum(axis=1), relevant[:, :n_warm].sum(axis=1)),
        "cold-recall": _share((hits & cold).sum(axis=1), relevant[:, n_warm:].sum(axis=1)),
        "cold-share": _share(cold.sum(axis=1), there.sum(axis=1)),
    }


def _among_all(task: RecommendTask, recommender: Recommender) -> dict[str, dict[str, Any]]:
    ranking = rank(task, recommender)
    recall = next(m for m in measure_lists(task, ranking) if m.figure.metric == "recall")
    assert recall.replicates is not None
    low, high = percentile_interval(recall.replicates) or (None, None)
    cold = (task.catalogue.use[task.candidates] == Use.TEST).astype(np.float64)
    share = diversity.mean_of_lists(ranking.lists, cold)
    return {
        "all-recall": {"value": number(recall.value), "low": low, "high": high, "n": recall.n},
        "all-share": _estimate(share, task.resamples),
    }


def _mean(parts: list[Doubles]) -> Doubles:
    """Return the mean of the values of each playlist without those that are NaN."""
    stacked = np.stack(parts)
    n = np.isfinite(stacked).sum(axis=0)
    found: Doubles = np.divide(np.nansum(stacked, axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
    return found


def _share(part: Rows, whole: Rows) -> Doubles:
    found: Doubles = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found


def _estimate(values: Doubles, resamples: Resamples) -> dict[str, Any]:
    low, high = percentile_interval(resamples.means(values)) or (None, None)
    there = np.isfinite(values)
    value = number(float(values[there].mean())) if there.any() else None
    return {"value": value, "low": low, "high": high, "n": int(there.sum())}


def _cell(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    span = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['value']:.3f}{span}"


CALIBRATION = Experiment(
    name="calibration",
    title="Warm and cold tracks on one scale",
    help="Measure lists of known and new tracks together. With raw scores and with calibrated ones.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
)
