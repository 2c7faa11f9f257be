"""The program of docs/how-to/estimators.md."""

from __future__ import annotations

from typing import Any

from tests.how_to.pages import blocks


def test_the_program_works() -> None:
    names: dict[str, Any] = {}
    (program,) = blocks("estimators.md", "python")
    exec(compile(program, "estimators.md", "exec"), names)
    assert names["predicted"].shape == (100, 8)
    assert names["search"].best_score_ > 0.5
    assert len(names["scores"]) == 3
