"""Bag of tones with the regressions that the thesis names and did not run, and the elbow of its codebook (5.1).

Linear regression, ridge, lasso and a decision tree read the histogram that row 1's network reads; their one setting is
the one with the highest correlation on validation tracks. The elbow is the mean squared distance of frames to their
nearest tone, on validation tracks that the codebook has not seen, by the number of tones k; its corner is where the
curve over log k is farthest below the straight line between its ends (Satopaa et al. 2011).

Spectrograms are read twice: once for a bounded sample of frames, which codebooks are fitted to and judged on, and once
for the histograms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.artefacts import write_json
from unheard.evaluate.evaluate import measure, prepare
from unheard.evaluate.table import Table
from unheard.experiments.thesis.leak import FIGURES
from unheard.experiments.thesis.run import figures_of
from unheard.experiments.thesis.tables import interval, lift
from unheard.library import open_library
from unheard.models.bag_of_tones import FRAMES_PER_TONE, Codebook, fit_codebook, frames_per_track, some_frames
from unheard.models.baselines import standardise
from unheard.progress import Progress, silent
from unheard.recommend.build import ORACLE, make_recommender
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.predicted import from_predictions
from unheard.spectrograms.mfcc import bag_frames
from unheard.spectrograms.store import MelStore, open_store
from unheard.splits import Use
from unheard.workspace import Workspace

NAME = "bag-of-tones"
TONES = 4000
ELBOW = (16, 32, 64, 125, 250, 500, 1000, 2000, 4000)
JUDGED_FRAMES = 20_000  # of validation tracks, on which the distance to the nearest tone is measured
Floats = NDArray[np.float32]
Places = NDArray[np.intp]
Fit = Callable[[float, Floats, Floats], Any]  # (setting, histograms, targets) -> a fitted regressor of scikit-learn


def regressions(seed: int) -> Mapping[str, tuple[Fit, tuple[float, ...]]]:
    """Each regression, and the settings to choose from."""
    from sklearn.linear_model import Lasso, LinearRegression, Ridge
    from sklearn.tree import DecisionTreeRegressor

    return {
        "linear": (lambda _, x, y: LinearRegression().fit(x, y), (0.0,)),
        "ridge": (lambda strength, x, y: Ridge(strength).fit(x, y), (1e2, 1e3, 1e4, 1e5, 1e6, 1e7)),
        # Strengths as a share of the least one that leaves no weight at all.
        "lasso": (
            lambda share, x, y: Lasso(share * _most(x, y), max_iter=300, tol=1e-2).fit(x, y),
            (0.8, 0.5, 0.35, 0.25, 0.15),
        ),
        "decision tree": (
            lambda depth, x, y: DecisionTreeRegressor(max_depth=int(depth), random_state=seed).fit(x, y),
            (1, 2, 4, 8, 16),
        ),
    }


def run_bag_of_tones(
    workspace: Workspace,
    split_name: str | None,
    *,
    tones: int = TONES,
    ks: tuple[int, ...] = ELBOW,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Fit codebooks of every size and every regression; writes experiments/bag-of-tones.json."""
    catalogue = load_catalogue(workspace, split_name, need_full=True)
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library)
    in_store = store.ids.rows(catalogue.tracks.ids, missing=-1)
    heard = np.flatnonzero(in_store >= 0)
    rows = in_store[heard]
    use, known = catalogue.use[heard], catalogue.warm.known[heard]
    train, val = np.flatnonzero((use == Use.TRAIN) & known), np.flatnonzero((use == Use.VAL) & known)
    val = val if len(val) else train
    sizes = tuple(dict.fromkeys((*ks, tones)))
    rng = np.random.default_rng([seed, TONES])
    fitted_to = sample(store, rows[train], max(sizes) * FRAMES_PER_TONE, rng, progress)
    judged_on = np.concatenate(sample(store, rows[val], JUDGED_FRAMES, rng, progress))
    codebooks = {}
    for done, k in enumerate(sizes):
        progress("codebooks", done, len(sizes))
        codebooks[k] = fit_codebook(fitted_to, tones=k, n_tracks=len(train), seed=seed)
    progress("codebooks", len(sizes), len(sizes))
    elbow = [{"k": k, "distance": distance(codebooks[k], judged_on)} for k in ks]
    codebook = codebooks[tones]
    histograms = np.empty((len(rows), len(codebook)), np.float32)
    for place, row in enumerate(rows):
        histograms[place] = codebook.histogram(bag_frames(store.track_db(int(row))))
        progress("histograms", place + 1, len(rows))
    histograms = standardise(histograms, train)
    findings: dict[str, Any] = {
        "split": catalogue.split.name, "seed": seed, "tones": len(codebook), "elbow": elbow, "corner": corner(elbow)
    }  # fmt: skip
    findings |= _measured(workspace, catalogue, histograms, (heard, train, val), seed, progress)
    tables = [regression_table(findings), elbow_table(findings)]
    head = {"title": "Bag of tones", "about": about_text(findings), "tables": [vars(table) for table in tables]}
    write_json(workspace.experiment_path(NAME), {**head, "findings": findings}, indent=1)
    return findings


