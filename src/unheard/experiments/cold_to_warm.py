"""Measure quality against the number of plays of a new track, from none (cold) to many (warm).

Of each test track 0 to 50 plays are revealed, and the test tracks are ranked for every playlist. The relevant tracks
are the same at every number of plays: those of the other half of the plays (recommend/cold_to_warm.py). These
estimates are ranked:

    embedding   the model's own embedding, if it ranks by one and not by the factors it predicts
    audio       the factor that the model predicts; it does not use the revealed plays
    artist      the same, shrunk towards the mean of the artist's train tracks (only if some artist has train tracks)
    plays       the fold-in of the revealed plays; without plays all tracks score alike, which is chance
    blend       `artist` (or `audio`) as a prior of the fold-in; its kappas are chosen on validation tracks, by nDCG@20

A track with fewer plays reveals those it has; the table gives the number of tracks that reveal all. The oracle folds
in all plays, the relevant ones too. Queries are the playlists with train plays and a relevant track.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Floats
from unheard.errors import UserError
from unheard.evaluate.evaluate import model_names
from unheard.evaluate.result_tables import Table
from unheard.evaluate.results import number
from unheard.experiments.experiment import Experiment, Findings, Models, Seed, load, save
from unheard.metrics.intervals import Resamples, percentile_interval
from unheard.progress import Progress
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.cold_to_warm import (
    KAPPAS,
    KAPPAS_ARTIST,
    Reveal,
    choose_kappas,
    estimates_of,
    folded,
    with_plays,
)
from unheard.recommend.models import BASELINES, ORACLE, make_recommender, trained_models
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, PairRanker
from unheard.recommend.revealed_plays import MAX_VALIDATION_PLAYLISTS, METRICS, Queries, reveal_plays
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

LEVELS = (0, 1, 2, 5, 10, 50)
EMBEDDING, AUDIO, ARTIST, PLAYS, BLEND = "embedding", "audio", "artist", "plays", "blend"


@dataclass(frozen=True)
class Options:
    """Options of the experiment."""

    models: Models = ("ridge",)
    seed: Seed = 0


@dataclass(frozen=True)
class Predicted:
    """Factors (n, d) that a model predicts for all tracks; how it ranks, if not by them; and the arrays behind that."""

    factors: Floats
    embedding: PairRanker | None = None
    arrays: tuple[NDArray[Any], ...] = ()


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Measure models on one split; the findings are saved after each.

    A model that was measured with the same predictions, plays and seed is not measured again. UserError for a model
    that predicts no factors in the space of the split, and if no playlist with train plays holds a test track that has
    two plays.
    """
    seed = options.seed
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS)
    has_plays = np.any(catalogue.warm.playlists, axis=1)
    test, val = (
        reveal_plays(catalogue, plays, use, has_plays, seed)
        for plays, use in ((catalogue.plays, Use.TEST), (catalogue.validation_plays, Use.VAL))
    )
    if not test.is_target.any():
        raise UserError(
            f"split {catalogue.split.name!r}: no playlist with train plays holds a test track; import more playlists "
            "or choose another split"
        )
    names = list(dict.fromkeys(model_names(workspace, catalogue, options.models)))
    predicted = {name: _predicted(workspace, catalogue, name, seed) for name in names}
    about = {
        "split": catalogue.split.name,
        "seed": seed,
        "levels": list(LEVELS),
        "tracks": len(test.tracks),
        "revealed": [int(test.shown(n).nnz) for n in LEVELS],
        "complete": [int((test.shown(n).getnnz(axis=0) == n).sum()) for n in LEVELS],
    }
    earlier = load(COLD_TO_WARM, workspace)
    kept = earlier["models"] if earlier.get("about") == about else {}
    measured: dict[str, Any] = {}
    for done, (name, model) in enumerate(predicted.items()):
        progress("cold to warm", done, len(names))
        digest = _digest(model, catalogue.warm.playlists, test)
        found = kept.get(name, {})
        if found.get("digest") != digest:
            found = {"digest": digest, **_measure(catalogue, model, test, val, seed)}
        measured[name] = found
        save(COLD_TO_WARM, workspace, {"about": about, "models": {**kept, **measured}})
    progress("cold to warm", len(names), len(names))
    return {"about": about, "models": measured}


