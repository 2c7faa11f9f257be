"""The verdict of `make audit`, by hand: an audit that did not take place is no pass."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

AUDIT = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "audit.py"))
FOUND, NOT_AUDITED, verdict = AUDIT["FOUND"], AUDIT["NOT_AUDITED"], AUDIT["verdict"]

CLEAN = {"name": "numpy", "version": "2.3.0", "vulns": []}
BAD = {"name": "pillow", "version": "9.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["9.1"]}]}
SKIPPED = {"name": "typer", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([CLEAN], 0, "1 packages, no known vulnerability"),
        ([CLEAN, BAD], FOUND, "pillow 9.0: PYSEC-1, fixed in 9.1"),
        ([SKIPPED, BAD], FOUND, "pillow 9.0: PYSEC-1, fixed in 9.1"),
        ([CLEAN, SKIPPED], NOT_AUDITED, "does not know 1 of 2 packages (typer)"),
        (None, NOT_AUDITED, "cannot be reached"),
    ],
)
def test_the_verdict(packages: list[dict[str, Any]] | None, code: int, said: str) -> None:
    found, lines = verdict(packages)
    assert found == code
    assert said in "\n".join(lines)
