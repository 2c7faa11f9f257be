"""Read ranker recipes: TOML files with the features to use and the rankers to blend.

A TOML file holds a `name`, an `about`, a list of `features` and one or more `[[member]]` tables. Each member has
one ranker's table (`[member.two-tower]`, `[member.ridge]`, ...), whose keys are the fields of its dataclass in
models/rankers/. How the scores of several members are combined is learned on validation tracks.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unheard.errors import UserError
from unheard.models.rankers.ranker_tables import RANKER_TABLES
from unheard.models.rankers.shrinkage import Shrinkage
from unheard.models.recipe import Recipe, check_name, fill_table, read_toml, recipe_from


@dataclass(frozen=True)
class Member:
    """One ranker of a blend.

    artist  whether the mean factor of the artist's other train tracks is an input
    times   number of fits with different seeds whose scores are averaged
    """

    ranker: Any  # one of the dataclasses of RANKER_TABLES
    artist: bool = False
    times: int = 1


@dataclass(frozen=True)
class RankerRecipe:
    """What `load_any_recipe` returns for a file with members; `name` is also the model's name in the workspace.

    features  kinds of features (`unheard features --list`); those that the workspace has are read, side by side.
              None: all that are installed
    """

    name: str
    about: str
    features: tuple[str, ...] | None
    members: tuple[Member, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, in the layout of its file; `ranker_recipe_from` reads it back."""
        members = []
        for member in self.members:
            values = dataclasses.asdict(member)
            values[kind_of(member.ranker)] = values.pop("ranker")
            members.append(values)
        plain = {"name": self.name, "about": self.about, "features": self.features, "member": members}
        return typing.cast("dict[str, Any]", _without_none(json.loads(json.dumps(plain))))


def _without_none(plain: Any) -> Any:
    """Return plain data without the keys whose value is None, which TOML cannot write."""
    if isinstance(plain, list):
        return [_without_none(item) for item in plain]
    if isinstance(plain, dict):
        return {key: _without_none(value) for key, value in plain.items() if value is not None}
    return plain


def kind_of(ranker: object) -> str:
    """Return the name of a ranker's table."""
    return next(key for key, kind in RANKER_TABLES.items() if type(ranker) is kind)


def load_any_recipe(name_or_path: str) -> Recipe | RankerRecipe:
    """Return a shipped recipe by name, or one from a TOML file, of either kind."""
    values, source = read_toml(name_or_path)
    return ranker_recipe_from(values, source) if "member" in values else recipe_from(values, source)


def ranker_recipe_from(values: Mapping[str, Any], source: str) -> RankerRecipe:
    """Return a checked recipe from plain data; raise UserError with the file, the key and what was expected."""
    members = values.get("member")
    if not isinstance(members, list) or not members or not all(isinstance(table, dict) for table in members):
        raise UserError(f"{source}: expected one or more [[member]] tables, found {members!r:.60}; add [[member]]")
    rest = {key: value for key, value in values.items() if key != "member"}
    parts: dict[str, Any] = {
        "members": tuple(_member(table, f"{source}, member {i}") for i, table in enumerate(members, 1))
    }
    if "descriptions" in rest:  # the name in models of before
        rest["features"] = rest.pop("descriptions")
    if "features" not in rest:
        parts["features"] = None
    recipe = typing.cast("RankerRecipe", fill_table(RankerRecipe, rest, source, parts))
    check_name(recipe.name, source)
    if recipe.features == ():
        raise UserError(f"{source}, features: expected at least one, found none; name statistics")
    return recipe


def _member(values: dict[str, Any], where: str) -> Member:
    named = [key for key in RANKER_TABLES if key in values]
    if len(named) != 1:
        expected = " or ".join(f"[member.{key}]" for key in RANKER_TABLES)
        raise UserError(f"{where}: expected one of {expected}, found {len(named)}; choose one ranker")
    rest = dict(values)
    table = rest.pop(named[0])
    ranker = fill_table(RANKER_TABLES[named[0]], table, f"{where}, {named[0]}")
    member = typing.cast("Member", fill_table(Member, rest, where, {"ranker": ranker}))
    if isinstance(ranker, Shrinkage) and not member.artist:
        raise UserError(f"{where}, artist: expected true for shrinkage, which is about artists; add artist = true")
    return member
