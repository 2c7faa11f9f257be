"""Compare audio descriptors of bliss-audio and Essentia with our statistics, by the same ridge regression.

    pip install --target DIR --no-deps bliss-audio essentia six
    PYTHONPATH=DIR python bench/rivals.py WORKSPACE [--split artists] [--model blend] [--only bliss-audio] \\
        [--cache FILE] [--workers N]

bliss-audio has 23 descriptors per track, for self-hosted players; Essentia's MusicExtractor has some thousands, with
its default settings (Bogdanov et al. 2013). Neither is a dependency of unheard. Everything else is the same for all:
split, tracks, standardisation, ridge, playlists, candidates (all test tracks), resamples. `--model` adds trained
models.

Descriptors are appended to FILE, one line per track, so that an interrupted run continues.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Floats
from unheard.evaluate.evaluate import check_measurable
from unheard.evaluate.measure import Figure, Measure
from unheard.evaluate.recommend_task import RecommendTask, measure_recommend, prepare_recommend
from unheard.evaluate.result_tables import Table, table_markdown, tables
from unheard.evaluate.results import compare, results_of
from unheard.ids import IdMap
from unheard.metrics.intervals import Resamples
from unheard.models.baselines import standardise
from unheard.models.rankers.ridge import Ridge
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.models import ORACLE, make_recommender
from unheard.recommend.predicted import from_predictions
from unheard.recommend.recommenders import FactorRecommender
from unheard.splits import Use
from unheard.training.dataset import TrackArrays, TrainingData
from unheard.training.rankers.ridge import fit_ridge
from unheard.workspace import Workspace

PACKAGES = {"bliss-audio": "bliss_audio", "essentia": "essentia.standard"}
OURS = "unheard's statistics"
FAR = 5.0  # standard deviations; descriptors of silence and of clicks can be very large
COMPARED = (Figure("recommend", "cold", "recall", 20), Figure("recommend", "cold", "ndcg", 20))


def main() -> None:
    options = parse()
    for name, module in PACKAGES.items():
        if name not in options.only:
            continue
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"{name} is missing ({error}): {install_line()}", file=sys.stderr)
            raise SystemExit(2) from error
    workspace = Workspace.open(options.workspace)
    catalogue = load_catalogue(workspace, options.split, need_full=True)
    check_measurable(catalogue)
    cache = options.cache or workspace.root / "rival-descriptors.jsonl"
    values = {OURS: catalogue.content.values}
    for name in options.only:
        values[name] = described(catalogue, name, cache, workers=options.workers)
    playlists = playlists_with_tests(catalogue)
    resamples = Resamples.draw(playlists, rng=np.random.default_rng([0, 2]))
    task = prepare_recommend(catalogue, "cold", resamples, seed=0)
    measured = measure_all(workspace, task, values, models=options.model)
    widths = {name: matrix.shape[1] for name, matrix in values.items()}
    print_results(catalogue.split.name, measured, widths, first=(*options.model, OURS))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--split")
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--only", action="append", choices=PACKAGES, help="leave the other package out")
    parser.add_argument("--cache", type=Path, metavar="FILE")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    options.only = options.only or list(PACKAGES)
    return options


def install_line() -> str:
    return "pip install --target DIR --no-deps bliss-audio essentia six, then set PYTHONPATH=DIR"


def described(catalogue: Catalogue, name: str, cache: Path, *, workers: int) -> Floats:
    """Return descriptors (n, width) of all tracks; files that the package cannot read get the average."""
    found: dict[str, list[float]] = {}
    if cache.exists():
        lines = [json.loads(line) for line in cache.read_text(encoding="utf-8").splitlines()]
        found = {line["track_id"]: line["vector"] for line in lines if line["rival"] == name}
    missing = [track for track in catalogue.tracks.items if track.track_id not in found]
    paths = [track.path for track in missing]
    with cache.open("a", encoding="utf-8") as file:
        for done, (track, vector) in enumerate(zip(missing, vectors(name, paths, workers=workers), strict=True), 1):
            found[track.track_id] = vector
            file.write(json.dumps({"rival": name, "track_id": track.track_id, "vector": vector}) + "\n")
            file.flush()
            print(f"\r{name}: {done} of {len(missing)}", end="", file=sys.stderr, flush=True)
    unread = sum(not vector for vector in found.values())
    print(f"\n{name}: {unread} files of {len(found)} could not be read", file=sys.stderr)
    width = max((len(vector) for vector in found.values()), default=0)
    if not width:
        raise SystemExit(
            f"{name} could read none of {len(found)} files; check that they are still at the paths in the workspace"
        )
    out = np.full((len(catalogue), width), np.nan)
    for row, track in enumerate(catalogue.tracks.items):
        if vector := found[track.track_id]:
            out[row] = np.nan_to_num(np.array(vector, np.float64), posinf=0.0, neginf=0.0)
    average: Floats = np.where(np.isnan(out), np.nanmean(out, axis=0), out).astype(np.float32)
    return average


def vectors(name: str, paths: Sequence[str], *, workers: int) -> Iterator[list[float]]:
    """Yield descriptors of files, in their order; [] for a file that cannot be read."""
    describe: Callable[[str], list[float]] = {"bliss-audio": bliss, "essentia": essentia}[name]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(read, describe), paths)


def read(describe: Callable[[str], list[float]], path: str) -> list[float]:
    try:
        return describe(path)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic in Rust raises a BaseException
        print(f"\n{path}: {str(error).splitlines()[0]:.200}", file=sys.stderr)
        return []


def bliss(path: str) -> list[float]:
    song = importlib.import_module("bliss_audio").Song(path)
    return [song.analysis_dict[key] for key in sorted(song.analysis_dict)]


def essentia(path: str) -> list[float]:
    """Return all numbers that have the same size for all tracks, except metadata of the file.

    Inverse covariances are left out, because they repeat the covariances.
    """
    importlib.import_module("essentia").log.infoActive = False
    pool, _ = importlib.import_module("essentia.standard").MusicExtractor()(path)
    numbers: list[float] = []
    for key in sorted(pool.descriptorNames()):
        if key.startswith("metadata.") or key.endswith(".icov") or key == "rhythm.beats_position":
            continue
        value: Any = np.asarray(pool[key])
        if value.dtype.kind in "fiu":
            numbers += value[np.triu_indices(len(value))].tolist() if value.ndim == 2 else value.ravel().tolist()
    return numbers


def measure_all(
    workspace: Workspace, task: RecommendTask, values: dict[str, Floats], *, models: Sequence[str]
) -> dict[str, dict[Figure, Measure]]:
    """Measure a random list, ridge regression on each set of descriptors, trained models, and the oracle."""
    catalogue = task.catalogue
    recommenders: dict[str, Any] = {"random": make_recommender(workspace, catalogue, "random")}
    recommenders |= {name: ranked_by(catalogue, name, matrix) for name, matrix in values.items()}
    recommenders |= {name: make_recommender(workspace, catalogue, name) for name in models}
    recommenders[ORACLE] = make_recommender(workspace, catalogue, ORACLE)
    return {
        name: {measure.figure: measure for measure in measure_recommend(task, recommender)}
        for name, recommender in recommenders.items()
    }


def ranked_by(catalogue: Catalogue, name: str, matrix: Floats) -> FactorRecommender:
    """Return factors predicted by the ridge regression whose penalty ranks validation tracks best."""
    train = np.flatnonzero((catalogue.use == Use.TRAIN) & catalogue.warm.known)
    val = np.flatnonzero((catalogue.use == Use.VAL) & (catalogue.validation_plays.getnnz(axis=0) > 0))
    inputs = np.clip(standardise(matrix, train), -FAR, FAR)

    def arrays_of(rows: NDArray[np.intp], plays: csr_matrix) -> TrackArrays:
        ids, artists = IdMap(catalogue.tracks.ids.take(rows)), catalogue.main_artist[rows]
        plays = (plays[:, rows] > 0).astype(np.float32)
        return TrackArrays(ids, catalogue.warm.tracks[rows], plays, inputs[rows], [""] * len(rows), artists)

    data = TrainingData(
        arrays_of(train, catalogue.train_plays),
        arrays_of(val, catalogue.validation_plays),
        catalogue.playlists,
        catalogue.warm.playlists,
    )
    ranker = fit_ridge(data, Ridge(), seed=0, device=torch.device("cpu"))
    with torch.no_grad():
        predicted = ranker.tower(torch.from_numpy(inputs)).numpy()
    return from_predictions(catalogue, name, predicted)


def print_results(
    split: str, measured: dict[str, dict[Figure, Measure]], widths: dict[str, int], *, first: Sequence[str]
) -> None:
    """Print the table, and the lead of each of `first` over the other packages."""
    results = results_of(split, measured, oracle=measured[ORACLE], seed=0)
    (table,) = [table for table in tables(results) if "recommend" in table.title]
    print(table_markdown(Table(f"{table.title}, descriptors + ridge", table.columns, table.rows)))
    print("Numbers per track: " + ", ".join(f"{name} {width}" for name, width in widths.items()) + ".\n")
    rows, others = [], [name for name in PACKAGES if name in widths]
    for figure in COMPARED:
        pairs = [(one, name, measured[one][figure], measured[name][figure]) for one in first for name in others]
        for c in compare(split, figure, pairs, dict.fromkeys(measured, 1)):
            difference = f"{c.difference:+.4f} [{c.low:+.4f}, {c.high:+.4f}]"
            rows.append([f"{figure.metric}@{figure.k}", c.model, c.against, difference, f"{c.p_holm:.3f}"])
    print(
        table_markdown(Table("paired over playlists", ["figure", "model", "against", "difference", "p (Holm)"], rows))
    )


if __name__ == "__main__":
    main()
