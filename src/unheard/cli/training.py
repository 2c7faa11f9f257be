"""Verbs that learn: factors, train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, SplitOption, WorkspaceOption
from unheard.errors import UserError
from unheard.workspace import Workspace


def factors(
    workspace: WorkspaceOption,
    split: Annotated[
        str | None, typer.Option("--split", help="Only this split. Default: every split.", show_default=False)
    ] = None,
    dim: Annotated[int, typer.Option(min=1, help="Latent factors per track.")] = 200,
    alpha: Annotated[float, typer.Option(min=0, help="Confidence of a play: c = 1 + alpha r.")] = 20.0,
    regularization: Annotated[float, typer.Option(min=0, help="L2 penalty on the factors.")] = 0.05,
    iterations: Annotated[int, typer.Option(min=1, help="ALS sweeps.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the starting factors.")] = 0,
    weighted: Annotated[
        bool, typer.Option("--weighted", help="Use play counts as r; default is binary (r = 1).")
    ] = False,
    imported: Annotated[
        Path | None,
        typer.Option("--import", help="Your own track factors: parquet (track_id, vector).", show_default=False),
    ] = None,
    imported_playlists: Annotated[
        Path | None,
        typer.Option(
            "--import-playlists",
            help="Your own playlist or listener factors: parquet (playlist_id, vector). Default: folded in.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Learn latent factors from plays (implicit ALS), or import yours. Test tracks never take part."""
    from unheard.factors.als import AlsConfig
    from unheard.factors.stage import compute_factors

    if imported_playlists is not None and imported is None:
        raise UserError("--import-playlists needs the track factors of the same space; add --import TRACKS.parquet")
    config = AlsConfig(
        dim=dim,
        alpha=alpha,
        regularization=regularization,
        iterations=iterations,
        seed=seed,
        binary=not weighted,
    )
    with console.progress_bars() as progress:
        messages = compute_factors(
            Workspace.open(workspace),
            split,
            config,
            imported=imported,
            imported_playlists=imported_playlists,
            progress=progress,
        )
    for message in messages:
        console.say(message)


def train(
    workspace: WorkspaceOption,
    recipe: Annotated[
        str | None,
        typer.Argument(help="A recipe's name or a TOML file. Default: the default model.", show_default=False),
    ] = None,
    split: SplitOption = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of weights and batches; others than 0 are kept as NAME@SEED.")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    max_minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after this time and keep the best weights.", show_default=False)
    ] = None,
    targets: Annotated[
        Literal["warm", "full"],
        typer.Option(help="warm: factors of train plays. full: of all plays, a leak kept for thesis parity."),
    ] = "warm",
    force: Annotated[bool, typer.Option("--force", help="Train again although nothing changed.")] = False,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes and stop.")] = False,
) -> None:
    """Train a model to predict factors from sound. A killed training goes on where it was, bit for bit."""
    from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
    from unheard.models.recipe import recipe_names
    from unheard.recommend.calibrate import calibrate
    from unheard.splits import load_split
    from unheard.training.train import DEFAULT_RECIPE
    from unheard.training.train import train as train_recipe

    if list_recipes:
        rows = [[name, load_any_recipe(name).about] for name in recipe_names()]
        console.out.print(console.table("Recipes", ["name", "what"], rows))
        return
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
        if isinstance(chosen, RankerRecipe):
            try:
                calibrate(opened, under.name, checkpoint.parent.name, progress=progress)
            except UserError as error:
                console.say(f"lists of heard and unheard tracks together are not calibrated: {error}")
    console.say(f"{chosen.name}: {checkpoint}")


def tune(
    workspace: WorkspaceOption,
    recipe: Annotated[
        str | None,
        typer.Argument(help="A recipe with two towers. Default: the default model.", show_default=False),
    ] = None,
    split: SplitOption = None,
    minutes: Annotated[float, typer.Option(min=0, help="Stop after this time; at least the recipe is tried.")] = 10.0,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Where the recipe goes. Default: W/<name>-tuned.toml.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search and of the fits.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    json: JsonFlag = False,
) -> None:
    """Search the default model's few settings on validation tracks; test tracks take no part."""
    from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
    from unheard.splits import load_split
    from unheard.training.train import DEFAULT_RECIPE
    from unheard.training.tune import tune as run
    from unheard.training.tune import write_recipe

    opened = Workspace.open(workspace)
    chosen = load_any_recipe(recipe or DEFAULT_RECIPE)
    if not isinstance(chosen, RankerRecipe):
        raise UserError(f"{chosen.name}: there are no two towers to tune; name a recipe with [member.two-tower]")
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
        rows = [[f"{trial.ndcg:.4f}", *map(str, trial.settings.values())] for trial in best]
        console.out.print(console.table(f"Validation tracks, best of {len(trials)} trials", heads, rows))
    console.say(f"{path}: train it with `unheard train -w {workspace} {path}`")
