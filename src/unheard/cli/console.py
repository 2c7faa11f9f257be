"""Print for all commands: results on stdout; messages, errors and progress on stderr. Define shared options."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from unheard.cli.logs import Format, json_line
from unheard.errors import UnheardError
from unheard.progress import Progress
from unheard.time_window import TimeWindow

STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PIPE_WIDTH = 200  # columns of a table in a pipe or a file, so that no cell is cut off
_has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
out = Console(soft_wrap=False, highlight=False, width=None if _has_width else PIPE_WIDTH)
err = Console(stderr=True, highlight=False)

JSON_EVERY_S = 0.3
LINE_EVERY_S = 5.0  # in a log

WorkspaceOption = Annotated[
    Path,
    typer.Option("-w", "--workspace", envvar="UNHEARD_WORKSPACE", help="The workspace folder.", show_default=False),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="Split. Default: live if it exists, else artists, else tracks; to use a model, the one that has a model.",
        show_default=False,
    ),
]
EvaluationSplitOption = Annotated[
    str | None,
    typer.Option("--split", help="Split. Default: artists if it exists, else tracks.", show_default=False),
]
BetweenOption = Annotated[
    str | None,
    typer.Option(
        "--between",
        metavar="HH:MM-HH:MM",
        help="Work between these times alone: stop at the end, and go on in the next run.",
        show_default=False,
    ),
]
CORES = os.cpu_count() or 1
JobsOption = Annotated[
    int, typer.Option("-j", "--jobs", min=1, help="Worker processes.", show_default="one for each core")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


_log_format: Format = "text"


def use_log_format(log_format: Format) -> None:
    """Write messages, errors and progress in this format from now on."""
    global _log_format  # noqa: PLW0603 - of the process, like the consoles above
    _log_format = log_format


def log_format() -> Format:
    """Return the format of messages."""
    return _log_format


def say(message: str) -> None:
    """Print a message on stderr, without markup."""
    if _log_format == "json":
        sys.stderr.write(json_line("info", message) + "\n")
        return
    err.print(shown(message), markup=False, soft_wrap=True)


def shown(text: str) -> str:
    """Return text without characters that steer a terminal, or turn the direction of what follows."""
    return STEERING.sub(" ", text)


def print_json(value: object) -> None:
    """Print a value as JSON on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def print_columns(rows: Iterable[Sequence[object]]) -> None:
    """Print rows on stdout for other programs, one a line, columns separated by tabs."""
    for row in rows:
        cells = ("".join(c if c.isprintable() else " " for c in str(cell)) for cell in row)
        sys.stdout.write("\t".join(cells) + "\n")


def end_of_window(between: str | None) -> Callable[[], bool] | None:
    """Return a function that says whether the window of --between is over; None, with a message, outside of it."""
    if between is None:
        return lambda: False
    window = TimeWindow.parse(between)
    if not window.contains(_now()):
        say(f"it is {_now():%H:%M}, outside of {between}: nothing done")
        return None
    return window.closed(_now)


def _now() -> datetime:
    return datetime.now().astimezone()


def fail(error: UnheardError) -> NoReturn:
    """Print an error as one line on stderr and exit with its code."""
    if _log_format == "json":
        sys.stderr.write(json_line("error", " ".join(str(error).splitlines()), exit_code=error.exit_code) + "\n")
        raise SystemExit(error.exit_code)
    err.print(f"[bold red]error:[/] {escape(shown(' '.join(str(error).splitlines())))}", soft_wrap=True)
    raise SystemExit(error.exit_code)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Yield a `Progress` with one bar per step on stderr.

    Without a terminal that can draw bars it prints a line every LINE_EVERY_S, and JSON if UNHEARD_PROGRESS is "json".
    """
    if os.environ.get("UNHEARD_PROGRESS") == "json" or _log_format == "json":
        yield _json_lines()
        return
    if not err.is_terminal or err.is_dumb_terminal:
        yield _plain_lines()
        return
    from rich import progress as rich_progress  # the help needs no bars

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("left"),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=err) as bars:
        tasks: dict[str, rich_progress.TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(escape(what), total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


def _plain_lines() -> Progress:
    """Return a `Progress` that prints a line every LINE_EVERY_S, and one at the end of a step that has had one."""
    last = time.monotonic()
    with_line: set[str] = set()

    def report(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY_S or (done >= total and what in with_line):
            last = now
            with_line.add(what) if done < total else with_line.discard(what)
            say(f"{what}: {done} of {total}")

    return report


def _json_lines() -> Progress:
    """Return a `Progress` that prints {"progress": step, "done": 3, "total": 10} on stderr, every JSON_EVERY_S."""
    last: tuple[str, float] = ("", 0.0)
    is_log = os.environ.get("UNHEARD_PROGRESS") != "json"  # which the server reads

    def report(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if what != last[0] or done >= total or now - last[1] >= JSON_EVERY_S:
            last = (what, now)
            step: dict[str, Any] = {"progress": what, "done": done, "total": total}
            sys.stderr.write((json_line("info", what, **step) if is_log else json.dumps(step)) + "\n")
            sys.stderr.flush()

    return report


def table(title: str, columns: list[str], rows: list[list[Any]], *, right: frozenset[int] = frozenset()) -> Table:
    """Return a table without borders or markup; `right` holds the numbers of the right-aligned columns."""
    drawn = Table(title=escape(title), title_justify="left", title_style="bold", header_style="bold cyan", box=None)
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(shown(str(cell))) for cell in row))
    return drawn
