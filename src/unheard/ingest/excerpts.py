"""Decode excerpts that are spread evenly over a file, by seeking, for a quick answer about a long file.

Fifteen excerpts of four seconds are a quarter of a song of four minutes, so decoding and everything behind it take
about that share of the time. FFmpeg seeks to a position some frames before an excerpt, because decoders need them: MP3
takes bits from earlier frames, AAC and Vorbis overlap each frame with the one before, Opus converges within 80 ms. The
positions need not be exact (of an MP3 of variable bitrate without an index they are not), only spread over the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unheard.arrays import Floats
from unheard.ingest.audio import MAX_PEAK, MIN_RATE_HZ, SILENT_PEAK, decode_at_rates, resampled
from unheard.ingest.decoders import Block, mono_of, open_container
from unheard.ingest.parts import parts_of

N_EXCERPTS, EXCERPT_S = 15, 4.0
PREROLL_S = 0.3
WORTHWHILE = 1.5  # a file shorter than this times its excerpts is decoded whole


def decode_excerpts(path: Path, *, sample_rates: Sequence[int]) -> Iterator[tuple[Floats, ...]]:
    """Yield blocks of a file's excerpts, one after the other, as `decode_at_rates` yields those of the whole file.

    A file that is short, joined from several, silent in its excerpts, or that FFmpeg cannot seek in is decoded whole;
    AudioError as `decode_at_rates` raises it. Damage outside the excerpts is not found.
    """
    excerpts = _excerpts(path)
    if excerpts is None:
        yield from decode_at_rates(path, sample_rates=sample_rates)
        return
    for excerpt in excerpts:
        yield from resampled(iter([excerpt]), sample_rates)


def _excerpts(path: Path) -> list[Block] | None:
    """Return the excerpts at the file's own rate, or None if the whole file has to be decoded."""
    import av

    try:
        if len(parts_of(path)) > 1:
            return None
        with open_container(path) as container:
            length_s = (container.duration or 0) / 1e6
            streams = container.streams.audio
            if not streams or streams[0].codec_context is None or length_s < WORTHWHILE * N_EXCERPTS * EXCERPT_S:
                return None
            starts_s = [(number + 0.5) / N_EXCERPTS * length_s - EXCERPT_S / 2 for number in range(N_EXCERPTS)]
            excerpts = [_excerpt(container, start_s) for start_s in starts_s]
    except (av.FFmpegError, OSError, ValueError):
        return None
    peaks = [max(float(samples.max()), -float(samples.min())) for _, samples in excerpts if len(samples)]
    complete = all(rate >= MIN_RATE_HZ and len(samples) >= EXCERPT_S * rate for rate, samples in excerpts)
    return excerpts if complete and SILENT_PEAK <= max(peaks) <= MAX_PEAK else None


def _excerpt(container: Any, start_s: float) -> Block:
    """Return the samples from `start_s` on; ValueError if no frame can be decoded there."""
    import av

    stream = container.streams.audio[0]
    origin = stream.start_time or 0
    container.seek(origin + int((start_s - PREROLL_S) / stream.time_base), stream=stream)
    arrays: list[NDArray[Any]] = []
    n_samples, shape = 0, (0, 0, "")
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue  # the first frames after a seek may lack bits of frames before
        for frame in frames:
            if frame.pts is not None and (frame.pts - origin) * frame.time_base < start_s:
                continue
            if arrays and shape != (frame.sample_rate, len(frame.layout.channels), frame.format.name):
                raise ValueError("the format changes")
            shape = frame.sample_rate, len(frame.layout.channels), frame.format.name
            arrays.append(frame.to_ndarray())
            n_samples += frame.samples
        if n_samples and n_samples >= EXCERPT_S * shape[0]:
            break
    if not arrays:
        raise ValueError("no samples behind the position")
    return shape[0], mono_of(arrays, shape)
