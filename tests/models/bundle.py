"""Checkpoints of TensorFlow, written from the descriptions of their formats, so that the reader has files to read."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.models.musicnn import checkpoint_shapes
from unheard.models.musicnn_checkpoint import MAGIC, masked_crc32c
from unheard.models.musicnn_tags import TAGS

Tensors = Mapping[str, NDArray[np.float32]]


def random_tensors(seed: int) -> dict[str, NDArray[np.float32]]:
    """Weights of the true shapes; scales of norms have both signs."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in checkpoint_shapes().items():
        if name.endswith("kernel"):
            array = rng.normal(0.0, np.sqrt(2.0 / np.prod(shape[:-1])), shape)
        elif name.endswith("variance"):
            array = rng.uniform(0.5, 2.0, shape)
        elif name.endswith("gamma"):
            array = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)
        else:
            array = rng.normal(0.0, 0.3, shape)
        tensors[name] = array.astype(np.float32)
    return tensors


def write_wheel(path: Path, seed: int = 0) -> Path:
    """Return the files of a wheel of musicnn, with random weights."""
    with zipfile.ZipFile(path, "w") as wheel:
        for place, model in enumerate(TAGS):
            index, data = bundle(random_tensors(seed + place))
            wheel.writestr(f"musicnn/{model.upper()}_musicnn/.index", index)
            wheel.writestr(f"musicnn/{model.upper()}_musicnn/.data-00000-of-00001", data)
    return path


def bundle(tensors: Tensors, *, per_block: int = 20) -> tuple[bytes, bytes]:
    """Index and data of a checkpoint; `per_block` entries in each block of the index."""
    data, entries = b"", [(b"", b"\x08\x01\x1a\x02\x08\x01")]
    for name, array in sorted(tensors.items()):
        stored = array.astype("<f4").tobytes()
        dims = b"".join(_message(2, _number(1, size)) for size in array.shape)
        fields = [_number(1, 1), _message(2, dims), _number(4, len(data)), _number(5, len(stored))]
        checksum = _varint(6 << 3 | 5) + struct.pack("<I", masked_crc32c(stored))
        entries.append((name.encode(), b"".join(fields) + checksum))
        data += stored
    index, handles = b"", []
    for first in range(0, len(entries), per_block):
        some = entries[first : first + per_block]
        block = _block(some)
        handles.append((some[-1][0], _varint(len(index)) + _varint(len(block) - 5)))
        index += block
    positions = []
    for block in (_block([]), _block(handles)):
        positions.append(_varint(len(index)) + _varint(len(block) - 5))
        index += block
    return index + b"".join(positions).ljust(40, b"\0") + struct.pack("<Q", MAGIC), data


def _block(entries: Sequence[tuple[bytes, bytes]], *, restart_every: int = 16) -> bytes:
    block, restarts, before = b"", [], b""
    for place, (key, value) in enumerate(entries):
        shared = 0
        if place % restart_every:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        else:
            restarts.append(len(block))
        block += _varint(shared) + _varint(len(key) - shared) + _varint(len(value)) + key[shared:] + value
        before = key
    restarts = restarts or [0]
    block += b"".join(struct.pack("<I", restart) for restart in restarts) + struct.pack("<I", len(restarts)) + b"\0"
    return block + struct.pack("<I", masked_crc32c(block))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])
