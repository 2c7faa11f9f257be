"""docs/reference/recipes.md is what tools/recipe_reference.py makes, and its two examples are recipes."""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unheard.models.ranker_recipe import ranker_recipe_from
from unheard.models.recipe import recipe_from

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "recipe_reference.py"))


def test_page_is_up_to_date() -> None:
    assert TOOL["PAGE"].read_text(encoding="utf-8") == TOOL["reference"](), "run: python tools/recipe_reference.py"


@pytest.mark.parametrize(("number", "read"), [(0, ranker_recipe_from), (1, recipe_from)])
def test_examples_are_recipes(number: int, read: Callable[..., Any]) -> None:
    example = re.findall(r"```toml\n(.*?)```", TOOL["INTRODUCTION"], re.DOTALL)[number]
    assert read(tomllib.loads(example), "example").as_dict()["name"].startswith("my-")
