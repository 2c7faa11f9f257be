"""Quality against the number of plays: when does what a track sounds like stop to matter?

Of every test track some plays are revealed, 0 to 50, and playlists rank the test tracks. What they have to find is the
other half of the plays, the same whatever is revealed (recommend/evidence.py). These opinions rank:

    places      how a model ranks that has places of its own beside the factors it predicts (only for such a model)
    sound       a model's predicted factor; revealed plays change nothing
    artist      the same, shrunken towards the mean of the artist's train tracks (only where some artist is known)
    plays       the fold-in of the revealed plays; without plays every track is average, and the order is chance
    blend       the last one before, moved by the revealed plays; its kappas are chosen on validation tracks, by nDCG@20

A track with fewer plays to reveal shows what it has; the table says how many tracks had all. The oracle folds in all
plays, the sought ones too. Queries are the playlists with train plays that hold a sought track.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.artefacts import write_json
from unheard.errors import UserError
from unheard.evaluate import chance, metrics
from unheard.evaluate.evaluate import model_names
from unheard.evaluate.intervals import Resamples, percentile_interval
from unheard.evaluate.results import number
from unheard.evaluate.table import Table
from unheard.factors.als import AlsConfig
from unheard.progress import Progress, silent
from unheard.recommend.build import BASELINES, ORACLE, make_recommender, trained_models
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.evidence import KAPPAS, KAPPAS_ARTIST, Reveal, choose_kappas, folded, opinions_of, with_plays
from unheard.recommend.hybrids import als_config
from unheard.recommend.ranking import ranks_of
from unheard.recommend.recommenders import FactorRecommender, PlacedRecommender, Rows, Scores
from unheard.splits import Use
from unheard.workspace import Workspace

NAME = "evidence"
TITLE = "From sound to plays"
LEVELS = (0, 1, 2, 5, 10, 50)
K = 20
MAX_JUDGES = 1000  # playlists that choose the kappas
METRICS = ("recall@20", "ndcg@20", "auc")
PLACES, SOUND, ARTIST, PLAYS, BLEND = "places", "sound", "artist", "plays", "blend"
DEFAULT_MODEL = "ridge"
Floats = NDArray[np.float32]
Figures = dict[str, metrics.Values]  # by metric, (query,)


@dataclass(frozen=True)
class Predicting:
    """What a model gives: predicted factors (n, d) of all tracks, and places of its own if it ranks by those."""

    sound: Floats
    places: FactorRecommender | None


@dataclass(frozen=True)
class Question:
    """What is sought, and among which candidates: entry i says that query[i] seeks column[i]; ordered by query."""

    playlists: Rows
    query: NDArray[np.int64]
    column: NDArray[np.int64]
    left_out: NDArray[np.bool_]  # (query, track)
    tracks: Rows
    x: Floats  # (query, d)
    seed: int

    @staticmethod
    def of(catalogue: Catalogue, reveal: Reveal, *, seed: int, at_most: int | None = None) -> Question:
        """What all playlists seek, or a random sample of them."""
        hidden = reveal.hidden
        playlists = np.flatnonzero(np.diff(hidden.indptr)).astype(np.int32)
        if at_most is not None and len(playlists) > at_most:
            playlists = np.sort(np.random.default_rng([seed, 8]).choice(playlists, at_most, replace=False))
        sought = hidden[playlists].tocoo()
        order = np.lexsort((sought.col, sought.row))
        return Question(
            playlists,
            sought.row[order].astype(np.int64),
            sought.col[order].astype(np.int64),
            reveal.left_out[playlists].toarray() > 0,
            reveal.tracks,
            catalogue.warm.playlists[playlists],
            seed,
        )

    @property
    def n_allowed(self) -> NDArray[np.int64]:
        n: NDArray[np.int64] = np.sum(~self.left_out, axis=1, dtype=np.int64)
        return n

    def figures(self, factors: Floats) -> Figures:
        """Every metric of a ranking by factors (track, d), per query."""
        return self.of_scores((self.x.astype(np.float64) @ factors.astype(np.float64).T).astype(np.float32))

    def of_scores(self, scores: Scores) -> Figures:
        """Every metric of a ranking by scores (query, track), per query."""
        scores = np.where(self.left_out, np.float32(-np.inf), scores)
        rank, mid = ranks_of(
            scores, self.query, self.column, seed=self.seed, queries=self.playlists, candidates=self.tracks
        )
        ranks = metrics.Ranks.of(self.query, rank, len(self.playlists))
        values = (
            metrics.recall_at_k(ranks, K),
            metrics.ndcg_at_k(ranks, K),
            metrics.auc(self.query, mid, self.n_allowed),
        )
        return dict(zip(METRICS, values, strict=True))

    def by_chance(self) -> dict[str, float]:
        r = np.bincount(self.query, minlength=len(self.playlists))
        n = self.n_allowed
        values = (chance.chance_recall(n, r, K).mean(), chance.chance_ndcg(n, r, K).mean(), 0.5)
        return dict(zip(METRICS, map(float, values), strict=True))


def run_evidence(
    workspace: Workspace,
    split_name: str | None = None,
    *,
    models: Sequence[str] = (DEFAULT_MODEL,),
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure models on one split (None: the default one); writes experiments/evidence.json after each.

    A model that was measured with the same predictions, plays and seed is not measured again. UserError for a model
    that predicts no factors in the space of the split, and where no playlist with train plays holds two plays of a test
    track.
    """
    catalogue = load_catalogue(workspace, split_name)
    als = als_config(workspace, catalogue.split.name)
    asked = np.any(catalogue.warm.playlists, axis=1)
    test, val = (
        _reveal(catalogue, plays, use, asked, seed)
        for plays, use in ((catalogue.plays, Use.TEST), (catalogue.tuning, Use.VAL))
    )
    if not test.sought.any():
        raise UserError(
            f"split {catalogue.split.name!r}: no playlist with train plays holds a test track; import more playlists "
            "or choose another split"
        )
    names = list(dict.fromkeys(model_names(workspace, catalogue, models)))
    models_of = {name: _predicting(workspace, catalogue, name, seed) for name in names}
    about = {
        "split": catalogue.split.name,
        "seed": seed,
        "levels": list(LEVELS),
        "tracks": len(test.tracks),
        "revealed": [int(test.shown(n).nnz) for n in LEVELS],
        "complete": [int((test.shown(n).getnnz(axis=0) == n).sum()) for n in LEVELS],
    }
    kept = _earlier(workspace, about)
    measured: dict[str, Any] = {}
    for done, (name, model) in enumerate(models_of.items()):
        progress("evidence", done, len(names))
        digest = _digest(model, catalogue.warm.playlists, test)
        found = kept.get(name, {})
        if found.get("digest") != digest:
            found = {"digest": digest, **_measure(catalogue, model, test, val, als, seed)}
        measured[name] = found
        _write(workspace, {"about": about, "models": {**kept, **measured}})
    progress("evidence", len(names), len(names))
    findings = {"about": about, "models": measured}
    _write(workspace, findings)
    return findings


