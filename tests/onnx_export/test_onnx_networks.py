"""Exported networks of every family in ONNX Runtime give what the encoder gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.onnx_export.checkpoints import DIM, FAMILIES, WIDTH, network
from unheard.inference.network_encoder import NetworkEncoder
from unheard.models.networks import NETWORK_TABLES
from unheard.onnx_export.write_onnx import graph_of_network, write_graph
from unheard.spectrograms.store import ENCODINGS

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytestmark = pytest.mark.slow


def exported(name: str, tmp_path: Path) -> tuple[NetworkEncoder, Any, dict[str, Any]]:
    """Return the encoder of a checkpoint, a session of its exported file, and the file's metadata."""
    checkpoint = network(name)
    path = tmp_path / "model.onnx"
    write_graph(graph_of_network(checkpoint), path, {"model": "toy", "split": "artists"})
    session = onnxruntime.InferenceSession(str(path))
    about = json.loads(session.get_modelmeta().custom_metadata_map["unheard"])
    return NetworkEncoder(checkpoint, torch.device("cpu")), session, about


def test_every_family_is_here() -> None:
    assert {next(key for key in stages[0] if key in NETWORK_TABLES) for _, stages in FAMILIES.values()} == set(
        NETWORK_TABLES
    )


@pytest.mark.parametrize("family", [name for name in FAMILIES if not name.startswith("dense")])
def test_over_patches(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracks of one and of many patches: the file takes the mean over them."""
    monkeypatch.setenv("UNHEARD_BF16", "off")
    encoder, session, about = exported(family, tmp_path)
    settings = FAMILIES[family][0]
    encoding, rng = ENCODINGS[settings.front_end], np.random.default_rng(1)
    lengths = [settings.patch_frames, 5 * settings.patch_frames + 3]
    mels = [encoding.encode(rng.normal(-30, 15, (n, settings.n_mels)).astype(np.float32)) for n in lengths]
    factors, embeddings = encoder.from_mels(mels), encoder.embed_mels(mels)
    source, rows = encoder._source(encoder._store_of(mels), np.arange(2))
    for row in rows:
        starts = source.cover(int(row), None)
        patches = source.batch(np.repeat(row, len(starts)), starts)
        found = session.run(["factors", "embedding"], {"patches": patches})
        np.testing.assert_allclose(found[0], factors[row][None], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(found[1], embeddings[row][None], rtol=1e-3, atol=1e-4)
    (described,) = about["inputs"]
    assert (described["dtype"], tuple(described["shape"])) == (str(encoding.dtype), patches.shape[1:])
    assert (about["model"], about["dim"], about["reads"]) == ("toy", DIM, "patches")
    assert np.ptp(factors, axis=0).min() > 1e-3  # the two tracks differ, so a constant would not pass


@pytest.mark.parametrize("family", [name for name in FAMILIES if name.startswith("dense")])
def test_over_features(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_BF16", "off")
    encoder, session, about = exported(family, tmp_path)
    features: NDArray[np.float32] = np.random.default_rng(2).normal(size=(9, WIDTH)).astype(np.float32)
    for n in (1, 9):
        found = session.run(["factors", "embedding"], {"features": features[:n]})
        np.testing.assert_allclose(found[0], encoder.from_content(features[:n]), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[1], encoder.embed_content(features[:n]), rtol=1e-4, atol=1e-5)
    assert about["reads"] == "statistics"
