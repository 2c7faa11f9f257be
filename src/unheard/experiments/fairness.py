"""Who gets shown: quality and exposure by artist size and by genre, for several models.

A catalogue is more than its favourites. Of the first 20 places of every playlist's list, each group of test tracks gets
a share; beside it stand the group's share of the tracks that are sought, which is what its relevance deserves, and how
much of what is sought in it is found:

    sought      share of all (playlist, test track) pairs that are to be found
    places      mean share of a list's first 20 places
    recall@20   of the sought tracks of the group, the share among the first 20; mean over the playlists that seek one
    coverage@20 share of the group's tracks that anybody is shown

Groups are of the test tracks: by how many train tracks the main artist has (0 is an artist nobody knew), and by genre
where tags name one (the first that is named; the most common ones, the rest together). A group cannot fill more of a
list than it has tracks. With candidates `all`, places that go to train tracks are what is missing to 1. A table before
those of the groups tells what the lists of each model do to the whole catalogue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.artefacts import write_json
from unheard.evaluate.evaluate import check_measurable, model_names
from unheard.evaluate.measure import Figure, Measure, mean_of
from unheard.evaluate.recommend import TASK, K, Ranking, RecommendTask, measure_lists, prepare_recommend, rank
from unheard.evaluate.results import number
from unheard.evaluate.table import Table
from unheard.metrics import diversity
from unheard.metrics.intervals import Resamples, percentile_interval
from unheard.progress import Progress, silent
from unheard.recommend.build import ORACLE, make_recommender
from unheard.recommend.catalogue import Candidates, Catalogue, load_catalogue
from unheard.recommend.filters import first_genre
from unheard.recommend.lists import playlists_with_tests
from unheard.recommend.recommenders import PopularityRecommender
from unheard.splits import EVALUATION_SPLITS, Use
from unheard.workspace import Workspace

NAME = "fairness"
TITLE = "Who gets shown"
SIZES = ((0, "unknown artist"), (1, "1-4 train tracks"), (5, "5-19 train tracks"), (20, "20 train tracks or more"))
MOST_GENRES = 8
NO_GENRE, OTHER_GENRES = "no genre", "other genres"
SHOWN = ("recall", "coverage", "exposure-gini", "mean-popularity")


@dataclass(frozen=True)
class Groups:
    """A partition of the test tracks: `of` (n,) the group of each track of the catalogue, -1 for none."""

    kind: str
    names: tuple[str, ...]
    of: NDArray[np.int64]


def run_fairness(
    workspace: Workspace,
    split_name: str | None = None,
    *,
    models: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure models on one split; writes experiments/fairness.json.

    models  as `evaluate` takes them; None: every baseline, every trained model, the oracle

    UserError for an unknown model, and for a split without test tracks that anybody plays.
    """
    catalogue = load_catalogue(
        workspace, split_name, prefer=EVALUATION_SPLITS, need_full=models is None or ORACLE in models
    )
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
    findings = {"split": catalogue.split.name, "seed": seed, "rows": rows}
    tables = [vars(table) for table in fairness_tables(findings)]
    head = {"title": TITLE, "about": about_text(findings), "tables": tables}
    write_json(workspace.experiment_path(NAME), {**head, "findings": findings}, indent=1)
    return findings


def by_artist_size(catalogue: Catalogue) -> Groups:
    """Test tracks by the number of train tracks with plays of their main artist."""
    train = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    counts = np.bincount(catalogue.main_artist[train], minlength=int(catalogue.main_artist.max()) + 1)
    sizes = counts[catalogue.main_artist]  # (n,)
    group = np.searchsorted([least for least, _ in SIZES], sizes, side="right") - 1
    return _present("artist", [name for _, name in SIZES], np.where(catalogue.use == Use.TEST, group, -1))


def by_genre(catalogue: Catalogue) -> Groups:
    """Test tracks by genre; nothing to tell apart where no tag names one."""
    test = np.flatnonzero(catalogue.use == Use.TEST)
    named = {int(row): first_genre(catalogue.tracks[int(row)]) for row in test}
    common = [name for name, _ in Counter(genre for genre in named.values() if genre).most_common(MOST_GENRES)]
    names = [*sorted(common), OTHER_GENRES, NO_GENRE]
    of = np.full(len(catalogue), -1, np.int64)
    for row, genre in named.items():
        of[row] = names.index(genre if genre in common else OTHER_GENRES if genre else NO_GENRE)
    return _present("genre", names if common else [], of if common else np.full_like(of, -1))


