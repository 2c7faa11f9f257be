"""Chapter: what people said who listened without knowing which model had chosen."""

from __future__ import annotations

from unheard.errors import UserError
from unheard.listening_test.analyse import Analysis, analyse
from unheard.listening_test.analysis_tables import agreement_text, comparison_tables, means_table, raters_table
from unheard.listening_test.means_plot import means_figure
from unheard.listening_test.study import study_names
from unheard.report.blocks import Block, Folded, Missing, Picture, Section, Tabled, Text
from unheard.report.collect import Collected
from unheard.report.figures.canvas import drawn

ASKED = {
    "rate": "Raters heard a track and one candidate at a time, and said how similar the candidate is and how much they "
    "like it.",
    "ab": "Raters heard a track and two candidates, and said which one fits better.",
}


def listening_tests(found: Collected) -> Section | None:
    """Every study of the workspace; None if there are none."""
    blocks: list[Block] = []
    for name in study_names(found.workspace):
        try:
            blocks += _study(analyse(found.workspace, name))
        except UserError as error:
            blocks.append(Missing(str(error)))
    return Section("listening-tests", "What listeners say", tuple(blocks)) if blocks else None


def _study(found: Analysis) -> list[Block]:
    study = found.study
    who = "simulated raters, nobody has listened" if found.simulated else "raters"
    pictured = "; ".join(
        f"{mean.measure} of {mean.model} {mean.value:.1f}"
        for mean in found.means
        if mean.measure == next(iter(found.alpha))
    )
    return [
        Text(
            f"{ASKED[study.kind]} Nothing told which model had named it. {len(found.checked)} {who}, {len(found.kept)} "
            f"of them pass the screening, {len(study.seeds)} tracks to start from, split {study.split}. The reference "
            "is what the true factors name, the anchor is drawn at random; both were hidden among the candidates. "
            f"{agreement_text(found)}",
            f"Listening test {study.name}",
        ),
        Picture(
            f"listening-{study.name}",
            drawn(means_figure)(found),
            "svg",
            f"Means with 95 % intervals: {pictured}.",
            "Dots are means, lines 95 % intervals over raters and tracks together. Blue are models, grey the hidden "
            "reference and the random anchor.",
        ),
        Tabled(
            means_table(found), "Mean and 95 % interval; beside it the mean without screening, which should be near."
        ),
        Folded("Pair by pair, and who was left out", (*comparison_tables(found), raters_table(found))),
    ]
