"""The pages of docs/reference are what tools/reference_pages.py makes from the program."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "reference_pages.py"))


@pytest.mark.parametrize("name", TOOL["PAGES"])
def test_a_page_is_up_to_date(name: str) -> None:
    made = TOOL["PAGES"][name]()
    assert (TOOL["FOLDER"] / name).read_text(encoding="utf-8") == made, "run: python tools/reference_pages.py"
