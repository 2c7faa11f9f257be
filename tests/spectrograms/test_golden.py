"""Test the extraction of one small sound against a golden file of stored frames.

The other tests recompute the answer; this one notices when the answer changes - with a new decoder, resampler or NumPy,
or by a slip - because a store made earlier would no longer fit one made later.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.ingest.sounds import write
from unheard.scan.audio_extraction import extract_audio
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import FrontEndName, Settings

GOLDEN = Path(__file__).with_name("golden.npz")


def sound(rate: int = 44_100) -> np.ndarray:
    """Return three seconds without randomness: a rising chord, a tremolo, clicks; (sample, 2) float32."""
    t = np.arange(3 * rate) / rate
    chord = sum(np.sin(2 * np.pi * f * (t + 0.2 * t**2)) for f in (220.0, 277.2, 329.6, 1760.0, 4000.0)) / 5
    clicks = np.exp(-400 * (t % 0.25)) * np.sin(2 * np.pi * 6000 * t)
    mono = 0.4 * chord * (0.6 + 0.4 * np.sin(2 * np.pi * 5 * t)) + 0.3 * clicks
    return np.stack([mono, 0.5 * mono], axis=1).astype(np.float32)


def lossless(path: Path) -> Path:
    """Return the sound as 16-bit samples that no writer rounds."""
    soundfile.write(path, np.rint(32_767 * sound()).astype(np.int16), 44_100)
    return path


def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.mark.parametrize("front_end", ["standard", "parity"])
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_frames_are_what_they_were(front_end: FrontEndName, suffix: str, tmp_path: Path) -> None:
    """Equal within one step of the encoding (0.6 dB), because other machines may round differently."""
    heard = extract_audio(lossless(tmp_path / f"a{suffix}"), Settings(front_end))
    expected = golden()[front_end]
    assert isinstance(heard.mel, np.ndarray)
    assert heard.mel.dtype == expected.dtype
    assert heard.mel.shape == expected.shape
    if front_end == "standard":
        difference = np.abs(heard.mel.astype(int) - expected)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.001
    else:
        np.testing.assert_allclose(heard.mel.astype(np.float32), expected.astype(np.float32), atol=5e-3)


@pytest.mark.parametrize("suffix", [".ogg", ".opus", ".mp3", ".m4a", ".aac", ".wma"])
def test_lossy_codecs_are_close(suffix: str, tmp_path: Path) -> None:
    """Compare bands within 40 dB of the loudest: half of them within 2 dB, at the encoder's delay."""
    rate = 48_000 if suffix == ".opus" else 44_100
    heard = extract_audio(write(tmp_path / f"a{suffix}", sound(rate), rate=rate), Settings())
    decode = ENCODINGS["standard"].decode
    assert isinstance(heard.mel, np.ndarray)
    expected, found = decode(golden()["standard"]), decode(heard.mel)
    loud = expected > expected.max() - 40
    typical = []
    for delay in range(-2, 5):  # frames of 23 ms; WMA comes early
        here, there = max(0, -delay), max(0, delay)
        n = min(len(expected) - here, len(found) - there)
        difference = np.abs(found[there : there + n] - expected[here : here + n])
        typical.append(float(np.median(difference[loud[here : here + n]])))
    assert min(typical) < 2.0
    assert abs(heard.duration_s - 3.0) < 0.1


def test_statistics_and_signature_are_what_they_were(tmp_path: Path) -> None:
    heard = extract_audio(lossless(tmp_path / "a.wav"), Settings())
    np.testing.assert_allclose(heard.statistics, golden()["statistics"], rtol=0.02, atol=0.05)
    np.testing.assert_allclose(heard.signature, golden()["signature"], atol=0.01)


def record() -> None:
    """Write the golden file: `python -m tests.spectrograms.test_golden`. Stores made before are then incompatible."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = lossless(Path(folder) / "a.wav")
        standard, parity = extract_audio(path, Settings("standard")), extract_audio(path, Settings("parity"))
    np.savez_compressed(
        GOLDEN,
        standard=np.asarray(standard.mel),
        parity=np.asarray(parity.mel),
        statistics=standard.statistics,
        signature=standard.signature,
    )


if __name__ == "__main__":
    record()
