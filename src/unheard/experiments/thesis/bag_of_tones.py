"""Measure bag of tones with the regressions that the thesis names but does not run, and its elbow curve (5.1).

Linear regression, ridge, lasso and a decision tree have the same input as the network of row 1, a histogram of tones.
Each has one parameter, chosen by the correlation on validation tracks. The elbow curve is the mean squared distance of
frames of validation tracks to their nearest tone, by the number of tones k; its corner is where the curve over log k is
farthest below the straight line between its ends (Satopaa et al. 2011).

Spectrograms are read twice: once for a bounded sample of frames, on which codebooks are fitted and measured, and once
for the histograms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from unheard.arrays import Floats, Reals, Rows
from unheard.evaluate.evaluate import measure, prepare
from unheard.evaluate.result_tables import Table
from unheard.experiments.experiment import Experiment, Findings, Option, Seed
from unheard.experiments.thesis.leak import FIGURES
from unheard.experiments.thesis.measures import figures_of, interval, lift
from unheard.library import open_library
from unheard.models.bag_of_tones import FRAMES_PER_TONE, Codebook, fit_codebook, frames_per_track, some_frames
from unheard.models.baselines import standardise
from unheard.progress import Progress
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.models import ORACLE, make_recommender
from unheard.recommend.predicted import from_predictions
from unheard.spectrograms.mfcc import bag_frames
from unheard.spectrograms.store import MelStore, open_store
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

TONES = 4000
ELBOW = (16, 32, 64, 125, 250, 500, 1000, 2000, 4000)
VALIDATION_FRAMES = 20_000  # on which the distance to the nearest tone is measured
Fit = Callable[[float, Floats, Floats], Any]  # (setting, histograms, targets) -> a fitted regressor of scikit-learn


def regressions(seed: int) -> Mapping[str, tuple[Fit, tuple[float, ...]]]:
    """Return each regression with the values of its parameter to choose from."""
    from sklearn.linear_model import Lasso, LinearRegression, Ridge
    from sklearn.tree import DecisionTreeRegressor

    return {
        "linear": (lambda _, x, y: LinearRegression().fit(x, y), (0.0,)),
        "ridge": (lambda strength, x, y: Ridge(strength).fit(x, y), (1e2, 1e3, 1e4, 1e5, 1e6, 1e7)),
        # Penalties as a share of the smallest one for which all weights are zero.
        "lasso": (
            lambda share, x, y: Lasso(share * _largest_penalty(x, y), max_iter=300, tol=1e-2).fit(x, y),
            (0.8, 0.5, 0.35, 0.25, 0.15),
        ),
        "decision tree": (
            lambda depth, x, y: DecisionTreeRegressor(max_depth=int(depth), random_state=seed).fit(x, y),
            (1, 2, 4, 8, 16),
        ),
    }


@dataclass(frozen=True)
class Options:
    """tones: size of the codebook of the regressions; ks: sizes on the elbow curve."""

    tones: Annotated[int, Option("Size of the codebook.", minimum=2)] = TONES
    seed: Seed = 0
    ks: tuple[int, ...] = ELBOW


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Fit codebooks of every size and every regression, and measure them."""
    tones, ks, seed = options.tones, options.ks, options.seed
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS, need_full=True)
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library)
    in_store = store.ids.rows(catalogue.tracks.ids, missing=-1)
    has_audio = np.flatnonzero(in_store >= 0)
    rows = in_store[has_audio]
    use, known = catalogue.use[has_audio], catalogue.warm.known[has_audio]
    train, val = np.flatnonzero((use == Use.TRAIN) & known), np.flatnonzero((use == Use.VAL) & known)
    val = val if len(val) else train
    sizes = tuple(dict.fromkeys((*ks, tones)))
    rng = np.random.default_rng([seed, TONES])
    fitted_to = sample(store, rows[train], max(sizes) * FRAMES_PER_TONE, rng, progress)
    validation = np.concatenate(sample(store, rows[val], VALIDATION_FRAMES, rng, progress))
    codebooks = {}
    for done, k in enumerate(sizes):
        progress("codebooks", done, len(sizes))
        codebooks[k] = fit_codebook(fitted_to, tones=k, n_tracks=len(train), seed=seed)
    progress("codebooks", len(sizes), len(sizes))
    elbow = [{"k": k, "distance": distance(codebooks[k], validation)} for k in ks]
    codebook = codebooks[tones]
    histograms = np.empty((len(rows), len(codebook)), np.float32)
    for n, row in enumerate(rows):
        histograms[n] = codebook.histogram(bag_frames(store.track_db(int(row))))
        progress("histograms", n + 1, len(rows))
    histograms = standardise(histograms, train)
    findings: Findings = {
        "split": catalogue.split.name, "seed": seed, "tones": len(codebook), "elbow": elbow, "corner": corner(elbow)
    }  # fmt: skip
    return findings | _measured(workspace, catalogue, histograms, (has_audio, train, val), seed, progress)


def sample(store: MelStore, rows: Rows, n_frames: int, rng: np.random.Generator, progress: Progress) -> list[Floats]:
    """Return about `n_frames` frames (frame, 39), the same number from each of the tracks `rows`."""
    per_track, found = frames_per_track(n_frames, len(rows)), []
    for row in rows:
        found.append(some_frames(bag_frames(store.track_db(int(row))), per_track, rng))
        progress("MFCC", len(found), len(rows))
    return found