def tables(findings: Findings) -> list[Table]:
    """Return a table per model and metric: a row per estimate, a column per number of revealed plays."""
    about, out = findings["about"], []
    for model, found in findings["models"].items():
        for metric in METRICS:
            cells = {(r["estimate"], r["revealed"]): r for r in found["rows"] if r["metric"] == metric}
            lines = [["chance", *[f"{found['chance'][metric]:.4f}"] * len(LEVELS)]]
            lines += [[name, *(_cell(cells[name, level]) for level in LEVELS)] for name, level in cells if not level]
            lines.append([f"{BLEND} - {AUDIO}", *(_difference(d) for d in found["differences"][metric])])
            lines.append(["oracle", *[f"{found['oracle'][metric]:.4f}"] * len(LEVELS)])
            lines.append(["tracks that reveal all", *map(str, about["complete"])])
            title = f"{about['split']}: {metric} of {model} (n = {found['n']} playlists)"
            out.append(Table(title, ["estimate", *(f"{level} plays" for level in LEVELS)], lines))
    return out


def summary(findings: Findings) -> str:
    """Explain the tables, and give the number of plays from which plays alone rank better than the model."""
    about = findings["about"]
    results = []
    for model, found in findings["models"].items():
        values = {(r["estimate"], r["revealed"]): r["value"] for r in found["rows"] if r["metric"] == METRICS[1]}
        own = EMBEDDING if (EMBEDDING, LEVELS[0]) in values else AUDIO  # what the model itself ranks by
        better = [level for level in LEVELS if (values[PLAYS, level] or 0.0) > (values[own, level] or 0.0)]
        when = f"from {better[0]} plays on" if better else "at none of these numbers of plays"
        artist = f", and the one of the artist mean is {_kappa(found['kappa_artist'])}" if found["artist"] else ""
        results.append(
            f" Plays alone rank better than {model} {when} (ndcg@20). Its kappa is {_kappa(found['kappa'])}{artist}."
        )
    return (
        f"Of each of {about['tracks']} test tracks up to 50 plays are revealed, at most half of them; the other half "
        "is relevant. `audio` is the factor that a model predicts, `plays` the fold-in of the revealed plays, `blend` "
        "the fold-in with the prediction as its prior. Kappa, the weight of the prior, is chosen on validation tracks. "
        "Intervals are 95 %, bootstrap over playlists; differences are paired." + "".join(results)
    )


