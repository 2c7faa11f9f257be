"""Decode audio with FFmpeg (through PyAV) or libsndfile; each reads some files that the other one cannot read.

Both yield mono blocks at the file's own rate: the mean of all channels, float32, full scale 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats
from unheard.ingest.containers import DEMUXERS
from unheard.ingest.parts import FilePart, parts_of

Block = tuple[int, Floats]  # sample rate in Hz, mono samples
OnPacket = Callable[[Any], None]  # called with each packet that is read, and with None at the end of the file
BLOCK_SAMPLES = 32_768

# FFmpeg estimates these lengths from the bitrate (lengths.py reads exact ones of MP3 and WAV).
GUESSED_LENGTH_FORMATS = {"mp3", "aac", "loas", "wav", "w64", "ac3", "mpeg", "mpegts", "amr"}


@cache
def decoder_versions() -> str:
    """Return the versions that decide which files can be decoded, as stored with failures.

    For example `unheard 0.1.0, av 18.1.0, soundfile 0.14.0 (1.2.2)`.
    """
    import soundfile

    libsndfile = soundfile.__libsndfile_version__
    return f"unheard {version('unheard')}, av {version('av')}, soundfile {version('soundfile')} ({libsndfile})"


class DecodeError(Exception):
    """A decoder cannot read a file, or the rest of it."""


class NoAudioStreamError(DecodeError):
    """The decoder reads the file, but it has no audio stream."""


@dataclass(frozen=True)
class Opened:
    """A file open in a decoder. `declared_s` is the container's length; None if it has no reliable one."""

    declared_s: float | None
    blocks: Iterator[Block]


def open_ffmpeg(path: Path, *, skip_damage: bool = False, on_packet: OnPacket | None = None) -> Opened:
    """Open with FFmpeg. Blocks raise `DecodeError` at the first damaged packet, unless `skip_damage`.

    on_packet  is called while the blocks are read, but not for a file that was joined from several
    """
    try:
        parts = parts_of(path)
    except OSError as error:
        raise DecodeError(_first_line(error)) from error
    if len(parts) == 1:
        return _open_part(path, skip_damage=skip_damage, on_packet=on_packet)
    pieces = (_open_part(FilePart(path, part), skip_damage=skip_damage) for part in parts)
    return Opened(None, (block for piece in pieces for block in piece.blocks))


def _open_part(file: Path | FilePart, *, skip_damage: bool, on_packet: OnPacket | None = None) -> Opened:
    import av

    try:
        container = open_container(file)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DecodeError(f"FFmpeg: {_first_line(error)}") from error
    if not container.streams.audio:
        container.close()
        raise NoAudioStreamError("no audio stream")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        container.close()
        raise DecodeError("FFmpeg: unknown codec")
    guessed = bool(GUESSED_LENGTH_FORMATS.intersection(container.format.name.split(",")))
    declared_s = None
    if not guessed:
        if stream.duration and stream.time_base:
            declared_s = float(stream.duration * stream.time_base)
        elif container.duration:
            declared_s = container.duration / 1e6
    return Opened(declared_s, _ffmpeg_blocks(container, stream, skip_damage=skip_damage, on_packet=on_packet))


def open_container(file: Path | BinaryIO | FilePart) -> Any:
    """Return PyAV's container of a local file; formats that name other files or addresses are refused.

    av.FFmpegError, OSError or ValueError if FFmpeg cannot read the file.
    """
    import av

    av.logging.set_level(av.logging.PANIC)
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
    # As options of the container alone: PyAV 17 and older crash on formats without a header when streams get some.
    return av.open(str(file) if isinstance(file, Path) else file, container_options=options, **_text_options())


@cache
def _text_options() -> dict[str, Any]:
    """Return the option that makes PyAV before 19 keep tags that are not UTF-8; PyAV 19 has no such option."""
    return {"metadata_errors": "surrogateescape"} if int(version("av").split(".")[0]) < 19 else {}


def _ffmpeg_blocks(container: Any, stream: Any, *, skip_damage: bool, on_packet: OnPacket | None) -> Iterator[Block]:
    """Yield blocks of joined frames, because FFmpeg's frames are short (26 ms of MP3) and every Python call is slow."""
    import av

    waiting: list[NDArray[Any]] = []
    n_waiting, shape, damage = 0, (0, 0, ""), None
    with closing(container):
        try:
            for packet in container.demux(stream):
                if on_packet is not None:
                    on_packet(packet)
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    if not skip_damage:
                        raise
                    continue
                for frame in frames:
                    frame_shape = (frame.sample_rate, len(frame.layout.channels), frame.format.name)
                    if waiting and (frame_shape != shape or n_waiting >= BLOCK_SAMPLES):
                        yield shape[0], mono_of(waiting, shape)
                        waiting, n_waiting = [], 0
                    shape = frame_shape
                    waiting.append(frame.to_ndarray())
                    n_waiting += frame.samples
            if on_packet is not None:
                on_packet(None)
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:  # IndexError: of a stream that is new
            damage = error
        if waiting:
            yield shape[0], mono_of(waiting, shape)
    if damage is not None:
        raise DecodeError(f"FFmpeg: {_first_line(damage)}") from damage


def mono_of(arrays: list[NDArray[Any]], shape: tuple[int, int, str]) -> Floats:
    """Return the mean over channels of FFmpeg frames: (channel, sample) if planar, else (1, sample x channel)."""
    _, n_channels, sample_format = shape
    samples = np.concatenate(arrays, axis=1)
    if not sample_format.endswith("p"):
        samples = samples.reshape(-1, n_channels).T
    if sample_format.startswith("u8"):
        scaled = (samples.astype(np.float32) - 128.0) / 128.0
    elif samples.dtype.kind == "i":
        scaled = samples.astype(np.float32) * np.float32(0.5 ** (8 * samples.dtype.itemsize - 1))
    else:
        scaled = samples.astype(np.float32, copy=False)
    if n_channels == 2:  # as `mean`, in half the time
        mono: Floats = scaled[0] + scaled[1]
        mono *= np.float32(0.5)
        return mono
    return np.ascontiguousarray(scaled[0] if n_channels == 1 else scaled.mean(axis=0))


def open_sndfile(path: Path) -> Opened:
    """Open with libsndfile."""
    import soundfile

    try:
        file = soundfile.SoundFile(str(path))
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        raise DecodeError(f"libsndfile: {_first_line(error)}") from error
    guessed = file.format in {"MP3", "WAV", "WAVEX", "RF64", "W64"}
    declared_s = None if guessed or not file.frames else file.frames / file.samplerate
    return Opened(declared_s, _sndfile_blocks(file))


def _sndfile_blocks(file: Any) -> Iterator[Block]:
    import soundfile

    with file:
        while True:
            try:
                samples = file.read(BLOCK_SAMPLES, dtype="float32", always_2d=True)  # (sample, channel)
            except (soundfile.SoundFileError, OSError, ValueError) as error:
                raise DecodeError(f"libsndfile: {_first_line(error)}") from error
            if not len(samples):
                return
            yield file.samplerate, samples[:, 0].copy() if samples.shape[1] == 1 else samples.mean(axis=1)


def _first_line(error: Exception) -> str:
    """Return a library's message without the file's name and the library's name of the error."""
    text = str(getattr(error, "strerror", None) or getattr(error, "error_string", None) or error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:200]