def evidence_tables(findings: dict[str, Any]) -> list[Table]:
    """A table of every model and metric: a line per opinion, a column per number of revealed plays."""
    about, out = findings["about"], []
    for model, found in findings["models"].items():
        for metric in METRICS:
            cells = {(r["opinion"], r["revealed"]): r for r in found["rows"] if r["metric"] == metric}
            lines = [["chance", *[f"{found['chance'][metric]:.4f}"] * len(LEVELS)]]
            lines += [[name, *(_cell(cells[name, level]) for level in LEVELS)] for name, level in cells if not level]
            lines.append(["blend - sound", *(_difference(d) for d in found["differences"][metric])])
            lines.append(["oracle", *[f"{found['oracle'][metric]:.4f}"] * len(LEVELS)])
            lines.append(["tracks with all", *map(str, about["complete"])])
            title = f"{about['split']}: {metric} of {model} (n = {found['n']} playlists)"
            out.append(Table(title, ["opinion", *(f"{level} plays" for level in LEVELS)], lines))
    return out


def about_text(findings: dict[str, Any]) -> str:
    """What the tables show, and where plays overtake sound."""
    about = findings["about"]
    said = []
    for model, found in findings["models"].items():
        values = {(r["opinion"], r["revealed"]): r["value"] for r in found["rows"] if r["metric"] == METRICS[1]}
        own = PLACES if (PLACES, LEVELS[0]) in values else SOUND  # what the model itself ranks by
        better = [level for level in LEVELS if (values[PLAYS, level] or 0.0) > (values[own, level] or 0.0)]
        when = f"from {better[0]} plays on" if better else "with none of these numbers of plays"
        artist = f", an artist's tracks against {_kappa(found['kappa_artist'])}" if found["artist"] else ""
        said.append(
            f" Plays alone rank better than {model} {when} (ndcg@20). Its kappa is {_kappa(found['kappa'])}{artist}."
        )
    return (
        f"Of each of {about['tracks']} test tracks up to 50 plays were revealed, at most half of them, and playlists "
        "had to find the other half. Sound is what a model predicts, plays the fold-in of what was revealed, blend the "
        "prediction moved by the plays, as stiff as served validation tracks best. Intervals are 95 %, bootstrap over "
        "playlists; differences are paired." + "".join(said)
    )


def curves(findings: dict[str, Any]) -> list[dict[str, Any]]:
    """What the report draws: a picture per model."""
    out = []
    for model, found in findings["models"].items():
        lines: dict[str, list[list[float | None]]] = {}
        for row in found["rows"]:
            if row["metric"] == METRICS[1]:
                lines.setdefault(row["opinion"], []).append([row["value"], row["low"], row["high"]])
        out.append(
            {
                "title": f"{model}: quality against number of plays",
                "x": list(LEVELS),
                "x_label": "plays of a track that are revealed",
                "y_label": METRICS[1],
                "lines": lines,
                "chance": found["chance"][METRICS[1]],
                "oracle": found["oracle"][METRICS[1]],
            }
        )
    return out


