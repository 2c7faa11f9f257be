"""Convert an analysis to tables, to plain values and to files.

analysis/analysis.json      everything, unrounded
analysis/means.csv          measure, model, value, low, high, everybody, n
analysis/comparisons.csv    measure, model, against, difference, low, high, p, p_holm, effect
analysis/raters.csv         each rater's screening, with reasons
analysis/answers.csv        every answer with its key: rater, seed, item, model, ..., order, seconds, repeat_of
analysis/means.svg, .png    the figure
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TextIO

from unheard.atomic_files import atomic_path, write_json
from unheard.evaluate.result_tables import Table
from unheard.ingest.spreadsheet_cells import as_cell
from unheard.listening_test.analyse import Analysis, ConditionComparison, ConditionMean
from unheard.listening_test.judgements import Judgement
from unheard.listening_test.means_plot import means_figure
from unheard.listening_test.screening import ScreeningResult

SHOWN = {
    "similarity": "similarity",
    "liking": "liking",
    "preference": "log odds",
}
EFFECT = {"similarity": "rank biserial", "liking": "rank biserial", "preference": "preferred"}
PNG_DPI = 200


def tables(analysis: Analysis) -> list[Table]:
    """Return the tables of means, comparisons and raters."""
    return [means_table(analysis), *comparison_tables(analysis), raters_table(analysis)]


def means_table(analysis: Analysis) -> Table:
    """Return the means: a row for each condition, a column for each measure."""
    measures = list(analysis.alpha)
    means = {(mean.measure, mean.model): mean for mean in analysis.means}
    columns = ["model"]
    for measure in measures:
        columns += [SHOWN[measure], "unscreened"]
    rows = []
    for name in analysis.study.conditions:
        of_name = [means.get((measure, name)) for measure in measures]
        cells = [
            cell
            for mean in of_name
            for cell in (_with_interval(mean), "" if mean is None else _points(mean, "everybody"))
        ]
        rows.append([name, *cells, str(max((mean.n for mean in of_name if mean), default=0))])
    return Table(
        _title(
            analysis,
            "mean judgements, "
            + ("0 to 100" if analysis.study.kind == "rate" else "log odds of being preferred to the average"),
        ),
        [*columns, "judgements"],
        rows,
    )


def comparison_tables(analysis: Analysis) -> list[Table]:
    """Return a table of comparisons for each measure, with a row for each pair."""
    comparisons = []
    for measure in analysis.alpha:
        rows = [
            [
                pair.model,
                pair.against,
                f"{_number(measure, pair.difference, '+')}{_interval(measure, pair.low, pair.high, '+')}",
                f"{pair.p_holm:.3f}",
                f"{pair.effect:.2f}",
            ]
            for pair in analysis.comparisons
            if pair.measure == measure
        ]
        columns = ["model", "against", "difference", "p (Holm)", EFFECT[measure]]
        comparisons.append(Table(_title(analysis, f"{measure}, pair by pair"), columns, rows))
    return comparisons


def raters_table(analysis: Analysis) -> Table:
    """Return the screening of each rater, with reasons."""
    digits = 0 if analysis.study.kind == "rate" else 2
    rows = []
    for result in analysis.checked:
        checks = (result.reference, result.anchor, result.repeat)
        rows.append(
            [
                result.rater,
                f"{result.n_answered} of {result.n_items}",
                *("" if value is None else f"{value:.{digits}f}" for value in checks),
                f"{result.median_s:.0f}",
                "; ".join(result.reasons) or "yes",
            ]
        )
    columns = ["rater", "answered", "reference", "anchor", "repeat difference", "s per item", "counts"]
    return Table(_title(analysis, f"raters, {len(analysis.kept)} of {len(analysis.checked)} count"), columns, rows)


def agreement_text(analysis: Analysis) -> str:
    """Return a sentence about the agreement of the raters."""
    alphas = [
        f"{measure} {alpha:.2f}" if alpha is not None else f"{measure} not defined (no track was judged twice)"
        for measure, alpha in analysis.alpha.items()
    ]
    return f"Agreement of the raters (Krippendorff's alpha, 1 is perfect, 0 is chance): {', '.join(alphas)}."


def as_json(analysis: Analysis) -> dict[str, Any]:
    """Return the analysis as plain values, unrounded, without answers and links."""
    study = analysis.study
    return {
        "name": study.name,
        "kind": study.kind,
        "simulated_raters": analysis.simulated,
        "models": list(study.models),
        "seeds": list(study.seeds),
        "split": study.split,
        "k": study.k,
        "clip_s": study.clip_s,
        "screening": asdict(study.screening),
        "raters": [asdict(result) | {"counts": result.kept} for result in analysis.checked],
        "means": [asdict(mean) for mean in analysis.means],
        "comparisons": [asdict(comparison) for comparison in analysis.comparisons],
        "krippendorff_alpha": analysis.alpha,
    }


def means_csv_rows(analysis: Analysis) -> list[dict[str, Any]]:
    return [asdict(mean) for mean in analysis.means]


def write_analysis(folder: Path, analysis: Analysis) -> None:
    """Write every file named above."""
    write_json(folder / "analysis.json", as_json(analysis), indent=1, sealed=False)
    write_csv(folder / "means.csv", ConditionMean, means_csv_rows(analysis))
    write_csv(folder / "comparisons.csv", ConditionComparison, (asdict(pair) for pair in analysis.comparisons))
    checked = (asdict(result) | {"reasons": "; ".join(result.reasons)} for result in analysis.checked)
    write_csv(folder / "raters.csv", ScreeningResult, checked)
    write_csv(folder / "answers.csv", Judgement, (asdict(judgement) for judgement in analysis.answers))
    figure = means_figure(analysis)
    for suffix, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
        with atomic_path(folder / f"means.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, dpi=PNG_DPI, metadata=metadata)


def write_csv(path: Path, row: type, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of rows as `write_rows` does."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        write_rows(file, row, rows)


def write_rows(file: TextIO, row: type, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write mappings as CSV; the columns are the fields of the dataclass `row`.

    None becomes an empty cell, and a formula a text.
    """
    writer = csv.DictWriter(file, [column.name for column in fields(row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: as_cell(value) for name, value in values.items()} for values in rows)


def _title(analysis: Analysis, what: str) -> str:
    simulated = " (simulated raters)" if analysis.simulated else ""
    return f"{analysis.study.name}{simulated}: {what}"


def _with_interval(mean: ConditionMean | None) -> str:
    return "" if mean is None else f"{_points(mean, 'value')}{_interval(mean.measure, mean.low, mean.high)}"


def _points(mean: ConditionMean, what: str) -> str:
    return _number(mean.measure, getattr(mean, what))


def _number(measure: str, value: float, sign: str = "") -> str:
    return f"{value:{'+' if sign or measure == 'preference' else ''}.{2 if measure == 'preference' else 1}f}"


def _interval(measure: str, low: float | None, high: float | None, sign: str = "") -> str:
    if low is None or high is None:
        return ""
    return f" [{_number(measure, low, sign)}, {_number(measure, high, sign)}]"
