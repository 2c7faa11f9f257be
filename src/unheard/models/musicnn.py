"""MusiCNN, a music tagger with musically shaped filters (J. Pons and X. Serra, "musicnn: pre-trained convolutional
neural networks for music audio tagging", 2019), with the weights that its authors publish.

Front end: two sets of wide filters (0.4 and 0.7 of the mel bands, 7 frames) for timbre and three of long ones (128, 64
and 32 frames, one band) for rhythm, each reduced to its maximum over frequency (musicnn_front.py). Middle: three
convolutions over time with residual sums. Back end: maximum and mean over time, a dense layer of 200, which are the
track's features, and one output for each tag. For inference only: there is no dropout and statistics are fixed.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.arrays import Floats
from unheard.errors import UserError
from unheard.models.musicnn_checkpoint import read_tensors
from unheard.models.musicnn_front import FrontEnd
from unheard.models.musicnn_tags import TAGS, MusicnnModel

MELS, TIMBRAL, TEMPORAL, MIDDLE, WIDTH, N_TAGS = 96, 204, 51, 64, 200, 50
TIMBRAL_KERNELS = ((7, 38), (7, 67))  # (frame, mel)
TEMPORAL_FRAMES = (128, 64, 32)
FRONT = 2 * TIMBRAL + 3 * TEMPORAL
POOLED = 2 * (FRONT + 3 * MIDDLE)
EPSILON = 1e-3  # of batch norm in TensorFlow


class Musicnn(nn.Module):
    """(batch, frame, mel) log mel power -> the penultimate layer (batch, 200) and a logit for each tag (batch, 50)."""

    def __init__(self) -> None:
        super().__init__()
        kernels = [(TIMBRAL, kernel) for kernel in TIMBRAL_KERNELS] + [(TEMPORAL, (n, 1)) for n in TEMPORAL_FRAMES]
        self.input_norm = nn.BatchNorm2d(1, eps=EPSILON)
        self.front = nn.ModuleList(nn.Conv2d(1, width, kernel) for width, kernel in kernels)
        self.front_norms = nn.ModuleList(nn.BatchNorm1d(width, eps=EPSILON) for width, _ in kernels)
        self.middle = nn.ModuleList(nn.Conv1d(width, MIDDLE, 7, padding=3) for width in (FRONT, MIDDLE, MIDDLE))
        self.middle_norms = nn.ModuleList(nn.BatchNorm1d(MIDDLE, eps=EPSILON) for _ in range(3))
        self.pooled_norm = nn.BatchNorm1d(POOLED, eps=EPSILON)
        self.dense = nn.Linear(POOLED, WIDTH)
        self.dense_norm = nn.BatchNorm1d(WIDTH, eps=EPSILON)
        self.tags = nn.Linear(WIDTH, N_TAGS)
        self.eval()

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        x = self.input_norm(patches[:, None])[:, 0]  # (batch, frame, mel)
        features = [torch.stack([self._front_end.maxima(patch) for patch in x])]  # (batch, front, frame)
        for convolution, norm in zip(self.middle, self.middle_norms, strict=True):
            y = norm(functional.relu(convolution(features[-1])))  # (batch, middle, frame)
            features.append(y if len(features) == 1 else y + features[-1])
        y = torch.cat(features, dim=1)
        y = torch.stack([y.amax(2), y.mean(2)], dim=2).flatten(1)  # (batch, pooled): maximum and mean alternate
        described = self.dense_norm(functional.relu(self.dense(self.pooled_norm(y))))  # (batch, 200)
        return described, self.tags(described)

    @cached_property
    def _front_end(self) -> FrontEnd:
        """Built from the weights at first use; the weights do not change."""
        filters = [cast("nn.Conv2d", layer) for layer in self.front]
        return FrontEnd(filters, [cast("nn.BatchNorm1d", norm) for norm in self.front_norms])


def make_musicnn(arrays: Mapping[str, Floats], model: MusicnnModel) -> Musicnn:
    """Return the network with the weights of `read_musicnn`; raise UserError if they are not complete."""
    network, prefix = Musicnn(), f"{model}."
    state = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    for name in [name for name in network.state_dict() if name.endswith("num_batches_tracked")]:
        state[name] = np.array(0)
    try:
        network.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    except RuntimeError as error:
        raise UserError(
            f"weights of MusiCNN: not complete ({str(error).splitlines()[-1].strip()}); "
            "run `unheard weights musicnn FILE` again"
        ) from error
    return network.requires_grad_(requires_grad=False).eval()


# ----------------------------------------------------------------------------------------- weights of the authors


def read_musicnn(path: Path) -> dict[str, Floats]:
    """Return the weights of both taggers from the wheel `musicnn-0.1.0`, or from the folder of its unpacked files.

    Names are those of `Musicnn` with the prefix "msd." or "mtt.". Raise UserError for another or a damaged file.
    """
    arrays = {}
    for model in TAGS:
        folder = f"{model.upper()}_musicnn"
        index, data = (_member(path, f"{folder}/{name}") for name in (".index", ".data-00000-of-00001"))
        tensors = read_tensors(index, data, checkpoint_shapes(), f"{path}, {folder}")
        for name, array in from_checkpoint(tensors, f"{path}, {folder}").items():
            arrays[f"{model}.{name}"] = array
    return arrays


def from_checkpoint(tensors: Mapping[str, Floats], source: str) -> dict[str, Floats]:
    """Return a checkpoint's tensors with the names and layouts of `Musicnn`; raise UserError for unexpected shapes."""
    for name, shape in checkpoint_shapes().items():
        if tensors[name].shape != shape:
            raise UserError(f"{source}: {name!r} has shape {tensors[name].shape}, expected {shape}; use musicnn 0.1.0")
    arrays = {}
    for ours, theirs in MODULES.items():
        for part, name in PARTS["norm" if "norm" in ours else "layer"].items():
            array = tensors[f"{theirs}/{name}"]
            if ours.startswith("front.") and part == "weight":
                array = array.transpose(3, 2, 0, 1)  # (frame, mel, 1, out) -> (out, 1, frame, mel)
            elif ours.startswith("middle.") and part == "weight":
                array = array[:, :, 0].transpose(2, 1, 0)  # (frame, in, 1, out) -> (out, in, frame)
            elif array.ndim == 2:
                array = array.T  # (in, out) -> (out, in)
            arrays[f"{ours}.{part}"] = np.ascontiguousarray(array)
    return arrays


