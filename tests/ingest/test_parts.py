"""Test that files which were joined from several are decoded whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ingest.sounds import song, write, write_with
from unheard.ingest.audio import decode_blocks
from unheard.ingest.parts import FilePart, parts_of

RATE_HZ = 22_050
SUFFIXES = (".mp3", ".ogg", ".opus", ".flac", ".aac", ".wav", ".aiff", ".wv")


def encode(path: Path, seed: int, seconds: float, rate: int) -> bytes:
    samples = song(seed, seconds, rate=rate)
    if path.suffix == ".wv":
        return write_with(path, samples, "wavpack", "wv", rate=rate).read_bytes()
    return write(path, samples, rate=rate).read_bytes()


def decode(path: Path) -> np.ndarray:
    return np.concatenate(list(decode_blocks(path, sample_rate=RATE_HZ)))


@pytest.mark.parametrize("rates", [(44_100, 44_100), (44_100, 22_050)])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_joined_files_are_heard_whole(suffix: str, rates: tuple[int, int], tmp_path: Path) -> None:
    rates = (48_000, 48_000) if suffix == ".opus" else rates
    first, second = tmp_path / f"1{suffix}", tmp_path / f"2{suffix}"
    data = encode(first, 1, 1.5, rates[0]) + encode(second, 2, 2.5, rates[1])
    joined = tmp_path / f"joined{suffix}"
    joined.write_bytes(data)
    samples, truth = decode(joined), np.concatenate([decode(first), decode(second)])
    assert len(samples) == pytest.approx(len(truth), abs=0.1 * RATE_HZ)
    if suffix in {".wav", ".aiff", ".wv", ".flac"}:  # no encoder's delay at the seam
        np.testing.assert_allclose(samples, truth[: len(samples)], atol=2e-2)


def test_a_stream_that_changes_its_codec(tmp_path: Path) -> None:
    """Internet radio in Ogg: one part for each song."""
    data = encode(tmp_path / "1.ogg", 1, 1.5, 44_100) + encode(tmp_path / "2.opus", 2, 2.5, 48_000)
    (tmp_path / "radio.ogg").write_bytes(data + data)
    assert len(decode(tmp_path / "radio.ogg")) == pytest.approx(8.0 * RATE_HZ, abs=0.2 * RATE_HZ)
    assert len(parts_of(tmp_path / "radio.ogg")) == 4


def test_parts_are_those_that_were_joined(tmp_path: Path) -> None:
    for suffix in (".ogg", ".wav", ".aiff", ".wv"):
        data = encode(tmp_path / f"x{suffix}", 1, 1.0, 44_100)
        for n in (1, 3):
            path = tmp_path / f"{n}{suffix}"
            path.write_bytes(n * data + b"\0" * (n == 1))
            ends = [len(data) * (part + 1) for part in range(n)]
            ends[-1] = path.stat().st_size
            assert parts_of(path) == list(zip([0, *ends[:-1]], ends, strict=True))


@pytest.mark.parametrize("start", [b"OggS", b"RIFF", b"FORM", b"wvpk", b""])
def test_random_bytes_are_one_part(start: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "x"
    for size in (0, 1, 5, 40, 3000):
        path.write_bytes(start + rng.bytes(size))
        assert parts_of(path) == [(0, len(start) + size)]


def test_a_part_reads_as_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(range(100)))
    part = FilePart(tmp_path / "x", (10, 20))
    assert (part.read(4), part.tell(), part.read(), part.read(1)) == (
        bytes(range(10, 14)),
        4,
        bytes(range(14, 20)),
        b"",
    )
    assert (part.seek(-2, 2), part.read(5)) == (8, bytes([18, 19]))
    part.close()
