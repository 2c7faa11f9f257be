"""Tests of the commands `unheard listen-test`, their files, and the section of the report."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.builders.command_line import run_command
from tests.builders.study_world import MODELS
from unheard.listening_test.simulate import simulated_answers, write_simulated
from unheard.listening_test.study import ANCHOR, REFERENCE, load_study, study_dir
from unheard.report.report import write_report
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

TRUTH = dict(zip((*MODELS, REFERENCE, ANCHOR), (60.0, 50.0, 40.0, 72.0, 25.0), strict=True))


@pytest.fixture(scope="module")
def answered(audible: Workspace) -> Workspace:
    """Add the studies `verb-rate` and `verb-ab`, made by the command and answered by simulated raters."""
    for kind in ("rate", "ab"):
        words = (
            "--models",
            ",".join(MODELS),
            "--seeds",
            "auto:3",
            "--raters",
            6,
            "--kind",
            kind,
            "--clip-s",
            1,
            "--k",
            1,
        )
        ran = run_command("listen-test", "create", "-w", audible.root, "--name", f"verb-{kind}", *words, "--json")
        assert ran.code == 0, ran
        study = load_study(audible, f"verb-{kind}")
        links = json.loads(ran.stdout)
        assert [link["link"] for link in links] == [f"/listen/{rater.token}" for rater in study.raters]
        assert "skipped: " in ran.stderr
        assert "show it to no rater" in ran.stderr
        answers = simulated_answers(study, TRUTH, rng=np.random.default_rng(2))
        write_simulated(study_dir(audible, study.name), study, answers)
    return audible


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("kind", ["rate", "ab"])
def test_tables_json_and_csv_agree(answered: Workspace, kind: str) -> None:
    name = f"verb-{kind}"
    words = ("listen-test", "analyse", "-w", answered.root, "--name", name)
    shown, as_json, as_csv = run_command(*words), run_command(*words, "--json"), run_command(*words, "--csv")
    assert (shown.code, as_json.code, as_csv.code) == (0, 0, 0)
    assert f"{name} (simulated raters)" in shown.stdout
    assert "Krippendorff" in shown.stderr
    printed = json.loads(as_json.stdout)
    assert printed["simulated_raters"] is True
    means = {(row["measure"], row["model"]): float(row["value"]) for row in rows(as_csv.stdout)}
    assert means == {(mean["measure"], mean["model"]): mean["value"] for mean in printed["means"]}
    first = printed["means"][0]
    assert f"{first['value']:.{1 if kind == 'rate' else 2}f}" in shown.stdout
    folder = study_dir(answered, name) / "analysis"
    assert json.loads((folder / "analysis.json").read_text()) == printed
    assert (folder / "means.csv").read_text() == as_csv.stdout
    assert len(rows((folder / "comparisons.csv").read_text())) == len(printed["comparisons"]) > 0
    assert [row["rater"] for row in rows((folder / "raters.csv").read_text())] == [f"r{n:02d}" for n in range(1, 7)]
    assert (folder / "means.svg").read_text().startswith("<?xml")
    assert (folder / "means.png").read_bytes()[:4] == b"\x89PNG"
    assert "token" not in as_json.stdout


def test_answers_with_their_key(answered: Workspace) -> None:
    study = load_study(answered, "verb-rate")
    run_command("listen-test", "analyse", "-w", answered.root, "--name", "verb-rate")
    found = rows((study_dir(answered, "verb-rate") / "analysis" / "answers.csv").read_text())
    assert {"rater", "seed", "item", "model", "similarity", "liking", "order", "seconds"} <= found[0].keys()
    assert len(found) == sum(len(names) for rater in study.raters for item in rater.items for names in item.conditions)
    for row in found:
        rater = next(rater for rater in study.raters if rater.name == row["rater"])
        item = rater.items[int(row["order"]) - 1]
        assert (item.name, item.seed, item.tracks[0]) == (row["item"], row["seed"], row["track"])
        assert row["model"] in item.conditions[0]


def test_the_report_has_a_section(answered: Workspace, tmp_path: Path) -> None:
    html = write_report(answered, tmp_path / "report", "artists", models=["toy"]).page.read_text()
    assert "Listening tests" in html
    assert "Listening test verb-rate" in html
    assert "Listening test verb-ab" in html
    assert "simulated raters, " in html
    assert "nobody has answered yet" in html or "rating" not in {
        p.name for p in (answered.root / "listening-tests").iterdir()
    }


def test_mistakes_are_one_line(answered: Workspace) -> None:
    w = ("-w", answered.root)
    assert "listen-test create" in run_command("listen-test", "analyse", *w, "--name", "none").error
    words = ("listen-test", "create", *w, "--models", "toy", "--seeds", "auto:2", "--raters", 2)
    assert "choose another --name" in run_command(*words, "--name", "verb-rate").error
    assert "--name" in run_command(*words, "--name", "Not Good").error
    assert "no workspace here" in run_command("listen-test", "analyse", "-w", answered.root / "x", "--name", "a").error


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, unheard.listening_test.create, unheard.listening_test.analysis_tables; "
        "import unheard.listening_test.simulate; "
        "print([name for name in ('torch', 'sklearn', 'librosa', 'matplotlib', 'fastapi', 'typer', 'rich') "
        "if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
