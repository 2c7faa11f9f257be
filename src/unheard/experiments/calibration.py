"""Do cold tracks get the places they deserve beside warm ones, before and after calibration?

Two measurements of the same lists of 20, with the scores as they are and calibrated (recommend/calibration.py):

    rehearsal   warm and validation tracks together. To be found are a fifth of a playlist's train plays, by factors
                fitted without them, and as large a share of its plays of validation tracks. Half of the main artists
                of the validation tracks calibrate, the other half is measured, and the other way round.
    all         the task `recommend` with candidates `all`. Only test tracks are sought there, so that any shift towards
                them pays; what it costs the warm ones is what the rehearsal tells.

Deserved is the share of cold tracks among what is to be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.artefacts import write_json
from unheard.evaluate.evaluate import check_measurable, model_names
from unheard.evaluate.recommend import K, RecommendTask, measure_lists, prepare_recommend, rank
from unheard.evaluate.results import number
from unheard.evaluate.table import Table
from unheard.metrics import diversity
from unheard.metrics.accuracy import Values
from unheard.metrics.intervals import Resamples, percentile_interval
from unheard.progress import Progress, silent
from unheard.ranking import top_k
from unheard.recommend.build import make_recommender
from unheard.recommend.calibration import Rehearsal, calibrated, rehearse
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.holdout import HIDDEN_ONE_IN
from unheard.recommend.hybrids import als_config
from unheard.recommend.lists import playlists_with_tests
from unheard.recommend.recommenders import PlacedRecommender, Recommender, Scale
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

NAME = "calibration"
TITLE = "Warm and cold on one scale"
RAW, CALIBRATED = "as it is", "calibrated"
COLUMNS = {
    "recall": f"recall@{K}",
    "warm-recall": "of warm",
    "cold-recall": "of cold",
    "cold-share": "places of cold",
    "all-recall": f"all: recall@{K}",
    "all-share": "all: places of cold",
}
DEFAULT_MODEL = "ridge"


def run_calibration(
    workspace: Workspace,
    split_name: str | None = None,
    *,
    models: Sequence[str] = (DEFAULT_MODEL,),
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure models on one split (None: the default one); writes experiments/calibration.json.

    UserError for an unknown model, and for a split where nothing can be rehearsed or measured.
    """
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS)
    check_measurable(catalogue)
    als = als_config(workspace, catalogue.split.name)
    resamples = Resamples.draw(playlists_with_tests(catalogue), rng=np.random.default_rng([seed, 2]))
    task = prepare_recommend(catalogue, "all", resamples, seed=seed)
    names = list(dict.fromkeys(model_names(workspace, catalogue, models)))
    recommenders = [_uncalibrated(make_recommender(workspace, catalogue, name, seed=seed)) for name in names]
    rows: list[dict[str, Any]] = []
    scales: dict[str, dict[str, float]] = {}
    deserved = 0.0
    for done, (name, recommender) in enumerate(zip(names, recommenders, strict=True)):
        progress("calibrating", done, len(names))
        rehearsal = rehearse(catalogue, recommender, als, rng=np.random.default_rng([seed, 9]))
        found, deserved = _rehearsed(catalogue, rehearsal, seed)
        scale = rehearsal.scale() or Scale()
        for how, of_all in ((RAW, recommender), (CALIBRATED, calibrated(catalogue, recommender, scale))):
            figures = found[how] | _among_all(task, of_all)
            rows += [{"model": name, "scores": how, "figure": key, **figure} for key, figure in figures.items()]
        scales[name] = vars(scale)
    progress("calibrating", len(names), len(names))
    about = {"split": catalogue.split.name, "seed": seed, "deserved": deserved, "scales": scales}
    findings = {"about": about, "rows": rows}
    head = {"title": TITLE, "about": about_text(findings), "tables": [vars(calibration_table(findings))]}
    write_json(workspace.experiment_path(NAME), {**head, "findings": findings}, indent=1)
    return findings


def _uncalibrated(recommender: Recommender) -> Recommender:
    return replace(recommender, beside=None) if isinstance(recommender, PlacedRecommender) else recommender


