"""No page shows a name in braces: text that should have been filled in."""

from __future__ import annotations

import re

import httpx
import pytest

PAGES = (
    "/", "/search?q=song", "/tracks", "/tracks?kind=new", "/artists", "/artist?name=Artist+3", "/albums", "/start",
    "/playlists", "/playlist?id=p01",
    "/track?id=t00-0", "/track?id=t08-0", "/drop", "/make", "/make?seed=t00-0", "/models", "/map", "/map/near?row=0",
    "/runs", "/results/artists", "/scores", "/docs", "/login", "/nothing", "/track?id=nobody", "/listen/nobody",
)  # fmt: skip


def placeholders(html: str) -> list[str]:
    """Return names in braces, except in addresses of the API such as /api/tracks/{track_id}."""
    return re.findall(r"(?<!/)\{+\s*\w+\s*\}+", html)


@pytest.mark.parametrize("address", PAGES)
def test_every_text_is_filled_in(server_url: str, address: str) -> None:
    found = httpx.get(server_url + address, timeout=60, follow_redirects=True)
    assert found.headers["content-type"].startswith("text/html")
    assert placeholders(found.text) == []


def test_a_placeholder_is_found() -> None:
    assert placeholders("<p>Tracks {unheard}</p>/api/tracks/{track_id}/audio {{ name }}") == [
        "{unheard}",
        "{{ name }}",
    ]
