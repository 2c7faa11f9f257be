"""The commands of `unheard experiment`: options from options classes, tables, JSON and mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.builders.command_line import Run
from unheard.experiments.available import EXPERIMENTS
from unheard.experiments.experiment import check, documented
from unheard.experiments.thesis.rows import ROWS

pytestmark = pytest.mark.slow


def test_the_list_needs_no_workspace_and_trains_nothing(run: Run) -> None:
    entries = json.loads(run("experiment", "thesis", "--list", "--json").stdout)
    assert [entry["row"] for entry in entries] == list(range(1, 23))
    published = [entry["trainable_parameters"] == entry["published_parameters"] for entry in entries]
    assert [entry["row"] for entry, same in zip(entries, published, strict=True) if not same] == [8, 21]
    assert all(set(entry) == {"row", "name", "trainable_parameters", "published_parameters"} for entry in entries)
    table = run("experiment", "thesis", "--list", "--rows", "15").stdout
    assert "169,566,794" in table
    assert "Bag of tones" not in table


def test_a_row_is_trained_measured_and_written(workspace: Path, run: Run, tmp_path: Path) -> None:
    w = tmp_path / "w"
    shutil.copytree(workspace, w)
    page = tmp_path / "thesis.md"
    words = ("experiment", "thesis", "-w", w, "--rows", "9", "--fraction", "0.5", "--epochs", "2")
    ran = run(*words, "--published", "--markdown", page)
    assert ran.code == 0, ran
    for text in (ran.stdout, page.read_text()):
        assert "Slide in frequency domain" in text
        assert "1.1637" in text  # the thesis' validation loss
        assert "chance" in text
        assert "oracle" in text
    assert "Split artists" in ran.stderr
    assert "trained already" not in ran.stderr
    plain = json.loads(run(*words, "--json").stdout)
    assert plain["rows"][0]["model"] == "thesis-09-f0.5-e2"
    assert "thesis-09-f0.5-e2" in run("evaluate", "-w", w, "--model", "thesis-09-f0.5-e2").stdout


def test_bag_of_tones(workspace: Path, run: Run, tmp_path: Path) -> None:
    w = tmp_path / "w"
    shutil.copytree(workspace, w)
    ran = run("experiment", "bag-of-tones", "-w", w, "--tones", "32", "--markdown", tmp_path / "bag.md")
    assert ran.code == 0, ran
    assert "decision tree" in ran.stdout
    assert "corner" in (tmp_path / "bag.md").read_text()


def test_classical_recommenders(workspace: Path, run: Run, tmp_path: Path) -> None:
    w = tmp_path / "w"
    shutil.copytree(workspace, w)
    ran = run("experiment", "classical-recommenders", "-w", w, "--markdown", tmp_path / "classical.md")
    assert ran.code == 0, ran
    for name in ("item-knn-adjusted", "content-boosted", "popularity"):
        assert name in ran.stdout
        assert name in (tmp_path / "classical.md").read_text()


def test_cold_to_warm_fairness_and_calibration(workspace: Path, run: Run, tmp_path: Path) -> None:
    w = tmp_path / "w"
    shutil.copytree(workspace, w)
    for name, words in (
        ("cold-to-warm", ("blend - audio", "oracle", "50 plays")),
        ("fairness", ("lists as a whole", "exposure of test tracks")),
        ("calibration", ("raw", "calibrated")),
    ):
        page = tmp_path / f"{name}.md"
        ran = run("experiment", name, "-w", w, "--models", "ridge, tiny", "--markdown", page)
        assert ran.code == 0, ran
        for text in (ran.stdout, page.read_text()):
            assert all(word in " ".join(text.split()) for word in words), text
        findings = json.loads(run("experiment", name, "-w", w, "--models", "ridge,tiny", "--json").stdout)
        assert findings == json.loads((w / "experiments" / f"{name}.json").read_text())["findings"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cold-to-warm", "-w", "{w}", "--models", " , "], "expected names separated by commas"),
        (["cold-to-warm", "-w", "{w}", "--models", "random"], "random predicts no factors"),
        (["fairness", "-w", "{w}", "--models", "magic"], "no model 'magic'"),
        (["calibration", "-w", "{w}", "--split", "nothing"], "no split 'nothing'"),
        (["thesis"], "-w W"),
        (["ablation"], "-w W"),
        (["thesis", "-w", "{w}", "--rows", "23"], "between 1 and 22"),
        (["thesis", "-w", "{w}", "--fraction", "0"], "--fraction"),
        (["thesis", "-w", "{w}", "--fraction", "1.5"], "--fraction"),
        (["thesis", "-w", "nowhere"], "unheard init"),
        (["leak", "-w", "{w}"], "unheard experiment thesis"),
    ],
)
def test_mistakes_are_one_line(workspace: Path, run: Run, words: list[str], says: str) -> None:
    assert says in run("experiment", *(word.format(w=workspace) for word in words)).error


def test_the_list_of_experiments_has_a_command_for_each(run: Run) -> None:
    listed = [line.split()[0] for line in run("experiment", "--list").stdout.splitlines()]
    assert listed == [experiment.name for experiment in EXPERIMENTS]
    for experiment in EXPERIMENTS:
        shown = " ".join(run("experiment", experiment.name, "--help").stdout.split())
        for word in ("--workspace", "--split", "--json", "--markdown", experiment.help):
            assert word in shown, (experiment.name, word)
        for field, _, option in documented(experiment.options):
            assert f"--{field.name}" in shown
            assert option.help in shown


def test_every_default_is_within_its_bounds() -> None:
    for experiment in EXPERIMENTS:
        check(experiment.options())


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) == 22
