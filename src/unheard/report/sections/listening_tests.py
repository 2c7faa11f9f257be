"""Section on blind listening tests: ratings, comparisons of models, screening."""

from __future__ import annotations

from unheard.errors import UserError
from unheard.listening_test.analyse import Analysis, analyse
from unheard.listening_test.analysis_tables import agreement_text, comparison_tables, means_table, raters_table
from unheard.listening_test.means_plot import means_figure
from unheard.listening_test.study import study_names
from unheard.report.blocks import Block, Folded, Missing, Picture, Section, Tabled, Text
from unheard.report.figures.canvas import drawn
from unheard.report.report_data import ReportData

TASKS = {
    "rate": "Raters listened to a track and one candidate at a time, and rated how similar the candidate is and how "
    "much they like it.",
    "ab": "Raters listened to a track and two candidates, and chose the one that fits better.",
}


def listening_tests(found: ReportData) -> Section | None:
    """Return every study of the workspace; None if there are none."""
    blocks: list[Block] = []
    for name in study_names(found.workspace):
        try:
            blocks += _study(analyse(found.workspace, name))
        except UserError as error:
            blocks.append(Missing(str(error)))
    return Section("listening-tests", "Listening tests", tuple(blocks)) if blocks else None


def _study(found: Analysis) -> list[Block]:
    study = found.study
    who = "simulated raters" if found.simulated else "raters"
    pictured = "; ".join(
        f"{mean.measure} of {mean.model} {mean.value:.1f}"
        for mean in found.means
        if mean.measure == next(iter(found.alpha))
    )
    return [
        Text(
            f"{TASKS[study.kind]} The model of a candidate was not shown. {len(found.checked)} {who}, "
            f"{len(found.kept)} of whom passed the screening; {len(study.seeds)} seed tracks, split {study.split}. The "
            "reference is chosen by the true factors, the anchor at random; both are hidden among the candidates. "
            f"{agreement_text(found)}",
            f"Listening test {study.name}",
        ),
        Picture(
            f"listening-{study.name}",
            drawn(means_figure)(found),
            "svg",
            f"Means with 95 % intervals: {pictured}.",
            "Dots are means, lines 95 % intervals over raters and tracks. Models are blue; the hidden reference and "
            "the random anchor are grey.",
        ),
        Tabled(means_table(found), "Mean and 95 % interval; the mean without screening should be close to it."),
        Folded("Comparisons of pairs, and excluded raters", (*comparison_tables(found), raters_table(found))),
    ]
