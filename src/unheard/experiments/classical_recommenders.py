"""The background systems side by side: on tracks that everybody plays, and on tracks that nobody has played yet.

    warm   Of every playlist with at least 5 train plays, one in five is hidden. Everything is fitted again on the rest,
           and each playlist ranks the train tracks that it does not hold any more; the hidden ones should come first.
    cold   The task `recommend` of the evaluation: test tracks alone (`cold`), and among all tracks (`all`).

In the rows, warm figures are those with candidates `warm`, a set that `evaluate` does not rank. The factors that are
fitted again live in memory: the workspace's own stay as they are. Where those were imported, warm figures are of ALS
factors with the settings that folded its playlists in.

Collaborative filtering cannot tell tracks without plays apart. Its cold figures are measured all the same: every list
is in random order, and so they come out at chance. Tables mark them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from unheard.artefacts import write_json
from unheard.errors import UserError
from unheard.evaluate.intervals import Resamples
from unheard.evaluate.measure import Figure, Measure
from unheard.evaluate.recommend import TASK, K, RecommendTask, measure_recommend, prepare_recommend
from unheard.evaluate.results import Comparison, Mean, Results, compare, results_of
from unheard.evaluate.table import Table, position
from unheard.progress import Progress, silent
from unheard.recommend.background import BACKGROUND, COLLABORATIVE, CONTENT
from unheard.recommend.build import ORACLE, make_recommender
from unheard.recommend.catalogue import Candidates, Catalogue, load_catalogue
from unheard.recommend.holdout import HIDDEN_ONE_IN, hide, refitted
from unheard.recommend.hybrids import als_config
from unheard.recommend.lists import playlists_with_tests
from unheard.recommend.predicted import true_factors
from unheard.recommend.ranking import blocks
from unheard.recommend.recommenders import Recommender
from unheard.splits import Use
from unheard.workspace import Workspace

NAME = "background"
TITLE = "Background systems"
POPULARITY = "popularity"
SHOWN = ("recall", "ndcg")
Measures = dict[Figure, Measure]


@dataclass(frozen=True)
class BackgroundResults:
    """What was measured.

    results   rows and means of every system, and its comparison with what it has to beat
    tied      systems that score all cold tracks alike
    n_hidden  train plays that were hidden for the warm figures
    seed      of hiding, random ties and the bootstrap
    """

    results: Results
    tied: tuple[str, ...]
    n_hidden: int
    seed: int

    def as_json(self) -> dict[str, Any]:
        """Rows in the exchange format, and every system against the reference of its table."""
        return {
            "split": self.results.split,
            "seed": self.seed,
            "hidden_plays": self.n_hidden,
            "tied_on_cold_tracks": list(self.tied),
            "rows": self.results.rows,
            "comparisons": [comparison.as_json() for comparison in self.results.comparisons],
        }


def run_background(
    workspace: Workspace, split_name: str | None = None, *, seed: int = 0, progress: Progress = silent
) -> BackgroundResults:
    """Measure every background system on one split (None: the default one); writes experiments/background.json.

    Systems that need sound are left out where nobody has any. UserError if no playlist has 5 train plays, or no test
    track is in a playlist.
    """
    catalogue = load_catalogue(workspace, split_name)
    known, hidden = hide(catalogue, rng=np.random.default_rng([seed, 5]))
    if not hidden.nnz or not len(playlists_with_tests(catalogue)):
        raise UserError(
            f"split {catalogue.split.name!r}: expected playlists with {HIDDEN_ONE_IN} train plays, and test tracks in "
            "playlists; import more playlists or choose another split"
        )
    warm, fewer = _warm(workspace, catalogue, known, hidden, seed, progress)
    resamples = Resamples.draw(playlists_with_tests(catalogue), rng=np.random.default_rng([seed, 2]))
    cold, everything = (prepare_recommend(catalogue, which, resamples, seed=seed) for which in ("cold", "all"))
    names = (POPULARITY, *_usable(catalogue))
    measured: dict[str, Measures] = {}
    tied = []
    for done, name in enumerate(names):
        progress("background systems", done, len(names))
        system = make_recommender(workspace, catalogue, name, seed=seed)
        tasks = (everything,) if name == POPULARITY else (cold, everything)
        measured[name] = _measure(make_recommender(workspace, fewer, name, seed=seed), warm)
        measured[name] |= _measure(system, *tasks)
        if _ties(system, cold):
            tied.append(name)
    progress("background systems", len(names), len(names))
    ceiling = _measure(true_factors(catalogue.warm, ORACLE), cold, everything)
    results = results_of(catalogue.split.name, {**measured, ORACLE: ceiling}, oracle=ceiling, seed=seed)
    results = replace(results, comparisons=_comparisons(catalogue.split.name, measured))
    found = BackgroundResults(results, tuple(tied), hidden.nnz, seed)
    head = {"title": TITLE, "about": about_text(found), "tables": [vars(table) for table in background_tables(found)]}
    write_json(workspace.experiment_path(NAME), {**head, "findings": found.as_json()}, indent=1)
    return found


def background_tables(found: BackgroundResults) -> list[Table]:
    """A table of the warm figures and one of the cold ones; chance first, the oracle last."""
    split = found.results.split
    return [
        _table(found, f"{split}: hidden plays of train tracks", ("warm",)),
        _table(found, f"{split}: test tracks, alone and among all tracks", ("cold", "all")),
    ]


def about_text(found: BackgroundResults) -> str:
    """What the tables show and how to read them."""
    ties = (
        f" They cannot tell new tracks apart: {', '.join(found.tied)}; their lists of new tracks are in random order."
    )
    return (
        f"Warm: {found.n_hidden} train plays, one in {HIDDEN_ONE_IN} of each playlist, were hidden, everything was "
        "fitted again on the rest, and playlists ranked the train tracks that they do not hold. Cold: playlists ranked "
        "the test tracks, alone and among all tracks. Intervals are 95 %, bootstrap over playlists; differences are "
        "paired, and their p is corrected (Holm) for the number of systems." + (ties if found.tied else "")
    )


def _usable(catalogue: Catalogue) -> tuple[str, ...]:
    heard = (catalogue.use == Use.TRAIN) & catalogue.warm.known & catalogue.content.known
    return BACKGROUND if heard.any() else COLLABORATIVE


def _warm(
    workspace: Workspace, catalogue: Catalogue, known: csr_matrix, hidden: csr_matrix, seed: int, progress: Progress
) -> tuple[RecommendTask, Catalogue]:
    """The task of finding the hidden plays, and the catalogue as if they had never been."""
    again = refitted(catalogue, known, hidden, als_config(workspace, catalogue.split.name), progress)
    playlists = np.flatnonzero(np.diff(hidden.indptr)).astype(np.int32)
    candidates = catalogue.candidates("warm", new=False)
    column = np.full(len(catalogue), -1, np.int64)
    column[candidates] = np.arange(len(candidates))
    sought = hidden[playlists].tocoo()
    keep = column[sought.col] >= 0  # imported factors may lack a track that is played
    playlists, query = playlists[np.unique(sought.row[keep])], np.unique(sought.row[keep], return_inverse=True)[1]
    own = again.plays_of(Use.TRAIN)[playlists]
    masked = np.bincount(own.tocoo().row[column[own.indices] >= 0], minlength=len(playlists))
    task = RecommendTask(
        again,
        "warm",
        playlists,
        candidates,
        query.reshape(-1).astype(np.int64),
        column[sought.col[keep]],
        len(candidates) - masked,
        Resamples.draw(playlists, rng=np.random.default_rng([seed, 4])),
        seed,
    )
    return task, again


def _measure(system: Recommender, *tasks: RecommendTask) -> Measures:
    """The figures that the tables show, and the AUC."""
    found = (measure for task in tasks for measure in measure_recommend(task, system))
    return {measure.figure: measure for measure in found if measure.figure.metric in (*SHOWN, "auc")}


def _ties(system: Recommender, cold: RecommendTask) -> bool:
    """Does every playlist score all cold tracks alike?"""
    for here in blocks(len(cold.playlists), len(cold.candidates)):
        scores = system.scores(cold.playlists[here], cold.candidates)
        if (scores != scores[:, :1]).any():
            return False
    return True


def _comparisons(split: str, measured: dict[str, Measures]) -> list[Comparison]:
    """Every system against popularity where tracks have plays, and against content alone where they have none."""
    figures = dict.fromkeys(figure for measures in measured.values() for figure in measures)
    out = []
    for figure in figures:
        against = POPULARITY if figure.candidates == "warm" else CONTENT
        theirs = measured.get(against, {}).get(figure)
        if theirs is not None:
            systems = [name for name in measured if name != against and figure in measured[name]]
            out += compare(split, figure, [(name, against, measured[name][figure], theirs) for name in systems], {})
    return out


def _table(found: BackgroundResults, title: str, which: tuple[Candidates, ...]) -> Table:
    figures = [Figure(TASK, candidates, metric, K) for candidates in which for metric in SHOWN]
    means = {(m.model, m.figure): m for m in found.results.means}
    differences = {c.model: c for c in found.results.comparisons if c.figure == figures[0]}
    against = {c.against for c in differences.values()}
    heads = [f"{f.candidates} {f.metric}@{f.k}" if len(which) > 1 else f"{f.metric}@{f.k}" for f in figures]
    anyone = {figure: mean for (_, figure), mean in means.items()}
    rows = [["chance", *(_number(anyone[figure].chance) for figure in figures), "", ""]]
    for model in sorted({model for model, figure in means if figure in figures}, key=position):
        cells = [_cell(means.get((model, figure)), tied=model in found.tied) for figure in figures]
        n = max(means[model, figure].n for figure in figures if (model, figure) in means)
        rows.append([model, *cells, _difference(differences.get(model)), str(n)])
    return Table(title, ["system", *heads, " - ".join([heads[0], *against]), "n"], rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _cell(mean: Mean | None, *, tied: bool) -> str:
    if mean is None:
        return ""
    span = "" if mean.low is None or mean.high is None else f" [{mean.low:.4f}, {mean.high:.4f}]"
    return _number(mean.value) + span + (" (cannot: ties)" if tied and mean.figure.candidates == "cold" else "")


def _difference(c: Comparison | None) -> str:
    return "" if c is None else f"{c.difference:+.4f} [{c.low:+.4f}, {c.high:+.4f}] p {c.p_holm:.3f}"