def calibration_table(findings: dict[str, Any]) -> Table:
    """Two lines a model."""
    cells = {(row["model"], row["scores"], row["figure"]): row for row in findings["rows"]}
    lines = [
        [model, how, *(_cell(cells[model, how, figure]) for figure in COLUMNS)]
        for model, how in dict.fromkeys((row["model"], row["scores"]) for row in findings["rows"])
    ]
    return Table(
        f"{findings['about']['split']}: warm and cold tracks in one list", ["model", "scores", *COLUMNS.values()], lines
    )


def about_text(findings: dict[str, Any]) -> str:
    """What the table shows, and what each model's scores became."""
    about = findings["about"]
    scales = "; ".join(
        f"{model} {scale['slope']:.3g} s {scale['offset']:+.3g}" for model, scale in about["scales"].items()
    )
    return (
        f"One in {HIDDEN_ONE_IN} train plays of each playlist and as many of its plays of validation tracks are to be "
        f"found among warm and validation tracks together; {about['deserved']:.3f} of them are of cold tracks. The "
        "columns of `all` are of test tracks, which alone are sought there. Intervals are 95 %, bootstrap over "
        f"playlists. A cold score s became: {scales}."
    )


def _rehearsed(
    catalogue: Catalogue, rehearsal: Rehearsal, seed: int
) -> tuple[dict[str, dict[str, dict[str, Any]]], float]:
    """Figures with raw and with calibrated scores, and the share of cold tracks among what is to be found."""
    rng = np.random.default_rng([seed, 10])
    sought = rehearsal.unknown & (rng.random(rehearsal.unknown.shape) < 1 / HIDDEN_ONE_IN)
    artist = np.unique(catalogue.main_artist[rehearsal.cold], return_inverse=True)[1].reshape(-1)
    half = rng.permutation(int(artist.max()) + 1)[artist] % 2 == 0
    resamples = Resamples.draw(rehearsal.playlists, rng=np.random.default_rng([seed, 11]))
    values: dict[str, list[dict[str, Values]]] = {RAW: [], CALIBRATED: []}
    for measured in (half, ~half):
        scale = rehearsal.scale(cold=~measured) or Scale()
        for how, used in ((RAW, Scale()), (CALIBRATED, scale)):
            values[how].append(_lists(rehearsal, sought, measured, used, seed))
    found = {
        how: {key: _estimate(_mean([part[key] for part in parts]), resamples) for key in parts[0]}
        for how, parts in values.items()
    }
    n_cold, n_warm = (
        sought.sum() / 2,
        rehearsal.hidden.sum(),
    )  # each half of the cold tracks stands beside all warm ones
    return found, float(n_cold / max(n_cold + n_warm, 1))


def _lists(
    rehearsal: Rehearsal, sought: NDArray[np.bool_], measured: NDArray[np.bool_], scale: Scale, seed: int
) -> dict[str, Values]:
    """Figures of each playlist's list of 20, (playlist,); NaN where it seeks nothing."""
    of_cold = scale.slope * rehearsal.of_cold[:, measured].astype(np.float64) + scale.offset
    known = (rehearsal.unknown & ~sought)[:, measured]
    scores = np.concatenate([rehearsal.of_warm, np.where(known, -np.inf, of_cold).astype(np.float32)], axis=1)
    relevant = np.concatenate([rehearsal.hidden, sought[:, measured]], axis=1)
    rows = np.concatenate([rehearsal.warm, rehearsal.cold[measured]])
    lists = top_k(scores, K, seed=seed, queries=rehearsal.playlists, candidates=rows)
    there, n_warm = lists >= 0, len(rehearsal.warm)
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


def _mean(parts: list[Values]) -> Values:
    """Mean of each playlist's values, those that are NaN left out."""
    stacked = np.stack(parts)
    n = np.isfinite(stacked).sum(axis=0)
    found: Values = np.divide(np.nansum(stacked, axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
    return found


def _share(part: NDArray[np.integer], whole: NDArray[np.integer]) -> Values:
    found: Values = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found


def _estimate(values: Values, resamples: Resamples) -> dict[str, Any]:
    low, high = percentile_interval(resamples.means(values)) or (None, None)
    there = np.isfinite(values)
    value = number(float(values[there].mean())) if there.any() else None
    return {"value": value, "low": low, "high": high, "n": int(there.sum())}


def _cell(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    span = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['value']:.3f}{span}"
