"""Make deterministic sounds, and files of them in every format that PyAV and soundfile can write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 44_100
# Written by FFmpeg; libsndfile writes the others.
FFMPEG_CODECS = {".m4a": "aac", ".aac": "aac", ".wma": "wmav2"}


BLOCK = 1 << 18  # samples written at once


def song(seed: int, seconds: float = 6.0, *, rate: int = RATE_HZ) -> NDArray[np.float32]:
    """Return a random melody of four notes a second over noise, (sample, 2) float32, peak about 0.5."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    notes = 220.0 * 2 ** (rng.integers(0, 24, int(seconds * 4) + 1) / 12)
    loud = rng.uniform(0.1, 1.0, len(notes))
    note = (t * 4).astype(int)
    phase = 2 * np.pi * np.cumsum(notes[note]) / rate
    decay = np.exp(-3.0 * (t * 4 % 1)) * loud[note]
    tone = sum(np.sin(k * phase) / k for k in range(1, 9)) * decay
    mono = 0.2 * tone + 0.01 * rng.standard_normal(len(t))
    return np.stack([mono, 0.8 * mono], axis=1).astype(np.float32)


def write(path: Path, samples: NDArray[np.float32], *, rate: int = RATE_HZ, bit_rate: int = 128_000) -> Path:
    """Encode (sample, 2) samples in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in FFMPEG_CODECS:
        _write_ffmpeg(path, samples, rate, bit_rate)
    else:
        kind = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
        with soundfile.SoundFile(path, "w", rate, samples.shape[1], **kind) as file:
            for start in range(0, len(samples), BLOCK):  # libsndfile's Vorbis encoder overflows its stack on minutes
                file.write(samples[start : start + BLOCK])
    return path


def _write_ffmpeg(path: Path, samples: NDArray[np.float32], rate: int, bit_rate: int) -> None:
    with av.open(str(path), "w", format="adts" if path.suffix == ".aac" else None) as container:
        stream: Any = container.add_stream(FFMPEG_CODECS[path.suffix], rate=rate, layout="stereo")
        stream.bit_rate = bit_rate
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="stereo", rate=rate, frame_size=stream.codec_context.frame_size
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def cut(path: Path, out: Path, share: float = 0.5) -> Path:
    """Return the first bytes of a file."""
    data = path.read_bytes()
    out.write_bytes(data[: int(len(data) * share)])
    return out


def write_with(
    path: Path,
    samples: NDArray[np.float32],
    codec: str,
    container_format: str,
    *,
    rate: int = RATE_HZ,
    tags: dict[str, str] | None = None,
) -> Path:
    """Encode (sample, 2) samples with a codec and a container of FFmpeg."""
    with av.open(str(path), "w", format=container_format) as container:
        container.metadata.update(tags or {})
        stream: Any = container.add_stream(codec, rate=rate, layout="stereo")
        context = stream.codec_context
        context.open()
        resampler = av.AudioResampler(
            format=context.format, layout="stereo", rate=rate, frame_size=context.frame_size or 4096
        )
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.sample_rate = rate
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux([packet for packet in stream.encode(None) if packet.size])
    return path
