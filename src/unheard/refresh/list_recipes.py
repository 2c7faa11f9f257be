"""Store recipes of lists: what a list is made from, and where it is written on every refresh.

    W/list-recipes.json   {"format": "unheard list recipes", "version": 1, "recipes": [{"name": ..., ...}]}

A recipe names its seeds in one of three ways: a playlist, liked tracks, or a prompt (radio_prompts.py). Its name has
a-z, 0-9 and dashes. `owner` groups recipes: each person of a household may have theirs refreshed by their own timer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unheard.atomic_files import read_json, write_json
from unheard.errors import UserError, quoted
from unheard.file_lock import one_writer
from unheard.go.new_lists import safe_name
from unheard.recommend.filters import Filters
from unheard.recommend.options import ListOptions
from unheard.refresh.targets import is_file
from unheard.workspace import Workspace

FORMAT, VERSION = "unheard list recipes", 1
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
HOLD_BACK = 3  # runs


@dataclass(frozen=True)
class ListRecipe:
    """A named list that is made anew on every refresh.

    name             a-z, 0-9 and dashes
    title            name of the list on players
    targets          where it is written: files, folders, or names of services (targets.py)
    playlist         id of the playlist that it is for; `saved:<id>` for a saved one
    like             ids of liked tracks
    prompt           a radio prompt (radio_prompts.py)
    owner            whose list it is; "" for nobody's
    options          length, candidates, caps, filters
    hold_back        number of recent refreshes whose tracks are held back (freshness.py); 0: none
    music_directory  the folder that paths are relative to, as MPD's music_directory; "": the folder of the file

    Raise UserError for a value that cannot be used.
    """

    name: str
    title: str
    targets: tuple[str, ...]
    playlist: str = ""
    like: tuple[str, ...] = ()
    prompt: str = ""
    owner: str = ""
    options: ListOptions = field(default_factory=lambda: ListOptions(n=25, explain=False))
    hold_back: int = HOLD_BACK
    music_directory: str = ""

    def __post_init__(self) -> None:
        if NAME.fullmatch(self.name) is None:
            raise UserError(f"{self.name!r}: expected a name of a-z, 0-9 and dashes, at most 60 characters")
        if bool(self.playlist) + bool(self.like) + bool(self.prompt) != 1:
            raise UserError(f"{self.name}: expected one of --playlist, --like and --prompt")
        if not self.targets:
            raise UserError(f"{self.name}: expected a --target, such as lists/ or {self.name}.m3u8")
        if not " ".join(self.title.split()):
            raise UserError(f"{self.name}: expected a title with letters")
        if self.hold_back < 0:
            raise UserError(f"{self.name}: --hold-back {self.hold_back}: expected a number of runs, at least 0")

    @property
    def seeds(self) -> str:
        """The seeds as one text."""
        return self.playlist or self.prompt or " ".join(self.like)


def read_recipes(workspace: Workspace) -> list[ListRecipe]:
    """Return the recipes in the order of their names; UserError, which names the file, if it is damaged."""
    path = recipes_path(workspace)
    try:
        values = read_json(path, format=FORMAT, version=VERSION)
        return [_recipe(one) for one in values["recipes"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError) as error:
        raise UserError(f"{path}: damaged ({error}); correct or delete it") from error


def put_recipe(workspace: Workspace, recipe: ListRecipe, *, replace: bool = False) -> None:
    """Store a recipe.

    UserError if there is one of this name already, unless `replace`, or if another recipe writes to the same place.
    """
    with one_writer(workspace.root):
        known = read_recipes(workspace)
        if not replace and any(one.name == recipe.name for one in known):
            raise UserError(
                f"there is a recipe {recipe.name!r} already; replace it with --force, or choose another name"
            )
        others = [one for one in known if one.name != recipe.name]
        for other in others:
            _refuse_same_place(recipe, other)
        _write(workspace, [*others, recipe])


def remove_recipe(workspace: Workspace, name: str) -> None:
    """Remove a recipe; UserError if there is none. The lists that it made stay."""
    with one_writer(workspace.root):
        known = read_recipes(workspace)
        if all(one.name != name for one in known):
            raise UserError(unknown(workspace, name, known))
        _write(workspace, [one for one in known if one.name != name])


def unknown(workspace: Workspace, name: str, known: Sequence[ListRecipe]) -> str:
    """Return the message that there is no recipe of a name."""
    make = f"none; make one with `unheard playlists add -w {quoted(workspace.root)}`"
    names = ", ".join(one.name for one in known) or make
    return f"no recipe {name!r}; there are {names}"


def recipes_path(workspace: Workspace) -> Path:
    return workspace.root / "list-recipes.json"


def as_values(recipe: ListRecipe) -> dict[str, Any]:
    """Return a recipe as values for JSON."""
    values = asdict(recipe)
    options = values["options"]
    options["exclude"] = sorted(options["exclude"])
    options["filters"]["genres"] = sorted(options["filters"]["genres"])
    return values


def _refuse_same_place(recipe: ListRecipe, other: ListRecipe) -> None:
    """Raise UserError if a refresh of one recipe would overwrite the list of the other."""
    same_title = safe_name(recipe.title).casefold() == safe_name(other.title).casefold()
    taken = {target.rstrip("/") for target in other.targets}
    for target in recipe.targets:
        if target.rstrip("/") in taken and is_file(target):
            raise UserError(f"recipe {other.name!r} writes {target} already; choose another --target")
        if target.rstrip("/") in taken and same_title:
            raise UserError(
                f"recipe {other.name!r} writes a list {other.title!r} to {target} already; choose another --title or "
                "--target"
            )


def _recipe(values: dict[str, Any]) -> ListRecipe:
    values = dict(values)
    options = dict(values.pop("options"))
    filters = Filters(**options.pop("filters"))
    for name in ("targets", "like"):
        if isinstance(values[name], str):
            raise TypeError(f"{name}: expected a list")
        values[name] = tuple(values[name])
    return ListRecipe(**values, options=ListOptions(**options, filters=filters))


def _write(workspace: Workspace, recipes: Sequence[ListRecipe]) -> None:
    ordered = sorted(recipes, key=lambda one: one.name)
    content = {"format": FORMAT, "version": VERSION, "recipes": [as_values(one) for one in ordered]}
    write_json(recipes_path(workspace), content, indent=1)
