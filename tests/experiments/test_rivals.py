"""The default against its rivals: rotated folds, figures that are those of `evaluate`, honest intervals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders.sound_world import make_world
from unheard.errors import UserError
from unheard.evaluate.evaluate import evaluate
from unheard.experiments.experiment import run_experiment
from unheard.experiments.pairs import METRICS, RelevantPairs, leads, pair_weights, rows_of
from unheard.experiments.rivals import RIVALS, Options, rotated, tables
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.library import open_library
from unheard.plays import Play, Plays, replace_playlists
from unheard.splits import Split, load_splits, prepare_splits, write_splits
from unheard.workspace import Workspace

TEN = Split(
    "artists", {f"t{n:03d}": n % 10 for n in range(60)}, {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Playlists of tracks that sound alike, and a split of ten folds."""
    world = make_world(tmp_path_factory.mktemp("rivals") / "w")
    rng = np.random.default_rng(2)
    tastes = rng.normal(size=(40, world.factors.dim)) @ world.factors.tracks.T
    listed = np.argsort(-tastes, axis=1)[:, :15]
    names = [f"p{row}" for row in range(40)]
    with open_library(world.workspace.library_path) as library, library.transaction():
        plays = [
            Play(name, world.ids[int(track)], place)
            for name, row in zip(names, listed, strict=True)
            for place, track in enumerate(row)
        ]
        replace_playlists(world.workspace, Plays.of(plays))
    write_splits(world.workspace.splits_path, {"artists": TEN})
    compute_factors(world.workspace, "artists", AlsConfig(dim=6, iterations=5))
    return world.workspace


def test_every_fold_is_tested_once_and_never_trains_there() -> None:
    rotations = [rotated(TEN, rotation) for rotation in range(5)]
    assert rotations[0] == TEN
    assert sorted(fold for rotation in rotations for fold in rotation.use["test"]) == list(range(10))
    for rotation in rotations:
        assert sorted(fold for folds in rotation.use.values() for fold in folds) == list(range(10))
        assert [len(rotation.use[use]) for use in ("train", "val", "test")] == [7, 1, 2]
    assert len({rotation.name for rotation in rotations}) == 5


def test_other_splits_are_not_rotated() -> None:
    with pytest.raises(UserError, match="expected ten folds"):
        rotated(Split("odd", {"t": 0}, {"train": (0,), "test": (1,)}), 1)


def test_a_pair_counts_by_its_playlist_and_its_artist() -> None:
    pairs = RelevantPairs(np.array([0, 0, 1, 2]), np.array([5, 6, 5, 7]), np.ones((1, 4)))
    drawn = np.concatenate(list(pair_weights(pairs, 4000, np.random.default_rng(0))))
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.06)  # playlist and artist are drawn once, on average
    apart = np.corrcoef(drawn[:, 0], drawn[:, 3])[0, 1]
    for shares in (1, 2):  # the same playlist, the same artist
        assert np.corrcoef(drawn[:, 0], drawn[:, shares])[0, 1] > apart + 0.1
    alone = np.concatenate(list(pair_weights(pairs, 300, np.random.default_rng(0), artists=False)))
    np.testing.assert_array_equal(alone[:, 0], alone[:, 1])  # of one playlist, whatever the artist
    np.testing.assert_array_equal(alone[:, [0, 2, 3]].sum(axis=1), 3)  # three playlists are drawn each time


def test_p_is_corrected_over_all_comparisons_of_the_table() -> None:
    """Of 3 rivals by 4 compared metrics, the smallest p is multiplied by 12."""
    rng = np.random.default_rng(0)
    pairs = RelevantPairs(np.arange(200), np.arange(200), np.ones((len(METRICS), 200)))
    names = ("random", "one", "other", "default", "oracle")
    gains = {name: np.repeat(rng.random((1, 200)), len(METRICS), axis=0) for name in names}
    gains["random"] = gains["default"] - 1  # better by exactly 1 in every resample
    leads = [
        row[f"{metric}_lead"]
        for row in rows_of(pairs, gains, "default")
        for metric in METRICS
        if f"{metric}_lead" in row
    ]
    assert len(leads) == 12
    certain = [lead for lead in leads if lead["low"] == pytest.approx(1)]
    assert len(certain) == 4
    assert certain[0]["p_holm"] == pytest.approx(12 / 10_001)
    assert certain[3]["p_holm"] == pytest.approx(12 / 10_001)  # Holm's p never falls: 9 / 10,001 is raised


