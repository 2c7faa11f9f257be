"""Decode an audio file to a stream of mono samples at given rates, and check that it is complete.

FFmpeg decodes first. If it fails, or stops before the length that the container declares, libsndfile continues from the
same sample; if that fails too, FFmpeg decodes again and skips damaged packets. The final length is compared with the
declared length, and truncated files are refused: a partly decoded track is worse than none.
"""

from __future__ import annotations

import codecs
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import soxr

from unheard.arrays import Floats
from unheard.errors import AudioError, Reason
from unheard.ingest.decoders import (
    Block,
    DecodeError,
    NoAudioStreamError,
    OnPacket,
    Opened,
    open_ffmpeg,
    open_sndfile,
)
from unheard.ingest.lengths import Declared, declared_length
from unheard.ingest.limited import limited

SILENT_PEAK = 1e-4  # -80 dBFS
MAX_PEAK = 1e4  # 80 dB over full scale means that a file of floats is broken
MIN_LENGTH_S = 1.0
MISSING_S, MISSING_SHARE = 0.5, 0.02  # the larger one may be missing of the declared length
MIN_RATE_HZ, MAX_RATE_HZ = 2_000, 6_000_000  # below, a small file is hours long; above, there is no DSD
# A few bytes can stand for hours of silence. A minute is always allowed; beyond it, no codec needs less than 50 bytes
# for a second of sound (Codec 2 at 450 bit/s).
FREE_S, MIN_BYTES_PER_S, MAX_LENGTH_S = 60.0, 50.0, 24 * 3600.0

TRIAL_S, TRIAL_RATE_HZ = 60.0, 8_000

ATTEMPTS: tuple[Callable[..., Opened], ...] = (open_ffmpeg, open_sndfile, partial(open_ffmpeg, skip_damage=True))


@dataclass
class _State:
    """The state of decoding one file."""

    n_samples: tuple[int, ...]  # at each output rate
    peak: float = 0.0
    declared: Declared | None = None
    problems: list[str] = field(default_factory=list)


def decode_blocks(
    path: Path, *, sample_rate: int, max_lost: float = MISSING_SHARE, on_packet: OnPacket | None = None
) -> Generator[Floats, None, float]:
    """Yield mono float32 blocks of one file at `sample_rate`, in bounded memory; return the lost share of its sound.

    The share is the part of the declared length that could not be decoded: 0 if it is within max(0.5 s, 2 %), 1 if the
    end is missing and the length is unknown.

    Raise AudioError, possibly after the last block, if the file is missing, empty, not audio, unreadable by both
    decoders, damaged or truncated (a share above `max_lost` is lost), silent (peak below -80 dBFS), shorter than one
    second, or has values or a sample rate outside the range of audio.
    """
    blocks = decode_at_rates(path, sample_rates=(sample_rate,), max_lost=max_lost, on_packet=on_packet)
    while True:
        try:
            (block,) = next(blocks)
        except StopIteration as end:
            return float(end.value)
        yield block


def try_to_decode(path: Path) -> None:
    """Decode a file and drop its sound, in a process that may fail (limited.py); AudioError as `decode_blocks`."""
    limited(_decode_and_drop, path, limit_s=TRIAL_S)


def _decode_and_drop(path: Path) -> None:
    for _ in decode_blocks(path, sample_rate=TRIAL_RATE_HZ):
        pass


def decode_at_rates(
    path: Path,
    *,
    sample_rates: Sequence[int],
    max_lost: float = MISSING_SHARE,
    on_packet: OnPacket | None = None,
) -> Generator[tuple[Floats, ...], None, float]:
    """Decode once for several rates: yield a block for each rate, some of which may be empty; else as `decode_blocks`.

    The samples at each rate are equal to those of `decode_blocks`. `on_packet` is called with the packets of FFmpeg's
    first reading (decoders.py), so that the file need not be read again to hash them.
    """
    state = _State((0,) * len(sample_rates), declared=_inspect(path))
    no_audio_stream = False
    first, *others = ATTEMPTS
    for attempt in (partial(first, on_packet=on_packet) if on_packet else first, *others):
        ended = False
        try:
            opened = attempt(path)
            if state.declared is None and opened.declared_s:
                state.declared = Declared(opened.declared_s)
            yield from _skip_known(
                state.n_samples, resampled(_measured(path, opened.blocks, state), sample_rates), state
            )
            ended = True
        except NoAudioStreamError:
            no_audio_stream = True
        except DecodeError as refusal:
            state.problems.append(str(refusal))
        if _is_complete(state, sample_rates[0], ended=ended):
            break
    return _check_result(path, state, sample_rates[0], max_lost, no_audio_stream=no_audio_stream)


