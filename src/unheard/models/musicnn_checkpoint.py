"""Read checkpoints of TensorFlow 1 ("tensor bundles") with NumPy only.

A bundle is two files. The index is a sorted table in the format of LevelDB: blocks of (key, value) with check sums, and
an index block whose position is in the last 48 bytes. Keys are names of tensors, values are BundleEntryProto messages:
type, shape, and position of the values in the data file (little endian, row by row).

Format: tensorflow/core/protobuf/tensor_bundle.proto and github.com/google/leveldb, doc/table_format.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from unheard.arrays import Floats
from unheard.errors import UserError

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES, TRAILER_BYTES = 48, 5  # a block's trailer: one byte of compression, four of check sum
DT_FLOAT = 1  # DataType of types.proto
LONGEST_VARINT = 10  # bytes of a 64-bit number, 7 bits each
CRC32C_POLYNOMIAL = 0x82F63B78  # Castagnoli, reversed
CRC_MASK = 0xA282EAD8


@dataclass(frozen=True)
class TensorEntry:
    """The position of a tensor in the data file, in bytes, and its check sum (CRC-32C, masked)."""

    shape: tuple[int, ...]
    data_type: int
    offset: int
    size: int
    checksum: int


def read_entries(index: bytes, source: str) -> dict[str, TensorEntry]:
    """Return the entry of every tensor of an index; raise UserError if it is not an index, truncated or damaged."""
    try:
        return _entries(index)
    except (ValueError, IndexError, struct.error) as error:
        raise UserError(f"{source}: not the index of a TensorFlow checkpoint ({error}); download it again") from error


def read_tensors(index: bytes, data: bytes, names: Iterable[str], source: str) -> dict[str, Floats]:
    """Return the float32 tensors `names`; raise UserError if one is missing, truncated or has a wrong check sum."""
    entries = read_entries(index, source)
    tensors = {}
    for name in names:
        entry = entries.get(name)
        if entry is None:
            raise UserError(f"{source}: has no tensor {name!r}; name the checkpoint of another model")
        stored = data[entry.offset : entry.offset + entry.size]
        if entry.data_type != DT_FLOAT or entry.size != 4 * prod(entry.shape):
            raise UserError(f"{source}: {name!r} is not float32 of shape {entry.shape}; name another checkpoint")
        if len(stored) != entry.size or masked_crc32c(stored) != entry.checksum:
            raise UserError(f"{source}: the numbers of {name!r} are cut or damaged; download the file again")
        tensors[name] = np.frombuffer(stored, "<f4").reshape(entry.shape).astype(np.float32)
    return tensors


def masked_crc32c(data: bytes) -> int:
    """CRC-32C, rotated by 15 bits and shifted by a constant, as LevelDB stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + CRC_MASK) & 0xFFFFFFFF


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (CRC32C_POLYNOMIAL if byte & 1 else 0)
    return byte


CRC_TABLE = tuple(_crc_of_byte(byte) for byte in range(256))


# ------------------------------------------------------------------------------------------------------ the index


def _entries(index: bytes) -> dict[str, TensorEntry]:
    footer = index[-FOOTER_BYTES:]
    if len(footer) < FOOTER_BYTES or struct.unpack("<Q", footer[-8:]) != (MAGIC,):
        raise ValueError("its last bytes are not those of a table")
    _, position = _handle(footer, 0)  # of the meta index, which a bundle leaves empty
    (offset, size), _ = _handle(footer, position)
    found = {}
    for _, value in _block(index, offset, size):
        block, _ = _handle(value, 0)
        for key, message in _block(index, *block):
            if key:  # the empty key holds the header
                found[key.decode()] = _entry(message)
    return found


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of one block. A key shares its first bytes with the previous one."""
    stored = index[offset : offset + size + TRAILER_BYTES]
    if len(stored) != size + TRAILER_BYTES or size < 4:
        raise ValueError("it is cut")
    if masked_crc32c(stored[:-4]) != struct.unpack("<I", stored[-4:])[0]:
        raise ValueError("a check sum is wrong")
    if stored[size]:
        raise ValueError("it is compressed")
    block = stored[:size]
    (n_restarts,) = struct.unpack("<I", block[-4:])
    end = size - 4 * (n_restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        own, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + length]
        position += length


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Return the offset and size of a block, and the position after them."""
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, lowest first, and the position after it."""
    value = 0
    for n in range(LONGEST_VARINT):
        byte = data[position + n]
        value |= (byte & 0x7F) << (7 * n)
        if byte < 0x80:
            return value, position + n + 1
    raise ValueError("a number in it has no end")


# ------------------------------------------------------------------------------------------------- protocol buffers


def _entry(message: bytes) -> TensorEntry:
    """BundleEntryProto: dtype = 1, shape = 2, shard_id = 3, offset = 4, size = 5, crc32c = 6. Zeros are left out."""
    numbers = dict.fromkeys((1, 3, 4, 5, 6), 0)
    shape: tuple[int, ...] = ()
    for number, value in _fields(message):
        if isinstance(value, int):
            numbers[number] = value
        elif number == 2:  # TensorShapeProto: dim = 2, each with size = 1
            sizes = (dict(_fields(dim)).get(1, 0) for n, dim in _fields(value) if n == 2 and isinstance(dim, bytes))
            shape = tuple(size for size in sizes if isinstance(size, int))
    if numbers[3]:
        raise ValueError("it spreads over several data files")
    return TensorEntry(shape, numbers[1], numbers[4], numbers[5], numbers[6])


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a protocol buffer: numbers, or the bytes of strings and messages."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(message, position)
            yield number, value
        elif wire == 2:
            length, position = _varint(message, position)
            yield number, message[position : position + length]
            position += length
        elif wire == 5:
            yield number, struct.unpack_from("<I", message, position)[0]
            position += 4
        else:
            raise ValueError(f"a field of wire type {wire} in it")
