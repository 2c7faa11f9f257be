"""The commands that fit models, and write them for others: factors, train, tune, export-model."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, SplitOption, WorkspaceOption
from unheard.errors import UserError, quoted
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from unheard.models.ranker_recipe import RankerRecipe
    from unheard.models.recipe import Recipe
    from unheard.splits import Split

DimOption = Annotated[int, typer.Option("--dim", min=1, help="Latent factors per track.")]
AlphaOption = Annotated[float, typer.Option("--alpha", min=0, help="Weight of a play: 1 + alpha r.")]
PenaltyOption = Annotated[float, typer.Option("--regularization", min=0, help="L2 penalty on the factors.")]
IterationsOption = Annotated[int, typer.Option("--iterations", min=1, help="ALS iterations.")]
FactorSeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the initial factors.")]
WeightedFlag = Annotated[bool, typer.Option("--weighted", help="Use play counts as r. Default: r = 1 for every play.")]
EverySplitOption = Annotated[
    str | None, typer.Option("--split", help="Only this split. Default: every split.", show_default=False)
]


def factors(
    workspace: WorkspaceOption,
    split: EverySplitOption = None,
    dim: DimOption = 200,
    alpha: AlphaOption = 20.0,
    regularization: PenaltyOption = 0.05,
    iterations: IterationsOption = 20,
    seed: FactorSeedOption = 0,
    weighted: WeightedFlag = False,
    imported: Annotated[
        Path | None,
        typer.Option(
            "--import", help="Import track factors: Parquet (track_id, vector). Fit nothing.", show_default=False
        ),
    ] = None,
    imported_playlists: Annotated[
        Path | None,
        typer.Option(
            "--import-playlists",
            help="Import playlist factors too: Parquet (playlist_id, vector). Default: fold the playlists in.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Fit latent factors to the plays of train tracks (implicit ALS), or import factors. Test tracks are not used."""
    from unheard.factors.als import AlsConfig
    from unheard.factors.stage import compute_factors

    if imported_playlists is not None and imported is None:
        raise UserError("--import-playlists: needs track factors of the same space; add --import TRACKS.parquet")
    config = AlsConfig(
        dim=dim,
        alpha=alpha,
        regularization=regularization,
        iterations=iterations,
        seed=seed,
        binary=not weighted,
    )
    if imported is not None and (dim, iterations, seed) != (AlsConfig.dim, AlsConfig.iterations, AlsConfig.seed):
        raise UserError("--import: the factors are taken as they are; leave out --dim, --iterations and --seed")
    opened = Workspace.open(workspace)
    add_own_plays(opened)
    with console.progress_bars() as progress:
        messages = compute_factors(
            opened,
            split,
            config,
            imported=imported,
            imported_playlists=imported_playlists,
            progress=progress,
        )
    for message in messages:
        console.say(message)


def add_own_plays(workspace: Workspace) -> None:
    """Make the tracks with a thumb up, and those that were played in players, playlists, and say so."""
    from unheard.plays.likes import import_likes
    from unheard.plays.listened import import_listened

    if played := import_listened(workspace):
        console.say(f"My plays: {played} tracks that were played in players are one of the playlists")
    if liked := import_likes(workspace):
        console.say(f"My likes: {liked} tracks with a thumb up are one of the playlists")


def train(
    workspace: WorkspaceOption,
    recipe: Annotated[
        str | None,
        typer.Argument(help="Name of a recipe, or a TOML file. Default: the default recipe.", show_default=False),
    ] = None,
    split: SplitOption = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of weights and batches. A seed above 0 names the model RECIPE@SEED.")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    max_minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after this time and keep the best weights.", show_default=False)
    ] = None,
    targets: Annotated[
        Literal["warm", "full"],
        typer.Option(help="warm: factors of train plays. full: of all plays, with the test leak of the thesis."),
    ] = "warm",
    force: Annotated[bool, typer.Option("--force", help="Train even if nothing has changed.")] = False,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes and stop.")] = False,
) -> None:
    """Train a model on audio features and plays.

    An interrupted training continues from its last checkpoint, with bit-identical results.
    """
    from unheard.models.ranker_recipe import load_any_recipe
    from unheard.models.recipe import recipe_names
    from unheard.splits import load_split
    from unheard.training.train import DEFAULT_RECIPE
    from unheard.training.train import train as train_recipe

    if list_recipes:
        rows = [[name, load_any_recipe(name).about] for name in recipe_names()]
        console.out.print(console.table("Recipes", ["name", "what"], rows))
        return
    started = time.monotonic()
    opened = Workspace.open(workspace)
    chosen = load_any_recipe(recipe or DEFAULT_RECIPE)
    under = load_split(opened, split)
    with console.progress_bars() as progress:
        checkpoint = train_recipe(
            opened,
            chosen,
            under,
            seed=seed,
            device=device,
            max_minutes=max_minutes,
            targets=targets,
            force=force,
            progress=progress,
        )
    trained = Trained(opened, chosen, under, checkpoint, seconds=time.monotonic() - started)
    finish_training(trained, "train", seed, targets=targets, device=device)


