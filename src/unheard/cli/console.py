"""What every command shares: results to stdout, everything else to stderr, progress with time left, one-line errors."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from unheard.errors import UnheardError
from unheard.progress import Progress

UNSEEN_WIDTH = 200  # a pipe or a file has no window to fit into, and a cell that is cut off there is lost
_bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
out = Console(soft_wrap=False, highlight=False, width=None if _bounded else UNSEEN_WIDTH)
err = Console(stderr=True, highlight=False)

JSON_EVERY_S = 0.3

WorkspaceOption = Annotated[
    Path,
    typer.Option("-w", "--workspace", envvar="UNHEARD_WORKSPACE", help="The workspace folder.", show_default=False),
]
SplitOption = Annotated[
    str | None,
    typer.Option("--split", help="Which split. Default: live if there, else artists, else tracks.", show_default=False),
]
EvaluationSplitOption = Annotated[
    str | None,
    typer.Option("--split", help="Which split. Default: artists if there, else tracks.", show_default=False),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def say(message: str) -> None:
    """A line for people, on stderr, shown as it is."""
    err.print(message, markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """JSON on stdout, for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def fail(error: UnheardError) -> NoReturn:
    """One line on stderr and the error's exit code."""
    err.print(f"[bold red]error:[/] {escape(' '.join(str(error).splitlines()))}", soft_wrap=True)
    raise SystemExit(error.exit_code)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """A `Progress` that draws one bar with time left for each step it hears of, or writes JSON if it was asked to."""
    if os.environ.get("UNHEARD_PROGRESS") == "json":
        yield _json_lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=err) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(escape(what), total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


def _json_lines() -> Progress:
    """A `Progress` for programs: {"progress": what, "done": 3, "total": 10} on stderr, a few times a second."""
    last: tuple[str, float] = ("", 0.0)

    def report(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if what != last[0] or done >= total or now - last[1] >= JSON_EVERY_S:
            last = (what, now)
            sys.stderr.write(json.dumps({"progress": what, "done": done, "total": total}) + "\n")
            sys.stderr.flush()

    return report


def table(title: str, columns: list[str], rows: list[list[Any]], *, right: frozenset[int] = frozenset()) -> Table:
    """A plain table; `right` numbers the right-aligned columns. Cells are shown as they are, not as markup."""
    drawn = Table(title=escape(title), title_justify="left", title_style="bold", header_style="bold cyan", box=None)
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    return drawn