def fairness_tables(findings: dict[str, Any]) -> list[Table]:
    """For each set of candidates: a line per model, then a line per group and model."""
    out = []
    for candidates in ("cold", "all"):
        rows = [row for row in findings["rows"] if row["candidates"] == candidates]
        title = f"{findings['split']}, {candidates} candidates"
        cells = {(row["model"], row["metric"]): row for row in rows if row["kind"] == "everything"}
        lines = [
            [model, *(_cell(cells.get((model, metric)), metric) for metric in (*SHOWN, "cold-share"))]
            for model in dict.fromkeys(row["model"] for row in rows)
        ]
        heads = ["model", *(f"{metric}@{K}" for metric in SHOWN), "places of test tracks"]
        out.append(Table(f"{title}: lists as a whole", heads, lines))
        for kind in ("artist", "genre"):
            of_kind = [row for row in rows if row["kind"] == kind]
            if len({row["group"] for row in of_kind}) > 1:
                out.append(_group_table(f"{title}: by {kind}", of_kind))
    return out


def about_text(findings: dict[str, Any]) -> str:
    """How to read the tables, and which group each model serves worst."""
    rows = [r for r in findings["rows"] if r["candidates"] == "cold" and r["kind"] != "everything"]
    found = [r for r in rows if r["metric"] == "recall" and r["value"] is not None]
    said = ""
    for model in dict.fromkeys(row["model"] for row in found):
        mine = [row for row in found if row["model"] == model]
        worst, best = (choose(mine, key=lambda row: row["value"]) for choose in (min, max))
        if model != ORACLE and worst["group"] != best["group"]:
            said += (
                f" {model} finds most in {best['group']} ({best['value']:.3f}) and least in {worst['group']} "
                f"({worst['value']:.3f})."
            )
    return (
        "Sought is a group's share of what is to be found, places its share of the first 20 places of all lists: where "
        "places fall behind, the group is shown less than it deserves. Intervals are 95 %, bootstrap over playlists; "
        "figures of all lists together have none. A small group may differ by chance, and groups of other sizes have "
        "other chances: compare models within a group, and with the random lists." + said
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
        sought = np.bincount(task.query[mine], minlength=n)
        hit = np.bincount(task.query[mine & hits], minlength=n)
        recall = np.divide(hit, sought, out=np.full(n, np.nan), where=sought > 0)
        places = diversity.mean_of_lists(ranking.lists, inside.astype(np.float64))

        def measured(
            metric: str, values: NDArray[np.float64], chance: float | NDArray[np.float64], group: str = name
        ) -> dict[str, Any]:
            figure = Figure(TASK, task.which, metric, K)
            measure = mean_of(figure, values, chance, task.resamples)
            return _row(model, task.which, groups.kind, group, metric, measure)

        of_all = {
            "tracks": int(inside.sum()),
            "sought": float(mine.mean()),
            "coverage": diversity.coverage(counts[inside]),
        }
        rows += [
            measured("recall", recall, np.minimum(K / np.maximum(task.n_allowed, 1), 1.0)),
            measured("places", places, float(inside.mean())),
            *(_plain(model, task.which, groups.kind, name, metric, value) for metric, value in of_all.items()),
        ]
    return rows


def _present(kind: str, names: Sequence[str], of: NDArray[np.integer]) -> Groups:
    """Without the groups that hold nothing."""
    there = [place for place in range(len(names)) if (of == place).any()]
    renumbered = np.full(len(of), -1, np.int64)
    for new, old in enumerate(there):
        renumbered[of == old] = new
    return Groups(kind, tuple(names[place] for place in there), renumbered)


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
    metrics = ("tracks", "sought", "places", "recall", "coverage")
    lines = [
        [group, model, *(_cell(cells[group, model, metric], metric) for metric in metrics)]
        for group in dict.fromkeys(row["group"] for row in rows)
        for model in dict.fromkeys(row["model"] for row in rows)
    ]
    return Table(title, ["group", "model", "test tracks", "sought", "places", f"recall@{K}", f"coverage@{K}"], lines)


def _cell(row: dict[str, Any] | None, metric: str) -> str:
    if row is None or row["value"] is None:
        return "-"
    digits = 0 if metric == "tracks" else 1 if metric == "mean-popularity" else 3
    text = f"{row['value']:.{digits}f}"
    return text if row["low"] is None else f"{text} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"
