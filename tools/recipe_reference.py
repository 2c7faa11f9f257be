"""Write docs/reference/recipes.md from the dataclasses that recipes are read into.

    python tools/recipe_reference.py

A test compares the page with what this makes, so no field is missing and no default is out of date. The meaning of a
field is what the docstring of its dataclass says about it.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from unheard.models.networks import NETWORK_TABLES
from unheard.models.ranker_recipe import Member, RankerRecipe
from unheard.models.rankers.ranker_tables import RANKER_TABLES
from unheard.models.recipe import LOSS_TABLES, Adam, Stage

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "recipes.md"
INTRODUCTION = """# Recipes

A recipe is a TOML file that says what `unheard train` fits: `unheard train -w W my-recipe.toml`. `unheard train --list`
shows those that come with unheard; their files in `src/unheard/models/recipes/` are examples. There are two kinds.

**A blend of rankers** has `[[member]]` tables. Each holds one ranker's table, such as `[member.two-tower]`.

```toml
name = "my-blend"
about = "Two towers and a regression"

[[member]]
artist = true

[member.two-tower]
output = 128

[[member]]

[member.ridge]
```

**A network** has one or two `[[stage]]` tables. Each holds one network's table and one loss's table.

```toml
name = "my-network"
about = "A network on the statistics of a track"

[[stage]]
input = "statistics"

[stage.dense]

[stage.mse]
```

A key that is left out has its default; an unknown key or a value out of range is refused with the place and what was
expected. A default of "required" must be given. A table that is left out has the defaults that are shown with it; in
one that is given, the keys that are missing have the defaults of the table's own section.

`python tools/recipe_reference.py` makes this page.
"""


def reference() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    parts.append(section("A blend", "", RankerRecipe, left_out={"members"}))
    parts.append(section("A member", "[[member]]", Member, left_out={"ranker"}))
    parts.append("## Rankers\n")
    parts += [section(name, f"[member.{name}]", kind, level=3) for name, kind in sorted(RANKER_TABLES.items())]
    shared = {name: kind for ranker in RANKER_TABLES.values() for name, kind in tables_of(ranker).items()}
    parts += [section(name, f"[member.<ranker>.{name}]", kind, level=3) for name, kind in sorted(shared.items())]
    parts.append(section("A stage of a network", "[[stage]]", Stage, left_out={"network", "loss", "adam"}))
    parts.append(section("The optimiser", "[stage.adam]", Adam))
    for title, tables in (("Networks", NETWORK_TABLES), ("Losses", LOSS_TABLES)):
        parts.append(f"## {title}\n")
        parts += [section(name, f"[stage.{name}]", kind, level=3) for name, kind in sorted(tables.items())]
    return "\n".join(parts)


def section(
    title: str, where: str, kind: type[Any], *, level: int = 2, left_out: frozenset[str] | set[str] = frozenset()
) -> str:
    """Return the heading, the first paragraph of the docstring, and a table of the fields of one dataclass."""
    about, meanings = described(kind)
    told = ". ".join(text for text in (f"`{where}`" if where else "Before the tables", about) if text)
    lines = [f"{'#' * level} {title}", "", told if told.endswith(".") else f"{told}.", ""]
    hints = typing.get_type_hints(kind, localns={"NetworkConfig": Any})
    fields = [field for field in dataclasses.fields(kind) if field.name not in left_out]
    if fields:
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for field in fields:
        hint = hints[field.name]
        is_table = dataclasses.is_dataclass(hint)
        named = f"table [{field.name}](#{field.name})" if is_table else spelled(hint)
        lines.append(f"| `{field.name}` | {named} | {default(field)} | {meanings.get(field.name, '')} |")
    return "\n".join([*lines, ""])


def tables_of(kind: type[Any]) -> dict[str, type[Any]]:
    """Return the fields of a dataclass that are tables themselves."""
    return {name: hint for name, hint in typing.get_type_hints(kind).items() if dataclasses.is_dataclass(hint)}  # type: ignore[misc]


def described(kind: type[Any]) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a docstring, and the meaning of each field that has a line `name   meaning`."""
    doc = kind.__doc__ or ""
    text = "" if doc.startswith(f"{kind.__name__}(") else "\n".join(line.strip() for line in doc.splitlines())
    first, _, rest = text.partition("\n\n")
    names = {field.name for field in dataclasses.fields(kind)}
    meanings: dict[str, str] = {}
    current: list[str] = []
    for line in rest.splitlines():
        head, _, meaning = line.partition("  ")
        listed = [name.strip() for name in head.split(",")]
        if meaning and all(name in names for name in listed):
            current = listed
            meanings |= dict.fromkeys(listed, meaning.strip())
        elif not line or not current:
            current = []
        else:
            meanings |= {name: f"{meanings[name]} {line}" for name in current}
    sentences = re.split(r"(?:^|(?<=\. ))(?=\w+(?:, \w+)*: )", re.sub(r"\s+", " ", first).strip())
    told = []
    for sentence in sentences:  # "width, layers: of the hidden layers."
        head, colon, meaning = sentence.partition(": ")
        listed = [name.strip() for name in head.split(",")]
        if colon and all(name in names for name in listed):
            meanings |= dict.fromkeys(listed, meaning.strip().rstrip("."))
        else:
            told.append(sentence)
    first = "".join(told)
    escaped = {name: text.replace("|", "\\|") for name, text in meanings.items()}
    return re.sub(r"\s+", " ", first).strip().replace("|", "\\|"), escaped


def spelled(hint: Any) -> str:
    """Return a type in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return ", ".join(f'`"{one}"`' if isinstance(one, str) else f"`{one}`" for one in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(spelled(one) for one in arguments if one is not types.NoneType)
    if origin is tuple:
        return f"list of {spelled(arguments[0])}"
    plain: Mapping[Any, str] = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return plain.get(hint, getattr(hint, "__name__", str(hint)))


def default(field: dataclasses.Field[Any]) -> str:
    """Return a field's default as in TOML."""
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "all" if field.name == "features" else "required"  # the reader fills it in
    if value is None:
        return "none"
    if dataclasses.is_dataclass(value):
        plain = type(value)()  # type: ignore[misc]
        changed = [
            f"`{one.name} = {getattr(value, one.name)}`"
            for one in dataclasses.fields(value)
            if getattr(value, one.name) != getattr(plain, one.name)
        ]
        return f"its own, but {', '.join(changed)}" if changed else "its own"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8", newline="\n")
