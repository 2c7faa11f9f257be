"""Compare ALS with common baselines on real playlists: the RecSys challenge data of Politecnico di Milano, 2018.

    python bench/polimi.py DATA_DIR [-o docs/results/polimi.md]

DATA_DIR holds train_playlists.csv (playlist_id, track_id, pos), test_playlists.csv (playlist_id, track_id) and
tracks.csv (track_id, ...). Half of the test playlists have train rows: those are the targets, and their test rows are
relevant. The other test playlists have no train rows; they are not measured and are used for training.
Settings are chosen on the last fifth of the targets' train rows; test rows are used once, for the table.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from implicit.nearest_neighbours import CosineRecommender
from implicit.utils import ParameterWarning
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles
from unheard.atomic_files import write_text
from unheard.factors.als import AlsConfig, fit_als
from unheard.ids import IdMap
from unheard.metrics.accuracy import Ranks, ndcg_at_k, recall_at_k
from unheard.metrics.chance import chance_ndcg, chance_recall
from unheard.metrics.intervals import Resamples, percentile_interval
from unheard.ranking import blocks, ranks_of

SEED = 0
K = 20
VALIDATION_SHARE = 0.2
REFERENCE = AlsConfig(dim=64, alpha=20.0, regularization=0.05, iterations=20)
GRID: dict[str, tuple[float, ...]] = {
    "dim": (64, 128, 200, 300),
    "alpha": (5.0, 10.0, 20.0, 40.0, 80.0),
    "regularization": (0.05, 1.0, 5.0, 20.0, 80.0),
    "iterations": (5, 10, 20, 40),
}
NEIGHBOURS = (50, 100, 200, 500, 1000, 2000)

Scores = Callable[[NDArray[np.int64]], NDArray[np.float32]]  # rows of playlists -> (playlist, track)


@dataclass(frozen=True)
class Task:
    """Rank all tracks that are not in `train` (playlist, track) for each of `targets`; those in `held` are relevant.

    `train` holds 2 + the position of a track in its playlist; models are fitted on `plays`.
    """

    train: csr_matrix
    held: csr_matrix
    targets: NDArray[np.int64]

    @property
    def plays(self) -> csr_matrix:
        """Return `train` with all values 1."""
        ones = np.ones(self.train.nnz, np.float32)
        return csr_matrix((ones, self.train.indices, self.train.indptr), shape=self.train.shape)


@dataclass(frozen=True)
class Figures:
    """One value per target playlist."""

    recall: Doubles
    ndcg: Doubles


def read_task(folder: Path) -> Task:
    """Read the published train and test rows; playlists without train rows train with their test rows."""
    train, test = (_read_rows(folder / f"{part}_playlists.csv") for part in ("train", "test"))
    tracks = IdMap(row["track_id"] for row in _read_rows(folder / "tracks.csv"))
    playlists = IdMap(dict.fromkeys(row["playlist_id"] for row in train + test))
    has_train = {row["playlist_id"] for row in train}
    held = [row for row in test if row["playlist_id"] in has_train]
    others = [row for row in test if row["playlist_id"] not in has_train]
    targets = np.unique(playlists.rows(row["playlist_id"] for row in held)).astype(np.int64)
    return Task(_matrix(train + others, playlists, tracks), _matrix(held, playlists, tracks), targets)


def validation_of(task: Task) -> Task:
    """Return the task with the last fifth of each target's train rows held out instead of its test rows.

    The last rows, because test rows are the ends of playlists too: metrics then agree with those on test rows, while a
    random fifth is much easier.
    """
    train, held = task.train.copy(), csr_matrix(task.train.shape, dtype=np.float32).tolil()
    for row in task.targets:
        here = slice(task.train.indptr[row], task.train.indptr[row + 1])
        order = np.argsort(task.train.data[here], kind="stable")
        hidden = here.start + order[-max(1, round(VALIDATION_SHARE * len(order))) :]
        train.data[hidden] = 0
        held[row, task.train.indices[hidden]] = 1
    train.eliminate_zeros()
    return Task(train, held.tocsr(), task.targets)


def measure(task: Task, scores: Scores, *, seed: int) -> Figures:
    """Return recall@20 and nDCG@20 of every target; all tracks are ranked, ties are broken at random."""
    n_tracks = task.train.shape[1]
    found = []
    for block in blocks(len(task.targets), n_tracks):
        rows = task.targets[block]
        block_scores = np.array(scores(rows), np.float32)  # (playlist, track)
        block_scores[task.train[rows].toarray() > 0] = -np.inf
        query, column = task.held[rows].nonzero()
        rank, _ = ranks_of(block_scores, query, column, seed=seed, queries=rows, candidates=np.arange(n_tracks))
        found.append(np.stack([query + block.start, rank]))
    query, rank = np.concatenate(found, axis=1)
    ranks = Ranks.of(query, rank, len(task.targets))
    return Figures(recall_at_k(ranks, K), ndcg_at_k(ranks, K))


def random_scores(task: Task) -> Scores:
    return lambda rows: np.zeros((len(rows), task.train.shape[1]), np.float32)  # all tied, so at random


def popularity_scores(task: Task) -> Scores:
    counts = np.asarray(task.plays.sum(axis=0), np.float32)  # (1, track)
    return lambda rows: np.repeat(counts, len(rows), axis=0)


def neighbour_scores(task: Task, n_neighbours: int) -> Scores:
    model = CosineRecommender(K=n_neighbours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # of its own conversion from COO to CSR
        model.fit(task.plays.astype(np.float64), show_progress=False)
    return lambda rows: (task.plays[rows] @ model.similarity).toarray()


def als_scores(task: Task, config: AlsConfig) -> Scores:
    playlists, tracks = fit_als(task.plays, config)
    return lambda rows: playlists[rows] @ tracks.T


def tune(task: Task, *, seed: int) -> Iterator[tuple[AlsConfig, float]]:
    """Yield settings and their validation nDCG@20: one parameter after the other, starting from the defaults."""
    ndcg_of: dict[AlsConfig, float] = {}
    best = AlsConfig()
    for name, values in GRID.items():
        for value in values:
            config = replace(best, **{name: value})  # type: ignore[arg-type]
            if config not in ndcg_of:
                ndcg_of[config] = float(measure(task, als_scores(task, config), seed=seed).ndcg.mean())
                yield config, ndcg_of[config]
        best = max(ndcg_of, key=lambda config: ndcg_of[config])


def interval(values: Doubles, resamples: Resamples) -> str:
    low, high = percentile_interval(resamples.means(values)) or (np.nan, np.nan)
    return f"{values.mean():.4f} [{low:.4f}, {high:.4f}]"


def chance_row(task: Task) -> str:
    """Return the row of the expected metrics of a random ranking."""
    relevant = np.diff(task.held[task.targets].indptr)
    n = task.train.shape[1] - np.diff(task.train[task.targets].indptr)
    return f"| chance | {chance_recall(n, relevant, K).mean():.4f} | {chance_ndcg(n, relevant, K).mean():.4f} | |"


def describe(config: AlsConfig) -> str:
    return (
        f"dim {config.dim}, alpha {config.alpha:g}, regularization {config.regularization:g}, "
        f"{config.iterations} iterations"
    )


def report(task: Task, *, command: str) -> str:
    """Return the page: a table on test rows, and all settings with their metrics on validation rows."""
    validation = validation_of(task)
    tried = list(tune(validation, seed=SEED))
    tuned = max(tried, key=lambda pair: pair[1])[0]
    knn = {n: float(measure(validation, neighbour_scores(validation, n), seed=SEED).ndcg.mean()) for n in NEIGHBOURS}
    best_knn = max(knn, key=lambda n: knn[n])
    default = f"ALS, default ({describe(AlsConfig())})"
    models: dict[str, Scores] = {
        "random": random_scores(task),
        "popularity": popularity_scores(task),
        f"item-kNN, tuned (cosine, {best_knn} neighbours)": neighbour_scores(task, best_knn),
        f"ALS, reference ({describe(REFERENCE)})": als_scores(task, REFERENCE),
        default: als_scores(task, AlsConfig()),
        f"ALS, tuned ({describe(tuned)})": als_scores(task, tuned),
    }
    figures = {name: measure(task, scores, seed=SEED) for name, scores in models.items()}
    resamples = Resamples.draw(np.arange(len(task.targets)), rng=np.random.default_rng(SEED))
    rows = [chance_row(task)]
    for name, found in figures.items():
        less = "" if name == default else interval(found.ndcg - figures[default].ndcg, resamples)
        recall, ndcg = interval(found.recall, resamples), interval(found.ndcg, resamples)
        rows.append(f"| {name} | {recall} | {ndcg} | {less} |")
    about = (
        f"Written by `{command}`, seed {SEED}. n = {len(task.targets):,} target playlists with {task.held.nnz:,} test "
        f"rows; {task.train.nnz:,} train rows of {task.train.shape[0]:,} playlists (test playlists that have no train "
        f"rows train with their test rows and are not measured); all {task.train.shape[1]:,} tracks are candidates, "
        "except those that are already in the playlist; ties are broken at random. Brackets: 95 % bootstrap interval "
        "over playlists, 1,000 resamples, paired in the last column. This is warm recommendation: it tests the "
        "factors, not predictions from audio."
    )
    chosen = (
        f"Settings are chosen on the last {VALIDATION_SHARE:.0%} of each target's train rows, never on test rows. "
        f"Neighbours of item-kNN, validation ndcg@{K}: {', '.join(f'{n}: {ndcg:.4f}' for n, ndcg in knn.items())}."
    )
    return "\n".join(
        [
            "# Real playlists: RecSys challenge 2018 of Politecnico di Milano",
            "",
            about,
            "",
            f"| model | recall@{K} | ndcg@{K} | ndcg@{K} minus that of the default |",
            "|---|---|---|---|",
            *rows,
            "",
            chosen,
            "",
            f"| ALS settings | validation ndcg@{K} |",
            "|---|---|",
            *(f"| {describe(config)} | {ndcg:.4f} |" for config, ndcg in tried),
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path, metavar="DATA_DIR")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args(arguments)
    text = report(read_task(given.data_dir), command="python bench/polimi.py DATA_DIR -o docs/results/polimi.md")
    print(text)
    if given.output:
        write_text(given.output, text)


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _matrix(rows: list[dict[str, str]], playlists: IdMap, tracks: IdMap) -> csr_matrix:
    """Return 2 + position of each play, or 2 without a position: positions start at -1, and 0 would be no play."""
    cells = playlists.rows(row["playlist_id"] for row in rows), tracks.rows(row["track_id"] for row in rows)
    values = np.array([2 + int(row.get("pos", 0)) for row in rows], np.float32)
    assert values.min() > 0
    return csr_matrix((values, cells), shape=(len(playlists), len(tracks)))


if __name__ == "__main__":
    main()
