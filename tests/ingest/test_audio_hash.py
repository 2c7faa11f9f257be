"""The hash of packets that are decoded anyway is that of a reading of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutagen.apev2 import APEv2
from mutagen.id3 import TIT2
from mutagen.mp3 import MP3

from tests.ingest.sounds import song, write
from unheard.errors import AudioError
from unheard.ingest.audio import decode_blocks
from unheard.ingest.audio_hash import PacketHash, audio_hash


def hash_while_decoding(path: Path) -> str:
    packets = PacketHash()
    for _ in decode_blocks(path, sample_rate=22_050, on_packet=packets):
        pass
    return packets.of(path)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac", "opus", "m4a", "aac", "wav", "wma"])
def test_every_format(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a.{suffix}", song(1, 3.0, rate=48_000), rate=48_000)
    assert hash_while_decoding(path) == audio_hash(path) != ""


def test_tags_do_not_count(tmp_path: Path) -> None:
    """FFmpeg takes APEv2 tags at the end for audio, so these packets are read again without them."""
    path = write(tmp_path / "a.mp3", song(1, 3.0))
    before = hash_while_decoding(path)
    tagged = MP3(path)
    tagged["TIT2"] = TIT2(text=["Title"])
    tagged.save(v1=2)
    ape = APEv2()
    ape["Title"] = "Title"
    ape.save(path)
    assert hash_while_decoding(path) == before


def test_joined_and_damaged_files(tmp_path: Path) -> None:
    """Of a joined file FFmpeg reads parts; of a damaged one it does not reach the end. Both are read again."""
    parts = [write(tmp_path / f"{n}.ogg", song(n, 3.0, rate=rate), rate=rate) for n, rate in ((1, 44_100), (2, 48_000))]
    joined = tmp_path / "joined.ogg"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert hash_while_decoding(joined) == audio_hash(joined)
    damaged = write(tmp_path / "a.flac", song(3, 4.0))
    data = bytearray(damaged.read_bytes())
    data[60_000:60_400] = b"\0" * 400
    damaged.write_bytes(data)
    packets = PacketHash()
    try:
        for _ in decode_blocks(damaged, sample_rate=22_050, on_packet=packets):
            pass
    except AudioError:
        pass
    assert packets.of(damaged) == audio_hash(damaged)
