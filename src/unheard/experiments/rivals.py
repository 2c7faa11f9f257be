"""Compare the default model with rival models, by cross-validation over the folds of a split.

A split of few artists tests few of them, and a lead on a dozen artists may not hold for others. So the folds are
rotated: in rotation r of five, folds 2r-2 and 2r-1 (modulo ten) test, the fold before them validates, seven train.
Every track is tested once, and nothing that is fitted in a rotation uses its test tracks. Rotation 0 is the split
itself.

Metrics and intervals are those of pairs.py. Any split of ten folds can be rotated, also an imported one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np

from unheard.arrays import Doubles
from unheard.errors import MissingStageError, UserError
from unheard.evaluate.result_tables import Table
from unheard.experiments.experiment import Device, Experiment, Findings, Option
from unheard.experiments.pairs import CHANCE, SURE, RelevantPairs, leads, measure, resampled, rows_of, tables_of
from unheard.factors.stage import compute_factors
from unheard.factors.store import als_config, load_factors, load_split_factors
from unheard.progress import Progress
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.models import ORACLE, UNTRAINED, without_part
from unheard.splits import EVALUATION_SPLITS, Split, UseName, load_split, load_splits, write_splits
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from unheard.models.ranker_recipe import RankerRecipe
    from unheard.models.recipe import Recipe

N_FOLDS = 10
TESTED = 2  # test folds of a rotation
RESAMPLED = ("both", "playlists")
MODELS = (
    "artist-mean", "content-neighbours", "ridge", "ridge-all", "kernel-ridge", "reduced-rank", "artist-shrinkage",
    "deepmusic", "dropoutnet", "clcrec", "gar", "content-user",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """models: recipes that are trained with seeds 0 .. seeds - 1, and baselines; `default` is compared with each."""

    models: Annotated[
        tuple[str, ...], Option("Recipes, trained with every seed, and baselines; with commas between them.")
    ] = MODELS
    default: Annotated[str, Option("The model that is compared with each of them.")] = "blend"
    seeds: Annotated[int, Option("Trainings of each recipe.", minimum=1)] = 3
    rotations: Annotated[
        int,
        Option("5 tests every fold once, 1 only the test folds of the split.", minimum=1, maximum=N_FOLDS // TESTED),
    ] = N_FOLDS // TESTED
    resample: Annotated[
        str, Option("both: playlists and artists together; playlists: playlists alone, as `evaluate` does.")
    ] = "both"
    device: Device = "auto"


def rotated(split: Split, rotation: int) -> Split:
    """Return the split with other test folds; rotation 0 is the split itself.

    UserError unless the split has the ten standard folds.
    """
    standard: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
    if {use: tuple(folds) for use, folds in split.use.items()} != standard or split.cutoff_timestamp is not None:
        raise UserError(
            f"split {split.name!r}: expected ten folds of which 0-6 train, 7 validates and 8-9 test, and no cutoff; "
            "use another split, or --rotations 1"
        )
    if rotation == 0:
        return split
    moved = {
        use: tuple(sorted((fold + TESTED * rotation) % N_FOLDS for fold in folds)) for use, folds in standard.items()
    }
    return replace(split, name=f"{split.name}-rotation{rotation}", use=moved)


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Train every model that is not trained yet, and measure all; a run that was killed continues.

    UserError for an unknown model or a split that cannot be rotated.
    """
    from unheard.models.ranker_recipe import load_any_recipe

    if options.resample not in RESAMPLED:
        raise UserError(f"--resample: expected {' or '.join(RESAMPLED)}, found {options.resample!r}")
    split = load_split(workspace, split_name, prefer=EVALUATION_SPLITS)
    rotations = [rotated(split, n) for n in range(options.rotations)] if options.rotations > 1 else [split]
    recipes = {wanted: load_any_recipe(without_part(wanted)) for wanted in _to_train(options)}
    called = {wanted: recipe.name + wanted.removeprefix(without_part(wanted)) for wanted, recipe in recipes.items()}
    if len(set(called.values())) < len(called):
        raise UserError(
            f"recipes {', '.join(called)}: expected a name of its own for each, found {', '.join(called.values())}; "
            "change `name` in one of the files"
        )
    default = called.get(options.default, options.default)
    names = list(dict.fromkeys([CHANCE, *(called.get(name, name) for name in options.models), default, ORACLE]))
    pairs: list[RelevantPairs] = []
    gains: dict[str, list[Doubles]] = {name: [] for name in names}
    coverage: dict[str, list[float]] = {name: [] for name in names}
    for number, rotation in enumerate(rotations):
        _prepare(workspace, split, rotation, progress)
        catalogue = _trained(workspace, rotation, list(recipes.values()), options, progress)
        found = measure(
            workspace,
            catalogue,
            names,
            set(called.values()),
            options.seeds,
            progress,
            f"measuring {number + 1} of {len(rotations)}",
        )
        pairs.append(found[0])
        for name in names:
            gains[name].append(found[1][name])
            coverage[name].append(found[2][name])
    everything = RelevantPairs(
        *(np.concatenate([getattr(some, key) for some in pairs], axis=-1) for key in vars(pairs[0]))
    )
    stacked = {name: np.concatenate(some, axis=1) for name, some in gains.items()}
    rows = rows_of(everything, stacked, default, artists=options.resample == "both")
    for row in rows:
        row["coverage"] = float(np.mean(coverage[row["model"]]))
    return {
        "split": split.name,
        "default": default,
        "seeds": options.seeds,
        "rotations": len(rotations),
        "resample": options.resample,
        "pairs": len(everything.playlist),
        "playlists": len(np.unique(everything.playlist)),
        "artists": len(np.unique(everything.artist)),
        "rows": rows,
    }


