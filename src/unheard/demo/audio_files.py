"""Write a track as a tagged audio file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import soundfile
from mutagen.flac import FLAC
from mutagen.id3 import TALB, TCON, TDRC, TIT2, TPE1, TRCK
from mutagen.mp3 import MP3
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from unheard.arrays import Floats
from unheard.atomic_files import atomic_path
from unheard.demo.world import Format, GeneratedTrack

BLOCK = 1 << 15  # frames passed to the encoder at once; libsndfile's Vorbis encoder keeps a block on its stack
SUBTYPES: dict[Format, str] = {"ogg": "VORBIS", "flac": "PCM_16", "mp3": "MPEG_LAYER_III", "wav": "PCM_16"}
ID3_FRAMES: dict[str, Any] = {
    "title": TIT2, "artist": TPE1, "album": TALB, "date": TDRC, "genre": TCON, "tracknumber": TRCK
}  # fmt: skip
_OPEN: dict[Format, Any] = {"ogg": OggVorbis, "flac": FLAC, "mp3": MP3, "wav": WAVE}


def write_track(path: Path, track: GeneratedTrack, samples: Floats) -> None:
    """Encode `samples` (n, channel) in the track's format and write its tags, atomically."""
    with atomic_path(path) as temporary:
        encode(temporary, samples, rate_hz=track.rate_hz, file_format=track.format)
        write_tags(temporary, track)


def encode(path: Path, samples: Floats, *, rate_hz: int, file_format: Format) -> None:
    """Write `samples` (n, channel) in `file_format`, whatever the suffix of `path`."""
    with soundfile.SoundFile(
        path,
        "w",
        samplerate=rate_hz,
        channels=samples.shape[1],
        format=file_format.upper(),
        subtype=SUBTYPES[file_format],
    ) as file:
        for start in range(0, len(samples), BLOCK):
            file.write(samples[start : start + BLOCK])


def write_tags(path: Path, track: GeneratedTrack) -> None:
    """Write title, artist, album, date, genre and track number as tags of the track's format."""
    tags = {
        "title": track.title,
        "artist": track.band.name,
        "album": track.album,
        "date": track.release_date,
        "genre": track.band.style.name,
        "tracknumber": str(track.number),
    }
    audio: Any = _OPEN[track.format](path)
    if track.format in {"mp3", "wav"}:
        if audio.tags is None:
            audio.add_tags()
        for name, value in tags.items():
            audio.tags.add(ID3_FRAMES[name](encoding=3, text=[value]))  # 3: UTF-8
    else:
        audio.update({name: [value] for name, value in tags.items()})
    audio.save()
