"""Compare the recommenders of the literature on known tracks and on new tracks.

    warm   Of every playlist with at least 5 train plays, one play in five is hidden. Everything is fitted again on the
           rest, and the train tracks that are not in a playlist any more are ranked for it; the hidden plays are
           relevant.
    cold   The task `recommend` of the evaluation: test tracks alone (`cold`), and among all tracks (`all`).

In the findings, warm metrics have the candidates `warm`, a set that `evaluate` does not rank. The factors that are
fitted again are kept in memory; those of the workspace do not change. If these were imported, warm metrics are of ALS
factors with the settings that folded in the playlists.

Collaborative filtering gives all tracks without plays the same score. It is measured on cold tracks too: ties are
broken at random, so its metrics are those of chance. Tables mark them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from unheard.errors import UserError
from unheard.evaluate.measure import Figure, Measure
from unheard.evaluate.recommend_task import K, RecommendTask, measure_recommend, prepare_recommend
from unheard.evaluate.result_tables import Table, position
from unheard.evaluate.results import Comparison, compare, results_of
from unheard.experiments.experiment import Experiment, Findings, Seed
from unheard.metrics.intervals import Resamples
from unheard.progress import Progress
from unheard.ranking import blocks
from unheard.recommend.catalogue import Candidates, Catalogue, load_catalogue
from unheard.recommend.classical import CLASSICAL, COLLABORATIVE, CONTENT
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.holdout import HIDDEN_ONE_IN, hide, refitted
from unheard.recommend.models import ORACLE, make_recommender
from unheard.recommend.predicted import true_factors
from unheard.recommend.recommenders import Recommender
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

POPULARITY = "popularity"
SHOWN = ("recall", "ndcg")
Measures = dict[Figure, Measure]


@dataclass(frozen=True)
class Options:
    """Options of the experiment."""

    seed: Seed = 0


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Measure every classical recommender on one split.

    Recommenders that need audio are left out where no track has any. UserError if no playlist has 5 train plays, or no
    test track is in a playlist.
    """
    seed = options.seed
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS)
    known, hidden = hide(catalogue, rng=np.random.default_rng([seed, 5]))
    if not hidden.nnz or not len(playlists_with_tests(catalogue)):
        raise UserError(
            f"split {catalogue.split.name!r}: expected playlists with {HIDDEN_ONE_IN} train plays, and test tracks in "
            "playlists; import more playlists or choose another split"
        )
    warm, fewer = _warm(catalogue, known, hidden, seed, progress)
    resamples = Resamples.draw(playlists_with_tests(catalogue), rng=np.random.default_rng([seed, 2]))
    cold, everything = (prepare_recommend(catalogue, which, resamples, seed=seed) for which in ("cold", "all"))
    names = (POPULARITY, *_usable(catalogue))
    measured: dict[str, Measures] = {}
    tied = []
    for done, name in enumerate(names):
        progress("classical recommenders", done, len(names))
        recommender = make_recommender(workspace, catalogue, name, seed=seed)
        tasks = (everything,) if name == POPULARITY else (cold, everything)
        measured[name] = _measure(make_recommender(workspace, fewer, name, seed=seed), warm)
        measured[name] |= _measure(recommender, *tasks)
        if _ties(recommender, cold):
            tied.append(name)
    progress("classical recommenders", len(names), len(names))
    ceiling = _measure(true_factors(catalogue.warm, ORACLE), cold, everything)
    results = results_of(catalogue.split.name, {**measured, ORACLE: ceiling}, oracle=ceiling, seed=seed)
    return {
        "split": catalogue.split.name,
        "seed": seed,
        "hidden_plays": hidden.nnz,
        "tied_on_cold_tracks": tied,
        "rows": results.rows,
        "comparisons": [comparison.as_json() for comparison in _comparisons(catalogue.split.name, measured)],
    }


def tables(findings: Findings) -> list[Table]:
    """Return a table of the warm metrics and one of the cold metrics; chance first, the oracle last."""
    split = findings["split"]
    return [
        _table(findings, f"{split}: hidden plays of train tracks", ("warm",)),
        _table(findings, f"{split}: test tracks, alone and among all tracks", ("cold", "all")),
    ]


def summary(findings: Findings) -> str:
    """Explain the tables."""
    tied = findings["tied_on_cold_tracks"]
    ties = f" These give all new tracks the same score and rank them at random: {', '.join(tied)}." if tied else ""
    return (
        f"Warm: {findings['hidden_plays']} train plays, one in {HIDDEN_ONE_IN} of each playlist, are hidden. Every "
        "recommender is fitted again on the rest and ranks, for each playlist, the train tracks that are not in it. "
        "Cold: the test tracks are ranked, alone and among all tracks. Intervals are 95 %, bootstrap over playlists; "
        f"differences are paired, and their p is corrected (Holm) for the number of recommenders.{ties}"
    )


