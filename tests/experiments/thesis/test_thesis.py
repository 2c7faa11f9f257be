"""The thesis experiment on a small world: its figures, resuming after a kill, and its tables."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.builders.sound_world import World, make_world
from unheard.errors import UserError
from unheard.evaluate.evaluate import evaluate
from unheard.experiments.experiment import Findings, run_experiment
from unheard.experiments.thesis import leak
from unheard.experiments.thesis.measures import MEAN
from unheard.experiments.thesis.rows import PAIR
from unheard.experiments.thesis.run import THESIS, Options, measure_rows
from unheard.experiments.thesis.thesis_tables import RECALL, summary, tables
from unheard.inference.checkpoint import load_checkpoint
from unheard.inference.load import load_network_encoder
from unheard.inference.predictions import load_predictions
from unheard.inference.update_predictions import update_predictions
from unheard.models.choi import Choi, ChoiConfig
from unheard.models.pretrained import save_weights
from unheard.progress import Progress, silent
from unheard.splits import write_splits
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ROWS = "1,9,21,22"
OPTIONS = Options(ROWS, fraction=0.5, epochs=3)

CHILD = """
import sys
from pathlib import Path
from tests.experiments.thesis.test_thesis import OPTIONS, thesis
from unheard.workspace import Workspace

def say(what, done, total):
    print(what, done, flush=True)
    sys.stdin.readline()

