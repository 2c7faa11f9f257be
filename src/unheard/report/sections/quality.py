"""Chapters: how good the models are, and what experiments found."""

from __future__ import annotations

from unheard.evaluate.summary import summaries
from unheard.evaluate.table import Table, tables
from unheard.experiments.thesis.bag_of_tones import TONES
from unheard.recommend.build import BASELINES
from unheard.report.blocks import Block, Folded, Missing, Picture, Pictures, Section, Tabled, Text
from unheard.report.figures.curves import curves
from unheard.report.figures.elbow import elbow
from unheard.report.figures.results import dots, hubs
from unheard.report.report_data import Collected
from unheard.report.stored_results import Chart, Curves, Elbow, charts

MEANING = {
    "recall@20": "Of a playlist's held-out tracks, the share among the first 20 recommended.",
    "ndcg@20": "The same, but places near the top count more; 1 is a perfect order.",
    "auc": "How often a held-out track stands above a track that is not in the playlist; 0.5 is a coin.",
    "overlap@10": "Of a test track's 10 true nearest neighbours, the share among the 10 predicted ones.",
}
SENTENCE = {
    "recall@20": "finds {value} of the never-played tracks that belong in a playlist with its first 20 guesses",
    "overlap@10": "names {value} of a never-played track's ten true neighbours",
}


def quality(found: Collected) -> Section:
    """Headline figures as charts and a table, every other figure folded, and hubs."""
    name = found.catalogue.split.name
    blocks: list[Block] = []
    if found.measured is None:
        command = f"unheard evaluate -w {found.workspace.root} --split {name}"
        blocks.append(Missing(f"The split {name} has not been measured yet. `{command}` does it."))
    else:
        results = found.measured.results
        drawn = charts(results)
        blocks.append(
            Text(
                f"Measured on {found.measured.day}, on cold tracks: tracks whose plays no model has learnt from. The "
                "dotted line is chance, the dashed one what the true factors of those tracks reach, which no model of "
                "sound can pass by much. Blue models were trained, grey ones are simple baselines; lines are "
                "95 % intervals, several dots are several seeds. Where an interval reaches chance, nothing has been "
                "shown."
            )
        )
        for split in dict.fromkeys(chart.split for chart in drawn):
            of_split = [chart for chart in drawn if chart.split == split]
            pictures = tuple(_picture(chart) for chart in of_split)
            meanings = " ".join(f"{chart.head}: {MEANING[chart.head]}" for chart in of_split)
            blocks.append(Pictures(pictures, f"Split {split}. {meanings}"))
        blocks += [Tabled(table, "Value and 95 % interval.") for table in summaries(results)]
        blocks.append(Folded("Every figure that was measured", tuple(tables(results))))
    blocks += _hubs(found)
    return Section("results", "How good are the models?", tuple(blocks))


def headline(found: Collected) -> str:
    """The result in a few sentences, empty if nothing was measured or trained."""
    if found.measured is None:
        return ""
    for chart in charts(found.measured.results):
        best, simple = chart.best(trained=True), chart.best(trained=False)
        if chart.head in SENTENCE and best is not None:
            model, value = best
            said = f"From sound alone, {model} {SENTENCE[chart.head].format(value=_percent(value))}."
            limits = [
                f"{word} {_percent(limit)}"
                for word, limit in (
                    ("chance", chart.chance),
                    (f"the best baseline, {simple[0]}," if simple else "", simple[1] if simple else None),
                    ("the true factors, which know the plays,", chart.oracle),
                )
                if limit is not None
            ]
            against = f" For comparison: {'; '.join(limits)}." if limits else ""
            doubt = "" if chart.beats_chance(model) else " It is not clearly better than chance."
            return said + against + doubt
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _picture(chart: Chart) -> Picture:
    trained = set(chart.models) - set(BASELINES)
    best = chart.best(trained=True)
    said = "" if best is None else f" The best trained model is {best[0]} with {best[1]:.3f}."
    limits = [
        f"{word} {value:.3f}"
        for word, value in (("chance", chart.chance), ("true factors", chart.oracle))
        if value is not None
    ]
    alt = f"{chart.head} of {len(chart.models)} models with 95 % intervals; {', '.join(limits)}.{said}"
    figure = dots(chart.models, chance=chart.chance, oracle=chart.oracle, trained=trained)
    name = f"{chart.split}-{chart.head.replace('@', '-at-')}"
    return Picture(name, figure, "svg", alt, "", chart.head)


def _hubs(found: Collected) -> list[Block]:
    if found.hubs is None:
        return [Missing("Hubs are left out: there are too few test tracks with plays, or too many to be cheap.")]
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
            f"For {', '.join(curves)}: in how many lists of {counted.length} each test track is, most listed first.",
            f"Each of the {counted.n_candidates:,} test tracks has a list of its {counted.length} nearest other test "
            "tracks. The curves show how many lists hold each track, the most listed on the left. The flatter, the "
            "fairer: a steep left end are hubs, tracks that are near to everything; a right end at zero are tracks "
            f"that are in no list and would never be found. The dotted line is an equal share.{others}",
            "Hubs: who is in everybody's list?",
        ),
        Tabled(
            Table(
                "The same in numbers",
                ["model", "most lists that hold one track", "tracks in no list", "skewness"],
                counted.rows(),
            ),
            f"Lists drawn at random would have a skewness of about {counted.chance_skewness:.2f}.",
        ),
    ]


def experiments(found: Collected) -> Section | None:
    """Tables and pictures of every experiment; None if there are none."""
    blocks: list[Block] = []
    for experiment in found.experiments:
        blocks.append(Text(experiment.about, experiment.title))
        if experiment.elbow is not None:
            blocks.append(_elbow(experiment.name, experiment.elbow))
        blocks += [_curves(experiment.name, drawn) for drawn in experiment.curves]
        blocks += [Tabled(table, words=word_columns(table)) for table in experiment.tables]
    return Section("experiments", "Experiments", tuple(blocks)) if blocks else None


def word_columns(table: Table) -> int:
    """The first column (a name, or a number of one) and those behind it in which most cells begin with a letter."""
    count = 1
    for place in range(1, len(table.columns)):
        cells = [row[place] for row in table.rows if row[place]]
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
        f"{found.y_label} by {found.x_label}. Bands are 95 % intervals; the dotted line is chance, the dashed one what "
        "the true factors reach.",
        found.title,
    )


def _elbow(name: str, found: Elbow) -> Picture:
    first, last, at_corner = found.distances[0], found.distances[-1], found.distances[found.ks.index(found.corner)]
    return Picture(
        f"elbow-{name}",
        elbow(found.ks, found.distances, corner=found.corner, thesis=TONES),
        "svg",
        f"Mean squared distance to the nearest tone: {first:,.0f} with {found.ks[0]:,} tones, {at_corner:,.0f} at the "
        f"corner of {found.corner:,}, {last:,.0f} with {found.ks[-1]:,}. The thesis took {TONES:,}.",
        "A codebook describes every moment of sound by the most similar of k typical ones, its tones. The curve is how "
        "far the moments of validation tracks, which the codebook has not seen, are from their nearest tone. The "
        "corner is where it is farthest below the dashed line between its ends: the tones behind it gain less than "
        "those before. A curve that bends evenly has no sharp corner, and another seed may move it. "
        f"The thesis took {TONES:,} tones.",
        "Elbow of the codebook",
    )
