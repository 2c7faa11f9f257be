"""Networks: published weight counts, and the fast arrangement against the plain one."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch.nn import functional

from tests.models.plain import plain_cnn, signs_mixed
from unheard.models.cnn import Cnn, CnnConfig
from unheard.models.cnn1d import Cnn1d, Cnn1dConfig, moments
from unheard.models.dense import Dense, DenseConfig
from unheard.models.first_block import output_statistics
from unheard.models.inputs import PatchInput, VectorInput
from unheard.models.networks import NetworkConfig, build, count_trainable
from unheard.models.recipe import load_recipe

PATCH = (128, 256)
SMALL = CnnConfig(channels=(6, 5, 4), pools=((2, 2), (2, 4), (2, 2)), dense=(7,))


@pytest.mark.parametrize(
    ("row", "config", "shape", "outputs", "weights"),
    [
        ("1 bag of tones", DenseConfig(layers=(1024, 1024, 1024)), (4000,), 200, 6_401_224),
        ("2 bag of tones, 2048", DenseConfig(layers=(2048, 2048, 2048)), (4000,), 200, 16_996_552),
        ("3 CNN", CnnConfig(batch_norm=False), PATCH, 200, 8_566_216),
        ("9 slide in frequency", Cnn1dConfig(), PATCH, 200, 2_751_464),
        ("4 CNN with batch norm", CnnConfig(), PATCH, 200, 8_566_600),
        ("6 more dense", CnnConfig(dense=(512, 512, 512)), PATCH, 200, 9_091_912),
        ("7 more neurons", CnnConfig(dense=(2048, 2048, 2048)), PATCH, 200, 42_433_864),
        # The published 8,408,320 of row 21 is not determined by its text; this is row 3 with 128 outputs.
        ("21 triplet embedding, our reading", CnnConfig(batch_norm=False), PATCH, 128, 8_529_280),
        ("22 regression on a track's own 128 numbers", DenseConfig(), (128,), 200, 1_809_096),
        ("22 as published, on three embeddings", DenseConfig(), (384,), 200, 2_071_240),
    ],
)
def test_weight_counts(row: str, config: NetworkConfig, shape: tuple[int, ...], outputs: int, weights: int) -> None:
    network = build(config, input_shape=shape, outputs=outputs, zero_output=True)
    assert count_trainable(network) == weights, row


@pytest.mark.parametrize(
    ("name", "stage", "shape", "outputs", "weights"),
    [
        ("bag-of-tones", 0, (4000,), 200, 6_401_224),
        ("cnn", 0, PATCH, 200, 8_566_600),
        ("triplet-offline", 0, PATCH, 128, 8_529_280),
        ("triplet-offline", 1, (128,), 200, 1_809_096),
        ("triplet-cnn", 0, PATCH, 128, 8_529_664),
        ("triplet-cnn", 1, (128,), 200, 1_809_096),
        ("triplet", 0, PATCH, 128, 460_544),
        ("triplet", 1, (128,), 200, 1_809_096),
    ],
)
def test_shipped_recipes_have_the_published_networks(
    name: str, stage: int, shape: tuple[int, ...], outputs: int, weights: int
) -> None:
    config = load_recipe(name).stages[stage].network
    assert count_trainable(build(config, input_shape=shape, outputs=outputs, zero_output=False)) == weights


def _pair(config: CnnConfig, *, mels: int, frames: int) -> tuple[Cnn, Cnn]:
    networks = []
    for _ in range(2):
        torch.manual_seed(3)
        network = Cnn(config, mels=mels, frames=frames, outputs=5, zero_output=False)
        signs_mixed(network)
        networks.append(network)
    return networks[0], networks[1]


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("average_time", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_fast_equals_plain(*, batch_norm: bool, average_time: bool, training: bool) -> None:
    """Outputs, gradients and running statistics; the batch of 5 does not divide into the cache's chunks."""
    config = CnnConfig(SMALL.channels, SMALL.pools, SMALL.dense, batch_norm=batch_norm, average_time=average_time)
    fast, plain = _pair(config, mels=16, frames=48)
    fast.train(training)
    plain.train(training)
    x = torch.randn(5, 1, 16, 48, generator=torch.Generator().manual_seed(0)) * 2 + 0.7
    target = torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
    ours, truth = fast(x), plain_cnn(plain, x)
    torch.testing.assert_close(ours, truth, atol=1e-4, rtol=1e-4)
    functional.mse_loss(ours, target).backward()
    functional.mse_loss(truth, target).backward()
    for (name, ours_weight), truth_weight in zip(fast.named_parameters(), plain.parameters(), strict=True):
        assert ours_weight.grad is not None
        assert truth_weight.grad is not None
        torch.testing.assert_close(ours_weight.grad, truth_weight.grad, atol=1e-4, rtol=1e-3, msg=name)
    for name, buffer in fast.named_buffers():
        torch.testing.assert_close(buffer, plain.get_buffer(name), atol=1e-4, rtol=1e-4, msg=name)


def test_fast_equals_plain_in_the_published_network() -> None:
    fast, plain = _pair(CnnConfig(), mels=128, frames=256)
    x = torch.randn(2, 1, 128, 256, generator=torch.Generator().manual_seed(0))
    for training in (True, False):
        fast.train(training)
        plain.train(training)
        with torch.no_grad():
            torch.testing.assert_close(fast(x), plain_cnn(plain, x), atol=1e-4, rtol=1e-4)


def test_a_silent_patch_ties_every_maximum_and_stays_equal() -> None:
    fast, plain = _pair(SMALL, mels=16, frames=32)
    x = torch.zeros(2, 1, 16, 32)
    x[1, :, 3:9, 4:20] = 1.0
    ours, truth = fast(x), plain_cnn(plain, x)
    ours.square().sum().backward()
    truth.square().sum().backward()
    torch.testing.assert_close(ours, truth, atol=1e-4, rtol=1e-4)
    for ours_weight, truth_weight in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours_weight.grad, truth_weight.grad, atol=1e-3, rtol=1e-3)


