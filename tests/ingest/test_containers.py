"""Test that audio is recognised by content, that nothing else is, and that no file can name other files."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from tests.ingest.sounds import song, write, write_with
from unheard.errors import AudioError, Reason
from unheard.ingest.audio import decode_blocks
from unheard.ingest.containers import AUDIO_SUFFIXES, DEMUXERS, is_audio_file, is_audio_head

BY_SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".wma", ".aiff")
BY_FFMPEG = {
    ".wv": ("wavpack", "wv"),
    ".tta": ("tta", "tta"),
    ".mka": ("flac", "matroska"),
    ".webm": ("libopus", "webm"),
    ".mp4": ("aac", "mp4"),
    ".mov": ("aac", "mov"),
    ".avi": ("mp3", "avi"),
    ".flv": ("aac", "flv"),
    ".ts": ("mp2", "mpegts"),
    ".mpg": ("mp2", "mpeg"),
    ".mp2": ("mp2", "mp2"),
    ".ac3": ("ac3", "ac3"),
    ".caf": ("pcm_s16be", "caf"),
    ".au": ("pcm_s16be", "au"),
    ".w64": ("pcm_s16le", "w64"),
    ".voc": ("pcm_s16le", "voc"),
    ".spdif": ("ac3", "ac3"),
}


@pytest.mark.parametrize("suffix", [*BY_SOUNDS, *BY_FFMPEG])
def test_audio_is_found_by_its_content_and_decoded(suffix: str, tmp_path: Path) -> None:
    samples, path = song(1, 1.5, rate=48_000), tmp_path / f"a{suffix}"
    made = BY_FFMPEG.get(suffix)
    path = write_with(path, samples, *made, rate=48_000) if made else write(path, samples, rate=48_000)
    nameless = path.rename(tmp_path / "no suffix")
    assert is_audio_file(nameless)
    assert sum(map(len, decode_blocks(nameless, sample_rate=48_000))) == pytest.approx(72_000, abs=5_000)


def test_mp3_without_tags_and_with_one(tmp_path: Path) -> None:
    data = write(tmp_path / "a.mp3", song(1, 1.0)).read_bytes()
    start = data.index(b"\xff\xfb")
    assert is_audio_head(data[start : start + 4096])
    assert is_audio_head(b"ID3\4\0\0\0\0\0\0" + data[:100])


NOT_AUDIO = {
    "cover.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(4000),
    "cover.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "photo.heic": b"\0\0\0\x18ftypheic" + bytes(100),
    "picture.webp": b"RIFF\x10\0\0\0WEBPVP8 " + bytes(100),
    "utf-16.txt": "notes of the recording, all of it".encode("utf-16"),
    "list.m3u": b"#EXTM3U\n#EXTINF:1,A - B\nx.mp3\n",
    "a.cue": b'FILE "a.wav" WAVE\n',
    "a.mid": b"MThd\0\0\0\6",
    "bank.sf2": b"RIFF\x10\0\0\0sfbk" + bytes(100),
    "empty": b"",
    "zeros": bytes(5000),
    "ones": b"\xff" * 5000,
    "noise": np.random.default_rng(0).bytes(5000),
    "song.mp3.part": b"ID3\4" + bytes(100),
}


@pytest.mark.parametrize("name", NOT_AUDIO)
def test_other_files_are_not_audio(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(NOT_AUDIO[name])
    assert not is_audio_file(tmp_path / name)


def test_pipes_and_missing_files_do_not_stop_a_search(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not is_audio_file(tmp_path / "pipe")
    assert not is_audio_file(tmp_path / "missing")
    assert is_audio_file(tmp_path / "missing.MP3")  # a failure to list


def test_every_demuxer_exists_and_none_opens_other_files() -> None:
    allowed = set(DEMUXERS.split(","))
    names = {name for listed in av.formats_available for name in listed.split(",")}
    assert allowed <= names
    assert not allowed & {"concat", "hls", "dash", "image2", "image2pipe", "lavfi", "rtsp", "sdp", "imf", "ffmetadata"}
    assert all(suffix.startswith(".") for suffix in AUDIO_SUFFIXES)


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile song.mp3\nfile song.mp3\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsong.mp3\n#EXT-X-ENDLIST\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        ";FFMETADATA1\ntitle=x\n",
    ],
)
def test_a_script_with_the_suffix_of_audio_is_refused(script: str, tmp_path: Path) -> None:
    write(tmp_path / "song.mp3", song(1, 1.5))
    path = tmp_path / "script.mp3"
    path.write_text(script)
    with pytest.raises(AudioError) as caught:
        list(decode_blocks(path, sample_rate=22_050))
    assert caught.value.reason is Reason.NOT_AUDIO


def wav_header(rate: int, n_bytes: int, channels: int = 1) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels & 0xFFFF_FFFF, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", n_bytes)
    return b"RIFF" + struct.pack("<I", len(body) + n_bytes) + body


@pytest.mark.parametrize("rate", [0, 1, 7, 100, 1_999, 100_000_000, 0xFFFF_FFFF])
def test_absurd_sample_rates_are_refused_before_they_cost_memory(rate: int, tmp_path: Path) -> None:
    import tracemalloc

    samples = (song(1, 0.2)[:, 0] * 20_000).astype("<i2").tobytes()  # 2.4 hours at 1 Hz
    (tmp_path / "a.wav").write_bytes(wav_header(rate, len(samples)) + samples)
    tracemalloc.start()
    with pytest.raises(AudioError) as caught:
        list(decode_blocks(tmp_path / "a.wav", sample_rate=22_050))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.reason in {Reason.BAD_VALUES, Reason.UNREADABLE}
    assert peak < 50e6
