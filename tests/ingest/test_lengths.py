"""Test declared lengths with headers that are written byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.sounds import song, write
from unheard.ingest.lengths import Declared, declared_length


def length_of(data: bytes, tmp_path: Path) -> Declared | None:
    path = tmp_path / "file"
    path.write_bytes(data)
    return declared_length(path)


def wav(data_size: int, *, ds64: int | None = None, odd: bytes = b"") -> bytes:
    head = b"RIFF" if ds64 is None else b"RF64"
    chunks = b"" if ds64 is None else b"ds64" + struct.pack("<IQQQI", 28, 0, ds64, 0, 0)
    chunks += b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, 44_100, 176_400, 4, 16)
    return head + struct.pack("<I", 0) + b"WAVE" + chunks + odd + b"data" + struct.pack("<I", data_size) + bytes(100)


def test_wav_by_its_data_chunk(tmp_path: Path) -> None:
    assert length_of(wav(176_400 * 3), tmp_path) == Declared(3.0)
    assert length_of(wav(176_400 * 3, odd=b"LIST\x03\0\0\0abc\0"), tmp_path) == Declared(3.0)
    assert length_of(wav(0xFFFF_FFFF, ds64=176_400 * 4), tmp_path) == Declared(4.0)


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_F000])
def test_wav_from_a_pipe_declares_nothing(size: int, tmp_path: Path) -> None:
    assert length_of(wav(size), tmp_path) is None


def mp3(tag: bytes, *, id3: int = 0, version: int = 0xFB, rate: int = 0x90, mono: bool = False) -> bytes:
    front = b"ID3\x04\0\0" + bytes([0, 0, id3 >> 7, id3 & 0x7F]) + bytes(id3) if id3 else b""
    return front + bytes([0xFF, version, rate, 0xC0 if mono else 0x00]) + tag + bytes(2000)


@pytest.mark.parametrize("name", [b"Xing", b"Info"])
def test_mp3_by_its_frame_count(name: bytes, tmp_path: Path) -> None:
    tag = name + struct.pack(">II", 1, 1000)
    seconds = 1000 * 1152 / 44_100
    assert length_of(mp3(bytes(32) + tag), tmp_path) == Declared(seconds)
    assert length_of(mp3(bytes(32) + tag, id3=3000), tmp_path) == Declared(seconds)
    assert length_of(mp3(bytes(17) + tag, mono=True), tmp_path) == Declared(seconds)
    assert length_of(mp3(bytes(17) + tag, version=0xF3), tmp_path) == Declared(1000 * 576 / 22_050)
    assert length_of(mp3(bytes(32) + name + struct.pack(">II", 0, 1000)), tmp_path) is None  # no frame count


def test_mp3_of_the_fraunhofer_encoder(tmp_path: Path) -> None:
    tag = bytes(32) + b"VBRI" + bytes(10) + struct.pack(">I", 500)
    assert length_of(mp3(tag), tmp_path) == Declared(500 * 1152 / 44_100)


def test_mp3_without_a_header_declares_nothing(tmp_path: Path) -> None:
    assert length_of(mp3(b""), tmp_path) is None


def test_ogg_is_cut_inside_a_page_only(tmp_path: Path) -> None:
    data = write(tmp_path / "a.ogg", song(1, 3.0)).read_bytes()
    assert length_of(data, tmp_path) is None
    assert length_of(data + b"trailing junk", tmp_path) is None
    found = length_of(data[:-100], tmp_path)
    assert found is not None
    assert found.cut
    assert found.seconds == pytest.approx(3.0, abs=0.01)
    last = data.rfind(b"OggS")
    assert length_of(data[:last], tmp_path) is None
    header_only = length_of(data[: last + 9], tmp_path)
    assert header_only == Declared(0.0, cut=True)


HEADS = (b"", b"RIFF0000WAVE", b"OggS", b"ID3\x04", b"\xff\xfb\x90\0", wav(1000))


@given(data=st.binary(max_size=400), head=st.sampled_from(HEADS))
def test_no_bytes_make_it_raise(data: bytes, head: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(head + data)
    declared_length(path)
