"""Format the headline figures of an evaluation as one table that fits a terminal; result_tables.py has all figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unheard.evaluate.measure import Figure
from unheard.evaluate.result_tables import Table, position, shown_name
from unheard.evaluate.results import Mean, Results

HEADLINE = (
    (Figure("recommend", "cold", "recall", 20), "recall@20"),
    (Figure("recommend", "cold", "ndcg", 20), "ndcg@20"),
    (Figure("recommend", "cold", "auc", None), "auc"),
    (Figure("similar", "cold", "overlap", 10), "overlap@10"),
)


def summaries(results: Results) -> list[Table]:
    """Return one table per split (and part of a split), a row per model, chance first and the oracle last."""
    return [_summary(split, results.means) for split in dict.fromkeys(mean.split for mean in results.means)]


def headline_figures(results: Results) -> dict[str, float | None]:
    """Return the headline figures of every model, such as "artists blend recall@20" -> .596."""
    heads = dict(HEADLINE)
    return {
        f"{mean.split} {mean.model} {heads[mean.figure]}": mean.value for mean in results.means if mean.figure in heads
    }


def _summary(split: str, means: Sequence[Mean]) -> Table:
    found = {(mean.model, mean.figure): mean for mean in means if mean.split == split}
    figures = [(figure, head) for figure, head in HEADLINE if any(at == figure for _, at in found)]
    models = sorted({model for model, figure in found if figure in dict(figures)}, key=position)
    anyone = {figure: mean for (_, figure), mean in found.items()}
    chance = [_cell(replace(anyone[figure], value=anyone[figure].chance, low=None)) for figure, _ in figures]
    rows = [["chance", *chance]]
    for model in models:
        of_model = [found.get((model, figure)) for figure, _ in figures]
        rows.append([shown_name(next(mean for mean in of_model if mean)), *(_cell(mean) for mean in of_model)])
    n_playlists, n_tracks = (
        next((str(anyone[figure].n) for figure, _ in figures if figure.task == task), "0")
        for task in ("recommend", "similar")
    )
    title = f"Split {split}, cold tracks. {n_playlists} playlists (overlap: {n_tracks} tracks); 95 % intervals"
    return Table(title, ["model", *(head for _, head in figures)], rows)


def _cell(mean: Mean | None) -> str:
    """Return value and 95 % interval, such as `.596 .58-.61`."""
    if mean is None or mean.value is None:
        return "-"
    if mean.low is None or mean.high is None:
        return _short(mean.value, 3) + " " * len(" .00-.00")
    return f"{_short(mean.value, 3)} {_short(mean.low, 2)}-{_short(mean.high, 2)}"


def _short(value: float, digits: int) -> str:
    """Return a fraction in `digits` + 1 characters."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if value < 1 and text[0] != "1" else f"{value:.{digits - 1}f}"
