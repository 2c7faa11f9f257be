"""Every response has a Cache-Control header, and the server stores only responses that cannot change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.builders.server import running
from unheard.library import Library
from unheard.saved_playlists import kept_version
from unheard.serve import assets
from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig
from unheard.serve.http_caching import IMMUTABLE, PICTURE, REVALIDATED, UNCACHED
from unheard.serve.state import ServerState
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

REUSABLE_ADDRESSES = (
    "/track?id=t00-0",
    "/tracks?q=song",
    "/artists",
    "/playlist?id=p01",
    "/playlists",
    "/api/tracks?text=song",
    "/api/tracks/t00-0",
    "/api/tracks/t00-0/similar",
    "/api/artists",
    "/api/playlists",
    "/api/playlists/p01",
    "/api/recommend/p01",
    "/api/path?start=t00-0&end=t20-3",
)
OTHER_ADDRESSES = (
    "/",
    "/drop",
    "/runs",
    "/make",
    "/models",
    "/saved",
    "/thumbs",
    "/scores",
    "/docs",
    "/api/saved-playlists",
    "/api/thumbs",
    "/api/jobs",
    "/api/models",
    "/api/health/ready",
    "/track?id=nobody",
    "/pictures/record?id=t00-0",
)


@pytest.fixture(scope="module")
def watched(
    served_workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, ServerState]]:
    """A client of a server, and the state of that server."""
    config = ServeConfig(workspace=served_workspace)
    app = make_app(config)
    with running(config, app) as url, httpx.Client(base_url=url, timeout=60) as client:
        app.state.server.snapshot()  # without one, responses are not stored
        yield client, app.state.server


def is_stored(server: ServerState, address: str) -> bool:
    path, _, query = address.partition("?")
    return server.snapshot().responses.get((path, query.encode(), kept_version(server.workspace))) is not None


@pytest.mark.parametrize("address", REUSABLE_ADDRESSES)
def test_a_reusable_response_is_stored(watched: tuple[httpx.Client, ServerState], address: str) -> None:
    client, server = watched
    first = client.get(address)
    assert first.status_code == 200
    assert is_stored(server, address)
    assert client.get(address).content == first.content


@pytest.mark.parametrize("address", OTHER_ADDRESSES)
def test_other_responses_are_computed_again(watched: tuple[httpx.Client, ServerState], address: str) -> None:
    client, server = watched
    client.get(address)
    assert not is_stored(server, address)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/", REVALIDATED),
        ("/tracks", REVALIDATED),
        ("/nothing", REVALIDATED),
        ("/api/tracks", REVALIDATED),
        ("/api/nothing", REVALIDATED),
        ("/openapi.json", REVALIDATED),
        ("/static/style.css", REVALIDATED),
        (f"{assets.versioned()}/style.css", IMMUTABLE),
        ("/pictures/record?id=t00-0", PICTURE),
        ("/listen/nobody", UNCACHED),
    ],
)
def test_every_response_has_a_cache_control_header(server_url: str, address: str, expected: str) -> None:
    assert httpx.get(server_url + address, timeout=60).headers.get_list("cache-control") == [expected]


def test_the_login_is_not_stored(served_workspace: Path) -> None:
    with running(ServeConfig(workspace=served_workspace, token="correct-horse-battery-staple")) as url:
        assert httpx.get(f"{url}/login").headers["cache-control"] == UNCACHED
        wrong = httpx.post(f"{url}/login", data={"token": "wrong"})
        assert (wrong.status_code, wrong.headers["cache-control"]) == (401, UNCACHED)
        assert httpx.get(url).headers["cache-control"] == REVALIDATED  # the redirect to the login


def test_pages_name_static_files_by_their_version(server_url: str) -> None:
    page = httpx.get(f"{server_url}/map", timeout=60).text
    named = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert {name.rpartition("/")[2] for name in named} >= {"style.css", "player.js", "map.js", "icon.svg"}
    for name in named:
        assert name.startswith(f"{assets.versioned()}/")
        assert httpx.get(server_url + name).status_code == 200
    assert httpx.get(f"{server_url}/static/000000000000/style.css").status_code == 404


def test_scripts_import_each_other_by_relative_addresses() -> None:
    """So that they are all of one version."""
    for script in assets.ROOT.glob("*.js"):
        for name in re.findall(r'from "([^"]+)"', script.read_text(encoding="utf-8")):
            assert name.startswith("./"), script


def test_the_version_is_that_of_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.css").write_text("a {}")
    monkeypatch.setattr(assets, "ROOT", tmp_path)
    seen = {assets.versioned.__wrapped__()}
    (tmp_path / "a.css").write_text("a { }")
    seen.add(assets.versioned.__wrapped__())
    (tmp_path / "a.css").rename(tmp_path / "b.css")
    seen.add(assets.versioned.__wrapped__())
    assert len(seen) == 3


def test_audio_is_sent_again_only_when_it_has_changed(own_workspace: Path, tmp_path: Path) -> None:
    workspace = Workspace.open(own_workspace)
    file = tmp_path / "song.mp3"
    file.write_bytes(bytes(range(256)) * 40)
    with Library(workspace.library_path) as library, library.transaction():
        library.put_track(replace(library.tracks()[0], path=str(file)))
        name = library.tracks()[0].track_id
    with running(ServeConfig(workspace=workspace.root)) as url:
        for address in (f"{url}/api/tracks/{name}/audio", f"{url}/sound?id={name}"):
            first = httpx.get(address, timeout=60)
            assert first.headers["cache-control"] == REVALIDATED
            known = {"if-none-match": first.headers["etag"]}
            dated = {"if-modified-since": first.headers["last-modified"]}
            for headers in (known, dated):
                again = httpx.get(address, headers=headers)
                assert (again.status_code, again.content) == (304, b"")
                assert again.headers["etag"] == first.headers["etag"]
            part = httpx.get(address, headers={"range": "bytes=0-9", "if-range": first.headers["etag"]})
            assert (part.status_code, part.content) == (206, file.read_bytes()[:10])
            assert httpx.get(address, headers={"if-none-match": '"other"'}).content == file.read_bytes()
        file.write_bytes(bytes(range(255)) * 40)
        assert httpx.get(address, headers=known).content == file.read_bytes()
