"""Test that re-encoded copies of a recording have nearly equal signatures, and other recordings do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ingest.sounds import song, write
from unheard.scan.audio_extraction import extract_audio
from unheard.spectrograms.signature import SIGNATURE_DIM, signature_of_blocks
from unheard.workspace import Settings

pytestmark = pytest.mark.slow

SAME = 0.98


def fingerprint(path: Path, settings: Settings) -> np.ndarray:
    return extract_audio(path, settings).signature


@pytest.fixture(scope="module", params=["standard", "parity"])
def settings(request: pytest.FixtureRequest) -> Settings:
    return Settings(request.param)


def test_other_encodings_are_the_same_recording(settings: Settings, tmp_path: Path) -> None:
    samples = song(1, 20.0)
    original = fingerprint(write(tmp_path / "a.wav", samples), settings)
    padding = np.zeros((2205, 2), np.float32)  # 50 ms
    variants = {
        "ogg": write(tmp_path / "b.ogg", samples),
        "mp3": write(tmp_path / "c.mp3", samples),
        "aac": write(tmp_path / "d.m4a", samples),
        "gain": write(tmp_path / "e.flac", samples * 1.41),
        "padding": write(tmp_path / "f.flac", np.concatenate([padding, samples, padding])),
    }
    for name, path in variants.items():
        other = fingerprint(path, settings)
        assert original[:-1] @ other[:-1] > SAME, name
        assert other[-1] == pytest.approx(original[-1], abs=0.2), name


def test_other_recordings_are_not(settings: Settings, tmp_path: Path) -> None:
    prints = np.stack([fingerprint(write(tmp_path / f"{n}.wav", song(n, 10.0)), settings)[:-1] for n in range(8)])
    cosines = prints @ prints.T
    np.testing.assert_allclose(np.diag(cosines), 1.0, atol=1e-5)
    assert cosines[~np.eye(8, dtype=bool)].max() < 0.9


def test_shape_and_duration() -> None:
    x = np.random.default_rng(0).normal(-40, 10, (430, 128)).astype(np.float32)
    found = signature_of_blocks([x])
    assert found.shape == (SIGNATURE_DIM,)
    assert found.dtype == np.float32
    assert np.linalg.norm(found[:-1]) == pytest.approx(1.0, abs=1e-5)
    assert found[-1] == pytest.approx(430 * 512 / 22_050)
    np.testing.assert_allclose(signature_of_blocks(np.split(x, [100, 333])), found, atol=1e-6)


@pytest.mark.parametrize("n", [1, 5, 100])
def test_flat_tracks_have_one_too(n: int) -> None:
    assert np.isfinite(signature_of_blocks([np.full((n, 128), -90.0, np.float32)])).all()