@dataclass(frozen=True)
class Trained:
    """A training that has ended: what was trained under which split, where it is, and how long it took."""

    workspace: Workspace
    recipe: Recipe | RankerRecipe
    split: Split
    checkpoint: Path
    seconds: float


def finish_training(trained: Trained, command: str, seed: int, **settings: object) -> None:
    """Calibrate lists of known and new tracks, where such lists are made, and record the run."""
    from unheard.models.ranker_recipe import RankerRecipe
    from unheard.recommend.calibrate import calibrate
    from unheard.run_records import last_figures, record_run
    from unheard.splits import LIVE

    workspace, recipe, split, checkpoint = trained.workspace, trained.recipe, trained.split, trained.checkpoint
    if isinstance(recipe, RankerRecipe) or split.name == LIVE:
        try:
            with console.progress_bars() as progress:
                calibrate(workspace, split.name, checkpoint.parent.name, progress=progress)
        except UserError as error:
            console.say(f"lists of known and new tracks are not calibrated: {error}")
    console.say(f"{recipe.name}: {checkpoint}")
    record_run(
        workspace,
        command,
        arguments=sys.argv[1:],
        seconds=trained.seconds,
        settings={"split": split.name, **settings, "recipe": recipe.as_dict()},
        seed=seed,
        figures=last_figures(checkpoint.parent / "history.json"),
    )


def tune(
    workspace: WorkspaceOption,
    recipe: Annotated[
        str | None,
        typer.Argument(help="A recipe with a two-tower member. Default: the default recipe.", show_default=False),
    ] = None,
    split: SplitOption = None,
    minutes: Annotated[
        float, typer.Option(min=0, help="Stop after this time, but not before the recipe itself is measured.")
    ] = 10.0,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File of the recipe. Default: W/<name>-tuned.toml.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search and of the fits.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Search the settings of a recipe on validation tracks and write the best recipe. Test tracks are not used."""
    from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
    from unheard.splits import load_split
    from unheard.training.train import DEFAULT_RECIPE
    from unheard.training.tune import tune as run
    from unheard.training.tune import write_recipe

    opened = Workspace.open(workspace)
    chosen = load_any_recipe(recipe or DEFAULT_RECIPE)
    if not isinstance(chosen, RankerRecipe):
        raise UserError(f"{chosen.name}: has no two-tower member to tune; name a recipe with [member.two-tower]")
    with console.progress_bars() as progress:
        found, trials = run(
            opened, chosen, load_split(opened, split), minutes=minutes, seed=seed, device=device, progress=progress
        )
    path = output or opened.root / f"{found.name}.toml"
    write_recipe(path, found)
    if json:
        console.print_json([{**trial.settings, "ndcg": trial.ndcg, "seconds": trial.seconds} for trial in trials])
    else:
        best = sorted(trials, key=lambda trial: -trial.ndcg)[:10]
        heads = ["nDCG@20", *trials[0].settings]
        rows = [
            [f"{trial.ndcg:.4f}", *("adapted" if value is None else str(value) for value in trial.settings.values())]
            for trial in best
        ]
        console.out.print(console.table(f"Validation tracks, best of {len(trials)} trials", heads, rows))
    console.say(f"wrote {path}; to train it, run `unheard train -w {quoted(workspace)} {quoted(path)}`")


def export_model(
    workspace: WorkspaceOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="An .onnx file.")] = Path("model.onnx"),
    split: SplitOption = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="A trained model. Default: blend if trained, else another.", show_default=False),
    ] = None,
) -> None:
    """Write a trained model as ONNX: features or patches of a track in; factors and an embedding out.

    Inputs, shapes and units are in docs/how-to/onnx.md and in the file's metadata. Needs the extra `onnx`.
    """
    from unheard.onnx_export.write_onnx import export_model as export
    from unheard.recommend.models import DEFAULT_MODELS, split_for_use, trained_models

    opened = Workspace.open(workspace)
    under = split or split_for_use(opened)
    trained = trained_models(opened, under)
    name = model or next((one for one in (*DEFAULT_MODELS, *trained) if one in trained), DEFAULT_MODELS[0])
    graph = export(opened, under, name, output)
    described = ", ".join(f"{one.name} (n, {', '.join(map(str, one.shape))}) {one.dtype}" for one in graph.inputs)
    console.say(f"{output}: {name}, split {under}; inputs {described}; factors of dimension {graph.dim}")
