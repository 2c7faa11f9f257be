"""Test decoding against the encoded samples, and every kind of invalid file."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingest.sounds import cut, song, write
from unheard.errors import AudioError, Reason
from unheard.ingest import audio
from unheard.ingest.audio import decode_at_rates, decode_blocks
from unheard.ingest.decoders import Opened, mono_of, open_ffmpeg, open_sndfile

pytestmark = pytest.mark.slow

EVERY_FORMAT = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".wma", ".aiff")


def decode(path: Path, rate: int = 22_050) -> np.ndarray:
    return np.concatenate(list(decode_blocks(path, sample_rate=rate)))


def refused(path: Path) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decode(path)
    return caught.value


@pytest.mark.parametrize("suffix", EVERY_FORMAT)
def test_every_format_gives_the_mean_of_the_channels(suffix: str, tmp_path: Path) -> None:
    rate = 48_000 if suffix == ".opus" else 44_100
    samples = song(1, 4.0, rate=rate)
    decoded = decode(write(tmp_path / f"a{suffix}", samples, rate=rate), rate)
    assert decoded.dtype == np.float32
    truth = samples.mean(axis=1)
    assert abs(len(decoded) - len(truth)) < 0.1 * rate
    # Encoders shift by their delay: compare at the best of all shifts.
    spectra = np.fft.rfft(decoded, 2**19) * np.conj(np.fft.rfft(truth, 2**19))
    best = np.fft.irfft(spectra).max() / (np.linalg.norm(decoded) * np.linalg.norm(truth))
    assert best > 0.97


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_sample_formats_have_the_same_scale(subtype: str, tmp_path: Path) -> None:
    samples = song(2, 2.0)
    soundfile.write(tmp_path / "a.wav", samples, 44_100, subtype=subtype)
    step = 2 / 2**8 if subtype == "PCM_U8" else 2 / 2**16
    np.testing.assert_allclose(decode(tmp_path / "a.wav", 44_100), samples.mean(axis=1), atol=step)


def test_both_decoders_agree(tmp_path: Path) -> None:
    for suffix in (".wav", ".flac", ".ogg", ".mp3"):
        path = write(tmp_path / f"a{suffix}", song(3, 3.0))
        first, second = (np.concatenate([s for _, s in opened(path).blocks]) for opened in (open_ffmpeg, open_sndfile))
        n = min(len(first), len(second))
        assert abs(len(first) - len(second)) < 2000
        np.testing.assert_allclose(first[:n], second[:n], atol=2e-3)


def test_resampling_does_not_depend_on_block_sizes(tmp_path: Path) -> None:
    """Compare with one call over the whole file."""
    import soxr

    samples = song(4, 3.0)
    path = write(tmp_path / "a.flac", samples)
    whole = soxr.resample(soundfile.read(path, dtype="float32")[0].mean(axis=1), 44_100, 22_050)
    np.testing.assert_allclose(decode(path), whole, atol=1e-5)


# ------------------------------------------------------------------------------------------- two decoders


def stops_after(n_blocks: int) -> object:
    """FFmpeg fails after some blocks."""

    def attempt(path: Path) -> Opened:
        from unheard.ingest.decoders import DecodeError

        def blocks() -> object:
            for number, block in enumerate(open_ffmpeg(path).blocks):
                if number == n_blocks:
                    raise DecodeError("FFmpeg: enough")
                yield block

        return Opened(None, blocks())  # type: ignore[arg-type]

    return attempt


@pytest.mark.parametrize("n_blocks", [0, 1, 3])
def test_the_other_decoder_goes_on_at_the_same_sample(
    n_blocks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.flac", song(5, 5.0))
    whole = decode(path)
    monkeypatch.setattr(audio, "ATTEMPTS", (stops_after(n_blocks), open_sndfile))
    np.testing.assert_allclose(decode(path), whole, atol=1e-6)
    together = list(decode_at_rates(path, sample_rates=(22_050, 16_000)))
    for place, rate in enumerate((22_050, 16_000)):
        np.testing.assert_array_equal(np.concatenate([at[place] for at in together]), decode(path, rate))


def test_damage_in_the_middle_is_survived_or_reported(tmp_path: Path) -> None:
    """A damaged part of an MP3 is skipped; a FLAC without a third of its frames is truncated."""
    path = write(tmp_path / "a.mp3", song(6, 8.0))
    data = bytearray(path.read_bytes())
    data[40_000:40_400] = b"\0" * 400
    path.write_bytes(data)
    assert abs(len(decode(path)) / 22_050 - 8.0) < 0.3
    flac = write(tmp_path / "b.flac", song(6, 8.0))
    data = bytearray(flac.read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = b"\x55" * third
    flac.write_bytes(data)
    assert refused(flac).reason in {Reason.TRUNCATED, Reason.UNREADABLE}


def test_a_tag_behind_the_sound_is_no_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", song(7, 3.0))
    path.write_bytes(path.read_bytes() + b"TAG" + b"title".ljust(125, b"\0"))
    assert abs(len(decode(path)) / 22_050 - 3.0) < 0.1


def test_latin_1_tags_do_not_stop_the_decoder(tmp_path: Path) -> None:
    """PyAV before 19 could not open an Ogg file whose comment is not UTF-8."""
    path = write(tmp_path / "a.ogg", song(8, 2.0))
    from mutagen.oggvorbis import OggVorbis

    file = OggVorbis(path)
    file["title"] = "Deja Vu"
    file.save()
    data = path.read_bytes()
    assert b"Deja" in data
    page_broken = path.with_name("b.ogg")
    page_broken.write_bytes(_with_new_checksums(data.replace(b"Deja", b"D\xe9j\xe0")))
    assert abs(len(decode(page_broken)) / 22_050 - 2.0) < 0.1


def _with_new_checksums(data: bytes) -> bytes:
    """Return Ogg pages with a new CRC (polynomial 0x04c11db7, not reflected)."""
    out, at = bytearray(data), 0
    while at < len(out):
        n_segments = out[at + 26]
        size = 27 + n_segments + sum(out[at + 27 : at + 27 + n_segments])
        out[at + 22 : at + 26] = b"\0\0\0\0"
        crc = 0
        for byte in out[at : at + size]:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        out[at + 22 : at + 26] = crc.to_bytes(4, "little")
        at += size
    return bytes(out)


# ------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"])
def test_half_a_file_is_truncated_and_says_both_lengths(suffix: str, tmp_path: Path) -> None:
    rate = 48_000 if suffix == ".opus" else 44_100
    whole = write(tmp_path / f"whole{suffix}", song(9, 10.0, rate=rate), rate=rate)
    error = refused(cut(whole, tmp_path / f"half{suffix}"))
    assert error.reason is Reason.TRUNCATED
    decoded, declared = (
        float(word) for word in error.detail.split(";")[0].replace(",", "").split() if word[0].isdigit()
    )
    assert 2.5 < decoded < 7.0
    if suffix in {".ogg", ".opus"}:  # only the end of the last page is known
        assert "at least" in error.detail
        assert decoded < declared < decoded + 2
    else:
        assert declared == pytest.approx(10.0, abs=0.1)


def test_half_an_m4a_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.m4a", song(9, 10.0))
    assert refused(cut(whole, tmp_path / "half.m4a")).reason in {Reason.UNREADABLE, Reason.TRUNCATED}


def test_missing_and_empty_and_folders(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.mp3").reason is Reason.MISSING
    (tmp_path / "empty.mp3").touch()
    assert refused(tmp_path / "empty.mp3").reason is Reason.EMPTY
    (tmp_path / "folder.mp3").mkdir()
    assert refused(tmp_path / "folder.mp3").reason is Reason.UNREADABLE


@pytest.mark.parametrize(
    "content",
    [
        b"Dear diary,\nno music today.\n" * 300,
        "Größe 音楽 ".encode() * 500,
        b"\x89PNG\r\n\x1a\n" + bytes(2000),
        b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20,
        b"%PDF-1.7\n" + bytes(range(256)) * 20,
        b"PK\x03\x04" + bytes(range(256)) * 20,
    ],
    ids=["text", "utf-8", "png", "jpeg", "pdf", "zip"],
)
@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
def test_other_kinds_of_file_are_not_audio(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert refused(path).reason is Reason.NOT_AUDIO


def test_video_without_sound_is_not_audio(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert refused(path).reason is Reason.NOT_AUDIO


def test_silence_and_short_sounds(tmp_path: Path) -> None:
    quiet = song(10, 2.0) * 1e-5
    soundfile.write(tmp_path / "quiet.wav", quiet, 44_100, subtype="FLOAT")
    assert refused(tmp_path / "quiet.wav").reason is Reason.SILENT
    assert refused(write(tmp_path / "zero.flac", np.zeros((88_200, 2), np.float32))).reason is Reason.SILENT
    assert refused(write(tmp_path / "short.wav", song(10, 0.9))).reason is Reason.TOO_SHORT
    assert len(decode(write(tmp_path / "just.wav", song(10, 1.1)))) > 22_050


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_numbers_that_are_no_samples(value: float, tmp_path: Path) -> None:
    samples = song(11, 2.0)
    samples[5000] = value
    soundfile.write(tmp_path / "a.wav", samples, 44_100, subtype="FLOAT")
    assert refused(tmp_path / "a.wav").reason is Reason.BAD_VALUES


@given(data=st.binary(min_size=1, max_size=3000), suffix=st.sampled_from(EVERY_FORMAT), magic=st.booleans())
@settings(max_examples=60, deadline=None)
def test_random_bytes_are_refused_and_nothing_worse(
    data: bytes, suffix: str, magic: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    heads = {
        ".wav": b"RIFF\xff\0\0\0WAVE",
        ".flac": b"fLaC",
        ".ogg": b"OggS\0",
        ".opus": b"OggS\0",
        ".mp3": b"\xff\xfb",
    }
    path = tmp_path_factory.getbasetemp() / f"random{suffix}"
    path.write_bytes(heads.get(suffix, b"") + data if magic else data)
    assert isinstance(refused(path), AudioError)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_damaged_files_are_decoded_or_refused(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Flip bytes of real files: the result is samples or AudioError."""
    folder = tmp_path_factory.getbasetemp()
    suffix = data.draw(st.sampled_from([".wav", ".flac", ".ogg", ".mp3", ".m4a", ".wma"]))
    whole = folder / f"undamaged{suffix}"
    if not whole.exists():
        write(whole, song(12, 2.0))
    content = bytearray(whole.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=30)):
        content[place] = data.draw(st.integers(0, 255))
    damaged = folder / f"damaged{suffix}"
    damaged.write_bytes(content)
    try:
        decoded = decode(damaged)
    except AudioError:
        return
    assert np.isfinite(decoded).all()


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize("planar", [False, True])
def test_mono_is_the_mean_of_the_channels(planar: bool, n_channels: int) -> None:
    """To the last bit, however many channels there are: stored spectrograms depend on it."""
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, (n_channels, 999)).astype(np.int16)
    stored = samples if planar else samples.T.reshape(1, -1)
    half = stored.shape[1] // 2 // n_channels * n_channels
    found = mono_of([stored[:, :half], stored[:, half:]], (44_100, n_channels, "s16p" if planar else "s16"))
    np.testing.assert_array_equal(found, (samples.astype(np.float32) / 2**15).mean(axis=0))
