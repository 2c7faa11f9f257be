"""Measure quality and exposure by artist size and by genre.

For each group of test tracks:

    relevant    share of all relevant (playlist, test track) pairs
    exposure    mean share of the first 20 tracks of a list; fair exposure is equal to the share of relevant pairs
    recall@20   of the relevant tracks of the group, the share among the first 20; mean over the playlists with one
    coverage@20 share of the tracks of the group that are in any list

Test tracks are grouped by the number of train tracks of their main artist (0 is an artist without train tracks), and by
genre where tags give one (the first one; the most common genres, and all others together). A group cannot fill more of
a list than it has tracks. With candidates `all`, the shares of all groups and of the train tracks sum to 1. A table
before those of the groups describes the lists of each model as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from unheard.arrays import Doubles, Indices, Rows
from unheard.evaluate.evaluate import check_measurable, model_names
from unheard.evaluate.measure import Figure, Measure, mean_of
from unheard.evaluate.recommend_task import TASK, K, Ranking, RecommendTask, measure_lists, prepare_recommend, rank
from unheard.evaluate.result_tables import Table
from unheard.evaluate.results import number
from unheard.experiments.experiment import Experiment, Findings, Option, Seed
from unheard.metrics import diversity
from unheard.metrics.intervals import Resamples, percentile_interval
from unheard.progress import Progress
from unheard.recommend.catalogue import Candidates, Catalogue, load_catalogue
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.filters import first_genre
from unheard.recommend.models import ORACLE, make_recommender
from unheard.recommend.recommenders import PopularityRecommender
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

SIZES = ((0, "unknown artist"), (1, "1-4 train tracks"), (5, "5-19 train tracks"), (20, "20 train tracks or more"))
MAX_GENRES = 8
NO_GENRE, OTHER_GENRES = "no genre", "other genres"
SHOWN = ("recall", "coverage", "exposure-gini", "mean-popularity")


@dataclass(frozen=True)
class Groups:
    """A partition of the test tracks: `of` (n,) the group of each track of the catalogue, -1 for none."""

    kind: str
    names: tuple[str, ...]
    of: Indices


@dataclass(frozen=True)
class Options:
    """models: names as in `evaluate`; None: every baseline, every trained model and the oracle."""

    models: Annotated[
        tuple[str, ...] | None,
        Option("With commas between them. Default: all baselines and all trained models."),
    ] = None
    seed: Seed = 0


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Measure models on one split.

    UserError for an unknown model, and for a split without test tracks in playlists.
    """
    models, seed = options.models, options.seed
    with_oracle = models is None or ORACLE in models
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS, need_full=with_oracle)
    check_measurable(catalogue)
    names = model_names(workspace, catalogue, models)
    recommenders = [make_recommender(workspace, catalogue, name, seed=seed) for name in names]
    groups = (by_artist_size(catalogue), by_genre(catalogue))
    resamples = Resamples.draw(playlists_with_tests(catalogue), rng=np.random.default_rng([seed, 2]))
    tasks = [prepare_recommend(catalogue, which, resamples, seed=seed) for which in ("cold", "all")]
    rows: list[dict[str, Any]] = []
    for done, (name, recommender) in enumerate(zip(names, recommenders, strict=True)):
        progress("fairness", done, len(names))
        for task in tasks:
            if task.which == "all" or not isinstance(recommender, PopularityRecommender):
                ranking = rank(task, recommender)
                rows += _overall(name, task, ranking)
                for partition in groups:
                    rows += _by_group(name, task, ranking, partition)
    progress("fairness", len(names), len(names))
    return {"split": catalogue.split.name, "seed": seed, "rows": rows}


def by_artist_size(catalogue: Catalogue) -> Groups:
    """Group test tracks by the number of train tracks with plays of their main artist."""
    train = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    counts = np.bincount(catalogue.main_artist[train], minlength=int(catalogue.main_artist.max()) + 1)
    sizes = counts[catalogue.main_artist]  # (n,)
    group = np.searchsorted([least for least, _ in SIZES], sizes, side="right") - 1
    return _present("artist", [name for _, name in SIZES], np.where(catalogue.use == Use.TEST, group, -1))


def by_genre(catalogue: Catalogue) -> Groups:
    """Group test tracks by genre; no groups where no tag gives one."""
    test = np.flatnonzero(catalogue.use == Use.TEST)
    named = {int(row): first_genre(catalogue.tracks[int(row)]) for row in test}
    common = [name for name, _ in Counter(genre for genre in named.values() if genre).most_common(MAX_GENRES)]
    names = [*sorted(common), OTHER_GENRES, NO_GENRE]
    of = np.full(len(catalogue), -1, np.int64)
    for row, genre in named.items():
        of[row] = names.index(genre if genre in common else OTHER_GENRES if genre else NO_GENRE)
    return _present("genre", names if common else [], of if common else np.full_like(of, -1))


def tables(findings: Findings) -> list[Table]:
    """Return, for each set of candidates, a table with a row per model, and one with a row per group and model."""
    out = []
    for candidates in ("cold", "all"):
        rows = [row for row in findings["rows"] if row["candidates"] == candidates]
        title = f"{findings['split']}, {candidates} candidates"
        cells = {(row["model"], row["metric"]): row for row in rows if row["kind"] == "everything"}
        lines = [
            [model, *(_cell(cells.get((model, metric)), metric) for metric in (*SHOWN, "cold-share"))]
            for model in dict.fromkeys(row["model"] for row in rows)
        ]
        heads = ["model", *(f"{metric}@{K}" for metric in SHOWN), "exposure of test tracks"]
        out.append(Table(f"{title}: lists as a whole", heads, lines))
        for kind in ("artist", "genre"):
            of_kind = [row for row in rows if row["kind"] == kind]
            if len({row["group"] for row in of_kind}) > 1:
                out.append(_group_table(f"{title}: by {kind}", of_kind))
    return out


