"""The server starts without what is slow to load."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "torch",
    "sklearn",
    "librosa",
    "matplotlib",
    "implicit",
    "unheard.training.networks.train_network",
    "unheard.training.networks.loop",
)


def test_importing_the_application_loads_nothing_heavy() -> None:
    program = f"import sys, unheard.serve.app; print([m for m in {HEAVY!r} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_reading_a_workspace_and_answering_loads_nothing_heavy(served_workspace: object) -> None:
    program = f"""
import sys
from pathlib import Path
from unheard.serve import answers
from unheard.serve.reading import open_session, warm
from unheard.serve.schema import Options
from unheard.serve.shelves import Shelves
from unheard.serve.state import Loaded
from unheard.workspace import Workspace
session = open_session(Workspace.open(Path({str(served_workspace)!r})), None, None)
warm(session)
shelves = Shelves(session.catalogue, session.workspace)
assert answers.similar(Loaded(session, shelves), "t00-0", Options()).items
print([m for m in {HEAVY!r} if m in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
