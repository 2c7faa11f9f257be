"""The protocol of experiments: bounds of options, the stored file, and findings of earlier runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from unheard.errors import UserError
from unheard.evaluate.result_tables import Table
from unheard.experiments.available import EXPERIMENTS
from unheard.experiments.experiment import Experiment, Findings, Option, check, documented, load, run_experiment
from unheard.progress import Progress
from unheard.workspace import Settings, Workspace


@dataclass(frozen=True)
class Options:
    times: Annotated[int, Option("How often.", minimum=1, maximum=3)] = 2
    share: Annotated[float | None, Option("Which share.", above=0, maximum=1)] = None
    hidden: int = 0


def run(workspace: Workspace, split: str | None, options: Options, progress: Progress) -> Findings:
    del workspace
    progress("counting", options.times, options.times)
    return {"split": split, "times": options.times}


COUNTING = Experiment(
    name="counting",
    title="Counting",
    help="Count.",
    options=Options,
    run=run,
    tables=lambda findings: [Table("Times", ["times"], [[str(findings["times"])]])],
    summary=lambda findings: f"Counted to {findings['times']}.",
    per_split=True,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w", Settings())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(times=0), "--times: expected 1 to 3, found 0"),
        (Options(times=4), "--times: expected 1 to 3, found 4"),
        (Options(share=0.0), "--share: expected a number above 0, at most 1, found 0.0"),
        (Options(share=1.5), "--share: expected a number above 0, at most 1, found 1.5"),
    ],
)
def test_options_out_of_bounds_are_refused_before_the_run(workspace: Workspace, options: Options, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_experiment(COUNTING, workspace, "artists", options)
    assert not (workspace.root / "experiments").exists()


def test_values_on_the_bounds_are_allowed() -> None:
    for options in (Options(times=1), Options(times=3), Options(share=1.0), Options(share=1e-9)):
        check(options)


def test_only_fields_with_an_option_are_documented() -> None:
    assert [(field.name, option.help) for field, _, option in documented(Options)] == [
        ("times", "How often."),
        ("share", "Which share."),
    ]


def test_the_file_has_what_the_report_reads(workspace: Workspace) -> None:
    findings = run_experiment(COUNTING, workspace, "artists", Options(times=3))
    stored = json.loads((workspace.root / "experiments" / "counting-artists.json").read_text())
    del stored["checksum"]
    assert stored == {
        "title": "Counting",
        "about": "Counted to 3.",
        "tables": [{"title": "Times", "columns": ["times"], "rows": [["3"]]}],
        "findings": findings,
    }


@pytest.mark.parametrize("text", ["{", "[1, 2]", "{}", '{"findings": 3}'])
def test_a_damaged_file_counts_as_no_earlier_run(workspace: Workspace, text: str) -> None:
    path = workspace.experiment_path("counting")
    assert load(COUNTING, workspace) == {}
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert load(COUNTING, workspace) == {}
    path.write_text('{"findings": {"times": 1}}')
    assert load(COUNTING, workspace) == {"times": 1}


def test_every_experiment_has_a_name_of_its_own() -> None:
    assert len({experiment.name for experiment in EXPERIMENTS}) == len(EXPERIMENTS) == 9