def _reveal(catalogue: Catalogue, plays: csr_matrix, use: Use, asked: NDArray[np.bool_], seed: int) -> Reveal:
    """Tracks of one use, each with two plays at least."""
    rng = np.random.default_rng([seed, 6, int(use)])
    counts = np.asarray(plays[asked].getnnz(axis=0))
    tracks = np.flatnonzero((catalogue.use == use) & (counts >= 2)).astype(np.int32)
    return Reveal.of(plays, tracks, asked=asked, rng=rng)


def _predicting(workspace: Workspace, catalogue: Catalogue, name: str, seed: int) -> Predicting:
    recommender = None if name == ORACLE else make_recommender(workspace, catalogue, name, seed=seed)
    factors = recommender.factors if isinstance(recommender, PlacedRecommender) else recommender
    if not isinstance(factors, FactorRecommender) or factors.full:
        trained = trained_models(workspace, catalogue.split.name)
        known = ", ".join([*(b for b in BASELINES if b not in ("random", "popularity")), *trained])
        raise UserError(f"{name} predicts no factors that plays could be folded in beside; choose of {known}")
    return Predicting(factors.tracks, recommender.ranking if isinstance(recommender, PlacedRecommender) else None)


def _measure(
    catalogue: Catalogue, model: Predicting, test: Reveal, val: Reveal, als: AlsConfig, seed: int
) -> dict[str, Any]:
    sound = model.sound
    tuning = Question.of(catalogue, val, seed=seed, at_most=MAX_JUDGES)

    def quality(factors: Floats) -> float:
        return float(np.nanmean(tuning.figures(factors)[METRICS[1]]))

    kappa_artist, kappa = choose_kappas(
        catalogue, opinions_of(catalogue, sound, val.tracks), val, quality, alpha=als.alpha, levels=LEVELS
    )
    question = Question.of(catalogue, test, seed=seed)
    resamples = Resamples.draw(question.playlists, rng=np.random.default_rng([seed, 7]))
    opinions = opinions_of(catalogue, sound, test.tracks)
    knows_artists = bool((opinions.n_artist > 0).any())
    prior = opinions.prior(kappa_artist)
    rows: list[dict[str, Any]] = []
    differences: dict[str, list[dict[str, Any]]] = {metric: [] for metric in METRICS}
    fixed = {SOUND: question.figures(opinions.sound)} | ({ARTIST: question.figures(prior)} if knows_artists else {})
    if model.places is not None:
        fixed = {PLACES: question.of_scores(model.places.scores(question.playlists, test.tracks))} | fixed
    for level in LEVELS:
        shown = test.shown(level)
        moved = with_plays(prior, catalogue.warm.playlists, shown, kappa=kappa, alpha=als.alpha)
        figures = fixed | {PLAYS: question.figures(folded(catalogue, shown, als)), BLEND: question.figures(moved)}
        for metric in METRICS:
            rows += [
                {"opinion": name, "revealed": level, "metric": metric, **_estimate(values[metric], resamples)}
                for name, values in figures.items()
            ]
            differences[metric].append(_estimate(figures[BLEND][metric] - figures[SOUND][metric], resamples))
    true = question.figures(catalogue.warm.tracks[test.tracks])
    return {
        "n": len(question.playlists),
        "kappa": number(kappa),
        "kappa_artist": number(kappa_artist),
        "artist": knows_artists,
        "rows": rows,
        "differences": differences,
        "chance": question.by_chance(),
        "oracle": {metric: float(np.nanmean(values)) for metric, values in true.items()},
    }


def _estimate(values: metrics.Values, resamples: Resamples) -> dict[str, float | None]:
    low, high = percentile_interval(resamples.means(values)) or (None, None)
    return {"value": number(float(np.nanmean(values))), "low": low, "high": high}


def _digest(model: Predicting, playlists: Floats, test: Reveal) -> str:
    """Changes when the predictions, the space, what is sought or what is tried does."""
    found = hashlib.sha256(repr((KAPPAS, KAPPAS_ARTIST)).encode())
    places = () if model.places is None else (model.places.tracks[test.tracks], model.places.playlists)
    for array in (model.sound[test.tracks], *places, playlists, test.tracks, test.playlist, test.column):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def _earlier(workspace: Workspace, about: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run with the same settings measured, by model."""
    path = workspace.experiment_path(NAME)
    try:
        findings = json.loads(path.read_text(encoding="utf-8"))["findings"]
        models: dict[str, Any] = findings["models"] if findings["about"] == about else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return models


def _write(workspace: Workspace, findings: dict[str, Any]) -> None:
    tables = [vars(table) for table in evidence_tables(findings)]
    head = {"title": TITLE, "about": about_text(findings), "tables": tables, "curves": curves(findings)}
    write_json(workspace.experiment_path(NAME), {**head, "findings": findings}, indent=1)


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
