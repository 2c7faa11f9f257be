"""Rules that the tests themselves keep."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PLAYWRIGHT = ("playwright", "axe_playwright_python")


def imported_at_once(path: Path) -> Iterator[str]:
    """Packages that a module imports when it is imported: not inside a function, not for type checkers alone."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_only_browser_tests_need_playwright() -> None:
    """Everything else runs where it is not installed; tests/browser/conftest.py then collects nothing."""
    needing = {path for path in TESTS.rglob("*.py") if set(imported_at_once(path)) & set(PLAYWRIGHT)}
    assert {path.parent for path in needing} == {TESTS / "browser"}
    assert "conftest.py" not in {path.name for path in needing}


@pytest.mark.slow
def test_without_playwright_no_browser_test_is_collected() -> None:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({PLAYWRIGHT!r})); import pytest; "
        "sys.exit(pytest.main(['--collect-only', '-q', '-pno:cacheprovider', 'tests/browser', 'tests/test_ids.py']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=TESTS.parent, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "tests/test_ids.py::" in ran.stdout
    assert "tests/browser" not in ran.stdout