thesis(Workspace.open(Path(sys.argv[1])), OPTIONS, progress=say)
"""


def thesis(workspace: Workspace, options: Options, *, progress: Progress = silent) -> Findings:
    return run_experiment(THESIS, workspace, "artists", options, progress=progress)


def _world(root: Path) -> World:
    world = make_world(root)
    write_splits(world.workspace.splits_path, {"artists": world.split})
    return world


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Findings]:
    world = _world(tmp_path_factory.mktemp("thesis") / "w")
    return world, thesis(world.workspace, OPTIONS)


def _by_row(findings: Findings) -> dict[int, dict[str, Any]]:
    return {entry["row"]: entry for entry in findings["rows"]}


def test_every_row_is_filled(ran: tuple[World, Findings]) -> None:
    rows = _by_row(ran[1])
    assert list(rows) == [1, 9, 21, 22]
    for number, entry in rows.items():
        assert entry["note"] == ""
        assert entry["seconds"] > 0
        assert entry["patches"] > 0
        assert all(loss > 0 for loss in entry["loss"])
        assert ("figures" in entry) == (number != 21)


def test_patches_are_those_of_fraction_and_epochs(ran: tuple[World, Findings]) -> None:
    world, findings = ran
    rows, train = _by_row(findings), world.rows("train")
    n_frames = _n_frames(world)
    n_patches = sum(-(-n_frames[row] // 16) for row in train)
    assert rows[1]["patches"] == 3 * len(train)
    assert rows[9]["patches"] == 3 * round(0.5 * n_patches)
    # Two epochs of 5 are one of 3, rounded; each anchor brings two more patches.
    assert rows[21]["patches"] == 3 * round(0.5 * n_patches)
    assert rows[22]["patches"] == 50 * rows[22]["tracks"]
    assert rows[9]["tracks"] <= len(train)
    assert rows[9]["steps"] == [3 * round(round(0.5 * n_patches) / 32)]


def _n_frames(world: World) -> list[int]:
    from unheard.library import open_library
    from unheard.spectrograms.store import open_store

    with open_library(world.workspace.library_path) as library:
        return [int(n) for n in open_store(world.workspace, library).n_frames]


def test_losses_are_the_mean_squared_error_of_standardised_factors(ran: tuple[World, Findings]) -> None:
    world, findings = ran
    train = world.factors.tracks[world.rows("train")].astype(np.float64)
    mean, std = train.mean(axis=0), train.std(axis=0)
    for use, place in (("val", 0), ("test", 1)):
        rows = world.rows(use)
        scaled = (world.factors.tracks[rows] - mean) / std
        assert findings["references"][MEAN]["loss"][place] == pytest.approx((scaled**2).mean(), rel=1e-4)
        for entry in findings["rows"]:
            if entry["row"] in (1, 9, 22):
                found = load_predictions(world.workspace, "artists", entry["model"])
                predicted = (found.factors[found.ids.rows([world.ids[row] for row in rows])] - mean) / std
                assert entry["loss"][place] == pytest.approx(((predicted - scaled) ** 2).mean(), rel=1e-4)


def test_the_triplet_loss_of_row_21_is_that_of_its_definition(ran: tuple[World, Findings]) -> None:
    """Expected loss over all (anchor, nearest, farthest) of the test tracks against the drawn mean."""
    world, findings = ran
    entry, rows = _by_row(findings)[21], world.rows("test")
    predictor = load_network_encoder(world.workspace, "artists", "thesis-22-f0.5-e3")
    from unheard.library import open_library
    from unheard.spectrograms.store import open_store

    with open_library(world.workspace.library_path) as library:
        embeddings = predictor.embed_store(open_store(world.workspace, library), rows)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    centred = world.factors.tracks - world.factors.tracks[world.rows("train")].mean(axis=0)
    centred = centred[rows] / np.linalg.norm(centred[rows], axis=1, keepdims=True)
    n, losses, right = len(rows), [], []
    k, m = min(round(20 * n / 36), (n - 1) // 4), min(round(500 * n / 36), (n - 1) // 2)
    for anchor in range(n):
        order = np.argsort(-(centred[anchor] @ centred.T))
        order = order[order != anchor]
        d = np.linalg.norm(unit - unit[anchor], axis=1)
        gaps = d[order[:k], None] - d[None, order[len(order) - m :]]
        losses.append(np.maximum(gaps + 0.4, 0).mean())
        right.append((gaps < 0).mean())
    assert entry["loss"][1] == pytest.approx(np.mean(losses), rel=0.1)
    assert entry["accuracy"][1] == pytest.approx(np.mean(right), abs=0.1)
    assert entry["margin"] == 0.4


def test_figures_are_those_of_evaluate(ran: tuple[World, Findings]) -> None:
    world, findings = ran
    rows = evaluate(world.workspace, "artists", models=["thesis-09-f0.5-e3"]).rows
    (recall,) = [r for r in rows if (r["task"], r["candidates"], r["metric"]) == ("recommend", "cold", "recall")]
    ours = _by_row(findings)[9]["figures"][RECALL]
    assert [ours[key] for key in ("value", "low", "high", "chance", "n")] == [
        recall[key] for key in ("value", "low", "high", "chance", "n")
    ]


def test_another_fraction_trains_again(tmp_path: Path) -> None:
    world = _world(tmp_path / "w")
    patches = [
        thesis(world.workspace, Options("9", fraction, epochs=1))["rows"][0]["patches"] for fraction in (0.5, 1.0)
    ]
    assert patches[1] in (2 * patches[0] - 1, 2 * patches[0], 2 * patches[0] + 1)
    models = {path.parent.name for path in (world.workspace.root / "models").rglob("checkpoint.safetensors")}
    assert models == {"thesis-09-f0.5-e1", "thesis-09-f1-e1"}  # neither took the other's place


def test_rows_that_were_measured_stay(tmp_path: Path) -> None:
    world = _world(tmp_path / "w")
    for rows in ("9", "10"):
        findings = thesis(world.workspace, Options(rows, 0.5, 1))
    assert list(_by_row(findings)) == [9, 10]
    other = thesis(world.workspace, Options("10", 0.5, 2))
    assert list(_by_row(other)) == [10]  # other settings are another experiment


def test_a_split_that_cannot_be_measured_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w")
    nobody = replace(world.split, use={"train": (0, 1, 2), "val": (3, 4), "test": ()})
    write_splits(world.workspace.splits_path, {"artists": nobody})
    with pytest.raises(UserError):
        thesis(world.workspace, Options("9"))
    assert not (world.workspace.root / "models").exists()


def test_a_trained_row_needs_no_weights_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "cache"))
    world, rng = _world(tmp_path / "w"), np.random.default_rng(0)
    torch.manual_seed(0)
    backbone = Choi(ChoiConfig(), mels=128, frames=256, outputs=1, zero_output=True).convolutions
    arrays = {name: rng.normal(size=tuple(t.shape)).astype(np.float32) for name, t in backbone.state_dict().items()}
    kept = save_weights("choi", arrays, "made up")
    options = Options("18", fraction=0.2, epochs=1)
    first = thesis(world.workspace, options)
    kept.unlink()
    assert thesis(world.workspace, options) == first
    assert first["rows"][0]["note"] == ""


def test_one_stage_and_two_hear_the_same_patches_in_as_many_steps(tmp_path: Path) -> None:
    world = _world(tmp_path / "w")
    findings = measure_rows(world.workspace, "artists", PAIR, Options(fraction=0.5, epochs=2), silent)
    one, two = findings["rows"]
    assert one["parameters"] == two["parameters"]
    assert one["tracks"] == two["tracks"] < len(world.rows("train"))
    assert 0 < two["patches"] <= one["patches"]  # batches of whole groups round down
    assert one["steps"][0] == two["steps"][0] == pytest.approx(two["steps"][1], rel=0.25)
    # The second stage reads embeddings of those tracks alone.
    checkpoint = load_checkpoint(world.workspace.model_dir("artists", two["model"]) / "checkpoint.safetensors")
    assert [stage["train_tracks"] for stage in checkpoint.config["stages"]] == [two["tracks"]] * 2


def test_train_tracks_are_predicted_when_somebody_asks(tmp_path: Path) -> None:
    world = _world(tmp_path / "w")
    thesis(world.workspace, Options("9", fraction=0.5, epochs=1))
    assert len(load_predictions(world.workspace, "artists", "thesis-09-f0.5-e1").ids) == 60 - len(world.rows("train"))
    everyone = frozenset(world.ids.take(world.rows("train")))
    assert update_predictions(world.workspace, "artists", "thesis-09-f0.5-e1", leave=everyone) == 0
    assert update_predictions(world.workspace, "artists", "thesis-09-f0.5-e1") == len(world.rows("train"))
    assert update_predictions(world.workspace, "artists", "thesis-09-f0.5-e1", leave=everyone) == 0
    assert len(load_predictions(world.workspace, "artists", "thesis-09-f0.5-e1").ids) == 60


def test_nothing_is_trained_twice(ran: tuple[World, Findings]) -> None:
    world, findings = ran
    checkpoints = sorted((world.workspace.root / "models").rglob("checkpoint.safetensors"))
    before = [path.stat().st_mtime_ns for path in checkpoints]
    assert thesis(world.workspace, OPTIONS) == findings
    assert [path.stat().st_mtime_ns for path in checkpoints] == before


@pytest.mark.long
@pytest.mark.parametrize("until", ["this row, % 40", "all rows, in patches of row 3 300"])
def test_a_killed_experiment_goes_on_to_the_same_models(
    ran: tuple[World, Findings], tmp_path: Path, until: str
) -> None:
    world = _world(tmp_path / "w")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(world.workspace.root)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    what, least = until.rsplit(maxsplit=1)
    for line in child.stdout:
        if line.startswith(what) and int(line.rsplit(maxsplit=1)[-1]) >= int(least):
            child.send_signal(signal.SIGKILL)
            break
        child.stdin.write("\n")
        child.stdin.flush()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    findings = thesis(world.workspace, OPTIONS)
    truth = _by_row(ran[1])
    for number, entry in _by_row(findings).items():
        assert entry["loss"] == truth[number]["loss"]
        assert entry.get("figures") == truth[number].get("figures")


def test_missing_weights_leave_a_row_out_and_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "cache"))
    world = _world(tmp_path / "w")
    findings = thesis(world.workspace, Options("9,18", fraction=0.2, epochs=1))
    assert "unheard weights choi" in _by_row(findings)[18]["note"]
    assert "figures" in _by_row(findings)[9]
    assert "unheard weights choi" in summary(findings)
    assert "Choi normal (not trained)" in str(tables(findings))


def test_tables_have_chance_baselines_and_the_ceiling(ran: tuple[World, Findings]) -> None:
    for published in (False, True):
        drawn = tables(ran[1] | {"published": published})
        assert [table.title.split(":")[0] for table in drawn[:3]] == ["Table 6.1", "Table 6.2", "Table 6.5"]
        for table in drawn:
            assert {len(row) for row in table.rows} == {len(table.columns)}
            named = [row[0] for row in table.rows]
            assert {"chance", MEAN} & set(named)
            assert "oracle" in named
            assert any("thesis" in column for column in table.columns) == (
                published and not table.title.startswith("New tracks")
            )
        assert any("ridge" in row for row in drawn[-1].rows)
    stored = json.loads(ran[0].workspace.experiment_path("thesis").read_text())
    assert [table["title"] for table in stored["tables"]] == [table.title for table in tables(ran[1])]


def test_the_leak_scores_without_hearing_the_track(ran: tuple[World, Findings]) -> None:
    world, _ = ran
    findings = run_experiment(leak.LEAK, world.workspace, "artists", leak.Options())
    own, published, unheard, _, nearest = findings["inputs"].values()
    assert own["weights"] == _dense_weights(128)
    assert published["weights"] == _dense_weights(384)
    cosine = "factors/cold/centred-cosine/None"  # 0 by chance
    assert unheard["figures"][cosine]["low"] > 0
    assert unheard["figures"][cosine]["value"] < nearest["figures"][cosine]["value"]
    (table,) = leak.tables(findings)
    assert [row[0] for row in table.rows][:: len(table.rows) - 1] == ["chance", "thesis (other music)"]
    assert {len(row) for row in table.rows} == {len(table.columns)}
    again = run_experiment(leak.LEAK, world.workspace, "artists", leak.Options())
    assert again == findings


def _dense_weights(width: int) -> int:
    """Weights of dense 1024, 1024, 512 and an output of six factors."""
    sizes = (width, 1024, 1024, 512, 6)
    return sum(a * b + b for a, b in pairwise(sizes))


def test_the_honest_regression_reads_the_tracks_own_embedding_alone(ran: tuple[World, Findings]) -> None:
    world, _ = ran
    checkpoint = load_checkpoint(world.workspace.model_dir("artists", "thesis-22-f0.5-e3") / "checkpoint.safetensors")
    assert checkpoint.config["stages"][1]["shape"] == [128]
