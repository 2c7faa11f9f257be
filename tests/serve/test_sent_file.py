"""Files are sent whole or in ranges, by threads of their own, and not read for HEAD."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Request, Response

from tests.builders.server import running
from unheard.serve.app import THREADS, make_app
from unheard.serve.config import ServeConfig
from unheard.serve.http_caching import file_response
from unheard.serve.sent_file import CHUNK_BYTES, READERS, SentFile

pytestmark = pytest.mark.slow

SIZE = 3 * CHUNK_BYTES + 17


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "large").write_bytes(np.random.default_rng(0).bytes(SIZE))
    (folder / "empty").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def url(served_workspace: Path, folder: Path) -> Iterator[str]:
    config = ServeConfig(workspace=served_workspace)
    app: FastAPI = make_app(config)

    @app.get("/file/{name}")
    async def file(request: Request, name: str) -> Response:
        return file_response(request, folder / name, "audio/mpeg")

    with running(config, app) as address:
        yield address


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        (None, 0, SIZE),
        ("bytes=0-", 0, SIZE),
        ("bytes=0-0", 0, 1),
        ("bytes=5-99", 5, 100),
        (f"bytes={CHUNK_BYTES - 1}-{2 * CHUNK_BYTES}", CHUNK_BYTES - 1, 2 * CHUNK_BYTES + 1),
        ("bytes=-10", SIZE - 10, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=0-1,5-9", 0, SIZE),
    ],
)
def test_the_bytes_are_those_of_the_file(url: str, folder: Path, wanted: str | None, first: int, last: int) -> None:
    headers = {} if wanted is None else {"range": wanted}
    found = httpx.get(f"{url}/file/large", headers=headers)
    whole = (folder / "large").read_bytes()
    assert found.content == whole[first:last]
    is_part = wanted is not None and "," not in wanted
    assert found.status_code == (206 if is_part else 200)
    if is_part:
        assert found.headers["content-range"] == f"bytes {first}-{last - 1}/{SIZE}"
    head = httpx.head(f"{url}/file/large", headers=headers)
    assert (head.status_code, head.content) == (found.status_code, b"")
    assert head.headers["content-length"] == str(last - first)


def test_a_range_outside_an_empty_file_and_one_that_is_unchanged(url: str) -> None:
    assert httpx.get(f"{url}/file/large", headers={"range": f"bytes={SIZE}-"}).status_code == 416
    assert httpx.get(f"{url}/file/large", headers={"range": "bytes=x"}).status_code == 400
    assert httpx.get(f"{url}/file/empty").content == b""
    tag = httpx.get(f"{url}/file/large").headers["etag"]
    assert httpx.get(f"{url}/file/large", headers={"if-none-match": tag}).status_code == 304
    assert httpx.get(f"{url}/file/large", headers={"range": "bytes=0-1", "if-range": "old"}).status_code == 200


def test_head_opens_no_file(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    whole = SentFile._opened

    def counted(self: SentFile, first: int) -> BinaryIO:
        opened.append(self.path)
        return whole(self, first)

    monkeypatch.setattr(SentFile, "_opened", counted)
    assert httpx.head(f"{url}/file/large").headers["content-length"] == str(SIZE)
    assert opened == []
    assert len(httpx.get(f"{url}/file/large").content) == SIZE
    assert len(opened) == 1


def test_files_on_a_disk_that_hangs_keep_no_page_waiting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    whole = SentFile._opened

    def hanging(self: SentFile, first: int) -> Any:
        go_on.wait(60)
        return whole(self, first)

    monkeypatch.setattr(SentFile, "_opened", hanging)
    sizes = []
    listeners = [
        threading.Thread(target=lambda: sizes.append(len(httpx.get(f"{url}/file/large", timeout=60).content)))
        for _ in range(READERS + 2 * THREADS)
    ]
    for one in listeners:
        one.start()
    try:
        for _ in range(2 * THREADS):
            assert httpx.get(f"{url}/api/tracks?limit=1", timeout=30).status_code == 200
        assert sizes == []
    finally:
        go_on.set()
        for one in listeners:
            one.join()
    assert sizes == [SIZE] * len(listeners)
