"""Excerpts against the whole file: where they come from, how near their features are, and when they are not used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.ingest.sounds import song, write
from unheard.errors import AudioError
from unheard.features.extraction import extract_file
from unheard.ingest.audio import decode_blocks
from unheard.ingest.excerpts import EXCERPT_S, N_EXCERPTS, decode_excerpts
from unheard.workspace import Settings

RATE_HZ = 22_050
LENGTH_S = 92.0  # longer than one and a half times its excerpts
RATE_OF_FILES_HZ = 24_000
FORMATS = ["mp3", "vbr.mp3", "ogg", "flac", "opus", "m4a", "wav"]


def sweep() -> NDArray[np.float32]:
    """Return a tone whose frequency tells its time: 200 Hz at the start, 20 Hz more each second."""
    t = np.arange(int(LENGTH_S * RATE_OF_FILES_HZ)) / RATE_OF_FILES_HZ
    tone = 0.5 * np.sin(2 * np.pi * (200 * t + 10 * t**2))
    return np.stack([tone, tone], axis=1).astype(np.float32)


def written(folder: Path, kind: str, samples: NDArray[np.float32]) -> Path:
    path = folder / f"a.{kind}"
    if kind != "vbr.mp3":
        return write(path, samples, rate=RATE_OF_FILES_HZ)
    with soundfile.SoundFile(path, "w", RATE_OF_FILES_HZ, 2, bitrate_mode="VARIABLE", compression_level=0.5) as file:
        file.write(samples)
    return path


def decoded(path: Path) -> NDArray[np.float32]:
    return np.concatenate([block for (block,) in decode_excerpts(path, sample_rates=[RATE_HZ])])


@pytest.mark.parametrize("kind", FORMATS)
def test_excerpts_are_spread_over_the_file(kind: str, tmp_path: Path) -> None:
    """The frequency in the middle of each excerpt tells where it is from, to a second."""
    samples = decoded(written(tmp_path, kind, sweep()))
    assert len(samples) / RATE_HZ == pytest.approx(N_EXCERPTS * EXCERPT_S, abs=N_EXCERPTS * 0.12)
    for number, excerpt in enumerate(np.array_split(samples, N_EXCERPTS)):
        middle = excerpt[len(excerpt) // 2 - 4096 : len(excerpt) // 2 + 4096] * np.hanning(8192)
        frequency_hz = np.abs(np.fft.rfft(middle)).argmax() * RATE_HZ / 8192
        assert (frequency_hz - 200) / 20 == pytest.approx((number + 0.5) / N_EXCERPTS * LENGTH_S, abs=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_features_are_near_those_of_the_whole_file(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, kind, song(0, LENGTH_S, rate=RATE_OF_FILES_HZ))
    whole, quick = (
        extract_file(path, ["statistics"], Settings(), quick=quick)["statistics"] for quick in (False, True)
    )
    assert whole @ quick / np.linalg.norm(whole) / np.linalg.norm(quick) > 0.98
    assert (whole != quick).any()


@pytest.mark.parametrize("kind", ["mp3", "ogg"])
def test_a_short_file_is_decoded_whole(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, kind, song(0, 10.0, rate=RATE_OF_FILES_HZ))
    whole = np.concatenate(list(decode_blocks(path, sample_rate=RATE_HZ)))
    np.testing.assert_array_equal(decoded(path), whole)


def test_a_joined_file_is_decoded_whole(tmp_path: Path) -> None:
    parts = [written(tmp_path / str(n), "wav", song(n, 46.0, rate=RATE_OF_FILES_HZ)) for n in range(2)]
    joined = tmp_path / "joined.wav"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert len(decoded(joined)) / RATE_HZ == pytest.approx(92.0, abs=0.1)


def test_silence_and_other_files_are_refused_as_ever(tmp_path: Path) -> None:
    silent = written(tmp_path, "flac", np.zeros((int(LENGTH_S * RATE_OF_FILES_HZ), 2), np.float32))
    text = tmp_path / "a.mp3"
    text.write_text("no music", encoding="utf-8")
    for path in (silent, text, tmp_path / "missing.ogg"):
        with pytest.raises(AudioError):
            decoded(path)
