"""Sections on the quality of models, and on experiments."""

from __future__ import annotations

from unheard.errors import quoted
from unheard.evaluate.result_tables import Table, tables
from unheard.evaluate.summary import summaries
from unheard.experiments.thesis.bag_of_tones import TONES
from unheard.recommend.models import BASELINES
from unheard.report.blocks import Block, Folded, Missing, Picture, Pictures, Section, Tabled, Text
from unheard.report.figures.curves import curves
from unheard.report.figures.elbow import elbow
from unheard.report.figures.model_metrics import dots, hubs
from unheard.report.report_data import ReportData
from unheard.report.stored_results import Chart, Curves, Elbow, charts

MEANING = {
    "recall@20": "Share of the held-out tracks of a playlist among the first 20 recommended tracks.",
    "ndcg@20": "The same, with a higher weight for higher ranks; 1 is a perfect ranking.",
    "auc": "Probability that a held-out track is ranked above a track that is not in the playlist; chance is 0.5.",
    "overlap@10": "Share of the 10 true neighbours of a test track among its 10 predicted neighbours.",
}
SENTENCE = {
    "recall@20": "recommends {value} of the test tracks of a playlist in its first 20 tracks (recall@20)",
    "overlap@10": "finds {value} of the ten true neighbours of a test track (overlap@10)",
}


def quality(found: ReportData) -> Section:
    """Return headline metrics as charts and a table, all other metrics folded, and hubs."""
    name = found.catalogue.split.name
    blocks: list[Block] = []
    if found.results is None:
        command = f"unheard evaluate -w {quoted(found.workspace.root)} --split {name}"
        blocks.append(Missing(f"The split {name} has not been measured yet. Run `{command}`."))
    else:
        results = found.results.results
        drawn = charts(results)
        blocks.append(
            Text(
                f"Measured on {found.results.day} on test tracks, whose plays were not used for training. The dotted "
                "line is chance; the dashed line is the result of the true factors, an approximate upper bound. "
                "Trained models are blue, baselines grey; lines are 95 % intervals, and a model has a dot for each "
                "seed. A model whose interval includes chance is not significantly better than chance."
            )
        )
        for split in dict.fromkeys(chart.split for chart in drawn):
            of_split = [chart for chart in drawn if chart.split == split]
            pictures = tuple(_picture(chart) for chart in of_split)
            meanings = " ".join(f"{chart.head}: {MEANING[chart.head]}" for chart in of_split)
            blocks.append(Pictures(pictures, f"Split {split}. {meanings}"))
        blocks += [Tabled(table, "Value and 95 % interval.") for table in summaries(results)]
        blocks.append(Folded("All metrics", tuple(tables(results))))
    blocks += _hubs(found)
    return Section("results", "Quality of the models", tuple(blocks))


def headline(found: ReportData) -> str:
    """Return the main result in a few sentences, "" if nothing was measured or trained."""
    if found.results is None:
        return ""
    for chart in charts(found.results.results):
        best, simple = chart.best(trained=True), chart.best(trained=False)
        if chart.head in SENTENCE and best is not None:
            model, value = best
            result = f"From audio alone, {model} {SENTENCE[chart.head].format(value=_percent(value))}."
            limits = [
                f"{word} {_percent(limit)}"
                for word, limit in (
                    ("chance", chart.chance),
                    (f"the best baseline, {simple[0]}," if simple else "", simple[1] if simple else None),
                    ("the true factors, which use the plays,", chart.oracle),
                )
                if limit is not None
            ]
            against = f" For comparison: {'; '.join(limits)}." if limits else ""
            doubt = "" if chart.beats_chance(model) else " This is not significantly better than chance."
            return result + against + doubt
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _picture(chart: Chart) -> Picture:
    trained = set(chart.models) - set(BASELINES)
    best = chart.best(trained=True)
    winner = "" if best is None else f" The best trained model is {best[0]} with {best[1]:.3f}."
    limits = [
        f"{word} {value:.3f}"
        for word, value in (("chance", chart.chance), ("true factors", chart.oracle))
        if value is not None
    ]
    alt = f"{chart.head} of {len(chart.models)} models with 95 % intervals; {', '.join(limits)}.{winner}"
    figure = dots(chart.models, chance=chart.chance, oracle=chart.oracle, trained=trained)
    name = f"{chart.split}-{chart.head.replace('@', '-at-')}"
    return Picture(name, figure, "svg", alt, "", chart.head)


