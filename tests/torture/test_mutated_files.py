"""Damaged files of every kind are read or refused in one line: a part of `make torture` that fits into a test run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.mutated_files import HARM, run


@pytest.mark.slow
def test_damaged_files_do_no_harm(tmp_path: Path) -> None:
    outcomes = run(tmp_path, n_files=500, seed=0)
    assert len(outcomes) == 500
    assert [one for one in outcomes if one.outcome in HARM] == []
    assert {"read", "refused"} == {one.outcome for one in outcomes}
