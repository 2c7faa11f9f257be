"""Format results as tables of text, for the terminal and for Markdown.

One table per split, task and candidates; a row per model, chance first and the oracle last; a column per figure. An
overlap is followed by its lift, the value over chance, because overlaps at different k, or in libraries of different
sizes, are not comparable otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from unheard.evaluate.measure import Figure
from unheard.evaluate.results import MIN_SEEDS, Comparison, Mean, Results
from unheard.recommend.models import ORACLE, UNTRAINED

MIN_QUERIES = 30
MAX_CHANCE = 0.5  # of recall@20: at more than that, a list holds more than half of the candidates
LIFTED = ("overlap", "overlap-other")
UNSIGNED = frozenset({"mean-popularity"})
HEADLINE = (("similar", "cold", "overlap", 10), ("recommend", "cold", "recall", 20), ("recommend", "cold", "ndcg", 20))


@dataclass(frozen=True)
class Table:
    """Rows of text under column heads; every row is as long as `columns`."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def tables(results: Results) -> list[Table]:
    """Return a table per split, task and candidates, then one of the comparisons by headline figures."""
    keys = dict.fromkeys((mean.split, mean.figure.task, mean.figure.candidates) for mean in results.means)
    drawn = [
        _table(f"{split}: {task}, {candidates} candidates", _at(results.means, split, task, candidates))
        for split, task, candidates in keys
    ]
    compared = [c for c in results.comparisons if tuple(c.figure) in HEADLINE]
    return [*drawn, _comparison_table(compared)] if compared else drawn


def warnings(results: Results) -> list[str]:
    """Return why figures of these results say nothing: too few playlists, or lists that hold most candidates."""
    recalls = [
        mean
        for mean in results.means
        if tuple(mean.figure) == ("recommend", "cold", "recall", 20) and mean.split == results.split
    ]
    found = []
    if recalls and recalls[0].n < MIN_QUERIES:
        found.append(
            f"only {recalls[0].n} playlists have test tracks; with fewer than {MIN_QUERIES} figures say little"
        )
    chance = recalls[0].chance if recalls else None
    if chance is not None and chance > MAX_CHANCE:
        found.append(
            f"a list of 20 holds {chance:.0%} of the test tracks by chance, so recall@20 says nothing; scan more music"
        )
    return found


def to_markdown(results: Results) -> str:
    """Return all tables as Markdown, with an explanation."""
    notes = (
        f"# Split `{results.split}`\n\n"
        "Value and 95 % interval (bootstrap over artists for `similar` and `factors`, over playlists for the rest; "
        "figures of all lists together have none). `chance` is the expectation of a random ranking, `oracle` ranks by "
        "the true factors; lift is an overlap over chance. Models trained with several seeds are "
        "averaged over them.\n"
    )
    return "\n".join([notes, *(table_markdown(table) for table in tables(results))])


def _at(means: list[Mean], split: str, task: str, candidates: str) -> list[Mean]:
    key = (split, task, candidates)
    return [mean for mean in means if (mean.split, mean.figure.task, mean.figure.candidates) == key]


def _table(title: str, means: list[Mean]) -> Table:
    figures = list(dict.fromkeys(mean.figure for mean in means))
    by_model: dict[str, dict[Figure, Mean]] = {}
    for mean in means:
        by_model.setdefault(mean.model, {})[mean.figure] = mean
    order = sorted(by_model, key=position)
    # All models are measured on the same queries and have the same n and chance.
    anyone = {mean.figure: mean for mean in means}
    columns = ["model"]
    for figure in figures:
        columns += [_head(figure), "lift"] if figure.metric in LIFTED else [_head(figure)]
    rows = [["chance", *_cells(figures, {figure: _chance(mean) for figure, mean in anyone.items()}), ""]]
    for model in order:
        found = by_model[model]
        rows.append(
            [
                shown_name(next(iter(found.values()))),
                *_cells(figures, found),
                str(max(mean.n for mean in found.values())),
            ]
        )
    return Table(title, [*columns, "n"], rows)


def _chance(mean: Mean) -> Mean:
    """Return the value of chance as if it were a model."""
    return replace(mean, value=mean.chance, low=None, high=None)


def _cells(figures: list[Figure], found: dict[Figure, Mean]) -> list[str]:
    cells = []
    for figure in figures:
        mean = found.get(figure)
        cells.append(_cell(mean) if mean else "")
        if figure.metric in LIFTED:
            lift = mean.value / mean.chance if mean and mean.value is not None and mean.chance else None
            cells.append("" if lift is None else f"x{lift:.1f}")
    return cells


def position(model: str) -> tuple[int, int, str]:
    """Return the sort key of a model in tables: untrained models in their order, trained ones by name, the oracle."""
    if model in UNTRAINED:
        return 0, UNTRAINED.index(model), model
    return (2, 0, model) if model == ORACLE else (1, 0, model)


def shown_name(mean: Mean) -> str:
    """Return the name of the model, with its number of seeds if it has several."""
    return mean.model if mean.n_seeds == 1 else f"{mean.model} ({mean.n_seeds} seeds)"


def _head(figure: Figure) -> str:
    return figure.metric if figure.k is None else f"{figure.metric}@{figure.k}"


def _number(value: float | None, figure: Figure) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if figure.metric in UNSIGNED else f"{value:.4f}"


def _cell(mean: Mean) -> str:
    text = _number(mean.value, mean.figure)
    if mean.low is not None and mean.high is not None:
        text += f" [{_number(mean.low, mean.figure)}, {_number(mean.high, mean.figure)}]"
    return text


def _comparison_table(compared: list[Comparison]) -> Table:
    columns = ["figure", "model", "against", "difference", "p (Holm)", "seeds"]
    rows = [
        [
            f"{c.split}: {c.figure.task} {c.figure.candidates} {_head(c.figure)}",
            c.model,
            c.against,
            f"{c.difference:+.4f} [{c.low:+.4f}, {c.high:+.4f}]",
            f"{c.p_holm:.3f}",
            str(c.n_seeds) if c.n_seeds >= MIN_SEEDS or c.model in UNTRAINED else f"{c.n_seeds} (too few)",
        ]
        for c in compared
    ]
    return Table("Comparison of models, paired", columns, rows)


def table_markdown(table: Table) -> str:
    """Return one table with its title as a second-level heading."""
    lines = [f"## {table.title}", "", _line(table.columns), _line(["---"] + ["---:"] * (len(table.columns) - 1))]
    return "\n".join([*lines, *(_line(row) for row in table.rows)]) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
