"""Test that a name of a module or of a class has one meaning in the package.

No two modules share a file name and no two public classes share a name, unless they are the same thing for two types;
such names are listed here with the reason.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "unheard"

# Folders whose modules are named after the subject that they show, measure or fit, so they share names with its module.
NAMED_AFTER_THEIR_SUBJECT = {
    "cluster": "one module per stage that runs on a cluster, named after the stage",
    "cli": "one module per group of commands, named after what the commands are about",
    "experiments": "one module per experiment, named after what it measures",
    "report/sections": "one module per section of the report, named after its subject",
    "serve/api": "one module per group of paths of the HTTP API, named after its subject",
    "training/rankers": "models/rankers configures a ranker and has its network, training/rankers fits it",
}

SHARED_MODULES = {
    "app.py": "cli: the typer application; serve: the ASGI application",
    "errors.py": "the exceptions; serve: the HTTP responses to them",
    "losses.py": "models: configuration of the losses; training/networks: how they are computed",
    "report.py": "report: makes the report; cli: its command",
    "stage.py": "factors, splits: the command of a stage",
    "store.py": "factors, features, spectrograms: the stored form of each",
}

# Class name -> (folder, reason): every module of the folder may define it, and no module outside.
SHARED_CLASSES = {
    "Options": ("experiments", "the options of each experiment, by the protocol of experiments/experiment.py"),
}


def modules() -> list[Path]:
    """Return the modules of the package, relative to it."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in paths if path.name not in ("__init__.py", "__main__.py"))


def named_after_its_subject(path: Path) -> bool:
    """Return whether a module is in one of the folders of `NAMED_AFTER_THEIR_SUBJECT`."""
    return any(path.is_relative_to(folder) for folder in NAMED_AFTER_THEIR_SUBJECT)


def shared_modules() -> dict[str, list[str]]:
    """Return the file names that more than one module has, with their paths; subjects' namesakes count once."""
    found = defaultdict(list)
    for path in modules():
        if not named_after_its_subject(path):
            found[path.name].append(path.as_posix())
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def shared_classes() -> dict[str, list[str]]:
    """Return the public class names that more than one module defines, with their paths; a folder counts once."""
    found = defaultdict(set)
    for path in modules():
        for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                folder, _ = SHARED_CLASSES.get(node.name, (None, ""))
                within = folder is not None and path.is_relative_to(folder)
                found[node.name].add(str(folder) if within else path.as_posix())
    return {name: sorted(paths) for name, paths in found.items() if len(paths) > 1}


def test_a_module_name_has_one_meaning() -> None:
    shared = shared_modules()
    unlisted = {name: paths for name, paths in shared.items() if name not in SHARED_MODULES}
    assert not unlisted, "rename a module, or list the name with a reason"


def test_a_class_name_has_one_meaning() -> None:
    assert not shared_classes(), "rename a class, or list the name with a reason"


@pytest.mark.parametrize("folder", NAMED_AFTER_THEIR_SUBJECT)
def test_listed_folders_exist(folder: str) -> None:
    assert (PACKAGE / folder).is_dir()


def test_listed_module_names_are_shared() -> None:
    names = [path.name for path in modules()]
    assert [name for name in SHARED_MODULES if names.count(name) < 2] == []
