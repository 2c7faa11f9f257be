"""Tests of the encoder: its size, its pooling by hand, and its masks."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from unheard.errors import UserError
from unheard.models.encoder import Encoder, EncoderConfig, GatedAttention, masked
from unheard.models.inputs import PatchInput
from unheard.models.networks import count_trainable
from unheard.models.recipe import load_recipe

SMALL: dict[str, Any] = {"channels": (6, 8), "attention": 3, "dense": (7,)}


def _encoder(**changes: Any) -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderConfig(**{**SMALL, **changes}), mels=16, frames=32, outputs=5, zero_output=False)


def test_the_shipped_encoder_is_compact() -> None:
    config = load_recipe("encoder").stages[0].network
    assert isinstance(config, EncoderConfig)
    network = Encoder(config, mels=128, frames=256, outputs=128, zero_output=False)
    widths, (hidden,), attention = config.channels, config.dense, config.attention
    pooled = 3 * widths[-1]
    weights = 128 * widths[0] * 5 + 2 * widths[0]  # stem and its norm
    for before, after in pairwise(widths):
        weights += 3 * before * after + 3 * after * after + 4 * after + (before * after if before != after else 0)
    weights += 2 * (pooled * attention + attention) + attention
    weights += (pooled + 1) * hidden + (hidden + 1) * 128
    assert count_trainable(network) == weights <= 3_000_000


@pytest.mark.parametrize("patches", [1, 3])
def test_shapes_in_and_out(patches: int) -> None:
    """Any length of patch, and stored patches with or without an axis for bags."""
    network = _encoder().eval()
    first = PatchInput(torch.zeros(16), torch.ones(16), offset_db=0.0, step_db=1.0)
    stored = torch.randint(0, 9, (4, patches, 50, 16), dtype=torch.uint8)
    out = network(first(stored))
    assert out.shape == (4, 5)
    if patches == 1:
        torch.testing.assert_close(out, network(first(stored[:, 0])))


def test_attention_by_hand() -> None:
    """One hidden unit, h = (1, 2) and (3, 0), V = (1, 0), U = (0, 0), w = 2: a = softmax(tanh(1), tanh(3))."""
    pool = GatedAttention(2, 1)
    with torch.no_grad():
        for layer in (pool.V, pool.U):
            layer.weight.zero_()
            layer.bias.zero_()
        pool.V.weight[0, 0] = 1.0
        pool.w.weight.fill_(2.0)  # times sigmoid(0) = 1/2
    first = 1 / (1 + math.exp(math.tanh(3) - math.tanh(1)))
    pooled = pool(torch.tensor([[[1.0, 2.0], [3.0, 0.0]]]))
    torch.testing.assert_close(pooled, torch.tensor([[first * 1 + (1 - first) * 3, first * 2]]))


def test_a_bag_of_one_or_of_equals_is_that_patch_and_order_does_not_matter() -> None:
    network = _encoder().eval()
    x = torch.randn(2, 3, 16, 32)
    one = network(x[:, :1])
    torch.testing.assert_close(network(x[:, :1].repeat(1, 4, 1, 1)), one)
    torch.testing.assert_close(network(x.flip(1)), network(x))
    assert not torch.allclose(network(x), one)


def test_masks_are_drawn_in_training_only() -> None:
    x = torch.randn(6, 2, 16, 32)
    network = _encoder(time_masks=1, mask_frames=8, mel_masks=1, mask_bands=4)
    plain = _encoder()  # the same weights
    torch.testing.assert_close(network.eval()(x), plain.eval()(x))
    network.train()
    plain.train()
    draws = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        draws.append(network(x))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.allclose(draws[0], plain(x))


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mask_zeroes_a_stretch(axis: int) -> None:
    """One stretch of 0 to 5 along its axis, whole lines across the other, uniformly placed as in the definition."""
    torch.manual_seed(1)
    x = torch.ones(4000, 12, 12)
    covered = masked(x, 1, 5, axis=axis) == 0
    lines = covered.all(dim=3 - axis)  # (row, place)
    assert torch.equal(lines, covered.any(dim=3 - axis))
    lengths = lines.sum(dim=1)
    assert sorted(lengths.unique().tolist()) == [0, 1, 2, 3, 4, 5]
    edges = (lines[:, 1:] != lines[:, :-1]).sum(dim=1) + lines[:, 0] + lines[:, -1]
    assert bool((edges[lengths > 0] == 2).all())  # one stretch
    counts = torch.bincount(lengths) / len(x)
    torch.testing.assert_close(counts, torch.full((6,), 1 / 6), atol=0.03, rtol=0.0)
    assert bool(lines.any(dim=0).all())
    assert masked(x, 0, 5, axis=axis) is x
    assert bool((masked(x, 3, 5, axis=axis) == 0).all(dim=3 - axis).sum(dim=1).max() > 5)


def test_a_regression_starts_at_zero_and_an_embedding_has_length_one() -> None:
    x = torch.randn(2, 2, 16, 32)
    network = Encoder(EncoderConfig(**SMALL), mels=16, frames=32, outputs=5, zero_output=True)
    assert not network(x).any()
    torch.testing.assert_close(_encoder(unit_length=True)(x).norm(dim=1), torch.ones(2))


def test_too_many_halvings_are_refused() -> None:
    with pytest.raises(UserError, match="4 channels halve 8 frames to nothing; choose fewer channels"):
        Encoder(EncoderConfig(channels=(4, 4, 4, 4)), mels=16, frames=8, outputs=5, zero_output=False)
    with pytest.raises(ValueError, match="expected at least two, found 1"):
        EncoderConfig(channels=(4,))
