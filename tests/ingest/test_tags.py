"""Test tags of four formats, and invalid tags."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import mutagen
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TALB, TCON, TDRC, TIT2, TPE1, TSRC, UFID
from mutagen.mp4 import MP4, MP4FreeForm
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from tests.ingest.sounds import song, write
from unheard.ingest.tags import clean, credited_artists, read_tags
from unheard.library import Track

MBID = "b3015bab-1540-4d4e-9f30-14872a1525f7"


def expected(path: Path) -> Track:
    return Track(
        "",
        path=str(path),
        title="Café au lait",
        artists=("Main", "Guest"),
        album="Drinks",
        isrc="GBAYE0601498",
        mbid=MBID,
        release_date="2006-03-01",
        genre="Jazz",
    )


@pytest.mark.parametrize(("suffix", "kind"), [(".ogg", OggVorbis), (".opus", OggOpus), (".flac", FLAC)])
def test_vorbis_comments(suffix: str, kind: type, tmp_path: Path) -> None:
    rate = 48_000 if suffix == ".opus" else 44_100
    path = write(tmp_path / f"a{suffix}", song(1, 1.0, rate=rate), rate=rate)
    file = kind(path)
    file.update(
        {
            "TITLE": "Café au lait",
            "artist": ["Main", "Guest"],
            "album": "Drinks",
            "isrc": "GB-AYE-06-01498",
            "musicbrainz_trackid": MBID.upper(),
            "date": "2006-03-01",
            "genre": "Jazz",
        }
    )
    file.save()
    assert read_tags(path) == expected(path)


@pytest.mark.parametrize("artists", [["Main", "Guest"], ["Main feat. Guest"], ["Main; Guest"], ["Main/Guest"]])
def test_id3(artists: list[str], tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", song(1, 1.0))
    tags = ID3()
    for frame in (
        TIT2(text="Café au lait"),
        TPE1(text=artists),
        TALB(text="Drinks"),
        TSRC(text="GBAYE0601498"),
        UFID(owner="http://musicbrainz.org", data=MBID.encode()),
        TDRC(text="2006-03-01"),
        TCON(text="(8)"),
    ):
        tags.add(frame)
    tags.save(path)
    found = read_tags(path)
    if artists == ["Main/Guest"]:  # AC/DC is one artist
        assert found.artists == ("Main/Guest",)
    else:
        assert found == expected(path)


def test_mp4(tmp_path: Path) -> None:
    path = write(tmp_path / "a.m4a", song(1, 1.0))
    file = MP4(path)
    file["\xa9nam"], file["\xa9ART"], file["\xa9alb"] = "Café au lait", ["Main", "Guest"], "Drinks"
    file["\xa9day"], file["\xa9gen"] = "2006-03-01", "Jazz"
    file["----:com.apple.iTunes:ISRC"] = MP4FreeForm(b"GBAYE0601498")
    file["----:com.apple.iTunes:MusicBrainz Track Id"] = MP4FreeForm(MBID.encode())
    file.save()
    assert read_tags(path) == expected(path)


def test_asf(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wma", song(1, 1.0))
    file = ASF(path)
    file["Title"], file["Author"], file["WM/AlbumTitle"] = "Café au lait", ["Main", "Guest"], "Drinks"
    file["WM/ISRC"], file["MusicBrainz/Track Id"] = "GBAYE0601498", MBID
    file["WM/Year"], file["WM/Genre"] = "2006-03-01", "Jazz"
    file.save()
    assert read_tags(path) == expected(path)


@pytest.mark.parametrize(
    ("fields", "artists"),
    [
        (["A feat. B"], ("A", "B")),
        (["A ft B & C"], ("A", "B & C")),
        (["A (featuring B)"], ("A", "B")),
        (["A [Feat. B]"], ("A", "B")),
        (["A;B ; C"], ("A", "B", "C")),
        (["A", "B", "A"], ("A", "B")),
        (["AC/DC"], ("AC/DC",)),
        (["Earth, Wind & Fire"], ("Earth, Wind & Fire",)),
        (["Daft"], ("Daft",)),
        (["Raft Feat"], ("Raft Feat",)),
        (["A (UK) feat. B (US)"], ("A (UK)", "B (US)")),
        (["A\0B"], ("A", "B")),
        (["", " ; "], ()),
    ],
)
def test_credits(fields: list[str], artists: tuple[str, ...]) -> None:
    assert credited_artists(fields) == artists


def test_no_tags_no_title_no_file(tmp_path: Path) -> None:
    path = write(tmp_path / "A song.wav", song(1, 1.0))
    assert read_tags(path) == Track("", path=str(path), title="A song")
    assert read_tags(tmp_path / "none.mp3").title == "none"
    (tmp_path / "text.mp3").write_text("ID3 but not really")
    assert read_tags(tmp_path / "text.mp3").title == "text"


def test_hostile_text_is_cut_and_cleaned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ogg", song(1, 1.0))
    file = OggVorbis(path)
    file["title"] = "a\0b\x1b[31m" + "x" * 10_000
    file["artist"] = ["\x00", "y" * 10_000]
    file.save()
    found = read_tags(path)
    assert found.title.startswith("a b [31mxxx")
    assert len(found.title) == 1000
    assert [len(name) for name in found.artists] == [1000]


@given(st.text())
def test_clean_is_printable_and_stable(text: str) -> None:
    kept = clean(text)
    assert len(kept) <= 1000
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in kept)
    assert clean(kept) == kept


@given(data=st.binary(max_size=500))
def test_random_tags_never_raise(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "tags.mp3"
    path.write_bytes(b"ID3\x04\0\0\0\0\x03\x00" + data)
    assert read_tags(path).track_id == ""


def test_mutagen_reads_what_we_wrote(tmp_path: Path) -> None:
    """The fixtures are real files."""
    assert mutagen.File(write(tmp_path / "a.ogg", song(1, 1.0))) is not None