def checkpoint_shapes() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the checkpoint's tensors that belong to the network, not to its training."""
    kernels = [(*kernel, 1, TIMBRAL) for kernel in TIMBRAL_KERNELS] + [(n, 1, 1, TEMPORAL) for n in TEMPORAL_FRAMES]
    kernels += [(7, width, 1, MIDDLE) for width in (FRONT, MIDDLE, MIDDLE)]
    layers: dict[str, tuple[int, ...]] = {numbered("conv2d", n): kernel for n, kernel in enumerate(kernels)}
    layers |= {"dense": (POOLED, WIDTH), "dense_1": (WIDTH, N_TAGS)}
    widths = [1, *(kernel[-1] for kernel in kernels), POOLED, WIDTH]
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, kernel in layers.items():
        shapes |= {f"{layer}/kernel": kernel, f"{layer}/bias": kernel[-1:]}
    for n, width in enumerate(widths):
        shapes |= {f"{numbered('batch_normalization', n)}/{name}": (width,) for name in PARTS["norm"].values()}
    return shapes


def numbered(name: str, number: int) -> str:
    """Return TensorFlow's name of a layer, numbered in the order of creation: conv2d, conv2d_1, ..."""
    return f"{name}_{number}" if number else name


PARTS: Mapping[str, Mapping[str, str]] = {
    "layer": {"weight": "kernel", "bias": "bias"},
    "norm": {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"},
}
MODULES: Mapping[str, str] = {
    "input_norm": "batch_normalization",
    **{f"front.{n}": numbered("conv2d", n) for n in range(5)},
    **{f"front_norms.{n}": f"batch_normalization_{n + 1}" for n in range(5)},
    **{f"middle.{n}": f"conv2d_{n + 5}" for n in range(3)},
    **{f"middle_norms.{n}": f"batch_normalization_{n + 6}" for n in range(3)},
    "pooled_norm": "batch_normalization_9",
    "dense": "dense",
    "dense_norm": "batch_normalization_10",
    "tags": "dense_1",
}


def _member(path: Path, name: str) -> bytes:
    """Return a file of the wheel or of the unpacked folder, by the end of its path."""
    try:
        if path.is_dir():
            found = [path / folder / name for folder in ("musicnn", ".") if (path / folder / name).is_file()]
            if found:
                return found[0].read_bytes()
        else:
            with zipfile.ZipFile(path) as wheel:
                return wheel.read(f"musicnn/{name}")
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(f"{path}: cannot be read ({error}); {WANTED}") from error
    except KeyError:
        pass
    raise UserError(f"{path}: has no musicnn/{name} in it; {WANTED}")


WANTED = "name the wheel that `pip download --no-deps musicnn==0.1.0` gets, or the folder that it was unpacked to"
