"""Pages of results: their tables are those of the JSON files beside them, and each names the command that made it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FIGURES = {
    "recall@20": ("recommend", "recall", 20),
    "ndcg@20": ("recommend", "ndcg", 20),
    "auc": ("recommend", "auc", None),
    "overlap@10": ("similar", "overlap", 10),
}
COMMAND = re.compile(r"(python (bench|-m tests)[/.]\w+|\bunheard \w+|\bmake [a-z-]+)")
TABLE = re.compile(r"\*\*Split (\w+), cold tracks\..*?\*\*\n\n((?:\|.*\n)+)")


def table_of(page: str, split: str) -> dict[str, dict[str, float]]:
    """Return the figures of a page's table of cold tracks, by model."""
    (lines,) = [found[1].splitlines() for found in TABLE.findall(page) if found[0] == split]
    names, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]
    return {
        row[0].partition(" (")[0]: {
            name: float(cell.split()[0]) for name, cell in zip(names[1:], row[1:], strict=True) if cell
        }
        for row in rows
    }


def mean_of(rows: list[dict[str, Any]], model: str, name: str) -> float:
    """Return the mean of a figure over the seeds of a model."""
    task, metric, k = FIGURES[name]
    wanted = {"task": task, "metric": metric, "k": k, "candidates": "cold"}
    return float(
        np.mean([row["value"] for row in rows if wanted.items() <= row.items() and without_seed(row) == model])
    )


def without_seed(row: dict[str, Any]) -> str:
    """Return the model of a row: `cnn` of `cnn@2`, which is its third seed."""
    return str(row["model"]).partition("@")[0]


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_page_shows_the_figures_of_its_file(path: Path) -> None:
    name, _, split = path.stem.rpartition("-")
    rows = json.loads(path.read_text(encoding="utf-8"))
    shown = table_of((RESULTS / f"{name}.md").read_text(encoding="utf-8"), split)
    measured = {without_seed(row) for row in rows} - {"popularity"}  # of tracks without plays it is chance
    assert set(shown) == measured | {"chance"}
    for model, figures in shown.items():
        for figure, value in figures.items():
            if model != "chance":
                assert value == pytest.approx(mean_of(rows, model, figure), abs=0.0051 if value == 1 else 0.00051), (
                    model,
                    figure,
                )


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_names_the_command_that_made_it(path: Path) -> None:
    assert COMMAND.search(path.read_text(encoding="utf-8"))
