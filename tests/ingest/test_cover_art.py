"""Covers from tags of every container, and from files beside the track, but never from outside its folder."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3
from mutagen.mp4 import MP4, MP4Cover
from PIL import Image

from unheard.ingest.cover_art import MAX_BYTES, embedded_pictures, find_cover


def jpeg(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "JPEG")
    return out.getvalue()


FRONT, BACK, BESIDE = jpeg("red"), jpeg("blue"), jpeg("green")


def flac_picture(data: bytes, kind: int) -> Picture:
    picture = Picture()
    picture.type, picture.mime, picture.data = kind, "image/jpeg", data
    return picture


def tag_id3(path: Path) -> None:
    tags = ID3()
    tags.add(APIC(encoding=3, mime="image/jpeg", type=4, desc="back", data=BACK))
    tags.add(APIC(encoding=3, mime="image/jpeg", type=3, desc="front", data=FRONT))
    tags.save(path)


def tag_flac(path: Path) -> None:
    file = FLAC(path)
    for data, kind in ((BACK, 4), (FRONT, 3)):
        file.add_picture(flac_picture(data, kind))
    file.save()


def tag_vorbis(path: Path) -> None:
    file = mutagen.File(path)
    blocks = [flac_picture(data, kind).write() for data, kind in ((BACK, 4), (FRONT, 3))]
    file["metadata_block_picture"] = [base64.b64encode(block).decode() for block in blocks]
    file.save()


def tag_ape(path: Path) -> None:
    """A WavPack file has APEv2 tags; mutagen reads its length from the header, so a header alone is enough."""
    header = b"wvpk" + (24).to_bytes(4, "little") + (0x410).to_bytes(2, "little") + bytes(2)
    path.write_bytes(header + (100).to_bytes(4, "little") + bytes(4) + (100).to_bytes(4, "little") + bytes(8))
    tags = APEv2()
    tags["Cover Art (Back)"] = APEBinaryValue(b"back.jpg\0" + BACK)
    tags["Cover Art (Front)"] = APEBinaryValue(b"front.jpg\0" + FRONT)
    tags.save(path)


def audio(path: Path) -> Path:
    if path.suffix == ".m4a":
        import av

        with av.open(str(path), "w") as out:
            stream = out.add_stream("aac", rate=22_050)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 22_050
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    elif path.suffix != ".wv":
        soundfile.write(path, np.zeros(4000), 22_050)
    return path


def tag_mp4(path: Path) -> None:
    file = MP4(path)
    file["covr"] = [MP4Cover(FRONT, MP4Cover.FORMAT_JPEG), MP4Cover(BACK, MP4Cover.FORMAT_JPEG)]
    file.save()


@pytest.mark.parametrize(
    ("name", "tag"),
    [("a.mp3", tag_id3), ("a.flac", tag_flac), ("a.ogg", tag_vorbis), ("a.m4a", tag_mp4), ("a.wv", tag_ape)],
)
def test_the_front_cover_of_every_container_comes_first(tmp_path: Path, name: str, tag: Callable[[Path], None]) -> None:
    path = audio(tmp_path / name)
    tag(path)
    (tmp_path / "cover.jpg").write_bytes(BESIDE)
    assert embedded_pictures(path) == [FRONT, BACK]
    assert find_cover(path) == FRONT


def test_files_beside_a_track_without_pictures_in_its_tags(tmp_path: Path) -> None:
    path = audio(tmp_path / "a.flac")
    assert find_cover(path) is None
    (tmp_path / "Front.PNG").write_bytes(BACK)
    assert find_cover(path) == BACK
    (tmp_path / "Folder.jpg").write_bytes(BESIDE)
    assert find_cover(path) == BESIDE
    assert find_cover(path, lambda data: data == BACK) == BACK  # what is no picture is passed over


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside, album = tmp_path / "private.jpg", tmp_path / "album"
    outside.write_bytes(BESIDE)
    album.mkdir()
    path = audio(album / "a.flac")
    (album / "cover.jpg").symlink_to(outside)
    assert find_cover(path) is None


def test_a_huge_file_and_damaged_tags_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(b"fLaC" + b"\xff" * 100)
    with (tmp_path / "cover.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert find_cover(path) is None
    assert find_cover(tmp_path / "nothing here" / "a.flac") is None