def _inspect(path: Path) -> Declared | None:
    """Return a file's declared length; raise AudioError if it is missing, empty or not a regular file."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(path, Reason.UNREADABLE, "not a regular file; name an audio file")
        if status.st_size == 0:
            raise AudioError(path, Reason.EMPTY, "the file has 0 bytes; copy it again")
        return declared_length(path)
    except FileNotFoundError:
        raise AudioError(path, Reason.MISSING, "no such file; correct the path") from None
    except OSError as error:
        raise AudioError(path, Reason.UNREADABLE, f"{error.strerror or error}; check its permissions") from error


def _measured(path: Path, blocks: Iterator[Block], state: _State) -> Iterator[Block]:
    """Track the peak; raise AudioError for invalid values, which would spoil all later samples of the resampler.

    A sample rate of some hertz would be resampled to gigabytes, and so would a length that the file's size cannot hold.
    """
    longest_s, length_s = min(MAX_LENGTH_S, FREE_S + path.stat().st_size / MIN_BYTES_PER_S), 0.0
    for rate, samples in blocks:
        if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
            detail = f"sample rate {rate:,} Hz, expected {MIN_RATE_HZ:,} to {MAX_RATE_HZ:,}; encode it again"
            raise AudioError(path, Reason.BAD_VALUES, detail)
        length_s += len(samples) / rate
        if length_s > longest_s:
            detail = (
                f"more than {longest_s:,.0f} s of sound, the most that is read of such a file; split or encode it again"
            )
            raise AudioError(path, Reason.BAD_VALUES, detail)
        peak = max(float(samples.max()), -float(samples.min()))  # NaN if any sample is
        if not peak <= MAX_PEAK:
            raise AudioError(path, Reason.BAD_VALUES, f"samples reach {peak:g} where full scale is 1; encode it again")
        state.peak = max(state.peak, peak)
        yield rate, samples


def resampled(blocks: Iterator[Block], sample_rates: Sequence[int]) -> Iterator[tuple[Floats, ...]]:
    """Resample blocks to each of `sample_rates`.

    The filters' last milliseconds are yielded only if `blocks` ends without an exception, so that another decoder can
    continue at exactly these samples.
    """
    current = 0
    resamplers: list[soxr.ResampleStream] = []
    for rate, samples in blocks:
        if rate != current:
            if resamplers:
                yield tuple(resampler.resample_chunk(np.empty(0, np.float32), last=True) for resampler in resamplers)
            current, resamplers = rate, [soxr.ResampleStream(rate, to, 1, dtype="float32") for to in sample_rates]
        yield tuple(resampler.resample_chunk(samples) for resampler in resamplers)
    if resamplers:
        yield tuple(resampler.resample_chunk(np.empty(0, np.float32), last=True) for resampler in resamplers)


def _skip_known(
    n_known: Sequence[int], blocks: Iterator[tuple[Floats, ...]], state: _State
) -> Iterator[tuple[Floats, ...]]:
    """Skip the first `n_known` samples of each rate, which another decoder has yielded already."""
    position = [0] * len(n_known)
    for at_rates in blocks:
        new = tuple(block[max(0, n - at) :] for n, at, block in zip(n_known, position, at_rates, strict=True))
        position = [at + len(block) for at, block in zip(position, at_rates, strict=True)]
        if any(len(block) for block in new):
            state.n_samples = tuple(n + len(block) for n, block in zip(state.n_samples, new, strict=True))
            yield new


def _missing_s(state: _State, sample_rate: int) -> float:
    """Return the seconds missing of the declared length; 0 if they are within the tolerance."""
    if state.declared is None:
        return 0.0
    missing_s = state.declared.seconds - state.n_samples[0] / sample_rate
    return missing_s if missing_s > max(MISSING_S, MISSING_SHARE * state.declared.seconds) else 0.0


def _is_complete(state: _State, sample_rate: int, *, ended: bool) -> bool:
    """Return whether another attempt is useless: the decoder reached the end of the file or the declared length."""
    declared = state.declared is not None and state.declared.seconds > 0 and not state.declared.cut
    return state.n_samples[0] > 0 and (ended or declared) and not _missing_s(state, sample_rate)


def _check_result(path: Path, state: _State, sample_rate: int, max_lost: float, *, no_audio_stream: bool) -> float:
    """Return the lost share of a file's sound; raise AudioError if the decoded samples are not usable."""
    length_s = state.n_samples[0] / sample_rate
    if not state.n_samples[0]:
        if no_audio_stream or _is_other_file_type(path):
            raise AudioError(path, Reason.NOT_AUDIO, "no sound in it; remove it from the sources or use --exclude")
        detail = "; ".join(dict.fromkeys(state.problems)) or "no samples in it"
        raise AudioError(path, Reason.UNREADABLE, f"{detail}; encode it again")
    lost = _lost_share(state, sample_rate)
    if lost > max_lost:
        raise AudioError(path, Reason.TRUNCATED, _loss(state, length_s, lost))
    if length_s < MIN_LENGTH_S:
        raise AudioError(path, Reason.TOO_SHORT, f"{length_s:.2f} s of sound, expected at least {MIN_LENGTH_S:g} s")
    if state.peak < SILENT_PEAK:
        detail = f"peak of the mono mix is {20 * np.log10(max(state.peak, 1e-10)):.0f} dBFS, expected above -80"
        raise AudioError(path, Reason.SILENT, detail)
    return lost


def _lost_share(state: _State, sample_rate: int) -> float:
    """Return the share of the declared length that is missing; 1 if the end is missing and the length is unknown."""
    if state.declared is None:
        return 0.0
    return 1.0 if state.declared.cut else _missing_s(state, sample_rate) / max(state.declared.seconds, 1e-9)


def _loss(state: _State, length_s: float, lost: float) -> str:
    assert state.declared is not None
    at_least = "at least " if state.declared.cut else ""
    declared = f"{at_least}{state.declared.seconds:.2f} s" if state.declared.seconds else "more"
    return (
        f"decoded {length_s:.2f} s, the file declares {declared}; copy or encode it again, or accept the loss with "
        f"`unheard scan --accept-damaged {np.ceil(100 * lost):.0f}`"
    )


FOREIGN_MAGIC = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"%PDF", b"PK\x03\x04", b"\x7fELF", b"MZ",
    b"\x1f\x8b", b"7z\xbc\xaf", b"SQLite format 3", b"wOFF", b"{\\rtf",
)  # fmt: skip


def _is_other_file_type(path: Path) -> bool:
    """Return whether a file that no decoder reads is a picture, an archive or text, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(4096)
    text = bytes(range(32, 127)) + b"\t\n\r\f" + bytes(range(128, 256))
    if head.startswith(FOREIGN_MAGIC):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return not head.translate(None, text)
