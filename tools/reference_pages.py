"""Write the pages of docs/reference that are made from the program itself: commands, Python, HTTP, files.

    python tools/reference_pages.py

A test compares the pages with what this makes, so no command is missing and no default is out of date.
tools/recipe_reference.py makes the page of recipes.
"""

from __future__ import annotations

import html
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from typer.main import get_command

import unheard
from unheard import estimators
from unheard.cli.app import app
from unheard.serve import api
from unheard.serve.documentation import Field, Operation, operations

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
MADE = "`python tools/reference_pages.py` makes this page.\n"

# ------------------------------------------------------------------------------------------------------------ commands

COMMANDS = f"""# Commands

`unheard COMMAND --help` prints the same. `-w` may be left out where the variable `UNHEARD_WORKSPACE` is set, or after
`unheard go` has made the workspace in your home.

{MADE}"""


def commands() -> str:
    """Return the page of commands."""
    root: Any = get_command(app)
    context = root.make_context("unheard", [], resilient_parsing=True)
    parts = [COMMANDS]
    for panel, names in root._panels().items():
        parts.append(f"## {panel}\n")
        for name in names:
            command = root.commands[name]
            if hasattr(command, "list_commands"):
                parts.append(f"### {name}\n\n{paragraphs(command.help)}\n")
                inner = command.make_context(name, [], parent=context, resilient_parsing=True)
                parts += [
                    one_command(command.get_command(inner, one), inner, 4) for one in command.list_commands(inner)
                ]
            else:
                parts.append(one_command(command, context, 3))
    return "\n".join(parts)


def one_command(command: Any, parent: Any, level: int) -> str:
    """Return the heading, the usage, the text and the options of one command."""
    context = command.make_context(command.name, [], parent=parent, resilient_parsing=True)
    path = context.command_path.removeprefix("unheard ")
    usage = " ".join(["unheard", path, *command.collect_usage_pieces(context)])
    lines = [f"{'#' * level} {path}", "", "```", usage, "```", "", paragraphs(command.help), ""]
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [(name, about) for name, about in filter(None, records) if not name.startswith("-h, ")]
    if rows:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [*(f"| {code(name)} | {prose(about)} |" for name, about in rows), ""]
    return "\n".join(lines)


# -------------------------------------------------------------------------------------------------------------- Python

PYTHON = f"""# Python

The public API, from its docstrings. [From Python](../python.md) is a tutorial.

{MADE}"""


def python() -> str:
    """Return the page of the Python API: what `unheard` exports, and the estimators."""
    parts = [PYTHON, one_object("unheard.open", unheard.open, 2)]
    classes = ("Session", "ListOptions", "Filters", "Recommendation")
    parts += [one_class(f"unheard.{name}", getattr(unheard, name)) for name in classes]
    parts.append("## Errors\n\nEvery message is one line: what, where, what was expected, what to do.\n")
    exported = [getattr(unheard, name) for name in unheard.__all__]
    errors = [one for one in exported if isinstance(one, type) and issubclass(one, Exception)]
    for error in sorted(errors, key=lambda one: len(one.__mro__)):
        parts += [f"- `{error.__name__}`, a kind of `{error.__mro__[1].__name__}`. {prose(error.__doc__ or '')}"]
    parts.append("\n## Estimators\n\n" + paragraphs(estimators.__doc__) + "\n")
    for name, value in vars(estimators).items():
        if isinstance(value, type) and value.__module__ == estimators.__name__ and not name.startswith("_"):
            parts.append(one_object(f"unheard.estimators.{name}", value, 3))
    return "\n".join(parts)


def one_class(name: str, kind: type[Any]) -> str:
    """Return the heading, the text and the public members of a class, in the order of the file."""
    parts = [one_object(name, kind, 2)]
    for member, value in vars(kind).items():
        if member.startswith("_") or not (inspect.isfunction(value) or isinstance(value, property | cached_property)):
            continue
        parts.append(one_object(member, value, 3))
    return "\n".join(parts)


def one_object(name: str, value: Any, level: int) -> str:
    """Return the heading, the signature and the text of a function, a property or a class."""
    lines = [f"{'#' * level} {name}", ""]
    if not isinstance(value, property | cached_property):
        lines += ["```python", *textwrap.wrap(f"{name}{signature(value)}", 100, subsequent_indent="    "), "```", ""]
    return "\n".join([*lines, paragraphs(inspect.getdoc(value)), ""])


def signature(value: Any) -> str:
    """Return the parameters of a function or class, with defaults as a person would write them."""
    found = inspect.signature(value)
    parts: list[str] = []
    for name, one in found.parameters.items():
        if name == "self":
            continue
        if one.kind is one.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        star = "**" if one.kind is one.VAR_KEYWORD else ""
        default = one.default
        given = (
            f"{type(default).__name__}()" if is_dataclass(default) else "..." if callable(default) else repr(default)
        )
        parts.append(f"{star}{name}: {one.annotation}" + ("" if default is one.empty else f" = {given}"))
    returned = found.return_annotation
    arrow = "" if returned is found.empty or isinstance(value, type) else f" -> {returned}"
    return f"({', '.join(parts)}){arrow}"


