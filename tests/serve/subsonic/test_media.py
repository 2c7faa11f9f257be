"""Audio in ranges, downloads, covers and lyrics of real files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.builders.player_world import ODD
from tests.serve.subsonic.conftest import Player
from unheard.library import open_library
from unheard.serve import client_ids


def file_of(player: Player, track_id: str) -> Path:
    with open_library(player.workspace.library_path) as library:
        tracks = library.tracks()
    return Path(tracks[tracks.ids.row(track_id)].path)


@pytest.mark.parametrize("track_id", ["t00-0", ODD])
def test_a_stream_is_the_file_itself(player: Player, track_id: str) -> None:
    expected, given = file_of(player, track_id).read_bytes(), client_ids.of_track(track_id)
    whole = player.get("stream", id=given, maxBitRate=128, format="mp3", timeOffset=10)
    assert (whole.status_code, whole.content) == (200, expected)
    assert whole.headers["content-type"] == "audio/flac"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["access-control-allow-origin"] == "*"
    download = player.get("download.view", id=given)
    assert download.content == expected
    assert download.headers["content-disposition"].startswith("attachment; filename=")


def test_ranges_of_a_stream(player: Player) -> None:
    expected = file_of(player, "t00-0").read_bytes()
    login = {"apiKey": player.secret, "id": "tr-t00-0"}
    for sent, part in (
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-50", slice(-50, None)),
    ):
        answer = player.client.get("/rest/stream", params=login, headers={"range": sent})
        assert (answer.status_code, answer.content) == (206, expected[part])
        posted = player.client.post("/rest/stream", data=login, headers={"range": sent})
        assert (posted.status_code, posted.content) == (206, expected[part])
        assert answer.headers["content-range"].endswith(f"/{len(expected)}")
    assert player.client.get("/rest/stream", params=login, headers={"range": "bytes=99999999-"}).status_code == 416
    head = player.client.head("/rest/stream", params=login)
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(expected))


def test_a_file_that_went_away_is_not_found(player: Player) -> None:
    assert player.code("stream", id="tr-t09-0") == 70  # in the library, not on the disk
    assert player.code("download", id="tr-t09-0") == 70
    assert player.code("stream") == 10


def test_covers(player: Player) -> None:
    about = player.answer("getSong", id="tr-t00-0")["song"]
    red = player.get("getCoverArt", id=about["coverArt"], size=100)
    with Image.open(io.BytesIO(red.content)) as image:
        assert image.format == "JPEG"
        pixel = image.convert("RGB").getpixel((5, 5))
        assert isinstance(pixel, tuple)
        assert pixel[0] > 200 > 60 > pixel[1]
    playlist = player.answer("createPlaylist", name="Covers", songId="tr-t00-0")["playlist"]
    assert player.get("getCoverArt", id=playlist["coverArt"], size=100).content == red.content
    player.answer("deletePlaylist", id=playlist["id"])
    for given in (about["albumId"], about["artistId"], "tr-t09-0"):  # any track's; the record of one without a cover
        answer = player.get("getCoverArt", id=given)
        assert answer.headers["content-type"] == "image/jpeg", answer.text
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.size == (480, 480)
    for wrong in ("x", "tr-none", "al-0", "pl-none", "im-x"):
        assert player.code("getCoverArt", id=wrong) == 70


def test_lyrics_of_tags(player: Player) -> None:
    (found,) = player.answer("getLyricsBySongId", id="tr-t00-0")["lyricsList"]["structuredLyrics"]
    assert (found["synced"], found["lang"], found["displayTitle"]) == (True, "xxx", "Song 0")
    assert [(line["start"], line["value"]) for line in found["line"]] == [
        (200, "Zero"), (1500, "First line"), (2000, "Twice"), (3000, "Twice"),
    ]  # fmt: skip
    assert player.answer("getLyricsBySongId", id="tr-t00-1")["lyricsList"]["structuredLyrics"] == []
    by_name = player.answer("getLyrics", artist="artist 0", title="song 0")["lyrics"]
    assert by_name["value"] == "Zero\nFirst line\nTwice\nTwice"
    assert player.answer("getLyrics", artist="Artist 9", title="Song 1")["lyrics"] == {}