@pytest.mark.parametrize(
    ("low", "high", "p", "better", "worse"),
    [(0.1, 0.2, 0.01, True, False), (-0.2, -0.1, 0.01, False, True), (-0.1, 0.1, 0.01, False, False),
     (0.1, 0.2, 0.06, False, False), (None, None, 0.01, False, False)],
)  # fmt: skip
def test_a_lead_is_significant_by_interval_and_p(
    low: float | None, high: float | None, p: float, better: bool, worse: bool
) -> None:
    row = {f"{metric}_lead": {"low": low, "high": high, "p_holm": p} for metric in ("recall", "ndcg")}
    assert (leads(row), leads(row, sign=-1)) == (better, worse)


def test_figures_are_those_of_evaluate_and_rotations_are_pooled(workspace: Workspace) -> None:
    once = run_experiment(
        RIVALS, workspace, "artists", Options(("ridge",), default="reduced-rank", seeds=1, rotations=1)
    )
    measured = {
        (mean.model, mean.figure.metric): mean.value or 0.0
        for mean in evaluate(workspace, "artists", models=["random", "ridge", "reduced-rank", "oracle"]).means
        if mean.figure.task == "recommend" and mean.figure.candidates == "cold"
    }
    for row in once["rows"]:
        for metric in METRICS:
            assert row[metric]["value"] == pytest.approx(measured[row["model"], metric])
            assert row[metric]["low"] <= row[metric]["value"] <= row[metric]["high"]
        assert row["coverage"] == pytest.approx(measured[row["model"], "coverage"])
    lead = next(row for row in once["rows"] if row["model"] == "ridge")["recall_lead"]
    assert lead["value"] == pytest.approx(measured["reduced-rank", "recall"] - measured["ridge", "recall"])

    all_rotations = run_experiment(RIVALS, workspace, "artists", Options(("ridge",), default="reduced-rank", seeds=1))
    assert all_rotations["rotations"] == 5
    assert all_rotations["artists"] > once["artists"]
    assert set(load_splits(workspace)) >= {"artists", "artists-rotation1", "artists-rotation4"}
    written = json.loads((workspace.root / "experiments" / "rivals-artists.json").read_text())
    assert written["findings"] == all_rotations
    figures, leads = tables(all_rotations)
    assert [row[0] for row in figures.rows][-1] == "oracle"
    assert {row[0] for row in leads.rows} == {"random", "ridge"}


def test_an_imported_split_is_rotated_and_playlists_can_be_resampled_alone(
    workspace: Workspace, tmp_path: Path
) -> None:
    copy = Workspace.open(shutil.copytree(workspace.root, tmp_path / "w"))
    write_splits(tmp_path / "given.json", {"S1": replace(TEN, name="S1")})
    prepare_splits(copy, file=tmp_path / "given.json")
    compute_factors(copy, "S1", AlsConfig(dim=6, iterations=5))
    options = Options(("ridge",), default="reduced-rank", seeds=1, rotations=2)
    found = {
        resample: run_experiment(RIVALS, copy, "S1", replace(options, resample=resample))
        for resample in ("both", "playlists")
    }
    assert set(load_splits(copy)) >= {"S1", "S1-rotation1"}
    assert "playlists are resampled;" in RIVALS.summary(found["playlists"])
    assert "artists are resampled together" in RIVALS.summary(found["both"])

    def width(resample: str) -> float:
        auc = found[resample]["rows"][1]["auc"]
        return float(auc["high"] - auc["low"])

    assert width("playlists") < width("both")
    for both, alone in zip(found["both"]["rows"], found["playlists"]["rows"], strict=True):
        assert both["auc"]["value"] == alone["auc"]["value"]


def test_a_killed_run_fits_nothing_twice(workspace: Workspace) -> None:
    options = Options(("ridge",), default="reduced-rank", seeds=1, rotations=1)
    run_experiment(RIVALS, workspace, "artists", options)
    path = workspace.model_dir("artists", "reduced-rank") / "ranker.safetensors"
    before = path.stat().st_mtime_ns
    run_experiment(RIVALS, workspace, "artists", options)
    assert path.stat().st_mtime_ns == before


def test_mistakes_are_one_line(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="rotations: expected 1 to 5"):
        run_experiment(RIVALS, workspace, "artists", Options(("ridge",), rotations=6))
    with pytest.raises(UserError, match="--resample: expected both or playlists, found 'tracks'"):
        run_experiment(RIVALS, workspace, "artists", Options(("ridge",), resample="tracks"))
    other = tmp_path / "other.toml"
    other.write_text('name = "reduced-rank"\nabout = "a second"\n[[member]]\n[member.ridge]\n')
    with pytest.raises(UserError, match="expected a name of its own for each, found reduced-rank, reduced-rank"):
        run_experiment(RIVALS, workspace, "artists", Options((str(other),), default="reduced-rank"))
    with pytest.raises(UserError, match="no such recipe"):
        run_experiment(RIVALS, workspace, "artists", Options(("nobody",), default="reduced-rank", seeds=1, rotations=1))
