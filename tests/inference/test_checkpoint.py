"""Checkpoint files: every past version loads, anything else is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.sound_world import make_world, toy
from unheard import artefacts
from unheard.errors import UserError
from unheard.inference.checkpoint import load_checkpoint
from unheard.inference.load import load_network_encoder
from unheard.inference.network_encoder import NetworkEncoder
from unheard.training.networks.train_network import train_network

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(("bf16", "atol"), [("off", 1e-4), ("on", 0.1)])
def test_format_version_1_loads(monkeypatch: pytest.MonkeyPatch, bf16: str, atol: float) -> None:
    """The file was kept when the format was new; its predictions in float32 are the same on every processor.

    The largest factor is 10; bfloat16 keeps 8 bits, so three layers round it by up to 0.1.
    """
    monkeypatch.setenv("UNHEARD_BF16", bf16)
    predictor = NetworkEncoder(load_checkpoint(GOLDEN / "checkpoint-v1.safetensors"), torch.device("cpu"))
    expected = np.load(GOLDEN / "checkpoint-v1-predicts.npy")
    mels = [np.arange(20 * 128, dtype=np.uint32).reshape(20, 128).astype(np.uint8), np.full((7, 128), 90, np.uint8)]
    np.testing.assert_allclose(predictor.from_mels(mels), expected, atol=atol, rtol=0)
    assert predictor.dim == 6


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 3000), st.integers(8, 700))
def test_garbage_is_refused(tmp_path: Path, noise: bytes, end: int, hole: int) -> None:
    """Random bytes, a real file cut short, and a real file with a hole in its header."""
    good = (GOLDEN / "checkpoint-v1.safetensors").read_bytes()
    path = tmp_path / "checkpoint.safetensors"
    for content in (noise, good[:end], good[:hole] + b"\x00\x00\x00" + good[hole + 3 :]):
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            NetworkEncoder(load_checkpoint(path), torch.device("cpu"))
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("recipe", "damaged"),
        ("settings", "damaged"),
        ("dim", "damaged"),
        ("stages", "damaged"),
        ("fingerprint", "damaged"),
        ("array scaling.shift", "damaged"),
        ("array stage1.1.output.weight", "stage 1 cannot be read"),
    ],
)
def test_a_missing_part_is_refused(tmp_path: Path, what: str, says: str) -> None:
    found = artefacts.load(GOLDEN / "checkpoint-v1.safetensors", "checkpoint")
    if what.startswith("array "):
        del found.arrays[what.removeprefix("array ")]
    else:
        del found.config[what]
    path = tmp_path / "checkpoint.safetensors"
    artefacts.save(path, "checkpoint", config=found.config, arrays=found.arrays)
    with pytest.raises(UserError, match=says):
        NetworkEncoder(load_checkpoint(path), torch.device("cpu"))


def test_a_damaged_model_is_said_by_the_workspace(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w", n_tracks=20)
    path = train_network(world.workspace, toy("mlp"), world.split)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="not an unheard artefact"):
        load_network_encoder(world.workspace, "artists", "mlp")