def _hubs(found: ReportData) -> list[Block]:
    if found.hubs is None:
        return [Missing("Hubs are left out: there are too few test tracks with plays, or too many.")]
    counted = found.hubs
    curves = dict(list(counted.counts.items())[:6])
    if "random" not in curves and "random" in counted.counts:
        curves = {**dict(list(curves.items())[:5]), "random": counted.counts["random"]}
    expected = float(counted.length)
    left_out = len(counted.counts) - len(curves)
    others = f" {left_out} more models are in the table below." if left_out else ""
    return [
        Picture(
            "hubs",
            hubs(curves, expected=expected),
            "svg",
            f"For {', '.join(curves)}: number of lists of {counted.length} with each test track, in descending order.",
            f"Each of the {counted.n_candidates:,} test tracks has a list of its {counted.length} nearest other test "
            "tracks. A curve shows the number of lists with each track, sorted. A high left end are hubs, tracks that "
            "are in many lists; a right end at zero are antihubs, tracks that are in no list. The dotted line is an "
            f"equal distribution.{others}",
            "Hubs",
        ),
        Tabled(
            Table(
                "Hubs in numbers",
                ["model", "most lists with the same track", "tracks in no list", "skewness"],
                counted.rows(),
            ),
            f"The skewness of random lists is about {counted.chance_skewness:.2f}.",
        ),
    ]


def experiments(found: ReportData) -> Section | None:
    """Return tables and plots of every experiment; None if there are none."""
    blocks: list[Block] = []
    for experiment in found.experiments:
        blocks.append(Text(experiment.about, experiment.title))
        if experiment.elbow is not None:
            blocks.append(_elbow(experiment.name, experiment.elbow))
        blocks += [_curves(experiment.name, drawn) for drawn in experiment.curves]
        blocks += [Tabled(table, words=word_columns(table)) for table in experiment.tables]
    return Section("experiments", "Experiments", tuple(blocks)) if blocks else None


def word_columns(table: Table) -> int:
    """Count the leading columns of text: the first, and those after it in which most cells begin with a letter."""
    count = 1
    for column in range(1, len(table.columns)):
        cells = [row[column] for row in table.rows if row[column]]
        if 2 * sum(cell[0].isalpha() for cell in cells) <= len(cells):
            break
        count += 1
    return count


def _curves(name: str, found: Curves) -> Picture:
    ends = ", ".join(f"{line} from {points[0][0]:.2f} to {points[-1][0]:.2f}" for line, points in found.lines.items())
    return Picture(
        f"curves-{name}-{found.title}",
        curves(found),
        "svg",
        f"{found.y_label} by {found.x_label}, from {found.x[0]:g} to {found.x[-1]:g}: {ends}; chance is "
        f"{found.chance:.2f}, the oracle {found.oracle:.2f}.",
        f"{found.y_label} by {found.x_label}. Bands are 95 % intervals; the dotted line is chance, the dashed line "
        "the result of the true factors.",
        found.title,
    )


def _elbow(name: str, found: Elbow) -> Picture:
    first, last, at_corner = found.distances[0], found.distances[-1], found.distances[found.ks.index(found.corner)]
    return Picture(
        f"elbow-{name}",
        elbow(found.ks, found.distances, corner=found.corner, thesis=TONES),
        "svg",
        f"Mean squared distance to the nearest tone: {first:,.0f} with {found.ks[0]:,} tones, {at_corner:,.0f} at the "
        f"corner of {found.corner:,}, {last:,.0f} with {found.ks[-1]:,}. The thesis uses {TONES:,}.",
        "A codebook assigns every frame to the nearest of k cluster centres, its tones. The curve is the mean squared "
        "distance of frames of validation tracks to their nearest tone. The corner is where the curve is farthest "
        "below the dashed line between its ends; further tones gain less. A curve without a sharp corner may have its "
        f"corner elsewhere with another seed. The thesis uses {TONES:,} tones.",
        "Elbow curve of the codebook",
    )
