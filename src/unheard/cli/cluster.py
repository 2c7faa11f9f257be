"""The commands `unheard cluster`: costly stages on a Spark cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unheard.cli import console
from unheard.cli.console import SplitOption, WorkspaceOption
from unheard.cli.features import default_kinds, show_features
from unheard.cli.library import paths_or_urls, show_scan
from unheard.cli.recommend import ModelOption
from unheard.cli.training import (
    AlphaOption,
    DimOption,
    EverySplitOption,
    FactorSeedOption,
    IterationsOption,
    PenaltyOption,
    Trained,
    WeightedFlag,
    add_own_plays,
    finish_training,
)
from unheard.errors import UserError, quoted
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

cluster = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Master = Annotated[
    str, typer.Option("--master", help="Address of the cluster: spark://HOST:PORT, yarn, k8s://..., local[N].")
]
Conf = Annotated[list[str] | None, typer.Option("--conf", metavar="KEY=VALUE", help="A setting of Spark (repeatable).")]


@cluster.command()
def scan(
    workspace: WorkspaceOption,
    sources: Annotated[
        list[str], typer.Argument(help="What `unheard scan` takes, under paths or URLs that every machine can read.")
    ],
    master: Master,
    conf: Conf = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", help="Skip files and folders of this name, path or glob (repeatable)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Analyse all files again, also those that failed.")] = False,
) -> None:
    """Read tags and audio on the cluster, and store what `unheard scan` stores."""
    from unheard.cluster.scan import scan_on_cluster

    opened = Workspace.open(workspace)
    with _session(master, conf) as spark, console.progress_bars() as progress:
        report = scan_on_cluster(
            spark,
            opened,
            paths_or_urls(sources),
            exclude=exclude or [],
            force=force,
            progress=progress,
            remark=console.say,
        )
    show_scan(report, workspace)


@cluster.command()
def features(
    workspace: WorkspaceOption,
    master: Master,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="As of `unheard features` (repeatable), which lists them.", show_default=False),
    ] = None,
    conf: Conf = None,
    force: Annotated[bool, typer.Option("--force", help="Extract again, even if up to date.")] = False,
) -> None:
    """Extract features from audio files, and store what `unheard features` stores."""
    from unheard.cluster.features import features_on_cluster

    opened = Workspace.open(workspace)
    kinds = kind or default_kinds(opened)
    with _session(master, conf) as spark, console.progress_bars() as progress:
        reports = features_on_cluster(spark, opened, kinds, force=force, progress=progress)
    show_features(reports)


@cluster.command()
def factors(
    workspace: WorkspaceOption,
    master: Master,
    split: EverySplitOption = None,
    conf: Conf = None,
    dim: DimOption = 200,
    alpha: AlphaOption = 20.0,
    regularization: PenaltyOption = 0.05,
    iterations: IterationsOption = 20,
    seed: FactorSeedOption = 0,
    weighted: WeightedFlag = False,
) -> None:
    """Fit latent factors by Spark MLlib, with the options of `unheard factors`."""
    from unheard.cluster.factors import factors_on_cluster
    from unheard.factors.als import AlsConfig

    config = AlsConfig(dim, alpha, regularization, iterations, seed, binary=not weighted)
    opened = Workspace.open(workspace)
    add_own_plays(opened)
    with _session(master, conf) as spark, console.progress_bars() as progress:
        lines = factors_on_cluster(spark, opened, split, config, progress=progress)
    for line in lines:
        console.say(line)


@cluster.command()
def train(
    workspace: WorkspaceOption,
    recipe: Annotated[str, typer.Argument(help="The recipe of a network: a name, or a TOML file.")],
    master: Master,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share each batch, a core each.")] = 2,
    split: SplitOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and batches.")] = 0,
    conf: Conf = None,
) -> None:
    """Train a network in several processes that share each batch, and predict all tracks with it.

    A training that was interrupted, or that lost a machine, continues from its last checkpoint.
    """
    from unheard.cluster.train import train_on_cluster
    from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
    from unheard.splits import load_split

    opened = Workspace.open(workspace)
    chosen = load_any_recipe(recipe)
    if isinstance(chosen, RankerRecipe):
        raise UserError(
            f"{chosen.name}: not a network; run `unheard train -w {quoted(workspace)} {recipe}` on one machine"
        )
    started, under = time.monotonic(), load_split(opened, split)
    with _session(master, conf) as spark:
        path = train_on_cluster(spark, opened, chosen, under, processes=processes, seed=seed)
    trained = Trained(opened, chosen, under, path, seconds=time.monotonic() - started)
    finish_training(trained, "cluster train", seed, targets="warm", device="cpu", processes=processes)


@cluster.command()
def embed(
    workspace: WorkspaceOption,
    master: Master,
    model: Annotated[str, typer.Option("--model", help="A trained model.")],
    split: SplitOption = None,
    conf: Conf = None,
) -> None:
    """Encode all tracks with a trained model, and store the predictions that lists are made from."""
    from unheard.cluster.embed import embed_on_cluster
    from unheard.recommend.models import split_for_use, without_part

    opened = Workspace.open(workspace)
    under = split or split_for_use(opened)
    name = without_part(model)
    with _session(master, conf) as spark:
        n = embed_on_cluster(spark, opened, under, name)
    console.say(f"{name}, split {under}: " + (f"encoded {n} tracks" if n else "nothing has changed"))


@cluster.command()
def recommend(
    workspace: WorkspaceOption,
    master: Master,
    out: Annotated[Path, typer.Option("--out", help="A folder of Parquet files to write: lists.parquet.")],
    model: ModelOption = None,
    split: SplitOption = None,
    conf: Conf = None,
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="Tracks per playlist.")] = 100,
    max_per_artist: Annotated[
        int, typer.Option(min=0, help="At most so many tracks of an artist and an album, each song once; 0: no cap.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random ties.")] = 0,
) -> None:
    """Write the best cold tracks of every playlist: Parquet (playlist_id, rank, track_id, score)."""
    from unheard.cluster.recommend import lists_on_cluster

    opened = Workspace.open(workspace)
    if out.suffix != ".parquet":
        raise UserError(f"--out {out}: lists are written as a folder of Parquet files; use --out lists.parquet")
    with _session(master, conf) as spark:
        rows = lists_on_cluster(spark, opened, split, model, out, k=k, seed=seed, cap=max_per_artist or None)
    console.say(f"{out}: {rows} rows")


@contextmanager
def _session(master: str, conf: list[str] | None) -> Iterator[SparkSession]:
    from unheard.cluster.spark import spark_session

    pairs = [setting.partition("=") for setting in conf or []]
    for name, equals, value in pairs:
        if not (name.startswith("spark.") and equals and value):
            raise UserError(f"--conf {name}{equals}{value}: expected a setting such as spark.executor.memory=4g")
    with spark_session(master, {name: value for name, _, value in pairs}) as spark:
        yield spark
