"""A small made-up world that was scanned, trained and measured, and whose tags somebody has tampered with."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from tests.cli.conftest import RECIPE, run_command
from tests.training.world import make_world
from unheard.demo.generator import build_world
from unheard.library import open_library
from unheard.report.report import Written, write_report
from unheard.splits import write_splits
from unheard.workspace import Workspace

HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
ARABIC = "أغنية الليل"  # written from right to left
LONG = "la" * 5_000
SLIDING = """
name = "sliding"
about = "a network for tests"

[[stage]]
input = "patches"
batch_size = 16
epochs = 1
[stage.cnn1d]
channels = [4, 4]
pools = [2, 2]
dense = [8]
[stage.mse]
"""


@dataclass(frozen=True)
class Reported:
    """A workspace, its report, and the seed track of it whose tags are hostile."""

    workspace: Workspace
    written: Written
    html: str
    seed: str


@pytest.fixture(scope="session")
def world_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Scanned, trained (a 2-D network in two stages, a sliding one), measured, and an experiment."""
    world = tmp_path_factory.mktemp("report") / "world"
    build_world(world, n_bands=14, n_tracks=42, n_playlists=150, seconds=4.0, jobs=1)
    (world / "tiny.toml").write_text(RECIPE)
    (world / "sliding.toml").write_text(SLIDING)
    w = world / "workspace"
    for words in (
        ("init", "-w", w),
        ("scan", "-w", w, world / "tracks.csv", "-j", 1),
        ("import", "-w", w, world / "playlists.csv"),
        ("split", "-w", w),
        ("factors", "-w", w, "--dim", 8),
        ("train", "-w", w, world / "tiny.toml", "--split", "artists"),
        ("train", "-w", w, world / "sliding.toml", "--split", "artists"),
        ("evaluate", "-w", w),
    ):
        ran = run_command(*words)
        assert ran.code == 0, (words, ran)
    (w / "experiments").mkdir()
    table = {"title": "Two rows", "columns": ["row", "loss"], "rows": [["1", 0.5], [HOSTILE, None]]}
    findings = {"elbow": [{"k": k, "distance": d} for k, d in ((16, 900.0), (64, 300.5), (256, 200.0))], "corner": 64}
    experiment = {"title": f"Trial {HOSTILE}", "about": "What `it` was.", "tables": [table], "findings": findings}
    (w / "experiments" / "trial.json").write_text(json.dumps(experiment))
    (w / "experiments" / "raw.json").write_text("[1, 2]")  # of an experiment that shows no tables
    return Workspace.open(w)


@pytest.fixture(scope="session")
def reported(world_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """The report of the world, with tags of the seed and of others made hostile first."""
    titles = (HOSTILE, ARABIC, LONG)
    with open_library(world_workspace.library_path) as library, library.transaction():
        tracks = library.tracks().items
        for track, title in zip(tracks, titles * len(tracks), strict=False):
            library.put_track(replace(track, title=title, album=HOSTILE))
    seed = tracks[0].track_id
    out = tmp_path_factory.mktemp("page") / "report"
    written = write_report(world_workspace, out, seed_tracks=[seed])
    return Reported(world_workspace, written, written.page.read_text(encoding="utf-8"), seed)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Spectrograms and factors, but no audio file, no model and no results."""
    world = make_world(tmp_path_factory.mktemp("bare") / "w", n_tracks=30)
    write_splits(world.workspace.splits_path, {world.split.name: world.split})
    return world.workspace
