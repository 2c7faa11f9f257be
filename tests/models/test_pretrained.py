"""Tests of the cache of converted weights and of its readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unheard.errors import MissingStageError, UserError
from unheard.models.choi import Choi, ChoiConfig
from unheard.models.cnn import CnnConfig
from unheard.models.networks import build
from unheard.models.pretrained import ORIGINS, cache_path, convert, digest, fill, load_weights, save_weights
from unheard.models.xception import Xception, XceptionConfig


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_where_the_cache_is(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_path("choi") == cache / "weights" / "choi.safetensors"
    monkeypatch.delenv("UNHEARD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_path("choi") == Path("/xdg/unheard/weights/choi.safetensors")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_path("choi") == Path("/home/someone/.cache/unheard/weights/choi.safetensors")
    with pytest.raises(UserError, match="expected one of xception, choi, musicnn"):
        cache_path("vgg")


def choi_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {f"{i}.weight": (32, 1 if i == 0 else 32, 3, 3) for i in range(5)} | {f"{i}.bias": (32,) for i in range(5)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def test_saved_weights_are_loaded() -> None:
    arrays = choi_arrays()
    assert save_weights("choi", arrays, "somewhere") == cache_path("choi")
    found = load_weights("choi")
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


@pytest.mark.parametrize("name", ORIGINS)
def test_missing_weights_name_the_file_and_the_command(name: str) -> None:
    with pytest.raises(MissingStageError) as caught:
        load_weights(name)
    assert str(cache_path(name)) in str(caught.value)
    assert ORIGINS[name].where in str(caught.value)
    assert f"run `unheard weights {name}" in str(caught.value)


def test_damaged_and_mixed_up_caches() -> None:
    save_weights("choi", choi_arrays(), "somewhere")
    content = cache_path("choi").read_bytes()
    cache_path("xception").write_bytes(content)
    with pytest.raises(UserError, match="expected weights of 'xception', found 'choi'"):
        load_weights("xception")
    cache_path("choi").write_bytes(content[:1000])
    with pytest.raises(UserError, match="not an unheard artefact"):
        load_weights("choi")


def test_fill_copies_the_backbone_and_nothing_else() -> None:
    torch.manual_seed(0)
    choi = Choi(ChoiConfig(dense=()), mels=32, frames=16, outputs=2, zero_output=False)
    before = {name: value.clone() for name, value in choi.state_dict().items()}
    arrays = choi_arrays()
    save_weights("choi", arrays, "somewhere")
    fill(choi)
    for name, value in choi.state_dict().items():
        expected = arrays.get(name.removeprefix("convolutions."), before[name].numpy())
        np.testing.assert_array_equal(value.numpy(), expected, err_msg=name)


def test_fill_xception() -> None:
    """Weights and stored statistics."""
    network = Xception(XceptionConfig(dense=(), channels=1), mels=7, frames=7, outputs=1, zero_output=True)
    rng = np.random.default_rng(0)
    names = [name for name in network.backbone.state_dict() if not name.endswith("num_batches_tracked")]
    shapes = {name: tuple(network.backbone.state_dict()[name].shape) for name in names}
    arrays = {name: rng.random(shapes[name], np.float32) for name in names}
    save_weights("xception", arrays, "somewhere")
    fill(network)
    assert all(np.array_equal(network.backbone.state_dict()[name].numpy(), arrays[name]) for name in names)


def test_fill_does_not_change_other_networks() -> None:
    network = build(CnnConfig((2,), ((2, 2),), (3,)), input_shape=(8, 8), outputs=2, zero_output=False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fill(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_fill_refuses_weights_that_do_not_fit() -> None:
    network = Choi(ChoiConfig(dense=()), mels=32, frames=16, outputs=2, zero_output=True)
    arrays = choi_arrays()
    save_weights("choi", arrays | {"1.weight": arrays["0.weight"]}, "somewhere")
    with pytest.raises(UserError, match=r"1.weight: expected an array \(32, 32, 3, 3\), found \(32, 1, 3, 3\)"):
        fill(network)
    del arrays["3.bias"]
    save_weights("choi", arrays, "somewhere")
    with pytest.raises(UserError, match=r"3\.bias: expected .* found nothing; run `unheard weights choi FILE`"):
        fill(network)


def test_digest_is_of_the_weights() -> None:
    """Other weights, another digest; the same weights from elsewhere, the same one."""
    assert digest(CnnConfig()) == ""
    with pytest.raises(MissingStageError):
        digest(XceptionConfig())
    save_weights("choi", choi_arrays(), "somewhere")
    first = digest(ChoiConfig())
    assert len(first) == 64
    save_weights("choi", choi_arrays(), "elsewhere")
    assert digest(ChoiConfig(trainable=True)) == first
    save_weights("choi", choi_arrays(1), "somewhere")
    assert digest(ChoiConfig()) != first


def test_convert_needs_a_file_and_a_known_name(tmp_path: Path) -> None:
    for name in ("choi", "musicnn"):
        with pytest.raises(UserError, match=f"{name}: expected a file; get .*run `unheard weights {name} FILE`"):
            convert(name, None)
    with pytest.raises(UserError, match="no such pretrained model"):
        convert("vgg", tmp_path / "x.h5")
    (tmp_path / "x.h5").write_bytes(b"no weights")
    for name in ORIGINS:
        with pytest.raises(UserError):
            convert(name, tmp_path / "x.h5")
        assert not cache_path(name).exists()
