"""Compute MusiCNN's front end by Fourier transforms: equal to its convolutions up to rounding, in a third of the time.

A convolution is a product of spectra (for networks: M. Mathieu, M. Henaff, Y. LeCun, "Fast training of convolutional
networks through FFTs", 2014). Only the maximum over mel bands is kept of each filter, which saves more:

Wide filters (7 frames by 38 or 67 bands) are transformed over the 96 bands; the outputs of a convolution that does not
leave the bands are then free of what wraps around. The sum over frames stays one, as a product of small matrices for
each frequency. Counted from the middle one, the outputs at m and -m are E(m) - O(m) and E(m) + O(m), E from cosines and
O from sines; the larger of the two is E + |O|, so half of the inverse transform gives the maximum over all.

Long filters (128, 64 or 32 frames of one band) are transformed over time, with enough zeros after the patch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDE_FRAMES, MELS = 7, 96
BINS = MELS // 2 + 1
WIDE_AT_ONCE, LONG_AT_ONCE = 12, 3  # filters whose maps stay in a core's cache, and need no new memory each time
PERIOD_FRAMES = 256  # of the transform over time: a patch of 187 and half of the longest filter


@dataclass(frozen=True)
class Wide:
    """Wide filters of one width: their spectra, and the transform back to bands that are counted from the middle.

    spectra   for some filters each: (bin, 2 x filter, 2 x frame), rows and columns the real parts, then the imaginary
    cosines   (output, bin), for the outputs from the middle one on; sines alike
    """

    spectra: tuple[Tensor, ...]
    cosines: Tensor
    sines: Tensor


class FrontEnd:
    """All filters with their biases and norms: a patch (frame, mel) -> (filter, frame) through `maxima`.

    `filters` are convolutions (out, 1, frame, mel), wide ones before long ones, each with the norm behind its ReLU.
    Where a norm's scale is negative, a minimum is meant, and the filter is turned around.
    """

    def __init__(self, filters: Sequence[nn.Conv2d], norms: Sequence[nn.BatchNorm1d]) -> None:
        scales = [_scale(norm) for norm in norms]
        signs = [torch.where(scale < 0, -1.0, 1.0) for scale in scales]
        weights = [
            convolution.weight.detach()[:, 0].double() * sign[:, None, None]
            for convolution, sign in zip(filters, signs, strict=True)
        ]  # (filter, frame, mel)
        self._wide = [_wide(weight) for weight in weights if weight.shape[2] > 1]
        self._long = [_long(weight[:, :, 0]) for weight in weights if weight.shape[2] == 1]
        self._sign = torch.cat(signs)[:, None]
        self._bias = torch.cat([_bias(convolution) for convolution in filters])[:, None]
        self._scale = torch.cat(scales)[:, None]
        self._shift = torch.cat(
            [norm.bias.detach() - _mean(norm) * scale for norm, scale in zip(norms, scales, strict=True)]
        )[:, None]

    def maxima(self, patch: Tensor) -> Tensor:
        """Maximum over mel of norm(relu(filter)), (frame, mel) -> (filter, frame), as if zeros were around the patch
        in time. At most `PERIOD_FRAMES - 64` frames."""
        assert len(patch) <= PERIOD_FRAMES - 64, f"{len(patch)} frames would wrap around"
        windows = _windows(patch)
        over_time = torch.fft.rfft(patch.T, n=PERIOD_FRAMES, dim=1)  # (mel, bin)
        maxima = [_max_of_wide(windows, wide) for wide in self._wide]
        maxima += [_max_of_long(over_time, filters)[:, : len(patch)] for filters in self._long]
        rectified = torch.relu(self._bias + self._sign * torch.cat(maxima))
        return self._shift + self._scale * rectified


# --------------------------------------------------------------------------------------------------- wide filters


def _wide(weight: Tensor) -> Wide:
    """(filter, frame, tap) float64."""
    assert len(weight) % WIDE_AT_ONCE == 0, f"{len(weight)} wide filters, expected a multiple of {WIDE_AT_ONCE}"
    n_outputs = MELS - weight.shape[2] + 1
    bins = torch.arange(BINS, dtype=torch.float64)
    to_middle = torch.exp(1j * math.pi * bins * (n_outputs - 1) / MELS)
    spectra = torch.fft.rfft(weight, n=MELS, dim=2).conj() * to_middle  # (filter, frame, bin)
    real = torch.stack([spectra.real, -spectra.imag], dim=1)  # (filter, 2, frame, bin): makes the real part
    imaginary = torch.stack([spectra.imag, spectra.real], dim=1)
    both = torch.stack([real, imaginary]).flatten(2, 3).permute(3, 0, 1, 2).float()  # (bin, 2, filter, 2 x frame)
    positions = torch.arange((n_outputs + 1) // 2) + (0.5 if n_outputs % 2 == 0 else 0.0)  # (output,), from the middle
    angles = 2 * math.pi * positions[:, None].double() * bins / MELS
    weights = torch.full((BINS,), 2.0 / MELS, dtype=torch.float64)  # a bin stands for its mirror image as well
    weights[[0, -1]] = 1.0 / MELS
    return Wide(
        tuple(both[:, :, i : i + WIDE_AT_ONCE].flatten(1, 2) for i in range(0, len(weight), WIDE_AT_ONCE)),
        (torch.cos(angles) * weights).float(),
        (torch.sin(angles) * weights).float(),
    )


def _windows(patch: Tensor) -> Tensor:
    """Spectra over mel of the frames around each frame, (bin, 2 x 7, frame)."""
    around = WIDE_FRAMES // 2
    spectra = torch.view_as_real(torch.fft.rfft(functional.pad(patch, (0, 0, around, around)), dim=1))
    by_bin = spectra.permute(1, 2, 0).contiguous()  # (bin, 2, frame)
    return by_bin.unfold(2, WIDE_FRAMES, 1).transpose(2, 3).reshape(BINS, 2 * WIDE_FRAMES, len(patch))


def _max_of_wide(windows: Tensor, wide: Wide) -> Tensor:
    """(filter, frame). Large maps are written where those before them were, as new memory costs more than it holds."""
    n_frames, maxima = windows.shape[2], []
    products = torch.empty(BINS, 2 * WIDE_AT_ONCE, n_frames)
    real, imaginary = products.view(BINS, 2, -1).unbind(1)  # (bin, filter x frame)
    even, odd = torch.empty(2, len(wide.cosines), real.shape[1])  # (output, filter x frame)
    for filters in wide.spectra:
        torch.bmm(filters, windows, out=products)
        torch.mm(wide.cosines, real, out=even)
        torch.mm(wide.sines, imaginary, out=odd)
        maxima.append(even.add_(odd.abs_()).amax(0).view(-1, n_frames))
    return torch.cat(maxima)


# --------------------------------------------------------------------------------------------------- long filters


def _long(weight: Tensor) -> tuple[Tensor, ...]:
    """(filter, tap) float64 -> spectra of some filters each, (filter, 1, bin) complex64."""
    before = (weight.shape[1] - 1) // 2  # frames of a filter before its output; of an even number one more is after it
    bins = torch.arange(PERIOD_FRAMES // 2 + 1, dtype=torch.float64)
    to_output = torch.exp(-2j * math.pi * bins * before / PERIOD_FRAMES)
    spectra = torch.fft.rfft(weight, n=PERIOD_FRAMES, dim=1).conj() * to_output
    single = spectra[:, None].to(torch.complex64)
    return tuple(single[i : i + LONG_AT_ONCE] for i in range(0, len(weight), LONG_AT_ONCE))


def _max_of_long(over_time: Tensor, filters: Sequence[Tensor]) -> Tensor:
    """(filter, period)."""
    maxima = [torch.fft.irfft(some * over_time, n=PERIOD_FRAMES, dim=2).amax(1) for some in filters]
    return torch.cat(maxima)


# ---------------------------------------------------------------------------------------------- biases and norms


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias.detach()


def _mean(norm: nn.BatchNorm1d) -> Tensor:
    assert norm.running_mean is not None
    return norm.running_mean


def _scale(norm: nn.BatchNorm1d) -> Tensor:
    assert norm.running_var is not None
    return norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
