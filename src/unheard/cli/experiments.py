"""The verb group `experiment`: many trainings that answer one question, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, SplitOption, WorkspaceOption
from unheard.errors import UserError
from unheard.evaluate.table import Table, table_markdown
from unheard.workspace import Workspace

experiment = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

MaybeWorkspace = Annotated[
    Path | None,
    typer.Option("-w", "--workspace", envvar="UNHEARD_WORKSPACE", help="The workspace folder.", show_default=False),
]
MarkdownOption = Annotated[
    Path | None, typer.Option("--markdown", help="Write the tables as Markdown.", show_default=False)
]
Models = Annotated[str, typer.Option(help="Trained models or baselines, with commas between them.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of weights, batches, random ties and the bootstrap.")]


@experiment.command()
def thesis(
    workspace: MaybeWorkspace = None,
    split: SplitOption = None,
    rows: Annotated[str, typer.Option(help="Which of the 22 rows, such as 1-4,11.")] = "1-22",
    fraction: Annotated[
        float | None,
        typer.Option(help="Share of the train patches. Default: 0.1, as published.", show_default=False),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of most rows. Default: 5, as published.", show_default=False)
    ] = None,
    seed: SeedOption = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    published: Annotated[bool, typer.Option("--published", help="Set the thesis' own figures beside ours.")] = False,
    list_rows: Annotated[bool, typer.Option("--list", help="List the rows and their weights, train nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    markdown: MarkdownOption = None,
) -> None:
    """Train and measure every model of the thesis. What is trained already stays; a killed run goes on."""
    from unheard.experiments.thesis.rows import listing, parse_rows

    chosen = parse_rows(rows)
    if list_rows:
        entries = listing(chosen)
        if json:
            console.print_json(entries)
            return
        cells = [[f"{value:,}" if isinstance(value, int) else str(value) for value in e.values()] for e in entries]
        drawn = console.table("Rows", ["row", "name", "weights", "published"], cells, right=frozenset({0, 2, 3}))
        console.out.print(drawn)
        return
    from unheard.experiments.thesis.run import Settings, run_thesis
    from unheard.experiments.thesis.tables import about_text, thesis_tables
    from unheard.experiments.thesis.tables import markdown as as_markdown

    if fraction is not None and not 0 < fraction <= 1:
        raise UserError(f"--fraction: expected a number above 0, at most 1, found {fraction}")
    opened = _open(workspace)
    settings = Settings(chosen, fraction, epochs, seed, device)
    with console.progress_bars() as progress:
        findings = run_thesis(opened, split, settings, progress=progress)
    if json:
        console.print_json(findings.as_json())
    else:
        _show(thesis_tables(findings, published=published))
        console.say(about_text(findings))
    if markdown is not None:
        _write(markdown, as_markdown(findings, published=published))


@experiment.command()
def leak(
    workspace: WorkspaceOption, split: SplitOption = None, seed: SeedOption = 0, markdown: MarkdownOption = None
) -> None:
    """Show how much of the thesis' best result a leak can explain (train rows 21 and 22 first)."""
    from unheard.experiments.thesis.leak import about_text, leak_table, run_leak

    with console.progress_bars() as progress:
        findings = run_leak(Workspace.open(workspace), split, seed=seed, progress=progress)
    _finish("The leak", [leak_table(findings)], about_text(findings), markdown)


@experiment.command(name="bag-of-tones")
def bag_of_tones(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    tones: Annotated[int, typer.Option(min=2, help="Size of the codebook.")] = 4000,
    seed: SeedOption = 0,
    markdown: MarkdownOption = None,
) -> None:
    """Bag of tones with linear, ridge, lasso and tree regression, and the elbow that chooses the codebook's size."""
    from unheard.experiments.thesis.bag_of_tones import about_text, elbow_table, regression_table, run_bag_of_tones

    with console.progress_bars() as progress:
        findings = run_bag_of_tones(Workspace.open(workspace), split, tones=tones, seed=seed, progress=progress)
    _finish("Bag of tones", [regression_table(findings), elbow_table(findings)], about_text(findings), markdown)


@experiment.command()
def background(
    workspace: WorkspaceOption, split: SplitOption = None, seed: SeedOption = 0, markdown: MarkdownOption = None
) -> None:
    """Nearest neighbours, factorisations and hybrids, on hidden plays of known tracks and on new tracks."""
    from unheard.experiments.classical_recommenders import about_text, background_tables, run_background

    with console.progress_bars() as progress:
        findings = run_background(Workspace.open(workspace), split, seed=seed, progress=progress)
    _finish("Background systems", background_tables(findings), about_text(findings), markdown)


