"""Pages of albums and artists, and covers: what is sent, and that nothing but pictures of the library is."""

from __future__ import annotations

import html
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.builders.audio_world import copy_workspace
from tests.builders.server import running
from unheard.library import open_library
from unheard.serve.config import ServeConfig

BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\x02\0\0\0" + b"\0" * 64  # 65,535 by 65,535 pixels


@pytest.fixture(scope="module")
def client(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A world in which tracks 0 to 2 are an album with a cover, 3 and 4 a compilation whose cover is a trap."""
    folder = tmp_path_factory.mktemp("covers")
    w = copy_workspace(audio_world, folder)
    good, bad = folder / "good", folder / "bad"
    good.mkdir()
    bad.mkdir()
    Image.new("RGB", (900, 600), "red").save(good / "cover.png")
    (folder / "secret.txt").write_text("secret")
    (bad / "cover.jpg").symlink_to(folder / "secret.txt")
    (bad / "folder.jpg").write_text("secret")
    (bad / "front.png").write_bytes(BOMB)
    with open_library(w / "library.sqlite") as library, library.transaction():
        for number, track in enumerate(library.tracks().items[:5]):
            home = good if number < 3 else bad
            path = shutil.copyfile(track.path, home / f"{9 - number:02d}{Path(track.path).suffix}")
            artist = "The <b>Band</b>" if number < 3 else f"Guest {number}"
            changed = replace(track, path=str(path), album="Record & Co", artists=(artist,), release_date="2001")
            library.put_track(changed)
    with running(ServeConfig(workspace=w)) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def album(client: httpx.Client, artist: str) -> str:
    """The address of the album `Record & Co` by an artist."""
    page = client.get("/albums", params={"q": f"record co {artist}"}).text
    (found,) = re.findall(r'href="(/album\?id=[0-9a-f]{16})"', page)
    return str(found)


def tracks_of(page: str) -> list[str]:
    """Track ids of the list on a page, as the player reads them."""
    return [html.unescape(found) for found in re.findall(r'class="play"[^>]* data-id="([^"]*)"', page)]


def test_albums_are_listed_and_linked_from_their_tracks(client: httpx.Client) -> None:
    page = client.get(album(client, "band"))
    assert page.status_code == 200
    assert "<bdi>Record &amp; Co</bdi>" in page.text
    assert "The &lt;b&gt;Band&lt;/b&gt;" in page.text
    assert "3 tracks" in page.text
    ids = tracks_of(page.text)
    paths = [client.get(f"/api/tracks/{track_id}").json()["title"] for track_id in ids]
    assert len(paths) == len(set(ids)) == 3
    for track_id in ids:
        track = client.get("/track", params={"id": track_id}).text
        assert f'href="{album(client, "band")}"' in track
        assert 'href="/artist?name=The+%3Cb%3EBand%3C%2Fb%3E"' in track


def test_a_compilation_is_one_album_and_on_the_pages_of_its_artists(client: httpx.Client) -> None:
    compilation = album(client, "various")
    assert len(tracks_of(client.get(compilation).text)) == 2
    artist = client.get("/artist", params={"name": "Guest 3"})
    assert f'href="{compilation}"' in artist.text
    assert len(tracks_of(artist.text)) == 1
    assert 'href="/artist?name=Guest+3"' in client.get("/artists", params={"q": "guest"}).text
    for path in ("/album?id=0123456789abcdef", "/artist?name=nobody", "/pictures/cover?id=nobody"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(("asked", "sent"), [("", 240), ("&size=112", 112), ("&size=480", 480), ("&size=99999", 480)])
def test_a_cover_is_a_square_jpeg_of_a_few_sizes(client: httpx.Client, asked: str, sent: int) -> None:
    track_id = tracks_of(client.get(album(client, "band")).text)[0]
    answer = client.get(f"/pictures/cover?id={track_id}{asked}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=3600"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == ("JPEG", (sent, sent))
    red, green, blue = image.getpixel((sent // 2, sent // 2))  # type: ignore[misc]
    assert red > 200 > 60 > max(green, blue)


def test_what_is_no_picture_or_too_large_is_never_sent(client: httpx.Client) -> None:
    for track_id in tracks_of(client.get(album(client, "various")).text):
        answer = client.get(f"/pictures/cover?id={track_id}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert b"secret" not in answer.content
        record = Image.open(io.BytesIO(answer.content)).convert("RGB")
        assert record.size == (240, 240)
        assert sum(record.getpixel((120, 120))) < 100 < max(record.getchannel(0).tobytes())  # type: ignore[arg-type]