def curves(findings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the plots of the report, one per model."""
    out = []
    for model, found in findings["models"].items():
        lines: dict[str, list[list[float | None]]] = {}
        for row in found["rows"]:
            if row["metric"] == METRICS[1]:
                lines.setdefault(row["estimate"], []).append([row["value"], row["low"], row["high"]])
        out.append(
            {
                "title": f"{model}: quality against number of plays",
                "x": list(LEVELS),
                "x_label": "revealed plays of a track",
                "y_label": METRICS[1],
                "lines": lines,
                "chance": found["chance"][METRICS[1]],
                "oracle": found["oracle"][METRICS[1]],
            }
        )
    return out


def _predicted(workspace: Workspace, catalogue: Catalogue, name: str, seed: int) -> Predicted:
    recommender = None if name == ORACLE else make_recommender(workspace, catalogue, name, seed=seed)
    factors = recommender.factors if isinstance(recommender, EmbeddingRecommender) else recommender
    if not isinstance(factors, FactorRecommender) or factors.full:
        trained = trained_models(workspace, catalogue.split.name)
        known = ", ".join([*(b for b in BASELINES if b not in ("random", "popularity")), *trained])
        raise UserError(f"{name} predicts no factors that a fold-in of plays could start from; choose one of {known}")
    if not isinstance(recommender, EmbeddingRecommender):
        return Predicted(factors.tracks)
    own, pairs = recommender.ranking, recommender.pairs
    combiner = () if pairs is None else tuple(pairs.combiner.arrays.values())
    return Predicted(factors.tracks, recommender.embedding, (own.tracks, own.playlists, *combiner))


def _measure(catalogue: Catalogue, model: Predicted, test: Reveal, val: Reveal, seed: int) -> dict[str, Any]:
    alpha = catalogue.warm.als.alpha
    tuning = Queries.of(catalogue, val, seed=seed, at_most=MAX_VALIDATION_PLAYLISTS)

    def quality(factors: Floats) -> float:
        return float(np.nanmean(tuning.figures(factors)[METRICS[1]]))

    kappa_artist, kappa = choose_kappas(
        catalogue, estimates_of(catalogue, model.factors, val.tracks), val, quality, alpha=alpha, levels=LEVELS
    )
    queries = Queries.of(catalogue, test, seed=seed)
    resamples = Resamples.draw(queries.playlists, rng=np.random.default_rng([seed, 7]))
    estimates = estimates_of(catalogue, model.factors, test.tracks)
    has_artists = bool((estimates.n_artist > 0).any())
    prior = estimates.prior(kappa_artist)
    rows: list[dict[str, Any]] = []
    differences: dict[str, list[dict[str, Any]]] = {metric: [] for metric in METRICS}
    fixed = {AUDIO: queries.figures(estimates.predicted)} | ({ARTIST: queries.figures(prior)} if has_artists else {})
    if model.embedding is not None:
        fixed = {EMBEDDING: queries.of_scores(model.embedding.scores(queries.playlists, test.tracks))} | fixed
    for level in LEVELS:
        shown = test.shown(level)
        moved = with_plays(prior, catalogue.warm.playlists, shown, kappa=kappa, alpha=alpha)
        figures = fixed | {PLAYS: queries.figures(folded(catalogue, shown)), BLEND: queries.figures(moved)}
        for metric in METRICS:
            rows += [
                {"estimate": name, "revealed": level, "metric": metric, **_estimate(values[metric], resamples)}
                for name, values in figures.items()
            ]
            differences[metric].append(_estimate(figures[BLEND][metric] - figures[AUDIO][metric], resamples))
    true = queries.figures(catalogue.warm.tracks[test.tracks])
    return {
        "n": len(queries.playlists),
        "kappa": number(kappa),
        "kappa_artist": number(kappa_artist),
        "artist": has_artists,
        "rows": rows,
        "differences": differences,
        "chance": queries.by_chance(),
        "oracle": {metric: float(np.nanmean(values)) for metric, values in true.items()},
    }


def _estimate(values: Doubles, resamples: Resamples) -> dict[str, float | None]:
    low, high = percentile_interval(resamples.means(values)) or (None, None)
    return {"value": number(float(np.nanmean(values))), "low": low, "high": high}


def _digest(model: Predicted, playlists: Floats, test: Reveal) -> str:
    """Return a hash of the predictions, the space, the relevant tracks and the kappas to choose from."""
    found = hashlib.sha256(repr((KAPPAS, KAPPAS_ARTIST)).encode())
    for array in (model.factors[test.tracks], *model.arrays, playlists, test.tracks, test.playlist, test.column):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _cell(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    span = "" if row["low"] is None else f" [{row['low']:.4f}, {row['high']:.4f}]"
    return f"{row['value']:.4f}{span}"


def _difference(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    span = "" if row["low"] is None else f" [{row['low']:+.4f}, {row['high']:+.4f}]"
    return f"{row['value']:+.4f}{span}"


def _kappa(value: float | None) -> str:
    return "infinite" if value is None else f"{value:g}"


COLD_TO_WARM = Experiment(
    name="cold-to-warm",
    title="From cold to warm",
    help="Measure quality against the number of plays. Ranks by audio alone, by plays alone, and by both.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
    curves=curves,
)