def _to_train(options: Options) -> list[str]:
    """Return the models of the options that are no baselines."""
    return [name for name in dict.fromkeys([*options.models, options.default]) if name not in (*UNTRAINED, ORACLE)]


def _prepare(workspace: Workspace, split: Split, rotation: Split, progress: Progress) -> None:
    """Write the split of a rotation and fit its warm factors, with the settings of the split itself."""
    if rotation != split and load_split_factors(workspace, split).config.get("source") == "imported":
        raise UserError(
            f"split {split.name!r}: its factors were imported, so that none can be fitted for other folds; "
            "add --rotations 1"
        )
    splits = load_splits(workspace)
    if splits.get(rotation.name) != rotation:
        write_splits(workspace.splits_path, {**splits, rotation.name: rotation})
    try:
        load_split_factors(workspace, rotation)
    except MissingStageError:
        config = als_config(load_factors(workspace, split.name).config)
        compute_factors(workspace, rotation.name, config, progress=progress)


def _trained(
    workspace: Workspace,
    split: Split,
    recipes: Sequence[Recipe | RankerRecipe],
    options: Options,
    progress: Progress,
) -> Catalogue:
    """Train every recipe with every seed, and load the catalogue."""
    from unheard.training.train import train

    for recipe in recipes:
        for seed in range(options.seeds):
            train(workspace, recipe, split, seed=seed, device=options.device, progress=progress)
    return load_catalogue(workspace, split.name, need_full=True)


def tables(findings: Findings) -> list[Table]:
    """Return the metrics of every model, and the lead of the default over each."""
    trained = ", ".join(f"{n} {what}{'s' * (n != 1)}" for what in ("rotation", "seed") for n in [findings[f"{what}s"]])
    return tables_of(findings["rows"], f"Split {findings['split']}, cold tracks", trained, findings["default"])


def summary(findings: Findings) -> str:
    """Explain the tables, and name the models that the default is better than, and those that are better than it."""
    rivals = [row for row in findings["rows"] if "recall_lead" in row]
    verdicts = {
        "significantly better than": [row["model"] for row in rivals if leads(row)],
        "significantly worse than": [row["model"] for row in rivals if leads(row, sign=-1)],
    }
    decided = [name for names in verdicts.values() for name in names]
    verdicts["not significantly better or worse than"] = [r["model"] for r in rivals if r["model"] not in decided]
    said = "; ".join(f"{verdict} {', '.join(names)}" for verdict, names in verdicts.items() if names)
    return (
        f"{resampled(findings)}; intervals are 95 %. "
        "Metrics of a trained model are means over its seeds; the intervals do not include the spread of the "
        f"seeds. A difference is significant where its interval leaves out 0 and the corrected p is at most {SURE}. By "
        f"recall and nDCG together, {findings['default']} is {said}."
    )


RIVALS = Experiment(
    name="rivals",
    title="The default model compared with rival models",
    help="Compare the default model with rival models. Cross-validates, and resamples playlists and artists.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
    per_split=True,
)
