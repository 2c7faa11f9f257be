"""Test that fingerprints survive codecs, gain, noise and offsets, and tell recordings apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.ingest.sounds import RATE_HZ, song, write
from unheard.scan.audio_extraction import extract_audio
from unheard.spectrograms.acoustic_fingerprint import (
    FINGERPRINT_DIM,
    N_BITS,
    N_FRAMES,
    compare,
    fingerprint_of_blocks,
    known_bits,
    signs,
    spectrum_of,
)
from unheard.spectrograms.same_recording import (
    MAX_ERROR,
    MIN_BITS,
    Prints,
    is_same_recording,
    is_short_or_steady,
    joining_pairs,
    likely_pairs,
)
from unheard.workspace import Settings

N_SONGS, SECONDS = 4, 12.0


def prints_of(path: Path, samples: np.ndarray) -> Prints:
    found = extract_audio(write(path, samples), Settings())
    return Prints(found.fingerprint, found.signature)


def variants(samples: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    silence = np.zeros((int(1.73 * RATE_HZ), 2), np.float32)
    rng = np.random.default_rng(0)
    yield "same.flac", samples
    yield "encoded.mp3", samples
    yield "quiet and later.ogg", np.concatenate([silence, 0.4 * samples])
    yield "noisy and cut.m4a", samples[RATE_HZ:] + rng.normal(0, 0.002, (len(samples) - RATE_HZ, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Prints, list[int]]:
    """Fingerprints and signatures of all variants, and the song of each."""
    folder = tmp_path_factory.mktemp("prints")
    found = [
        (prints_of(folder / f"{n} {name}", samples), n)
        for n in range(N_SONGS)
        for name, samples in variants(song(n, SECONDS))
    ]
    prints = Prints(np.stack([one.fingerprint for one, _ in found]), np.stack([one.signature for one, _ in found]))
    return prints, [n for _, n in found]


def test_only_variants_of_one_song_are_the_same_recording(recordings: tuple[Prints, list[int]]) -> None:
    prints, songs = recordings
    every = [(a, b) for b in range(len(songs)) for a in range(b)]
    rows = [Prints(fingerprint, signature) for fingerprint, signature in zip(*prints, strict=True)]
    same = [(a, b) for a, b in every if is_same_recording(rows[a], rows[b])]
    assert same == [(a, b) for a, b in every if songs[a] == songs[b]]


def test_joining_pairs_join_what_all_pairs_join(recordings: tuple[Prints, list[int]]) -> None:
    prints, songs = recordings
    every = np.array([(b, a) for b in range(len(songs)) for a in range(b)])
    blocks = np.array_split(np.random.default_rng(0).permutation(every), 3)
    found = joining_pairs(prints, blocks)
    assert len(found) == len(songs) - N_SONGS  # none is superfluous
    names = np.arange(len(songs))
    for a, b in found:
        names[names == names[b]] = names[a]
    assert [songs[row] for row in range(len(songs))] == [songs[name] for name in names]


def test_sketches_find_the_pairs_that_comparing_all_finds(recordings: tuple[Prints, list[int]]) -> None:
    prints, songs = recordings
    likely, n = set(likely_pairs(prints.fingerprint)), len(songs)
    same = {(a, b) for b in range(n) for a in range(b) if songs[a] == songs[b]}
    assert len(likely & same) >= 0.9 * len(same)
    assert len(likely) < n * (n - 1) / 2 * 0.5


def test_errors_are_far_from_the_limit(recordings: tuple[Prints, list[int]]) -> None:
    prints, songs = recordings
    errors = {True: [0.0], False: [1.0]}
    for b in range(len(songs)):
        for a in range(b):
            errors[songs[a] == songs[b]].append(compare(prints.fingerprint[a], prints.fingerprint[b]).error)
    assert max(errors[True]) < 0.6 * MAX_ERROR
    assert min(errors[False]) > 1.3 * MAX_ERROR


def test_a_comparison_by_hand() -> None:
    known = np.full(N_FRAMES, ((1 << N_BITS) - 1) << N_BITS)
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 1 << N_BITS, N_FRAMES)
    one = (known + bits).astype(np.float32)
    later = np.zeros(N_FRAMES, np.float32)
    later[30:] = one[:-30]
    assert compare(one, later) == (0.0, (N_FRAMES - 30) * N_BITS)
    flipped = (known + (bits ^ 1)).astype(np.float32)  # one of twelve bits
    assert compare(one, flipped).error == pytest.approx(1 / 12)
    assert compare(one, np.zeros(N_FRAMES, np.float32)) == (1.0, 0)
    assert signs(one).tolist() == bits.tolist()
    assert known_bits(one).tolist() == [N_BITS] * N_FRAMES


def test_steady_and_short_tracks_are_compared_by_signature(tmp_path: Path) -> None:
    t = np.arange(int(3.0 * RATE_HZ)) / RATE_HZ
    tones = {hz: np.stack([0.3 * np.sin(2 * np.pi * hz * t)] * 2, axis=1).astype(np.float32) for hz in (220, 247)}
    low, high = (prints_of(tmp_path / f"{hz}.flac", samples) for hz, samples in tones.items())
    again = prints_of(tmp_path / "again.ogg", 0.5 * tones[220])
    assert is_short_or_steady(np.stack([low.fingerprint, high.fingerprint])).all()
    assert is_same_recording(low, again)
    assert not is_same_recording(low, high)


def test_two_noises_are_two_recordings(tmp_path: Path) -> None:
    """Their signatures and spectra are nearly equal; that is why noise is never the same by its sound."""
    noise = [np.random.default_rng(n).normal(0, 0.1, (20 * RATE_HZ, 2)).astype(np.float32) for n in range(2)]
    one, other = (prints_of(tmp_path / f"{n}.flac", samples) for n, samples in enumerate(noise))
    assert is_short_or_steady(np.stack([one.fingerprint, other.fingerprint])).all()
    assert not is_same_recording(one, other)


def test_blocks_and_shape() -> None:
    x = np.random.default_rng(0).normal(-40, 10, (1430, 128)).astype(np.float32)
    found = fingerprint_of_blocks([x])
    assert found.shape == (FINGERPRINT_DIM,)
    assert found.dtype == np.float32
    assert spectrum_of(found).max() == 0.0
    np.testing.assert_allclose(fingerprint_of_blocks(np.split(x, [100, 333])), found, atol=1e-4)
    assert known_bits(found).sum() > MIN_BITS
    assert not known_bits(fingerprint_of_blocks([x[:20]])).any()