@experiment.command()
def evidence(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    models: Models = "ridge",
    seed: SeedOption = 0,
    json: JsonFlag = False,
    markdown: MarkdownOption = None,
) -> None:
    """Quality against the number of plays: sound alone, plays alone, and both."""
    from unheard.experiments.cold_to_warm import TITLE, about_text, evidence_tables, run_evidence

    with console.progress_bars() as progress:
        findings = run_evidence(Workspace.open(workspace), split, models=_names(models), seed=seed, progress=progress)
    if json:
        console.print_json(findings)
        return
    _finish(TITLE, evidence_tables(findings), about_text(findings), markdown)


@experiment.command()
def fairness(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    models: Annotated[
        str | None,
        typer.Option(
            help="With commas between them. Default: all baselines and all trained models.", show_default=False
        ),
    ] = None,
    seed: SeedOption = 0,
    json: JsonFlag = False,
    markdown: MarkdownOption = None,
) -> None:
    """Who gets shown: quality and exposure by artist size and genre."""
    from unheard.experiments.fairness import TITLE, about_text, fairness_tables, run_fairness

    with console.progress_bars() as progress:
        names = None if models is None else _names(models)
        findings = run_fairness(Workspace.open(workspace), split, models=names, seed=seed, progress=progress)
    if json:
        console.print_json(findings)
        return
    _finish(TITLE, fairness_tables(findings), about_text(findings), markdown)


@experiment.command()
def rivals(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    models: Annotated[
        str, typer.Option(help="Recipes, trained with every seed, and baselines; with commas between them.")
    ] = "artist-mean,content-neighbours,ridge,ridge-all,kernel-ridge,reduced-rank,artist-shrinkage,deepmusic,"
    "dropoutnet,clcrec,gar,content-user",
    default: Annotated[str, typer.Option(help="The model that is compared with each of them.")] = "blend",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each recipe.")] = 3,
    rotations: Annotated[
        int, typer.Option(min=1, max=5, help="5 tests every fold in turn, 1 the split's own test folds.")
    ] = 5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    json: JsonFlag = False,
    markdown: MarkdownOption = None,
) -> None:
    """The default model against its rivals, every fold tested in turn, playlists and artists resampled."""
    from unheard.experiments.rivals import TITLE, Settings, about_text, rivals_tables, run_rivals

    settings = Settings(tuple(_names(models)), default, seeds, rotations, device)
    with console.progress_bars() as progress:
        findings = run_rivals(Workspace.open(workspace), split, settings, progress=progress)
    if json:
        console.print_json(findings)
        return
    _finish(TITLE, rivals_tables(findings), about_text(findings), markdown)


@experiment.command()
def ablation(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    model: Annotated[str, typer.Option(help="A trained blend.")] = "blend",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of it to average over.")] = 3,
    json: JsonFlag = False,
    markdown: MarkdownOption = None,
) -> None:
    """What each part of a blend adds: the blend without it, its other weights learned again."""
    from unheard.experiments.ablation import TITLE, ablation_tables, about_text, run_ablation

    with console.progress_bars() as progress:
        findings = run_ablation(Workspace.open(workspace), split, model, seeds=seeds, progress=progress)
    if json:
        console.print_json(findings)
        return
    _finish(TITLE, ablation_tables(findings), about_text(findings), markdown)


@experiment.command()
def calibration(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    models: Models = "ridge",
    seed: SeedOption = 0,
    json: JsonFlag = False,
    markdown: MarkdownOption = None,
) -> None:
    """Warm and cold tracks in one list: do cold ones get the places they deserve?"""
    from unheard.experiments.calibration import TITLE, about_text, calibration_table, run_calibration

    with console.progress_bars() as progress:
        findings = run_calibration(
            Workspace.open(workspace), split, models=_names(models), seed=seed, progress=progress
        )
    if json:
        console.print_json(findings)
        return
    _finish(TITLE, [calibration_table(findings)], about_text(findings), markdown)


def _names(models: str) -> list[str]:
    names = [name.strip() for name in models.split(",") if name.strip()]
    if not names:
        raise UserError("--models: expected names with commas between them, such as ridge,triplet")
    return names


def _open(workspace: Path | None) -> Workspace:
    if workspace is None:
        raise UserError("-w: expected the workspace folder; give -w W, or set UNHEARD_WORKSPACE")
    return Workspace.open(workspace)


def _finish(title: str, tables: list[Table], about: str, markdown: Path | None) -> None:
    """Print tables with what they say, and write them if asked to."""
    _show(tables)
    console.say(about)
    if markdown is not None:
        _write(markdown, "\n".join([f"# {title}\n", f"{about}\n", *map(table_markdown, tables)]))


def _show(tables: list[Table]) -> None:
    for drawn in tables:
        right = frozenset(range(1, len(drawn.columns)))
        console.out.print(console.table(drawn.title, drawn.columns, drawn.rows, right=right))
        console.out.print()


def _write(path: Path, text: str) -> None:
    from unheard.artefacts import write_text

    write_text(path, text)
    console.say(f"{path} is written")
