"""The served world that a browser looks at, and a page that writes down what it asks for and complains about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from unheard.workspace import Workspace

HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'&"
TURNED = "gnp.\u202eexe.neht\u2066"  # right-to-left override and an isolate that nobody closes
LONG = "la" * 5_000
PLAYING = "() => document.querySelector('.player .small').textContent.includes('/')"
# Songs of this world last four seconds; at a tenth of the speed none ends while a test looks at it.
SLOWLY = """const { play } = HTMLMediaElement.prototype;
HTMLMediaElement.prototype.play = function () { this.playbackRate = 0.1; return play.call(this); };"""
HOSTILE_ID = "<script>window.hacked=2</script>/../a b?c=d#e%2F&\u202e"


@dataclass(frozen=True)
class World:
    """A served workspace: three tracks have hostile tags, one has a hostile id, `song` is a file from outside."""

    url: str
    workspace: Workspace
    tampered: tuple[str, ...]
    plain: tuple[str, ...]
    song: Path


@dataclass
class Watched:
    """A page of a browser, with every request and every complaint."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def outside(self) -> list[str]:
        """Requests that left this server."""
        return [url for url in self.requests if not url.startswith((f"{self.url}/", "data:", "blob:"))]


@contextmanager
def watched(browser: Browser, url: str, **options: Any) -> Iterator[Watched]:
    """A new page, closed again."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    seen = Watched(page, url)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    yield seen
    context.close()
