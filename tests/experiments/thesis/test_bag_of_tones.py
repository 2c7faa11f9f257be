"""Bag of tones by regression: the elbow by hand, distances against a slower truth, and what comes out of a world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.builders.sound_world import make_world
from unheard.experiments.experiment import run_experiment
from unheard.experiments.thesis.bag_of_tones import BAG_OF_TONES, Options, corner, distance, regressions, sample, tables
from unheard.library import open_library
from unheard.models.bag_of_tones import Codebook
from unheard.spectrograms.mfcc import bag_frames
from unheard.spectrograms.store import open_store
from unheard.splits import write_splits


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        # Over log2 k = 0 .. 4 the chord falls from 1 to 0 in quarters; below it by 0, .55, .4, .2, 0 and so on.
        ((100, 20, 10, 5, 0), 2),
        ((100, 90, 20, 10, 0), 4),
        ((100, 75, 50, 25, 0), 1),  # a straight line has no corner: the first
        ((5, 5, 5, 5, 5), 1),  # nothing is gained
    ],
)
def test_the_corner_by_hand(distances: tuple[int, ...], expected: int) -> None:
    assert corner([{"k": 2**i, "distance": float(d)} for i, d in enumerate(distances)]) == expected


def test_distance_is_that_of_the_nearest_tone() -> None:
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(8, 39)).astype(np.float32)
    codebook = Codebook(rng.normal(size=(4, 39)).astype(np.float32))
    truth = np.mean([min(((frame - tone) ** 2).sum() for tone in codebook.centroids) for frame in frames])
    assert distance(codebook, frames) == pytest.approx(truth, rel=1e-5)
    more = Codebook(np.concatenate([codebook.centroids, frames[:1]]))
    assert distance(more, frames) < distance(codebook, frames)


def test_a_sample_is_even_bounded_and_made_of_frames_of_its_tracks(tmp_path: Path) -> None:
    workspace = make_world(tmp_path / "w", n_tracks=12).workspace
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library)
    rows, noted = np.array([1, 4, 7]), []
    found = sample(store, rows, 20, np.random.default_rng(0), lambda *step: noted.append(step))
    assert [len(frames) for frames in found] == [7, 7, 7]
    for row, frames in zip(rows, found, strict=True):
        whole = {frame.tobytes() for frame in bag_frames(store.track_db(int(row)))}
        assert {frame.tobytes() for frame in frames} <= whole
    assert noted == [("MFCC", done, 3) for done in (1, 2, 3)]
    everything = sample(store, rows, 10**6, np.random.default_rng(0), lambda *_: None)
    assert [len(frames) for frames in everything] == store.n_frames[rows].tolist()


def test_a_lasso_of_the_whole_strength_has_no_weights_left() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(40, 3)).astype(np.float32)
    fit, shares = regressions(0)["lasso"]
    assert not fit(1.0, x - x.mean(0), y).coef_.any()
    assert fit(max(shares), x - x.mean(0), y).coef_.any()


def test_every_regression_is_measured(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w")
    write_splits(world.workspace.splits_path, {"artists": world.split})
    options = Options(tones=64, ks=(4, 16, 64))
    findings = run_experiment(BAG_OF_TONES, world.workspace, "artists", options)
    assert list(findings["regressions"]) == ["linear", "ridge", "lasso", "decision tree"]
    # What a track's sound says of its factors is linear in this world, so that a linear model must find some of it.
    assert findings["regressions"]["ridge"]["figures"]["factors/cold/centred-cosine/None"]["low"] > 0
    distances = [point["distance"] for point in findings["elbow"]]
    assert distances == sorted(distances, reverse=True)
    for table in tables(findings):
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert tables(findings)[0].rows[0][0] == "chance"
    assert run_experiment(BAG_OF_TONES, world.workspace, "artists", options) == findings