def _usable(catalogue: Catalogue) -> tuple[str, ...]:
    has_audio = (catalogue.use == Use.TRAIN) & catalogue.warm.known & catalogue.content.known
    return CLASSICAL if has_audio.any() else COLLABORATIVE


def _warm(
    catalogue: Catalogue, known: csr_matrix, hidden: csr_matrix, seed: int, progress: Progress
) -> tuple[RecommendTask, Catalogue]:
    """Return the task of finding the hidden plays, and the catalogue without them."""
    fewer = refitted(catalogue, known, hidden, progress)
    playlists = np.flatnonzero(np.diff(hidden.indptr)).astype(np.int32)
    candidates = catalogue.candidates("warm", new=False)
    column = np.full(len(catalogue), -1, np.int64)
    column[candidates] = np.arange(len(candidates))
    relevant = hidden[playlists].tocoo()
    keep = column[relevant.col] >= 0  # imported factors may lack a track that is played
    playlists, query = playlists[np.unique(relevant.row[keep])], np.unique(relevant.row[keep], return_inverse=True)[1]
    own = fewer.plays_of(Use.TRAIN)[playlists]
    masked = np.bincount(own.tocoo().row[column[own.indices] >= 0], minlength=len(playlists))
    task = RecommendTask(
        fewer,
        "warm",
        playlists,
        candidates,
        query.reshape(-1).astype(np.int64),
        column[relevant.col[keep]],
        len(candidates) - masked,
        Resamples.draw(playlists, rng=np.random.default_rng([seed, 4])),
        seed,
    )
    return task, fewer


def _measure(recommender: Recommender, *tasks: RecommendTask) -> Measures:
    """Return the metrics that the tables show, and the AUC."""
    found = (measure for task in tasks for measure in measure_recommend(task, recommender))
    return {measure.figure: measure for measure in found if measure.figure.metric in (*SHOWN, "auc")}


def _ties(recommender: Recommender, cold: RecommendTask) -> bool:
    """Return whether all cold tracks have the same score in every playlist."""
    for here in blocks(len(cold.playlists), len(cold.candidates)):
        scores = recommender.scores(cold.playlists[here], cold.candidates)
        if (scores != scores[:, :1]).any():
            return False
    return True


def _comparisons(split: str, measured: dict[str, Measures]) -> list[Comparison]:
    """Compare every recommender with popularity on warm tracks, and with content alone on cold tracks."""
    figures = dict.fromkeys(figure for measures in measured.values() for figure in measures)
    out = []
    for figure in figures:
        against = POPULARITY if figure.candidates == "warm" else CONTENT
        theirs = measured.get(against, {}).get(figure)
        if theirs is not None:
            names = [name for name in measured if name != against and figure in measured[name]]
            out += compare(split, figure, [(name, against, measured[name][figure], theirs) for name in names], {})
    return out


def _table(findings: Findings, title: str, which: tuple[Candidates, ...]) -> Table:
    shown = [(candidates, metric) for candidates in which for metric in SHOWN]
    cells = {
        (row["model"], (row["candidates"], row["metric"])): row
        for row in findings["rows"]
        if (row["candidates"], row["metric"]) in shown
    }
    differences = {c["model"]: c for c in findings["comparisons"] if (c["candidates"], c["metric"]) == shown[0]}
    against = {c["against"] for c in differences.values()}
    heads = [f"{candidates} {metric}@{K}" if len(which) > 1 else f"{metric}@{K}" for candidates, metric in shown]
    any_model = {figure: row for (_, figure), row in cells.items()}
    rows = [["chance", *(_number(any_model[figure]["chance"]) for figure in shown), "", ""]]
    for model in sorted({model for model, _ in cells}, key=position):
        of_model = [cells.get((model, figure)) for figure in shown]
        tied = model in findings["tied_on_cold_tracks"]
        n = max(row["n"] for row in of_model if row)
        rows.append([model, *(_cell(row, tied=tied) for row in of_model), _difference(differences.get(model)), str(n)])
    return Table(title, ["recommender", *heads, " - ".join([heads[0], *against]), "n"], rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _cell(row: dict[str, Any] | None, *, tied: bool) -> str:
    if row is None:
        return ""
    span = "" if row["low"] is None or row["high"] is None else f" [{row['low']:.4f}, {row['high']:.4f}]"
    return _number(row["value"]) + span + (" (ties)" if tied and row["candidates"] == "cold" else "")


def _difference(c: dict[str, Any] | None) -> str:
    return "" if c is None else f"{c['difference']:+.4f} [{c['low']:+.4f}, {c['high']:+.4f}] p {c['p_holm']:.3f}"


CLASSICAL_RECOMMENDERS = Experiment(
    name="classical-recommenders",
    title="Classical recommenders",
    help="Compare classical recommenders. Neighbourhoods, factorisations and hybrids, on known and on new tracks.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
)