def sample(
    store: MelStore, rows: NDArray[np.integer], n_frames: int, rng: np.random.Generator, progress: Progress
) -> list[Floats]:
    """About `n_frames` frames (frame, 39) in all, as many of each of the tracks `rows` as of any other."""
    per_track, found = frames_per_track(n_frames, len(rows)), []
    for row in rows:
        found.append(some_frames(bag_frames(store.track_db(int(row))), per_track, rng))
        progress("MFCC", len(found), len(rows))
    return found


def distance(codebook: Codebook, frames: Floats) -> float:
    """Mean squared distance of frames (frame, 39) to their nearest tone."""
    return float(((frames - codebook.centroids[codebook.nearest(frames)]) ** 2).sum(axis=1).mean(dtype=np.float64))


def corner(elbow: list[dict[str, Any]]) -> int:
    """The k where the curve is farthest below the chord between its ends, both axes scaled to 0 .. 1, k by its log."""
    x = np.log([point["k"] for point in elbow])
    y = np.array([point["distance"] for point in elbow])
    if len(x) < 3 or y[0] <= y[-1]:
        return int(elbow[0]["k"])
    below = (1 - (x - x[0]) / (x[-1] - x[0])) - (y - y[-1]) / (y[0] - y[-1])
    return int(elbow[int(np.argmax(below))]["k"])


def regression_table(findings: dict[str, Any]) -> Table:
    """A line per regression between chance and the oracle."""
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


def elbow_table(findings: dict[str, Any]) -> Table:
    """Distance to the nearest tone by the number of tones."""
    rows = [
        [f"{point['k']:,}", f"{point['distance']:.2f}", "corner" if point["k"] == findings["corner"] else ""]
        for point in findings["elbow"]
    ]
    return Table("The elbow of the codebook", ["k", "mean squared distance (validation)", ""], rows)


def about_text(findings: dict[str, Any]) -> str:
    """What was compared, and where the elbow is."""
    return (
        f"Split {findings['split']}, {findings['tones']:,} tones, seed {findings['seed']}. The same histograms under "
        "the regressions that the thesis names; settings chosen on validation tracks. The corner of the elbow is at "
        f"k = {findings['corner']:,}; the thesis took {TONES:,} without looking."
    )


def _measured(
    workspace: Workspace,
    catalogue: Catalogue,
    histograms: Floats,
    places: tuple[Places, Places, Places],
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Figures of the regressions, and of what to compare them with."""
    heard, train, val = places
    space, tasks = catalogue.warm, prepare(catalogue, seed=seed)
    factors = space.tracks[heard]
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
        predicted[heard] = fitted[best].predict(histograms) * std + mean
        recommender = from_predictions(catalogue, name, predicted)
        figures = figures_of(measure(tasks, recommender))
        found["regressions"][name] = {"setting": settings[best], "correlation": scores[best], "figures": figures}
    progress("regressions", len(choices), len(choices))
    return found


def _correlation(predicted: NDArray[np.floating], true: NDArray[np.floating]) -> float:
    """Cosine of all predicted and all true numbers taken as two long vectors."""
    lengths = float(np.linalg.norm(predicted) * np.linalg.norm(true))
    return float((predicted * true).sum()) / lengths if lengths else 0.0


def _most(x: Floats, y: Floats) -> float:
    """The lasso strength from which on no weight is left for any target."""
    return float(np.abs(x.T @ (y - y.mean(axis=0))).max() / len(x))


def _chance(found: dict[str, Any] | None) -> str:
    return "-" if not found or found["chance"] is None else f"{found['chance']:.4f}"
