"""Read the results of `evaluate` and of experiments from the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unheard.atomic_files import read_json_rows
from unheard.checksums import read_sealed
from unheard.errors import UserError, quoted
from unheard.evaluate.measure import Figure
from unheard.evaluate.result_tables import Table, position
from unheard.evaluate.results import Comparison, Mean, Results, recipe_and_seed
from unheard.evaluate.summary import HEADLINE
from unheard.recommend.models import BASELINES, ORACLE
from unheard.report.figures.model_metrics import Point
from unheard.workspace import Workspace


@dataclass(frozen=True)
class StoredResults:
    """Results of one split, one row per trained model and seed, and the day of the measurement."""

    results: Results
    day: str


@dataclass(frozen=True)
class Chart:
    """One headline metric of one split: points of each recipe (one per seed), in the order of the tables."""

    split: str
    figure: Figure
    head: str
    models: dict[str, list[Point]]
    chance: float | None
    oracle: float | None

    def best(self, *, trained: bool) -> tuple[str, float] | None:
        """Return the recipe (or, if not `trained`, the baseline) with the highest mean over its seeds."""
        means = {
            model: sum(value for value, _, _ in points) / len(points)
            for model, points in self.models.items()
            if (model not in BASELINES) == trained
        }
        return max(means.items(), key=lambda item: item[1]) if means else None

    def beats_chance(self, model: str) -> bool:
        """Return whether the intervals of all seeds of a model lie above chance."""
        chance = self.chance
        return chance is not None and all(low is not None and low > chance for _, low, _ in self.models[model])


@dataclass(frozen=True)
class Elbow:
    """Mean squared distance of frames to the nearest of k tones, by ascending k, and the k of the corner."""

    ks: tuple[int, ...]
    distances: tuple[float, ...]
    corner: int


@dataclass(frozen=True)
class Curves:
    """A metric over numbers: lines of points with intervals, between chance and the oracle."""

    title: str
    x: tuple[float, ...]
    x_label: str
    y_label: str
    lines: dict[str, tuple[Point, ...]]
    chance: float
    oracle: float


@dataclass(frozen=True)
class StoredExperiment:
    """Title, summary, tables and plots of an experiment."""

    name: str
    title: str
    about: str
    tables: tuple[Table, ...]
    elbow: Elbow | None = None
    curves: tuple[Curves, ...] = ()


def read_results(workspace: Workspace, split: str) -> StoredResults | None:
    """Return the results of a split, None if it was not evaluated; UserError if the file is damaged."""
    path = workspace.results_path(split)
    if not path.is_file():
        return None
    comparisons_path = path.with_name(f"{path.stem}.comparisons.json")
    try:
        rows = read_json_rows(path)
        means = [_mean(row) for row in rows]
        has_checksum = path.with_name(f"{path.name}.crc32").is_file()  # then both files were written
        compared = read_json_rows(comparisons_path) if has_checksum or comparisons_path.is_file() else []
        comparisons = [_comparison(row) for row in compared]
    except (OSError, ValueError, KeyError, TypeError) as error:
        again = f"unheard evaluate -w {quoted(workspace.root)} --split {split}"
        raise UserError(f"{path}: damaged ({error!r}); measure again with `{again}`") from error
    day = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC).date().isoformat()
    return StoredResults(Results(split, rows, means, comparisons), day)


def _mean(row: dict[str, Any]) -> Mean:
    """Return a row as the mean over its one seed."""
    figure = Figure(str(row["task"]), row["candidates"], str(row["metric"]), row["k"])
    value, low, high, chance = (
        None if row[key] is None else float(row[key]) for key in ("value", "low", "high", "chance")
    )
    return Mean(str(row["model"]), str(row["split"]), figure, value, low, high, int(row["n"]), chance, n_seeds=1)


def _comparison(row: dict[str, Any]) -> Comparison:
    figure = Figure(str(row["task"]), row["candidates"], str(row["metric"]), row["k"])
    difference, low, high, p, p_holm = (float(row[key]) for key in ("difference", "low", "high", "p", "p_holm"))
    model, against, split = str(row["model"]), str(row["against"]), str(row["split"])
    return Comparison(model, against, split, figure, difference, low, high, p, p_holm, int(row["n_seeds"]))


def charts(results: Results) -> list[Chart]:
    """Return the headline metrics of every measured split and part."""
    found = []
    for split in dict.fromkeys(mean.split for mean in results.means):
        for figure, head in HEADLINE:
            means = [mean for mean in results.means if (mean.split, mean.figure) == (split, figure)]
            chart = _chart(split, figure, head, means)
            if chart.models:
                found.append(chart)
    return found


def _chart(split: str, figure: Figure, head: str, means: Sequence[Mean]) -> Chart:
    models: dict[str, list[Point]] = {}
    for mean in sorted(means, key=lambda mean: position(mean.model)):
        if mean.value is not None and mean.model != ORACLE:
            models.setdefault(recipe_and_seed(mean.model)[0], []).append((mean.value, mean.low, mean.high))
    chance = next((mean.chance for mean in means if mean.chance is not None), None)
    oracle = next((mean.value for mean in means if mean.model == ORACLE), None)
    return Chart(split, figure, head, models, chance, oracle)


def read_experiments(workspace: Workspace) -> tuple[StoredExperiment, ...]:
    """Return every experiment with tables, by file name; UserError for a file that is not JSON."""
    found = []
    for path in sorted((workspace.root / "experiments").glob("*.json")):
        try:
            values = read_sealed(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not a JSON file ({error}); delete it, or run its experiment again") from error
        if isinstance(values, dict) and {"title", "about", "tables"} <= values.keys():
            found.append(_experiment(path, values))
    return tuple(found)


def _experiment(path: Path, values: dict[str, Any]) -> StoredExperiment:
    try:
        tables = tuple(
            Table(
                str(table["title"]),
                [str(column) for column in table["columns"]],
                [["" if cell is None else str(cell) for cell in row] for row in table["rows"]],
            )
            for table in values["tables"]
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path}: expected tables of title, columns and rows ({error!r}); run its experiment again"
        ) from error
    wrong = next((t for t in tables if any(len(row) != len(t.columns) for row in t.rows)), None)
    if wrong is not None:
        raise UserError(
            f"{path}, table {wrong.title!r}: expected {len(wrong.columns)} cells in every row; run its experiment again"
        )
    pictures = (_elbow(path, values), _curves(path, values))
    return StoredExperiment(path.stem, str(values["title"]), str(values["about"]), tables, *pictures)


def _elbow(path: Path, values: dict[str, Any]) -> Elbow | None:
    findings = values.get("findings")
    if not isinstance(findings, dict) or not findings.get("elbow"):
        return None
    try:
        points = sorted((int(point["k"]), float(point["distance"])) for point in findings["elbow"])
        corner = int(findings["corner"])
        if points[0][0] < 1 or corner not in dict(points):
            raise ValueError(f"corner {corner}")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: expected an elbow of k and distance, and a corner that is one of the k ({error!r}); "
            "run its experiment again"
        ) from error
    ks, distances = zip(*points, strict=True)
    return Elbow(ks, distances, corner)


def _curves(path: Path, values: dict[str, Any]) -> tuple[Curves, ...]:
    try:
        found = tuple(
            Curves(
                str(drawn["title"]),
                tuple(float(x) for x in drawn["x"]),
                str(drawn["x_label"]),
                str(drawn["y_label"]),
                {str(name): tuple(_point(point) for point in line) for name, line in drawn["lines"].items()},
                float(drawn["chance"]),
                float(drawn["oracle"]),
            )
            for drawn in values.get("curves", ())
        )
        if any(len(line) != len(drawn.x) or not drawn.x for drawn in found for line in drawn.lines.values()):
            raise ValueError("expected as many points in every line as in x")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path}: expected curves of x and lines of value, low and high ({error!r}); run its experiment again"
        ) from error
    return found


def _point(values: Sequence[float | None]) -> Point:
    value, low, high = values
    return float(value or 0.0), None if low is None else float(low), None if high is None else float(high)
