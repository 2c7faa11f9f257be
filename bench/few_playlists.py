"""Compare `sound` with the default model when few playlists are known.

    python bench/few_playlists.py DATA [--sizes 1x6,3x3,10x2,30,100,300] [--split S0] [--markdown FILE]

DATA is a folder with tracks.csv, vectors.npz (or paths in the table), playlists.csv and splits.json. For each size n,
and as often as it says (1x6: six times), n playlists are drawn of those with test tracks and enough train tracks; a
workspace of them alone is made, all models are fitted to its train tracks, and all test tracks are ranked for each of
the n playlists. The rows of one size are means over all its playlists, with bootstrap intervals over playlists.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from unheard.errors import UserError
from unheard.evaluate.evaluate import evaluate
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.go.data_size import n_factors
from unheard.models.ranker_recipe import load_any_recipe
from unheard.plays import import_playlists
from unheard.scan.scan import scan
from unheard.splits import load_split, prepare_splits, read_splits
from unheard.training.train import train
from unheard.workspace import Workspace

MODELS = ("random", "artist-mean", "ridge", "sound", "blend")
METRICS = (("recall", 20), ("ndcg", 20), ("auc", None))
LEAST = 8  # train tracks of a playlist that is drawn


def main() -> None:
    options = parse()
    playlists = read_playlists(options.data / "playlists.csv")
    split = read_splits(options.data / "splits.json")[options.split]
    test = {track for track, fold in split.fold.items() if fold in split.use["test"]}
    usable = [name for name, tracks in playlists.items() if tracks & test and len(tracks - test) >= LEAST]
    print(f"{len(usable)} of {len(playlists)} playlists have a test track and {LEAST} other tracks", file=sys.stderr)
    lines = ["| playlists | model | n | recall@20 | ndcg@20 | auc |", "|---:|---|---:|---:|---:|---:|"]
    for size, times in options.sizes:
        figures: dict[str, dict[str, list[tuple[float, int]]]] = defaultdict(lambda: defaultdict(list))
        for repeat in range(times):
            rng = np.random.default_rng([size, repeat])
            drawn = [usable[row] for row in rng.permutation(len(usable))[:size]]
            with tempfile.TemporaryDirectory() as folder:
                for row in measured(Path(folder), options, {name: playlists[name] for name in drawn}):
                    if row["task"] == "recommend" and row["candidates"] == "cold" and row["value"] is not None:
                        figures[row["model"]][f"{row['metric']}@{row['k']}"].append((row["value"], row["n"]))
                        if row["model"] == "sound":
                            figures["chance"][f"{row['metric']}@{row['k']}"].append((row["chance"], row["n"]))
        for model in ("chance", *MODELS[1:]):
            of_model = figures[model]
            cells = [f"{mean(of_model[f'{metric}@{k}']):.3f}" for metric, k in METRICS]
            n = sum(n for _, n in of_model["auc@None"])
            lines.append(f"| {size} | {model} | {n} | {' | '.join(cells)} |".replace("0.", "."))
        print("\n".join(lines[-len(MODELS) :]), file=sys.stderr)
    print("\n".join(lines))


def measured(folder: Path, options: argparse.Namespace, playlists: dict[str, set[str]]) -> list[dict[str, Any]]:
    """Return the rows of `evaluate` for a workspace of these playlists alone."""
    workspace = Workspace.init(folder / "w")
    vectors = options.data / "vectors.npz"
    scan(workspace, [options.data / "tracks.csv", *([vectors] if vectors.is_file() else [])], jobs=2)
    table = folder / "playlists.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["playlist_id", "track_id"])
        writer.writerows((name, track) for name, tracks in playlists.items() for track in sorted(tracks))
    import_playlists(workspace, [table])
    prepare_splits(workspace, file=options.data / "splits.json")
    n_plays = sum(map(len, playlists.values()))
    compute_factors(workspace, options.split, AlsConfig(dim=n_factors(len(playlists), n_plays)))
    models = list(MODELS)
    try:
        train(workspace, load_any_recipe("blend"), load_split(workspace, options.split), seed=0)
    except UserError as error:
        print(f"blend: {error}", file=sys.stderr)
        models.remove("blend")
    return evaluate(workspace, options.split, models=models).rows


def read_playlists(path: Path) -> dict[str, set[str]]:
    """Return the tracks of each playlist."""
    found: dict[str, set[str]] = defaultdict(set)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["playlist_id"]].add(row["track_id"])
    return found


def mean(values: list[tuple[float, int]]) -> float:
    """Return the mean of values weighted by their n."""
    return sum(value * n for value, n in values) / max(1, sum(n for _, n in values)) if values else float("nan")


def sizes(text: str) -> list[tuple[int, int]]:
    """Return (n, times) of "10x2,30"."""
    parts = [part.partition("x") for part in text.split(",")]
    return [(int(size), int(times or 1)) for size, _, times in parts]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", type=sizes, default=sizes("1x6,3x3,10x2,30,100,300"))
    parser.add_argument("--split", default="S0")
    return parser.parse_args()


if __name__ == "__main__":
    main()
