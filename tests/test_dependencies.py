"""Test that every third-party package that the code imports is declared in pyproject.toml.

A package that another one happens to bring is not enough: it goes when the other one drops it.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUPS = ("dev", "release")  # of developers: no extras of the package
OWN = frozenset({"unheard", "tests", "bench", "tools"})


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level name of every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module.partition(".")[0]


def third_party(folder: Path) -> dict[str, list[str]]:
    """Return the files that import each third-party module."""
    files = sorted(folder.rglob("*.py"))
    own = OWN | {path.stem for path in folder.glob("*.py")} | sys.stdlib_module_names
    found: dict[str, list[str]] = {}
    for path in files:
        for name in sorted(set(imported(path)) - own):
            found.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return found


def normalized(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: Iterable[str]) -> set[str]:
    """Return the distributions that requirements name, without their versions and extras."""
    return {normalized(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in requirements}


@cache
def declared() -> dict[str, set[str]]:
    """Return the distributions of pyproject.toml: `dependencies`, each extra, and each group of developers' tools."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = content["project"]
    named = {**project["optional-dependencies"], **content["dependency-groups"]}
    return {"dependencies": names(project["dependencies"]), **{name: names(found) for name, found in named.items()}}


def undeclared(folder: str, allowed: set[str]) -> dict[str, list[str]]:
    """Return the third-party modules of a folder that no allowed distribution has, with the files that import them.

    A module that is not installed, as of an extra, counts as the distribution of its name.
    """
    distributions = packages_distributions()
    return {
        module: files
        for module, files in third_party(ROOT / folder).items()
        if allowed.isdisjoint(normalized(name) for name in distributions.get(module, [module]))
    }


def test_the_package_imports_what_it_declares() -> None:
    extras = {extra: found for extra, found in declared().items() if extra not in GROUPS}
    assert undeclared("src", set[str]().union(*extras.values())) == {}


@pytest.mark.parametrize(
    ("extra", "folder"),
    [("spotify", "spotify"), ("spark", "cluster"), ("mpd", "refresh"), ("onnx", "onnx_export")],
)
def test_an_extra_is_imported_by_its_own_room_only(extra: str, folder: str) -> None:
    """The rest, but for the command itself, works without it."""
    room = (f"src/unheard/{folder}/", f"src/unheard/cli/{folder}.py")
    others = set[str]().union(*(found for name, found in declared().items() if name not in (extra, *GROUPS)))
    elsewhere = {
        module: [file for file in files if not file.startswith(room)]
        for module, files in undeclared("src", others).items()
    }
    assert {module: files for module, files in elsewhere.items() if files} == {}


def test_the_server_is_imported_by_its_own_room_only() -> None:
    """Everything else works, and starts, without it."""
    room = ("src/unheard/serve/", "src/unheard/cli/serve.py")
    elsewhere = [
        file
        for module, files in third_party(ROOT / "src").items()
        if module in ("fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client")
        for file in files
        if not file.startswith(room)
    ]
    assert elsewhere == []


@pytest.mark.parametrize("folder", ["tests", "bench", "tools"])
def test_tests_and_tools_import_what_the_group_dev_declares(folder: str) -> None:
    allowed = (
        declared()["dependencies"] | declared()["dev"] | declared()["spark"] | declared()["torture"]
    )  # tests/cluster, tests/torture alone
    assert undeclared(folder, allowed) == {}


def test_imports_inside_functions_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def f():\n    import sklearn.linear_model\n    from PIL import Image\n    from . import b\n")
    assert sorted(imported(path)) == ["PIL", "sklearn"]
    assert names(["PyAV[x]>=14", "Foo_bar.baz; python_version > '3'", "torch==2"]) == {"pyav", "foo-bar-baz", "torch"}
