"""The server starts without importing slow modules."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "torch",
    "sklearn",
    "librosa",
    "matplotlib",
    "implicit",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.special",
    "unheard.training.networks.train_network",
    "unheard.training.networks.loop",
)


def test_importing_the_application_loads_nothing_heavy() -> None:
    program = f"import sys, unheard.serve.app; print([m for m in {HEAVY!r} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_loading_a_workspace_and_answering_loads_nothing_heavy(served_workspace: object) -> None:
    program = f"""
import sys
from pathlib import Path
from unheard.serve import queries
from unheard.serve.snapshot_loader import load
from unheard.serve.schema import ListParameters
from unheard.serve.snapshot import Snapshot
from unheard.workspace import Workspace
session, browse_index = load(Workspace.open(Path({str(served_workspace)!r})), None, None)
assert queries.similar(Snapshot(session, browse_index), "t00-0", ListParameters()).items
print([m for m in {HEAVY!r} if m in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
