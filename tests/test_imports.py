"""No import cycle between modules: imports at the top and inside functions, but not those for type checkers only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import unheard

SOURCE = Path(unheard.__file__).parent
ALLOWED = ("unheard", "unheard.session")  # `unheard.open`, imported when it is called


def _modules(root: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes but those under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _nodes(child)


def _imported(path: Path, modules: dict[str, Path]) -> set[str]:
    """Return the modules that a file imports; `from package import module` imports the module."""
    names: set[str] = set()
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                names.add(inside if inside in modules else node.module)
    return names & set(modules)


def _graph(root: Path) -> dict[str, set[str]]:
    modules = _modules(root)
    graph = {name: _imported(path, modules) - {name} for name, path in modules.items()}
    graph.get(ALLOWED[0], set()).discard(ALLOWED[1])
    return graph


def test_no_import_cycle() -> None:
    graph = _graph(SOURCE)
    assert len(graph) > 100
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(reversed(error.args[1]))}")


def test_a_lazy_cycle_is_found(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()
    (tmp_path / "a.py").write_text(f"from {tmp_path.name} import b\n")
    (tmp_path / "b.py").write_text(f"def late():\n    from {tmp_path.name}.a import x\n    return x\n")
    with pytest.raises(CycleError):
        TopologicalSorter(_graph(tmp_path)).prepare()
    (tmp_path / "b.py").write_text(f"if TYPE_CHECKING:\n    from {tmp_path.name}.a import x\n")
    TopologicalSorter(_graph(tmp_path)).prepare()


def test_help_is_shown_without_what_is_slow_to_import() -> None:
    """A start takes 0.25 s; numpy alone would add 0.06 s, torch seconds."""
    code = (
        "import sys\nfrom unheard.cli import main\nsys.argv = ['unheard', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    slow = {"numpy", "scipy", "sklearn", "torch", "pyarrow", "av", "fastapi", "matplotlib", "safetensors"}
    assert "typer" in shown.splitlines()[-1].split()
    assert not slow & set(shown.splitlines()[-1].split())
