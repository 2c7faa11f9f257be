"""Measure the default model on real taste, beside predictors that know less.

    python bench/real_taste.py DATA [--models a,b] [--recipes FILE,...] [--default blend] [--seeds 3] [--rotations 1]
        [--splits S0,S1] [--markdown FILE]

DATA is a data set, or a folder of them, each with tracks.csv, playlists.csv, splits.json and vectors.npz (or paths of
audio in tracks.csv). For each data set and split, factors are fitted with the reference settings, the default model and
all recipes are trained with every seed, and all test tracks are ranked for every playlist: `unheard experiment rivals`.
Playlists are resampled; where whole artists are held out, artists are resampled with them. `--rotations 5` tests every
fold of a split and not only its own test folds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from unheard.errors import UserError
from unheard.evaluate.result_tables import table_markdown
from unheard.experiments.experiment import Findings, run_experiment
from unheard.experiments.rivals import RIVALS, Options
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.models.recipe import recipe_names
from unheard.plays import import_playlists
from unheard.recommend.catalogue import load_catalogue
from unheard.scan.scan import scan
from unheard.splits import Use, artist_seen, library_groups, load_splits, prepare_splits
from unheard.workspace import Workspace

REFERENCE = AlsConfig(dim=64, alpha=20.0, regularization=0.05, iterations=20)
MODELS = (  # beside `random` and the oracle, which are always measured; `deepmusic` is an MLP on ALS factors
    "predicted-popularity", "profile-mean", "profile-neighbours", "sound", "ridge", "deepmusic", "artist-mean",
    *(name for name in ("factor-mlp",) if name in recipe_names()),
)  # fmt: skip


def main() -> None:
    options = parse()
    words = ["DATA" if Path(word) == options.data else word for word in sys.argv[1:]]
    parts = [f"`python bench/real_taste.py {' '.join(words)}`\n"]
    for data in data_sets(options.data):
        for split, findings in measured(data, options):
            title = f"# {data.name}, split {split}\n"
            parts.append(
                "\n".join([title, RIVALS.summary(findings), "", *map(table_markdown, RIVALS.tables(findings))])
            )
            print(parts[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(parts), encoding="utf-8")


def data_sets(folder: Path) -> list[Path]:
    """Return the folder, or those in it, that hold a track table; UserError if there is none."""
    found = [path.parent for path in (folder / "tracks.csv", *sorted(folder.glob("*/tracks.csv"))) if path.is_file()]
    if not found:
        raise UserError(f"{folder}: expected tracks.csv in it or in its folders, found none; name a data set")
    return found


def measured(data: Path, options: argparse.Namespace) -> Iterator[tuple[str, Findings]]:
    """Yield each split of a data set, and the findings of `rivals` on it."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.init(Path(folder) / "w")
        vectors = data / "vectors.npz"
        scan(workspace, [data / "tracks.csv", *([vectors] if vectors.is_file() else [])], jobs=2)
        import_playlists(workspace, [data / "playlists.csv"])
        prepare_splits(workspace, file=data / "splits.json")
        for split in options.splits or sorted(load_splits(workspace)):
            print(f"{data.name}, split {split}", file=sys.stderr, flush=True)
            compute_factors(workspace, split, REFERENCE)
            settings = Options(
                models=(*options.models, *options.recipes),
                default=options.default,
                seeds=options.seeds,
                rotations=options.rotations,
                resample="both" if holds_out_artists(workspace, split) else "playlists",
            )
            yield split, run_experiment(RIVALS, workspace, split, settings)


def holds_out_artists(workspace: Workspace, split: str) -> bool:
    """Return whether no artist of a test track has a train track."""
    catalogue = load_catalogue(workspace, split)
    groups = library_groups(workspace, catalogue.tracks)
    return not artist_seen(catalogue.use, groups)[catalogue.use == Use.TEST].any()


def parse() -> argparse.Namespace:
    def names(text: str) -> tuple[str, ...]:
        return tuple(name for name in text.split(",") if name)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", type=names, default=MODELS, help="baselines and shipped recipes")
    parser.add_argument(
        "--recipes", type=names, default=(), help="recipe files that are measured too, each with a name of its own"
    )
    parser.add_argument("--default", default="blend", help="the model, or recipe file, that is compared with each")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rotations", type=int, default=1)
    parser.add_argument("--splits", type=names, default=(), help="default: all of splits.json")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error
