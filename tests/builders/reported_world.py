"""The audible world with results, an experiment and hostile tags, and the report of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from tests.builders.audio_world import copy_workspace
from tests.builders.command_line import run_all
from unheard.library import open_library
from unheard.report.report import Written, write_report
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


def build(audio_world: Path, folder: Path) -> Workspace:
    """Train a second network, measure both, and add an experiment; in a copy of the world's workspace."""
    w = copy_workspace(audio_world, folder)
    sliding = folder / "sliding.toml"
    sliding.write_text(SLIDING)
    run_all(("train", "-w", w, sliding, "--split", "artists"), ("evaluate", "-w", w))
    (w / "experiments").mkdir()
    table = {"title": "Two rows", "columns": ["row", "loss"], "rows": [["1", 0.5], [HOSTILE, None]]}
    findings = {"elbow": [{"k": k, "distance": d} for k, d in ((16, 900.0), (64, 300.5), (256, 200.0))], "corner": 64}
    experiment = {"title": f"Trial {HOSTILE}", "about": "What `it` was.", "tables": [table], "findings": findings}
    (w / "experiments" / "trial.json").write_text(json.dumps(experiment))
    (w / "experiments" / "raw.json").write_text("[1, 2]")  # of an experiment that shows no tables
    return Workspace.open(w)


def tamper_and_report(workspace: Workspace, out: Path) -> Reported:
    """Make the tags of the seed and of others hostile, then write the report to `out`."""
    titles = (HOSTILE, ARABIC, LONG)
    with open_library(workspace.library_path) as library, library.transaction():
        tracks = library.tracks().items
        for track, title in zip(tracks, titles * len(tracks), strict=False):
            library.put_track(replace(track, title=title, album=HOSTILE))
    seed = tracks[0].track_id
    written = write_report(workspace, out, seed_tracks=[seed])
    return Reported(workspace, written, written.page.read_text(encoding="utf-8"), seed)