def test_output_statistics_are_those_of_the_convolution() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 1, 9, 14, generator=generator) + 2.0
    weight, bias = torch.randn(4, 1, 3, 3, generator=generator), torch.randn(4, generator=generator)
    y = functional.conv2d(x, weight, bias, padding=1)
    mean, variance = output_statistics(x, weight, bias)
    torch.testing.assert_close(mean, y.mean((0, 2, 3)))
    torch.testing.assert_close(variance, y.var((0, 2, 3), unbiased=False))


def test_bf16_stays_near_float32() -> None:
    fast, _ = _pair(SMALL, mels=16, frames=48)
    fast.eval()
    x = torch.randn(4, 1, 16, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        exact = fast(x)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = fast(x).float()
    assert float((rounded - exact).norm() / exact.norm()) < 0.05


def test_the_flatten_runs_over_channel_mel_frame() -> None:
    """With an identity kernel and no pooling the flatten is the input, mel by mel."""
    network = Cnn(
        CnnConfig(channels=(2,), pools=((1, 1),), dense=(), batch_norm=False),
        mels=2,
        frames=3,
        outputs=12,
        zero_output=True,
    )
    convolution = network.convolutions[0]
    with torch.no_grad():
        weight = convolution.get_parameter("weight")
        weight.zero_()
        weight[0, 0, 1, 1], weight[1, 0, 1, 1] = 1.0, 10.0
        network.output.weight.copy_(torch.eye(12))
    x = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    assert network(x).tolist() == [[1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60]]


@pytest.mark.parametrize("summary", ["flatten", "moments"])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("width", [3, 4])
def test_cnn1d_is_torchs_one_dimensional_convolution(
    *, summary: Literal["flatten", "moments"], batch_norm: bool, width: int
) -> None:
    config = Cnn1dConfig((6, 5), width, (2, 3), (7,), batch_norm=batch_norm, summary=summary)
    torch.manual_seed(0)
    network = Cnn1d(config, mels=9, frames=26, outputs=4, zero_output=False)
    x = torch.randn(3, 1, 9, 26)
    y = x.squeeze(1)
    for block, pool in enumerate(config.pools):
        weight, bias = (network.convolutions[block].get_parameter(name) for name in ("weight", "bias"))
        y = functional.conv1d(functional.pad(y, ((width - 1) // 2, width // 2)), weight.squeeze(2), bias)
        if batch_norm:
            y = functional.batch_norm(y, None, None, training=True)
        y = functional.max_pool1d(functional.elu(y), pool)
    if summary == "moments":
        parts = [y.mean(2), torch.sqrt(y.var(2, unbiased=False) + 1e-5), y.max(2).values]
        torch.testing.assert_close(moments(y), torch.cat(parts, dim=1))
        y = moments(y)
    hidden = functional.elu(network.hidden[0](y.flatten(1)))
    torch.testing.assert_close(network(x), network.output(hidden), atol=1e-4, rtol=1e-4)


def test_dense_by_hand() -> None:
    """One hidden unit: elu(2 * 1 - 1 * 3) = exp(-1) - 1 and elu(2 * 2 - 1 * 3) = 1; output 10 h + 1."""
    network = Dense(DenseConfig(layers=(1,)), inputs=2, outputs=1, zero_output=True)
    with torch.no_grad():
        network.hidden[0].get_parameter("weight").copy_(torch.tensor([[2.0, -1.0]]))
        network.output.weight.fill_(10.0)
        network.output.bias.fill_(1.0)
    out = network(torch.tensor([[1.0, 3.0], [2.0, 3.0]]))
    torch.testing.assert_close(out, torch.tensor([[10 * (torch.e**-1 - 1) + 1], [11.0]]))


def test_regressions_start_at_zero_and_embeddings_do_not() -> None:
    x = torch.ones(2, 6)
    shape = {"input_shape": (6,), "outputs": 3}
    assert not build(DenseConfig((4,)), **shape, zero_output=True)(x).any()  # type: ignore[arg-type]
    embedding = build(DenseConfig((4,), unit_length=True), **shape, zero_output=False)(x)  # type: ignore[arg-type]
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))


def test_patch_input_decodes_turns_and_normalises() -> None:
    """Stored 10 at 0.6 dB steps from -90 dB is -84 dB; with mean -90 and deviation 3 that is 2."""
    layer = PatchInput(torch.tensor([-90.0, -84.0]), torch.tensor([3.0, 1.0]), offset_db=-90.0, step_db=0.6)
    stored = torch.tensor([[[10, 10], [0, 20], [5, 10]]], dtype=torch.uint8)  # (1, 3 frames, 2 mels)
    expected = torch.tensor([[[[2.0, 0.0, 1.0], [0.0, 6.0, 0.0]]]])  # (1, 1, 2 mels, 3 frames)
    torch.testing.assert_close(layer(stored), expected, atol=1e-4, rtol=0.0)
    torch.testing.assert_close(layer(stored.to(torch.float16)), expected, atol=1e-4, rtol=0.0)
    assert count_trainable(layer) == 0


def test_vector_input_normalises() -> None:
    layer = VectorInput(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    torch.testing.assert_close(layer(torch.tensor([[3.0, 0.0]])), torch.tensor([[1.0, -0.5]]))
    same = torch.ones(2)
    apart = VectorInput(same, same)
    apart.get_buffer("mean").zero_()
    assert apart.get_buffer("std").tolist() == [1.0, 1.0]  # the two never share memory
