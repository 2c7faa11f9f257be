"""Test that no value of genres, artists and dates is lost, in every container that the tests can write."""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TALB, TCMP, TCON, TDRC, TIT2, TPE1, TPE2, TXXX
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.trueaudio import TrueAudio
from mutagen.wave import WAVE
from mutagen.wavpack import WavPack

from tests.ingest.sounds import song, write, write_with
from unheard.ingest.tags import joined_genres, read_tags

GENRES = ["Rock", "Jazz"]
ARTISTS = ["Main One", "Guest Two"]
CODECS = {".wv": ("wavpack", "wv"), ".tta": ("tta", "tta"), ".mka": ("flac", "matroska"), ".webm": ("libopus", "webm")}


@pytest.fixture(scope="module")
def untagged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One second of sound in each container, without tags."""
    folder = tmp_path_factory.mktemp("untagged")
    suffixes = (".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wma", ".aac", ".wav", ".aiff", *CODECS)
    files = {}
    for suffix in suffixes:
        rate = 48_000 if suffix in {".opus", ".webm"} else 44_100
        path, samples = folder / f"x{suffix}", song(1, 1.0, rate=rate)
        codec = CODECS.get(suffix)
        files[suffix] = write_with(path, samples, *codec, rate=rate) if codec else write(path, samples, rate=rate)
    return files


def id3(*, version: int, artists: list[str] = ARTISTS, genres: list[str] = GENRES) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        tags = ID3()
        for frame in (TIT2(text="T"), TPE1(text=artists), TCON(text=genres), TALB(text="A"), TDRC(text="2021-03-04")):
            tags.add(frame)
        tags.save(path, v2_version=version)

    return save


def chunk_id3(kind: Any) -> Callable[[Path], None]:
    """Of a container that has ID3 in a chunk of its own."""

    def save(path: Path) -> None:
        file = kind(path)
        file.add_tags()
        for frame in (TIT2(text="T"), TPE1(text=ARTISTS), TCON(text=GENRES), TALB(text="A"), TDRC(text="2021-03-04")):
            file.tags.add(frame)
        file.save()

    return save


def keyed(kind: Any, title: str, artist: str, genre: str, album: str, date: str) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        file = kind(path)
        file.update({title: ["T"], artist: ARTISTS, genre: GENRES, album: ["A"], date: ["20210304"]})
        file.save()

    return save


def vorbis(kind: Any) -> Callable[[Path], None]:
    return keyed(kind, "TITLE", "ARTIST", "GENRE", "ALBUM", "DATE")


def ape(path: Path) -> None:
    tags = APEv2()
    tags.update({"Title": "T", "Artist": ARTISTS, "Genre": GENRES, "Album": "A", "Year": "04.03.2021"})
    tags.save(path)


CONTAINERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "ID3v2.4": (".mp3", id3(version=4)),
    "ID3v2.3": (".mp3", id3(version=3)),
    "ID3v2.4 in AAC": (".aac", id3(version=4)),
    "ID3v2.3 in AAC": (".aac", id3(version=3)),
    "ID3 in WAV": (".wav", chunk_id3(WAVE)),
    "ID3 in AIFF": (".aiff", chunk_id3(AIFF)),
    "ID3 in TTA": (".tta", chunk_id3(TrueAudio)),
    "FLAC": (".flac", vorbis(FLAC)),
    "Vorbis": (".ogg", vorbis(OggVorbis)),
    "Opus": (".opus", vorbis(OggOpus)),
    "MP4": (".m4a", keyed(MP4, "\xa9nam", "\xa9ART", "\xa9gen", "\xa9alb", "\xa9day")),
    "ASF": (".wma", keyed(ASF, "Title", "Author", "WM/Genre", "WM/AlbumTitle", "WM/Year")),
    "WavPack": (".wv", keyed(WavPack, "Title", "Artist", "Genre", "Album", "Year")),
    "APEv2 in MP3": (".mp3", ape),
    "APEv2 in AAC": (".aac", ape),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_value_is_read(name: str, untagged: dict[str, Path], tmp_path: Path) -> None:
    suffix, save = CONTAINERS[name]
    path = tmp_path / f"file{suffix}"
    shutil.copy(untagged[suffix], path)
    save(path)
    found = read_tags(path)
    assert found.genre == "Rock; Jazz"
    assert found.artists == ("Main One", "Guest Two")
    assert (found.title, found.album, found.release_date) == ("T", "A", "2021-03-04")


@pytest.mark.parametrize("name", ["AC/DC", "Earth, Wind & Fire", "M/A/R/R/S"])
def test_names_are_not_split(name: str, untagged: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "file.mp3"
    shutil.copy(untagged[".mp3"], path)
    id3(version=3, artists=[name], genres=["Hip-Hop/Rap"])(path)
    found = read_tags(path)
    assert (found.artists, found.genre) == ((name,), "Hip-Hop/Rap")


@pytest.mark.parametrize(("year", "date"), [("2021", "2021"), ("20210304", "2021-03-04"), ("04.03.2021", "2021-03-04")])
def test_years_of_id3v23(year: str, date: str, untagged: dict[str, Path], tmp_path: Path) -> None:
    """mutagen drops those that have not four digits when it translates the tag to ID3v2.4."""
    text = b"\0" + year.encode()
    frame = b"TYER" + struct.pack(">I", len(text)) + b"\0\0" + text
    (tmp_path / "a.mp3").write_bytes(b"ID3\3\0\0\0\0\0" + bytes([len(frame)]) + frame + untagged[".mp3"].read_bytes())
    assert read_tags(tmp_path / "a.mp3").release_date == date


def test_several_frames_of_one_kind_and_a_list_of_artists(untagged: dict[str, Path], tmp_path: Path) -> None:
    """ID3 forbids two frames TCON; programs write them."""
    path = tmp_path / "file.mp3"
    frames = b""
    for name, text in ((b"TCON", b"Rock"), (b"TCON", b"Jazz"), (b"TIT2", b"T"), (b"TPE1", b"A feat. B/C")):
        frames += name + struct.pack(">I", len(text) + 1) + b"\0\0" + b"\3" + text
    size = bytes((len(frames) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\4\0\0" + size + frames + untagged[".mp3"].read_bytes())
    assert read_tags(path).genre == "Rock; Jazz"
    tags = ID3(path)
    tags.add(TXXX(desc="ARTISTS", text=["A", "B/C", "D"]))
    tags.save(path)
    assert read_tags(path).artists == ("A", "B/C", "D")


def riff_info(wav: bytes, values: dict[str, bytes]) -> bytes:
    """Return a WAV file with a chunk LIST INFO after its data."""
    body = b"INFO"
    for name, text in values.items():
        text += b"\0"
        body += name.encode() + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
    chunks = wav[8:] + b"LIST" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def test_riff_info_in_utf_8_and_in_windows_1252(untagged: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "file.wav"
    for encoding in ("utf-8", "cp1252"):
        values = {"INAM": "Café", "IART": "Björk", "IPRD": "Début", "IGNR": "Rock;Jazz", "ICRD": "1993"}
        path.write_bytes(
            riff_info(untagged[".wav"].read_bytes(), {key: text.encode(encoding) for key, text in values.items()})
        )
        found = read_tags(path)
        assert (found.title, found.artists, found.album) == ("Café", ("Björk",), "Début")
        assert (found.genre, found.release_date) == ("Rock; Jazz", "1993")


@pytest.mark.parametrize("suffix", [".mka", ".webm"])
def test_matroska(suffix: str, tmp_path: Path) -> None:
    codec, container = CODECS[suffix]
    tags = {"title": "T", "artist": "A", "album": "L", "GENRE": "Rock", "genr_": "Jazz", "DATE_RELEASED": "2021"}
    path = write_with(tmp_path / f"a{suffix}", song(1, 1.0, rate=48_000), codec, container, rate=48_000, tags=tags)
    path.write_bytes(path.read_bytes().replace(b"genr_", b"GENRE").replace(b"GENR_", b"GENRE"))
    found = read_tags(path)
    assert (found.title, found.artists, found.album) == ("T", ("A",), "L")
    assert (found.genre, found.release_date) == ("Rock; Jazz", "2021")


def element(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes.fromhex(kind) + (len(body) | 1 << 28).to_bytes(4, "big") + body


def simple_tag(name: str, text: str) -> bytes:
    return element("67C8", element("45A3", name.encode()), element("4487", text.encode()))


def test_matroska_tags_of_album_and_track(tmp_path: Path) -> None:
    """The same names mean the album in one Tag and the track in another."""
    album = element(
        "7373", element("63C0", element("68CA", b"\x32")), simple_tag("TITLE", "L"), simple_tag("ARTIST", "Band")
    )
    track = element(
        "7373", element("63C0", element("68CA", b"\x1e")), simple_tag("TITLE", "T"), simple_tag("GENRE", "Rock")
    )
    path = tmp_path / "a.mka"
    cluster = element("1F43B675", bytes(1000))
    path.write_bytes(element("1A45DFA3") + element("18538067", cluster, element("1254C367", album, track)))
    found = read_tags(path)
    assert (found.title, found.album, found.album_artist, found.genre) == ("T", "L", "Band", "Rock")
    assert found.artists == ("Band",)


@given(st.binary(max_size=200))
def test_damaged_matroska_ends(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mka"
        path.write_bytes(element("1A45DFA3") + bytes.fromhex("18538067FF") + bytes.fromhex("1254C367FF") + data)
        assert read_tags(path).title == "a"


@pytest.mark.parametrize(
    ("values", "joined"),
    [
        (["(17)"], "Rock"),
        (["17"], "Rock"),
        (["(17)(8)"], "Rock; Jazz"),
        (["(17)Rock"], "Rock"),
        (["Rock", "rock", "Jazz"], "Rock; Jazz"),
        (["Rock;Jazz ; Soul"], "Rock; Jazz; Soul"),
        (["Rock\0Jazz"], "Rock; Jazz"),
        (["Rock / Jazz"], "Rock; Jazz"),
        (["R&B/Soul"], "R&B/Soul"),
        (["Rock, Jazz"], "Rock; Jazz"),
        (["Folk, World, & Country"], "Folk; World, & Country"),
        (["80s", "2-step"], "80s; 2-step"),
        (["", " ; "], ""),
    ],
)
def test_genres(values: list[str], joined: str) -> None:
    assert joined_genres(values) == joined


# --------------------------------------------------------------------------- album artists and compilations


@pytest.mark.parametrize(
    ("tags", "artists", "album_artist"),
    [
        ([TPE2(text="Band")], ("Band",), "Band"),
        ([TPE2(text="Various Artists")], (), "Various Artists"),
        ([TPE2(text="A DJ"), TCMP(text="1")], (), "A DJ"),
        ([TPE1(text="Band"), TCMP(text="1")], ("Band",), "Various Artists"),
        ([TPE1(text="Band"), TCMP(text="0")], ("Band",), ""),
        ([TPE1(text="Various Artists"), TIT2(text="Band - Song")], ("Band",), ""),
        ([TPE1(text="Band"), TPE2(text="Other")], ("Band",), "Other"),
    ],
)
def test_album_artists(
    tags: list[Any], artists: tuple[str, ...], album_artist: str, untagged: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "file.mp3"
    shutil.copy(untagged[".mp3"], path)
    written = ID3()
    for frame in tags:
        written.add(frame)
    written.save(path)
    found = read_tags(path)
    assert (found.artists, found.album_artist) == (artists, album_artist)


def test_the_album_artist_of_other_programs(untagged: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "file.flac"
    shutil.copy(untagged[".flac"], path)
    for key in ("album artist", "ALBUMARTIST", "Album_Artist"):
        file = FLAC(path)
        file.delete()
        file[key] = "Band"
        file.save()
        assert read_tags(path).artists == ("Band",)


# ------------------------------------------------------------------------------------ names instead of tags


def test_names_fill_what_tags_lack(untagged: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "Band" / "1999 - Album" / "CD 1" / "01 - Song.flac"
    path.parent.mkdir(parents=True)
    shutil.copy(untagged[".flac"], path)
    found = read_tags(path, root=tmp_path)
    assert (found.title, found.artists, found.album) == ("Song", ("Band",), "Album")
    assert (read_tags(path).artists, read_tags(path).album) == ((), "")  # folders above are not of the music
    file = FLAC(path)
    file["artist"], file["title"] = "Other", "Different"
    file.save()
    found = read_tags(path, root=tmp_path)
    assert (found.title, found.artists, found.album) == ("Different", ("Other",), "Album")
    file["title"] = "Different"
    del file["artist"]
    file.save()
    assert read_tags(path, root=tmp_path).artists == ()  # the name is of another song


def test_mutagen_and_ffmpeg_see_the_fixtures(untagged: dict[str, Path]) -> None:
    for path in untagged.values():
        with av.open(str(path)) as container:
            assert container.streams.audio
