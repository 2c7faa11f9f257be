"""A killed training goes on where it was, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders.sound_world import give_playlists, make_world, toy
from unheard.factors.store import save_factors
from unheard.inference.checkpoint import load_checkpoint
from unheard.training.networks.train_network import train_network
from unheard.workspace import Workspace

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]

# Saves after every step and says so; the parent kills it at a step of its choice.
CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.builders.sound_world import toy
from unheard.splits import Split
from unheard.training.networks.train_network import train_network
from unheard.workspace import Workspace

def say(what, done, total):
    print(what, done, flush=True)
    sys.stdin.readline()

folds = {f"t{n:03d}": n % 5 for n in range(40)}
split = Split("artists", folds, {"train": (0, 1, 2), "val": (3,), "test": (4,)})
train_network(Workspace.open(Path(sys.argv[1])), toy(sys.argv[2]), split, checkpoint_s=0.0, progress=say)
"""


def _child(workspace: Workspace, kind: str, until: str) -> subprocess.Popen[str]:
    """A training in another process, stopped in the report whose text is `until`; reports are answered one by one."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(workspace.root), kind],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() == until:
            return child
        child.stdin.write("\n")
        child.stdin.flush()
    raise AssertionError(f"the training ended before {until!r}")


@pytest.mark.parametrize(
    ("kind", "until"),
    [
        ("encoder", "training stage 1 5"),  # with bags, masks and a memory
        ("encoder-playlists", "training stage 1 5"),  # with weights of the loss's own
        ("triplet", "training stage 1 9"),  # inside the second epoch
        ("triplet", "training stage 2 5"),
        ("triplet-content", "training stage 1 4"),  # with dropout
        ("bag-of-tones", "training stage 1 3"),  # with a codebook
    ],
)
def test_sigkill(tmp_path: Path, kind: str, until: str) -> None:
    whole, killed = (give_playlists(make_world(tmp_path / name, n_tracks=40)) for name in ("whole", "killed"))
    truth = train_network(whole.workspace, toy(kind), whole.split)
    child = _child(killed.workspace, kind, until)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    steps: list[str] = []
    resumed = train_network(
        killed.workspace, toy(kind), killed.split, progress=lambda what, done, _: steps.append(f"{what} {done}")
    )
    assert next(step for step in steps if step.startswith("training")) == until  # the step it was killed in, not step 1
    assert resumed.read_bytes() == truth.read_bytes()
    predicted = [path.with_name("predictions.safetensors").read_bytes() for path in (truth, resumed)]
    assert predicted[0] == predicted[1]


def test_ctrl_c_finishes_the_step_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    whole, stopped = (make_world(tmp_path / name, n_tracks=40) for name in ("whole", "stopped"))
    truth = train_network(whole.workspace, toy("triplet"), whole.split)

    def interrupt(what: str, done: int, total: int) -> None:
        if (what, done) == ("training stage 1", 9):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_network(stopped.workspace, toy("triplet"), stopped.split, progress=interrupt)
    running = tmp_path / "stopped/models/artists/triplet/training.safetensors"
    assert load_checkpoint(running).config["position"]["epoch"] == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert train_network(stopped.workspace, toy("triplet"), stopped.split).read_bytes() == truth.read_bytes()


def test_a_checkpoint_of_other_inputs_is_not_resumed(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    steps: list[int] = []

    def interrupt(what: str, done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    for _ in range(2):  # the second time the factors are others, so it begins again
        with pytest.raises(KeyboardInterrupt):
            train_network(world.workspace, toy("triplet"), world.split, progress=interrupt)
        assert steps == [1, 2, 3]
        steps.clear()
        save_factors(world.workspace, "artists", replace(world.factors, tracks=world.factors.tracks * 2))


def test_a_damaged_checkpoint_is_trained_over(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=40)
    running = tmp_path / "w/models/artists/mlp/training.safetensors"
    running.parent.mkdir(parents=True)
    running.write_bytes(b"\x00garbage")
    train_network(world.workspace, toy("mlp"), world.split)
    assert not running.exists()
