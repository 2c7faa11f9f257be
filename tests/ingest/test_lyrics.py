"""Lyrics from tags of every container, from .lrc files, and from text that is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC
from mutagen.id3 import ID3, SYLT, USLT
from mutagen.mp4 import MP4
from mutagen.oggvorbis import OggVorbis

from tests.ingest.sounds import song, write
from unheard.ingest.lyrics import Lyrics, parse_lyrics, read_lyrics

PLAIN = "One\n\nTwo"
PLAIN_LINES = ((0, "One"), (0, ""), (0, "Two"))


def tag_id3(path: Path) -> None:
    tags = ID3()
    tags.add(USLT(encoding=3, lang="deu", desc="", text=PLAIN))
    tags.save(path)


def tag_flac(path: Path) -> None:
    tags = FLAC(path)
    tags["LYRICS"] = PLAIN
    tags.save()


def tag_ogg(path: Path) -> None:
    tags = OggVorbis(path)
    tags["unsyncedlyrics"] = PLAIN
    tags.save()


def tag_mp4(path: Path) -> None:
    tags = MP4(path)
    tags["\xa9lyr"] = PLAIN
    tags.save()


def tag_ape(path: Path) -> None:
    tags = APEv2()
    tags["Lyrics"] = PLAIN
    tags.save(path)


@pytest.mark.parametrize(
    ("suffix", "tag", "language"),
    [(".mp3", tag_id3, "deu"), (".flac", tag_flac, "xxx"), (".ogg", tag_ogg, "xxx"), (".m4a", tag_mp4, "xxx")],
)
def test_lyrics_of_every_container(tmp_path: Path, suffix: str, tag: Callable[[Path], None], language: str) -> None:
    path = tmp_path / f"a{suffix}"
    write(path, song(0, 1.0))
    assert read_lyrics(path) == []
    tag(path)
    assert read_lyrics(path) == [Lyrics(language, False, PLAIN_LINES)]


def test_synced_lyrics_of_id3_come_first(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    write(path, song(0, 1.0))
    tag_id3(path)
    tags = ID3(path)
    tags.add(SYLT(encoding=3, lang="eng", format=2, type=1, desc="", text=[("One", 500), ("Two", 1500)]))
    tags.save(path)
    synced, plain = read_lyrics(path)
    assert synced == Lyrics("eng", True, ((500, "One"), (1500, "Two")))
    assert plain.lines == PLAIN_LINES


def test_a_file_beside_the_track(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(800), 8000)
    path.with_suffix(".lrc").write_text("\ufeff[00:01.00]One\n", encoding="utf-8")
    assert read_lyrics(path) == [Lyrics("xxx", True, ((1000, "One"),))]
    path.with_suffix(".lrc").write_bytes(b"\xff\xfe[00:01.00]\x00")
    assert len(read_lyrics(path)) == 1
    assert read_lyrics(tmp_path / "none.mp3") == []


def test_a_link_to_another_folder_is_not_read(tmp_path: Path) -> None:
    path, secret = tmp_path / "music" / "a.wav", tmp_path / "secret"
    path.parent.mkdir()
    soundfile.write(path, np.zeros(800), 8000)
    secret.write_text("[00:01.00]secret\n")
    path.with_suffix(".lrc").symlink_to(secret)
    assert read_lyrics(path) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("[00:01]One\n[01:02.5]Two\n[100:00:25]Three", ((1000, "One"), (62_500, "Two"), (6_000_250, "Three"))),
        ("[ar:A]\n[offset:+500]\n[00:01.00]One", ((500, "One"),)),
        ("[offset:-500]\n[00:01.00]One", ((1500, "One"),)),
        ("[offset:9000]\n[00:01.00]One", ((0, "One"),)),
        ("[00:02.00][00:01.00]Twice\nuntimed", ((1000, "Twice"), (2000, "Twice"))),
        ("[00:01.00]<00:01.10>Word <00:01.50>by word", ((1000, "Word by word"),)),
        ("[00:01.00]", ((1000, ""),)),
        ("[Chorus]\nLa la", ((0, "[Chorus]"), (0, "La la"))),
        (" \n\t\n", ()),
        ("", ()),
    ],
)
def test_text_by_hand(text: str, lines: tuple[tuple[int, str], ...]) -> None:
    assert parse_lyrics(text).lines == lines


@given(st.text())
def test_any_text_is_lyrics(text: str) -> None:
    found = parse_lyrics(text, text)
    assert all(start_ms >= 0 for start_ms, _ in found.lines)
    assert [start_ms for start_ms, _ in found.lines] == sorted(start_ms for start_ms, _ in found.lines)


def test_damaged_tags_are_no_lyrics(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    write(path, song(0, 1.0))
    tag_ape(path)
    data = path.read_bytes()
    for name, damaged in (("cut.mp3", data[:-40]), ("noise.flac", b"fLaC" + bytes(range(256)))):
        (tmp_path / name).write_bytes(damaged)
        assert isinstance(read_lyrics(tmp_path / name), list)