def distance(codebook: Codebook, frames: Floats) -> float:
    """Return the mean squared distance of frames (frame, 39) to their nearest tone."""
    return float(((frames - codebook.centroids[codebook.nearest(frames)]) ** 2).sum(axis=1).mean(dtype=np.float64))


def corner(elbow: list[dict[str, Any]]) -> int:
    """Return the k where the curve over log k is farthest below its chord, with both axes scaled to 0 .. 1."""
    x = np.log([point["k"] for point in elbow])
    y = np.array([point["distance"] for point in elbow])
    if len(x) < 3 or y[0] <= y[-1]:
        return int(elbow[0]["k"])
    below = (1 - (x - x[0]) / (x[-1] - x[0])) - (y - y[-1]) / (y[0] - y[-1])
    return int(elbow[int(np.argmax(below))]["k"])


def tables(findings: Findings) -> list[Table]:
    """Return a table of the regressions and one of the elbow curve."""
    return [_regression_table(findings), _elbow_table(findings)]


def _regression_table(findings: Findings) -> Table:
    """Return a row per regression, between chance and the oracle."""
    oracle = findings["references"][ORACLE]
    rows = [["chance", "", *(_chance(oracle.get(key)) for key in FIGURES.values())]]
    lines = [(name, "", figures) for name, figures in findings["references"].items() if name != ORACLE]
    lines += [
        (f"bag of tones, {name}", f"{found['setting']:g}", found["figures"])
        for name, found in findings["regressions"].items()
    ]
    lines.append((ORACLE, "", oracle))
    rows += [
        [name, setting, *(f"{interval(figures.get(key))} {lift(figures.get(key))}".strip() for key in FIGURES.values())]
        for name, setting, figures in lines
    ]
    return Table("Bag of tones by regression", ["model", "setting", *FIGURES], rows)


def _elbow_table(findings: Findings) -> Table:
    """Return the distance to the nearest tone by the number of tones."""
    rows = [
        [f"{point['k']:,}", f"{point['distance']:.2f}", "corner" if point["k"] == findings["corner"] else ""]
        for point in findings["elbow"]
    ]
    return Table("Elbow curve of the codebook", ["k", "mean squared distance (validation)", ""], rows)


def summary(findings: Findings) -> str:
    """Describe the comparison, and give the corner of the elbow curve."""
    return (
        f"Split {findings['split']}, {findings['tones']:,} tones, seed {findings['seed']}. The regressions that "
        "the thesis names have the same histograms as their input; their parameter is chosen on validation tracks. The "
        f"corner of the elbow curve is at k = {findings['corner']:,}; the thesis uses {TONES:,} without a comparison."
    )


def _measured(
    workspace: Workspace,
    catalogue: Catalogue,
    histograms: Floats,
    rows: tuple[Rows, Rows, Rows],
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Return metrics of the regressions, and of the ridge on statistics and the oracle as references."""
    has_audio, train, val = rows
    space, tasks = catalogue.warm, prepare(catalogue, seed=seed)
    factors = space.tracks[has_audio]
    mean, std = factors[train].mean(axis=0), np.maximum(factors[train].std(axis=0), 1e-9)
    targets = (factors - mean) / std
    found: dict[str, Any] = {"regressions": {}, "references": {}}
    for name in ("ridge", ORACLE):
        shown = "statistics, ridge" if name == "ridge" else name
        recommender = make_recommender(workspace, catalogue, name, seed=seed)
        found["references"][shown] = figures_of(measure(tasks, recommender))
    choices = regressions(seed)
    for done, (name, (fit, settings)) in enumerate(choices.items()):
        progress("regressions", done, len(choices))
        fitted = [fit(setting, histograms[train], targets[train]) for setting in settings]
        scores = [_correlation(model.predict(histograms[val]), targets[val]) for model in fitted]
        best = int(np.argmax(scores))
        predicted = np.repeat(space.centre[None, :], len(catalogue), axis=0)
        predicted[has_audio] = fitted[best].predict(histograms) * std + mean
        recommender = from_predictions(catalogue, name, predicted)
        figures = figures_of(measure(tasks, recommender))
        found["regressions"][name] = {"setting": settings[best], "correlation": scores[best], "figures": figures}
    progress("regressions", len(choices), len(choices))
    return found


def _correlation(predicted: Reals, true: Reals) -> float:
    """Return the cosine between all predicted and all true numbers, each as one vector."""
    lengths = float(np.linalg.norm(predicted) * np.linalg.norm(true))
    return float((predicted * true).sum()) / lengths if lengths else 0.0


def _largest_penalty(x: Floats, y: Floats) -> float:
    """Return the smallest lasso penalty for which all weights are zero."""
    return float(np.abs(x.T @ (y - y.mean(axis=0))).max() / len(x))


def _chance(found: dict[str, Any] | None) -> str:
    return "-" if not found or found["chance"] is None else f"{found['chance']:.4f}"


BAG_OF_TONES = Experiment(
    name="bag-of-tones",
    title="Bag of tones",
    help="Measure regressions of bag of tones. Linear, ridge, lasso and tree; also the elbow curve of the codebook.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
)