def summary(findings: Findings) -> str:
    """Explain the tables, and name the groups with the highest and the lowest recall of each model."""
    rows = [r for r in findings["rows"] if r["candidates"] == "cold" and r["kind"] != "everything"]
    found = [r for r in rows if r["metric"] == "recall" and r["value"] is not None]
    result = ""
    for model in dict.fromkeys(row["model"] for row in found):
        mine = [row for row in found if row["model"] == model]
        worst, best = (choose(mine, key=lambda row: row["value"]) for choose in (min, max))
        if model != ORACLE and worst["group"] != best["group"]:
            result += (
                f" The recall of {model} is highest for {best['group']} ({best['value']:.3f}) and lowest for "
                f"{worst['group']} ({worst['value']:.3f})."
            )
    return (
        "`relevant` is the share of a group among the relevant tracks, `exposure` its share of the first 20 tracks of "
        "all lists: a group whose exposure is lower is under-represented. Intervals are 95 %, bootstrap over "
        "playlists, except for metrics of all lists together. A small group may differ by chance, and chance depends "
        "on the size of a group: compare models within a group, and with the random lists." + result
    )


def _overall(model: str, task: RecommendTask, ranking: Ranking) -> list[dict[str, Any]]:
    measures = [m for m in measure_lists(task, ranking) if m.figure.metric in SHOWN]
    cold = task.catalogue.use[task.candidates] == Use.TEST
    share = diversity.mean_of_lists(ranking.lists, cold.astype(np.float64))
    measures.append(mean_of(Figure(TASK, task.which, "cold-share", K), share, float(cold.mean()), task.resamples))
    return [_row(model, task.which, "everything", "", m.figure.metric, m) for m in measures]


def _by_group(model: str, task: RecommendTask, ranking: Ranking, groups: Groups) -> list[dict[str, Any]]:
    of_candidate = groups.of[task.candidates]
    entries = of_candidate[task.column]  # (relevant,)
    hits = ranking.rank <= K
    n, counts = len(task.playlists), diversity.occurrences(ranking.lists, len(task.candidates))
    rows = []
    for number_, name in enumerate(groups.names):
        mine, inside = entries == number_, of_candidate == number_
        n_relevant = np.bincount(task.query[mine], minlength=n)
        hit = np.bincount(task.query[mine & hits], minlength=n)
        recall = np.divide(hit, n_relevant, out=np.full(n, np.nan), where=n_relevant > 0)
        exposure = diversity.mean_of_lists(ranking.lists, inside.astype(np.float64))

        def measured(metric: str, values: Doubles, chance: float | Doubles, group: str = name) -> dict[str, Any]:
            figure = Figure(TASK, task.which, metric, K)
            measure = mean_of(figure, values, chance, task.resamples)
            return _row(model, task.which, groups.kind, group, metric, measure)

        of_all = {
            "tracks": int(inside.sum()),
            "relevant": float(mine.mean()),
            "coverage": diversity.coverage(counts[inside]),
        }
        rows += [
            measured("recall", recall, np.minimum(K / np.maximum(task.n_allowed, 1), 1.0)),
            measured("exposure", exposure, float(inside.mean())),
            *(_plain(model, task.which, groups.kind, name, metric, value) for metric, value in of_all.items()),
        ]
    return rows


def _present(kind: str, names: Sequence[str], of: Rows) -> Groups:
    """Return the groups that are not empty."""
    there = [group for group in range(len(names)) if (of == group).any()]
    renumbered = np.full(len(of), -1, np.int64)
    for new, old in enumerate(there):
        renumbered[of == old] = new
    return Groups(kind, tuple(names[group] for group in there), renumbered)


def _row(model: str, candidates: Candidates, kind: str, group: str, metric: str, measure: Measure) -> dict[str, Any]:
    span = None if measure.replicates is None else percentile_interval(measure.replicates)
    low, high = span or (None, None)
    plain = _plain(model, candidates, kind, group, metric, measure.value)
    return plain | {"low": low, "high": high, "n": measure.n, "chance": number(measure.chance)}


def _plain(model: str, candidates: Candidates, kind: str, group: str, metric: str, value: float) -> dict[str, Any]:
    return {
        "model": model,
        "candidates": candidates,
        "kind": kind,
        "group": group,
        "metric": metric,
        "value": number(value),
        "low": None,
        "high": None,
        "n": None,
        "chance": None,
    }


def _group_table(title: str, rows: list[dict[str, Any]]) -> Table:
    cells = {(row["group"], row["model"], row["metric"]): row for row in rows}
    metrics = ("tracks", "relevant", "exposure", "recall", "coverage")
    lines = [
        [group, model, *(_cell(cells[group, model, metric], metric) for metric in metrics)]
        for group in dict.fromkeys(row["group"] for row in rows)
        for model in dict.fromkeys(row["model"] for row in rows)
    ]
    return Table(
        title, ["group", "model", "test tracks", "relevant", "exposure", f"recall@{K}", f"coverage@{K}"], lines
    )


def _cell(row: dict[str, Any] | None, metric: str) -> str:
    if row is None or row["value"] is None:
        return "-"
    digits = 0 if metric == "tracks" else 1 if metric == "mean-popularity" else 3
    text = f"{row['value']:.{digits}f}"
    return text if row["low"] is None else f"{text} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


FAIRNESS = Experiment(
    name="fairness",
    title="Quality and exposure by artist size and genre",
    help="Measure quality and exposure by artist size and genre.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
)
