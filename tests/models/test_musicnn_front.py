"""The front end by Fourier transforms against its convolutions, one filter size at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.models.musicnn_front import MELS, WIDE_AT_ONCE, FrontEnd

KERNELS = ((7, 38), (7, 67), (7, 2), (7, 96), (128, 1), (64, 1), (32, 1))


def filters_of(kernel: tuple[int, int], seed: int) -> tuple[nn.Conv2d, nn.BatchNorm1d]:
    """Random filters, and a norm with scales of both signs."""
    generator = torch.Generator().manual_seed(seed)
    convolution, norm = nn.Conv2d(1, WIDE_AT_ONCE, kernel), nn.BatchNorm1d(WIDE_AT_ONCE).eval()
    for tensor in (*convolution.parameters(), *norm.parameters()):
        tensor.data = torch.randn(tensor.shape, generator=generator)
    norm.running_mean = torch.randn(WIDE_AT_ONCE, generator=generator)
    norm.running_var = torch.rand(WIDE_AT_ONCE, generator=generator) + 0.1
    return convolution, norm


def by_convolution(patch: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm1d) -> Tensor:
    """Everything in the order of its definition and in double precision, (frame, mel) -> (filter, frame)."""
    frames = convolution.kernel_size[0]
    padded = functional.pad(patch.double(), (0, 0, (frames - 1) // 2, frames // 2))
    y = torch.relu(convolution.double()(padded[None, None]))[0]  # (filter, frame, mel)
    maxima: Tensor = norm.double()(y.permute(2, 0, 1)).amax(0)
    return maxima


@torch.no_grad()
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("n_frames", [187, 40, 1])
def test_it_is_the_convolution(kernel: tuple[int, int], n_frames: int) -> None:
    patch = torch.rand(n_frames, MELS, generator=torch.Generator().manual_seed(n_frames)) * 3.0
    convolution, norm = filters_of(kernel, seed=kernel[0] * kernel[1])
    found = FrontEnd([convolution], [norm]).maxima(patch)
    torch.testing.assert_close(found.double(), by_convolution(patch, convolution, norm), rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_filters_keep_their_order() -> None:
    pairs = [filters_of(kernel, seed) for seed, kernel in enumerate([(7, 38), (7, 67), (128, 1), (32, 1)])]
    patch = torch.rand(187, MELS, generator=torch.Generator().manual_seed(0))
    front = FrontEnd([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    alone = torch.cat([FrontEnd([convolution], [norm]).maxima(patch) for convolution, norm in pairs])
    torch.testing.assert_close(front.maxima(patch), alone)


@torch.no_grad()
def test_a_patch_that_would_wrap_around_is_refused() -> None:
    convolution, norm = filters_of((128, 1), 0)
    with pytest.raises(AssertionError, match="193 frames would wrap around"):
        FrontEnd([convolution], [norm]).maxima(torch.zeros(193, MELS))
