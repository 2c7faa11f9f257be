"""Results of `evaluate`: rows in the exchange format, means over seeds, and comparisons of models.

A row has exactly the keys of `ROW_KEYS`; floats are unrounded and undefined values are None. `model` is a name as for
`--model`: `<name>` for a model trained with seed 0, `<name>@<seed>` for other seeds, each with its own rows.
`seed` is the training seed of a trained model and the seed of the evaluation (random ties) for all others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unheard.atomic_files import write_json_rows
from unheard.evaluate.measure import Figure, Measure
from unheard.metrics.intervals import holm, p_value, percentile_interval
from unheard.recommend.models import ORACLE, UNTRAINED

ROW_KEYS = (
    "model", "split", "task", "candidates", "metric", "k", "value", "low", "high", "n", "chance", "oracle", "seed"
)  # fmt: skip
MIN_SEEDS = 3  # with fewer, a difference may come from the seeds

Measured = Mapping[str, Mapping[Figure, Measure]]  # by model


@dataclass(frozen=True)
class Mean:
    """One figure of one model, averaged over its seeds; the interval is that of the average."""

    model: str
    split: str
    figure: Figure
    value: float | None
    low: float | None
    high: float | None
    n: int
    chance: float | None
    n_seeds: int


@dataclass(frozen=True)
class Comparison:
    """`model` minus `against`, paired on the same resamples; `p_holm` is corrected over all pairs of one figure."""

    model: str
    against: str
    split: str
    figure: Figure
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    n_seeds: int

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with the parts of the figure as keys of their own."""
        values = {name: value for name, value in vars(self).items() if name != "figure"}
        return values | self.figure._asdict() | {"enough_seeds": self.n_seeds >= MIN_SEEDS}


@dataclass(frozen=True)
class Results:
    """Everything measured on one split (and on its parts, if it is reported in parts)."""

    split: str
    rows: list[dict[str, Any]]
    means: list[Mean]
    comparisons: list[Comparison]

    def __add__(self, other: Results) -> Results:
        return Results(
            self.split, self.rows + other.rows, self.means + other.means, self.comparisons + other.comparisons
        )


def write_results(path: Path, results: Results) -> Path:
    """Write the rows to `path` and the comparisons to `<name>.comparisons.json`, whose path is returned."""
    comparisons_path = path.with_name(f"{path.stem}.comparisons.json")
    write_json_rows(path, results.rows, indent=1)
    write_json_rows(comparisons_path, [comparison.as_json() for comparison in results.comparisons], indent=1)
    return comparisons_path


def recipe_and_seed(model: str) -> tuple[str, int]:
    """Return recipe and seed of a model: `triplet@2` is `triplet` with seed 2; without a number the seed is 0."""
    name, _, seed = model.rpartition("@")
    return (name, int(seed)) if name and seed.isdecimal() else (model, 0)


def results_of(split: str, measured: Measured, *, oracle: Mapping[Figure, Measure], seed: int) -> Results:
    """Return rows, means and comparisons of all models on one split."""
    rows = []
    for model, measures in measured.items():
        trained = model not in (*UNTRAINED, ORACLE)
        row_seed = recipe_and_seed(model)[1] if trained else seed
        for figure, measure in measures.items():
            ceiling = number(oracle[figure].value) if figure in oracle else None
            rows.append(_row(model, split, measure, ceiling, row_seed))
    by_recipe: dict[str, list[Mapping[Figure, Measure]]] = {}
    for model, measures in measured.items():
        by_recipe.setdefault(recipe_and_seed(model)[0], []).append(measures)
    averages = {recipe: _average(seeds) for recipe, seeds in by_recipe.items()}
    n_seeds = {recipe: len(seeds) for recipe, seeds in by_recipe.items()}
    means = [
        Mean(recipe, split, figure, number(m.value), *_interval(m), m.n, number(m.chance), n_seeds[recipe])
        for recipe, measures in averages.items()
        for figure, m in measures.items()
    ]
    return Results(split, rows, means, _comparisons(split, averages, n_seeds))


def number(value: float) -> float | None:
    """Return a float that JSON can hold, None for undefined values."""
    return float(value) if math.isfinite(value) else None


def _row(model: str, split: str, measure: Measure, oracle: float | None, seed: int) -> dict[str, Any]:
    low, high = _interval(measure)
    values = (
        model, split, *measure.figure, number(measure.value), low, high, measure.n, number(measure.chance), oracle, seed
    )  # fmt: skip
    return dict(zip(ROW_KEYS, values, strict=True))


def _interval(measure: Measure) -> tuple[float | None, float | None]:
    found = None if measure.replicates is None else percentile_interval(measure.replicates)
    return (None, None) if found is None or not math.isfinite(measure.value) else found


def _average(seeds: Sequence[Mapping[Figure, Measure]]) -> dict[Figure, Measure]:
    """Return the mean over seeds of every figure, and of its replicates."""
    out = {}
    for figure, first in seeds[0].items():
        found = [measures[figure] for measures in seeds if figure in measures]
        replicates = [m.replicates for m in found if m.replicates is not None]
        out[figure] = Measure(
            figure,
            float(np.mean([m.value for m in found])),
            first.n,
            first.chance,
            np.mean(replicates, axis=0) if replicates else None,
        )
    return out


def _comparisons(
    split: str, averages: Mapping[str, Mapping[Figure, Measure]], n_seeds: Mapping[str, int]
) -> list[Comparison]:
    """Compare every trained model with every other model, or baselines with each other if none is trained."""
    recipes = [recipe for recipe in averages if recipe != ORACLE]
    trained = [recipe for recipe in recipes if recipe not in UNTRAINED]
    out = []
    for figure in dict.fromkeys(figure for measures in averages.values() for figure in measures):
        pairs = []
        for i, first in enumerate(recipes):
            for second in recipes[:i]:
                model, against = (second, first) if second in trained and first not in trained else (first, second)
                a, b = averages[model].get(figure), averages[against].get(figure)
                if (
                    (model in trained or not trained)
                    and a
                    and b
                    and a.replicates is not None
                    and b.replicates is not None
                ):
                    pairs.append((model, against, a, b))
        out += compare(split, figure, pairs, n_seeds)
    return out


def compare(
    split: str, figure: Figure, pairs: list[tuple[str, str, Measure, Measure]], n_seeds: Mapping[str, int]
) -> list[Comparison]:
    """Compare pairs (model, against, and their measures) by one figure, Holm-corrected together.

    Measures without replicates cannot be compared. `n_seeds` names every trained model.
    """
    found = []
    for model, against, a, b in pairs:
        assert a.replicates is not None
        assert b.replicates is not None
        difference, replicates = a.value - b.value, a.replicates - b.replicates
        interval = percentile_interval(replicates)
        if interval is not None and math.isfinite(difference):
            trained = [n_seeds[name] for name in (model, against) if name not in UNTRAINED]
            found.append(
                (model, against, difference, *interval, p_value(difference, replicates), min(trained, default=1))
            )
    corrected = holm([entry[5] for entry in found])
    return [
        Comparison(model, against, split, figure, difference, low, high, p, p_holm, seeds)
        for (model, against, difference, low, high, p, seeds), p_holm in zip(found, corrected, strict=True)
    ]