# ---------------------------------------------------------------------------------------------------------------- HTTP

HTTP = f"""# HTTP

Every route of `unheard serve` below `/api`. A running server has the same at `/docs`, and as an OpenAPI document at
`/openapi.json`. [Over HTTP](../api.md) explains tokens, errors and the usual requests with examples.

{MADE}"""


def http() -> str:
    """Return the page of HTTP routes."""
    routes = FastAPI()
    api.add_routes(routes)
    parts = [HTTP]
    for tag, found in operations(routes.openapi()).items():
        parts.append(f"## {tag.capitalize()}\n")
        parts += [one_route(operation) for operation in found]
    return "\n".join(parts)


def one_route(operation: Operation) -> str:
    """Return the heading, the text and the tables of one route."""
    end = "" if operation.summary.endswith((".", "?")) else "."
    lines = [f"### {operation.method} `{operation.path}`", "", operation.summary + end, ""]
    if operation.description:
        lines += [prose(operation.description), ""]
    lines += fields_of("parameter", operation.parameters)
    lines += fields_of(f"body ({operation.body_type})", operation.body)
    lines += fields_of(f"response ({operation.response_type})", operation.response)
    return "\n".join(lines)


def fields_of(title: str, fields: list[Field]) -> list[str]:
    """Return the lines of a table of fields; none without fields."""
    if not fields:
        return []
    rows = [f"| `{field.name}` | {prose(field.type)} | {prose(field.meaning)} |" for field in fields]
    return [f"| {title} | type | meaning |", "|---|---|---|", *rows, ""]


# --------------------------------------------------------------------------------------------------------------- files

FILES = f"""# Files

What a workspace holds, and how it is stored. All of it can be read without unheard: SQLite, Parquet,
safetensors, NumPy and JSON; there is no pickle.

{MADE}"""
MODULES: Mapping[str, str] = {
    "The workspace": "unheard.workspace",
    "Artefacts": "unheard.artefacts",
    "The library": "unheard.library",
    "Plays": "unheard.plays.storage",
    "Mel spectrograms": "unheard.spectrograms.shards",
    "Features": "unheard.features.store",
    "Splits": "unheard.splits.exchange",
    "Factors": "unheard.factors.store",
    "Indexes": "unheard.index.stored_index",
    "Saved playlists": "unheard.saved_playlists",
    "Thumbs": "unheard.thumbs",
    "Stars and ratings": "unheard.ratings",
    "What was played": "unheard.play_history",
    "Runs": "unheard.run_records",
}


def files() -> str:
    """Return the page of files: the docstrings of the modules that read and write them."""
    parts = [FILES]
    for title, module in MODULES.items():
        parts.append(f"## {title}\n\n{paragraphs(import_module(module).__doc__)}\n")
    return "\n".join(parts)


# --------------------------------------------------------------------------------------------------------------- words


def paragraphs(text: str | None) -> str:
    """Return a docstring as Markdown: paragraphs with an indented line become code."""
    parts = re.split(r"\n\s*\n", inspect.cleandoc(text or "").replace("\b\n", ""))
    return "\n\n".join(paragraph(part) for part in parts)


DEFINITION = re.compile(r"(\w[\w.]*(?:, \w[\w.]*)*)\s{2,}(\S.*)")


def paragraph(text: str) -> str:
    """Return one paragraph of a docstring; lines `name  meaning` become a list, a part with indented lines code."""
    lines = text.splitlines()
    if all(DEFINITION.fullmatch(line) or (line.startswith("  ") and number) for number, line in enumerate(lines)):
        joined = re.sub(r"\n\s+", " ", text).splitlines()
        found = [match for line in joined if (match := DEFINITION.fullmatch(line))]
        return "\n".join(f"- `{match[1]}`: {match[2]}" for match in found)
    return f"```\n{textwrap.dedent(text)}\n```" if any(line.startswith("  ") for line in lines) else text


def prose(text: str) -> str:
    """Return a text on one line, as it may stand in a cell; what is between backticks is code."""
    parts = " ".join(text.split()).split("`")
    escaped = [
        code(part) if i % 2 else re.sub(r"([*_|])", r"\\\1", part.replace("<", "&lt;")) for i, part in enumerate(parts)
    ]
    return "".join(escaped)


def code(text: str) -> str:
    """Return code as it may stand in a cell: readers of Markdown disagree about bars in it, but not about HTML."""
    text = " ".join(text.split())
    if "|" not in text:
        return f"`{text}`"
    return f"<code>{html.escape(text, quote=False).replace('|', '&#124;')}</code>"


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "python.md": python,
    "http.md": http,
    "files.md": files,
}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8", newline="\n")
