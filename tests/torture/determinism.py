"""Every stage gives the same bytes twice, and nearly the same numbers on two threads (UNHEARD_BF16=off).

Run by `make torture`, because it takes minutes: pytest tests/torture/determinism.py

Of the files that hold times, or whose order depends on who wrote first, the content is compared: `STAMPED` in
tests/builders/contents.py names them. All others are compared byte for byte.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders.processes import run
from tests.torture.kill_moments import Torture, stages
from unheard.factors.store import load_factors
from unheard.inference.predictions import predictions
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

# Largest difference between one thread and two, as a share of the largest value.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory) -> Torture:
    """The workspaces of all stages, each made twice from the same input."""
    made = Torture(tmp_path_factory.mktemp("torture"), seed=0)
    for stage in stages(made.base):
        first, _ = made.undisturbed(stage)
        made.reset(stage)
        assert run(*stage.words, env=made.env).code == 0
        second = stage.result(made.base)
        differing = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
        assert not differing, (stage.name, differing)
    return made


def test_each_stage_gives_the_same_bytes_twice(tortured: Torture) -> None:
    """The fixture compares; here, that every stage is among them."""
    assert {path.name for path in (tortured.base / "after").iterdir()} >= {
        "scan", "import", "split", "factors", "features", "train network", "train blend", "map", "go", "backup",
    }  # fmt: skip


def test_two_threads_give_nearly_the_same_numbers(tortured: Torture) -> None:
    found = {}
    for name in ("factors", "train network", "train blend"):
        stage = next(one for one in stages(tortured.base) if one.name == name)
        tortured.reset(stage)
        assert run(*stage.words, env={**tortured.env, "OMP_NUM_THREADS": "2"}).code == 0
        one = Workspace.open(tortured.base / "after" / name)
        two = Workspace.open(tortured.base / "w")
        if name == "factors":
            factors = (load_factors(one, "artists").tracks, load_factors(two, "artists").tracks)
            found[name] = _difference(*factors)
        else:
            model = "tiny" if name == "train network" else "small"
            here, there = (predictions(workspace, "artists", model)[1] for workspace in (one, two))
            found[name] = _difference(here, there)
    assert max(found.values()) <= TOLERANCE, found


def _difference(one: np.ndarray, two: np.ndarray) -> float:
    assert one.shape == two.shape
    return float(np.abs(one - two).max() / np.abs(one).max())
