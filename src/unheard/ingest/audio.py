"""Samples of an audio file as a stream: decoded, mixed to mono, resampled - and checked to be all there.

FFmpeg reads first. Where it refuses, or stops before the length that the container declares, libsndfile goes on from
the same sample; where that fails too, FFmpeg once more, this time skipping what is damaged. What comes out behind the
last of them is compared with the declared length, and short files are refused: a half-decoded track is worse than none.
"""

from __future__ import annotations

import codecs
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from unheard.errors import AudioError, Reason
from unheard.ingest.decoders import Block, NoSound, Opened, Refused, open_ffmpeg, open_sndfile
from unheard.ingest.lengths import Declared, declared_length

AUDIO_SUFFIXES = frozenset(
    ".aac .aif .aiff .flac .m4a .m4b .mp2 .mp3 .oga .ogg .opus .wav .wave .wma".split()  # noqa: SIM905 - reads better
)
SILENT_PEAK = 1e-4  # -80 dBFS
MAX_PEAK = 1e4  # 80 dB over full scale is not sound but a broken float file
MIN_LENGTH_S = 1.0
MISSING_S, MISSING_SHARE = 0.5, 0.02  # what may be missing of the declared length: whichever is more

ATTEMPTS: tuple[Callable[[Path], Opened], ...] = (open_ffmpeg, open_sndfile, partial(open_ffmpeg, skip_damage=True))


@dataclass
class _Heard:
    """What has come out of a file so far."""

    n_samples: tuple[int, ...]  # at each output rate
    peak: float = 0.0
    declared: Declared | None = None
    problems: list[str] = field(default_factory=list)


def decode_blocks(path: Path, *, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """Mono float32 blocks of one file at `sample_rate`, in bounded memory.

    Raises AudioError - possibly behind the last block - when the file is missing, empty, not audio, unreadable by both
    decoders, truncated (more than max(0.5 s, 2 %) of its declared length missing), silent (peak below -80 dBFS),
    shorter than one second, or holds numbers that are no samples.
    """
    for (block,) in decode_at_rates(path, sample_rates=(sample_rate,)):
        yield block


def decode_at_rates(path: Path, *, sample_rates: Sequence[int]) -> Iterator[tuple[NDArray[np.float32], ...]]:
    """As `decode_blocks` at several rates, decoding once: a block for each rate, of which some may be empty.

    The samples at each rate are those of `decode_blocks`.
    """
    heard = _Heard((0,) * len(sample_rates), declared=_inspect(path))
    no_sound = False
    for attempt in ATTEMPTS:
        ended = False
        try:
            opened = attempt(path)
            if heard.declared is None and opened.declared_s:
                heard.declared = Declared(opened.declared_s)
            yield from _behind(heard.n_samples, _resampled(_measured(path, opened.blocks, heard), sample_rates), heard)
            ended = True
        except NoSound:
            no_sound = True
        except Refused as refusal:
            heard.problems.append(str(refusal))
        if _whole(heard, sample_rates[0], ended=ended):
            break
    _judge(path, heard, sample_rates[0], no_sound=no_sound)


def _inspect(path: Path) -> Declared | None:
    """Refuse what is no file with content; else its declared length."""
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


def _measured(path: Path, blocks: Iterator[Block], heard: _Heard) -> Iterator[Block]:
    """Watch the peak, because numbers that are no samples would spoil everything behind them."""
    for rate, samples in blocks:
        peak = max(float(samples.max()), -float(samples.min()))  # NaN if any sample is
        if not peak <= MAX_PEAK:
            raise AudioError(path, Reason.BAD_VALUES, f"samples reach {peak:g} where full scale is 1; encode it again")
        heard.peak = max(heard.peak, peak)
        yield rate, samples


def _resampled(blocks: Iterator[Block], sample_rates: Sequence[int]) -> Iterator[tuple[NDArray[np.float32], ...]]:
    """Blocks at each of `sample_rates`. The filters' last milliseconds come out only if `blocks` ends without an
    exception, so that another decoder can take over at exactly these samples."""
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


def _behind(
    n_known: Sequence[int], blocks: Iterator[tuple[NDArray[np.float32], ...]], heard: _Heard
) -> Iterator[tuple[NDArray[np.float32], ...]]:
    """Leave out the first `n_known` samples of each rate, which another decoder gave already."""
    position = [0] * len(n_known)
    for at_rates in blocks:
        new = tuple(block[max(0, n - at) :] for n, at, block in zip(n_known, position, at_rates, strict=True))
        position = [at + len(block) for at, block in zip(position, at_rates, strict=True)]
        if any(len(block) for block in new):
            heard.n_samples = tuple(n + len(block) for n, block in zip(heard.n_samples, new, strict=True))
            yield new


def _missing_s(heard: _Heard, sample_rate: int) -> float:
    """How much is missing of the declared length beyond what formats get wrong; 0 if nothing is."""
    if heard.declared is None:
        return 0.0
    missing_s = heard.declared.seconds - heard.n_samples[0] / sample_rate
    return missing_s if missing_s > max(MISSING_S, MISSING_SHARE * heard.declared.seconds) else 0.0


def _whole(heard: _Heard, sample_rate: int, *, ended: bool) -> bool:
    """Whether there is nothing to gain from another attempt: the decoder met the end, or the declared one."""
    declared = heard.declared is not None and heard.declared.seconds > 0 and not heard.declared.cut
    return heard.n_samples[0] > 0 and (ended or declared) and not _missing_s(heard, sample_rate)


def _judge(path: Path, heard: _Heard, sample_rate: int, *, no_sound: bool) -> None:
    """Raise what is wrong with a file that was read to its end."""
    length_s = heard.n_samples[0] / sample_rate
    if not heard.n_samples[0]:
        if no_sound or _looks_like_something_else(path):
            raise AudioError(path, Reason.NOT_AUDIO, "no sound in it; remove it from the sources or use --exclude")
        detail = "; ".join(dict.fromkeys(heard.problems)) or "no samples in it"
        raise AudioError(path, Reason.UNREADABLE, f"{detail}; encode it again")
    if heard.declared is not None and (heard.declared.cut or _missing_s(heard, sample_rate)):
        at_least = "at least " if heard.declared.cut else ""
        declared = f"{at_least}{heard.declared.seconds:.2f} s" if heard.declared.seconds else "more"
        detail = f"decoded {length_s:.2f} s, the file declares {declared}; copy or encode it again"
        raise AudioError(path, Reason.TRUNCATED, detail)
    if length_s < MIN_LENGTH_S:
        raise AudioError(path, Reason.TOO_SHORT, f"{length_s:.2f} s of sound, expected at least {MIN_LENGTH_S:g} s")
    if heard.peak < SILENT_PEAK:
        detail = f"peak of the mono mix is {20 * np.log10(max(heard.peak, 1e-10)):.0f} dBFS, expected above -80"
        raise AudioError(path, Reason.SILENT, detail)


FOREIGN_MAGIC = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"%PDF", b"PK\x03\x04", b"\x7fELF", b"MZ",
    b"\x1f\x8b", b"7z\xbc\xaf", b"SQLite format 3", b"wOFF", b"{\\rtf",
)  # fmt: skip


def _looks_like_something_else(path: Path) -> bool:
    """Whether a file that no decoder reads is a picture, an archive or text, going by how it begins."""
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
