"""Two processes train what one trains, and a training that loses one goes on from its checkpoint."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.builders.sound_world import World, give_playlists, make_world, toy
from unheard.inference.checkpoint import load_checkpoint
from unheard.inference.predictions import predictions
from unheard.training.networks.train_network import train_network

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
CHILD = """
import os, signal, sys
from pathlib import Path
import torch
from tests.builders.sound_world import toy
from unheard.errors import UnheardError
from unheard.splits import Split
from unheard.training.networks.data_parallel import process_group
from unheard.training.networks.train_network import train_network
from unheard.workspace import Workspace

root, kinds, rank, address, die_at = sys.argv[1:]
torch.set_num_threads(1)
folds = {f"t{n:03d}": n % 5 for n in range(40)}
split = Split("artists", folds, {"train": (0, 1, 2), "val": (3,), "test": (4,)})

def step(what, done, total):
    if die_at == f"{what} {done}":
        os.kill(os.getpid(), signal.SIGKILL)

try:
    with process_group(address, int(rank), 2):
        for kind in kinds.split():
            train_network(Workspace.open(Path(root)), toy(kind), split, checkpoint_s=0.0, progress=step)
except UnheardError as error:
    print(error)
    sys.exit(3)
"""


def train_in_two(world: World, kinds: str, die_at: str = "") -> list[tuple[int, str]]:
    """Train in two processes, of which the second may die; return their exit codes and what they printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(world.workspace.root), kinds, str(rank), address, die_at * rank],
            cwd=ROOT,
            env=os.environ | {"UNHEARD_BF16": "off", "GLOO_SOCKET_IFNAME": "lo"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [child.communicate(timeout=120) for child in children]
    assert die_at or all(child.returncode == 0 for child in children), printed
    return [(child.returncode, out) for child, (out, _) in zip(children, printed, strict=True)]


def two_worlds(root: Path) -> tuple[World, World]:
    one, two = (give_playlists(make_world(root / name, n_tracks=40)) for name in ("one", "two"))
    return one, two


def test_two_processes_train_what_one_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch norm, also before the pool of the first block; two stages; a loss that compares the tracks of a batch.

    `encoder-playlists` has weights of the loss's own; each process draws its masks of patches, so figures differ.
    """
    monkeypatch.setenv("UNHEARD_BF16", "off")
    one, two = two_worlds(tmp_path)
    kinds = ("cnn", "triplet", "encoder-playlists")
    train_in_two(two, " ".join(kinds))
    for kind in kinds:
        truth = load_checkpoint(train_network(one.workspace, toy(kind), one.split))
        folder = two.workspace.model_dir("artists", toy(kind).name)
        found = load_checkpoint(folder / "checkpoint.safetensors")
        assert {**found.config, "histories": 0} == {**truth.config, "histories": 0}
        assert not (folder / "training.safetensors").exists()
        assert found.arrays.keys() == truth.arrays.keys()
        (ids, ours), (same, theirs) = (predictions(world.workspace, "artists", toy(kind).name) for world in (one, two))
        assert list(ids) == list(same)
        if kind == "encoder-playlists":
            assert np.isfinite(theirs).all()
        else:
            np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)


def test_a_killed_process_ends_the_others_and_the_training_goes_on(tmp_path: Path) -> None:
    whole, killed = two_worlds(tmp_path)
    train_in_two(whole, "triplet")
    (first, said), (second, _) = train_in_two(killed, "triplet", die_at="training stage 1 5")
    assert second == -signal.SIGKILL
    assert first == 3
    assert "another process of the training ended or did not answer" in said
    assert said.count("\n") == 1
    folder = killed.workspace.model_dir("artists", toy("triplet").name)
    stopped = load_checkpoint(folder / "training.safetensors").config["position"]
    assert (stopped["epoch"], stopped["step"]) != (0, 0)
    train_in_two(killed, "triplet")
    names = ("checkpoint.safetensors", "predictions.safetensors")
    for name in names:
        there = whole.workspace.model_dir("artists", toy("triplet").name) / name
        assert (folder / name).read_bytes() == there.read_bytes()
