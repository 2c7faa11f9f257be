"""Recipes of lists: what is stored is read back; mistakes and damaged files are one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unheard.errors import UserError
from unheard.recommend.filters import Filters
from unheard.recommend.options import ListOptions
from unheard.refresh.list_recipes import ListRecipe, put_recipe, read_recipes, recipes_path, remove_recipe
from unheard.workspace import Settings, Workspace

OPTIONS = ListOptions(
    n=7,
    candidates="all",
    max_per_artist=None,
    max_per_album=3,
    exclude=("x", "a"),
    diversity=0.25,
    filters=Filters(("rock", "pop"), 1990, None, None, 300.0),
    explain=False,
)
RECIPES = [
    ListRecipe("evenings", "Evenings", ("lists/", "saved"), playlist="p1", owner="anna", options=OPTIONS),
    ListRecipe("mornings", "Mørning", ("a.m3u8",), like=("t1", "t2"), hold_back=0, music_directory="/music"),
    ListRecipe("radio", "Radio", ("mpd",), prompt="#rock"),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w", Settings())


def test_recipes_are_stored_by_name(workspace: Workspace) -> None:
    assert read_recipes(workspace) == []
    for recipe in reversed(RECIPES):
        put_recipe(workspace, recipe)
    assert read_recipes(workspace) == RECIPES
    remove_recipe(workspace, "mornings")
    assert [one.name for one in read_recipes(workspace)] == ["evenings", "radio"]
    with pytest.raises(UserError, match="no recipe 'mornings'; there are evenings, radio"):
        remove_recipe(workspace, "mornings")


def test_a_recipe_is_replaced_on_request_only(workspace: Workspace) -> None:
    put_recipe(workspace, RECIPES[2])
    changed = ListRecipe("radio", "Radio", ("saved",), prompt="#pop")
    with pytest.raises(UserError, match="there is a recipe 'radio' already; replace it with --force"):
        put_recipe(workspace, changed)
    put_recipe(workspace, changed, replace=True)
    assert read_recipes(workspace) == [changed]


@pytest.mark.parametrize("target", ["/lists", "spotify", "mpd"])
def test_two_lists_of_one_title_and_target_are_refused(workspace: Workspace, target: str) -> None:
    put_recipe(workspace, ListRecipe("anna", "New: music", (target,), prompt="#rock"))
    with pytest.raises(UserError, match=r"^recipe 'anna' writes a list 'New: music' to .* already; choose another --t"):
        put_recipe(workspace, ListRecipe("ben", "new- Music", ("b.csv", target), prompt="#pop"), replace=True)
    put_recipe(workspace, ListRecipe("ben", "New pop", (target,), prompt="#pop"))
    put_recipe(workspace, ListRecipe("carl", "New: music", ("/other/",), prompt="#pop"))
    put_recipe(workspace, ListRecipe("anna", "New: music", (target,), prompt="#pop"), replace=True)


def test_two_lists_of_one_file_are_refused_whatever_their_titles(workspace: Workspace) -> None:
    put_recipe(workspace, ListRecipe("anna", "Anna", ("/lists/a.m3u8",), prompt="#rock"))
    with pytest.raises(UserError, match=r"^recipe 'anna' writes /lists/a\.m3u8 already; choose another --target$"):
        put_recipe(workspace, ListRecipe("ben", "Ben", ("/lists/a.m3u8",), prompt="#pop"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "My list"}, "expected a name of a-z, 0-9 and dashes"),
        ({"name": "../x"}, "expected a name of a-z"),
        ({"targets": ()}, "expected a --target"),
        ({"title": " "}, "expected a title"),
        ({"playlist": ""}, "expected one of --playlist, --like and --prompt"),
        ({"like": ("t1",)}, "expected one of --playlist, --like and --prompt"),
        ({"hold_back": -1}, "expected a number of runs"),
    ],
)
def test_mistakes(fields: dict[str, object], says: str) -> None:
    values: dict[str, object] = {"name": "a", "title": "A", "targets": ("saved",), "playlist": "p1"}
    with pytest.raises(UserError) as error:
        ListRecipe(**(values | fields))  # type: ignore[arg-type]
    assert says in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-40],
        lambda text: text.replace('"n": 7', '"n": 0'),
        lambda text: text.replace('"title"', '"titel"'),
        lambda text: text.replace("unheard list recipes", "something"),
        lambda text: json.dumps({**json.loads(text), "version": 9}),
    ],
)
def test_a_damaged_file_is_named(workspace: Workspace, change: object) -> None:
    put_recipe(workspace, RECIPES[0])
    path = recipes_path(workspace)
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(UserError, match=r"list-recipes\.json: damaged \(.+\); correct or delete it"):
        read_recipes(workspace)
