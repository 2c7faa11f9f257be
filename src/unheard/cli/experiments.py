"""The commands of `unheard experiment`, one for each experiment, built from its options class.

Experiments are imported when the group is used, so that other commands start without them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import Field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperGroup

from unheard.cli import console
from unheard.cli.console import EvaluationSplitOption
from unheard.errors import UserError
from unheard.workspace import Workspace

Text = str | None
MaybeWorkspace = Annotated[
    Path | None,
    typer.Option("-w", "--workspace", envvar="UNHEARD_WORKSPACE", help="The workspace folder.", show_default=False),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
PlanFlag = Annotated[bool, typer.Option("--list", help="List the trainings and stop.")]
MarkdownOption = Annotated[
    Path | None, typer.Option("--markdown", help="Write the tables as Markdown.", show_default=False)
]


@cache
def _commands() -> dict[str, Any]:
    """Return the click command of every experiment, by name."""
    from unheard.experiments.available import EXPERIMENTS

    built = typer.Typer(rich_markup_mode=None, add_completion=False)
    built.callback()(lambda: None)
    for entry in EXPERIMENTS:
        built.command(entry.name, help=entry.help)(_command(entry))
    return dict(typer.main.get_group(built).commands)


class Experiments(TyperGroup):
    """A group whose commands are those of the experiments."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_commands())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        return _commands().get(cmd_name)


experiment = typer.Typer(cls=Experiments, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def _list_experiments(wanted: bool) -> None:
    if wanted:
        for name, command in _commands().items():
            console.out.print(f"{name:24}{command.help}", markup=False)
        raise typer.Exit


@experiment.callback()
def _options(
    listed: Annotated[
        bool, typer.Option("--list", callback=_list_experiments, is_eager=True, help="List the experiments.")
    ] = False,
) -> None:
    """Run an experiment: trainings and measurements that answer one question."""


def _command(entry: Any) -> Callable[..., None]:
    """Return the function of an experiment's command, with a signature that typer reads."""

    def run(**given: Any) -> None:
        _run(entry, **given)

    parameters = [_parameter("workspace", MaybeWorkspace, None), _parameter("split", EvaluationSplitOption, None)]
    parameters += _own_parameters(entry.options)
    if entry.plan is not None:
        parameters.append(_parameter("plan", PlanFlag, False))
    parameters += [_parameter("json", JsonFlag, False), _parameter("markdown", MarkdownOption, None)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _own_parameters(options: type[Any]) -> Iterator[inspect.Parameter]:
    """Yield a parameter for each documented field; a tuple of names is text with commas."""
    from unheard.experiments.experiment import documented

    for field, kind, option in documented(options):
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        settings: dict[str, Any] = {"help": option.help, "show_default": default is not None}
        if option.above is None:  # an exclusive bound is checked with the options
            settings |= {"min": option.minimum, "max": option.maximum}
        if isinstance(default, bool):
            annotation: Any = Annotated[bool, typer.Option(_flag(field), help=option.help)]
        else:
            annotation = Annotated[_text_of(kind), typer.Option(_flag(field), **settings)]
        yield _parameter(field.name, annotation, default)


def _flag(field: Field[Any]) -> str:
    return "--" + field.name.replace("_", "-")


def _text_of(kind: Any) -> Any:
    """Return the type of the command line's value: text for a tuple of names, else the field's own."""
    return Text if _is_names(kind) else kind


def _is_names(kind: Any) -> bool:
    return kind == tuple[str, ...] or tuple[str, ...] in get_args(kind)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _run(
    entry: Any,
    *,
    workspace: Path | None,
    split: str | None,
    json: bool,
    markdown: Path | None,
    plan: bool = False,
    **given: Any,
) -> None:
    from unheard.experiments.experiment import check, documented, run_experiment

    for field, kind, _ in documented(entry.options):
        if _is_names(kind) and given[field.name] is not None:
            given[field.name] = _names(_flag(field), given[field.name])
    options = entry.options(**given)
    check(options)
    if plan:
        _show_plan(entry.plan(options), json=json)
        return
    if workspace is None:
        raise UserError("-w: expected the workspace folder; add -w W, or set UNHEARD_WORKSPACE")
    opened = Workspace.open(workspace)
    with console.progress_bars() as progress:
        findings = run_experiment(entry, opened, split, options, progress=progress)
    if json:
        console.print_json(findings)
    else:
        _show(entry, findings)
    if markdown is not None:
        _write(entry, findings, markdown)


def _names(option: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UserError(f"{option} {text!r}: expected names separated by commas, such as ridge,triplet")
    return names


def _show_plan(entries: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        console.print_json(entries)
        return
    cells = [[f"{value:,}" if isinstance(value, int) else str(value) for value in e.values()] for e in entries]
    heads = [head.replace("_", " ") for head in entries[0]]
    numbers = frozenset(n for n, value in enumerate(entries[0].values()) if isinstance(value, int))
    console.out.print(console.table("Rows", heads, cells, right=numbers))


def _show(entry: Any, findings: dict[str, Any]) -> None:
    """Print tables on stdout and the summary on stderr."""
    for drawn in entry.tables(findings):
        right = frozenset(range(1, len(drawn.columns)))
        console.out.print(console.table(drawn.title, drawn.columns, drawn.rows, right=right))
        console.out.print()
    console.say(entry.summary(findings))


def _write(entry: Any, findings: dict[str, Any], path: Path) -> None:
    from unheard.atomic_files import write_text
    from unheard.evaluate.result_tables import table_markdown

    tables = [table_markdown(table) for table in entry.tables(findings)]
    write_text(path, "\n".join([f"# {entry.title}\n", f"{entry.summary(findings)}\n", *tables]))
    console.say(f"wrote {path}")
