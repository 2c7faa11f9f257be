"""What holds on every page: accessible in light and dark, fits a telephone, light, quiet, and unharmed by tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.pages import HOSTILE, HOSTILE_ID, Watched, World, watched

MAX_BYTES = 300_000
PAGES = (
    "home", "search", "tracks", "kinds", "albums", "album", "artist", "start", "artists", "playlists", "drop", "make",
    "playlist", "track", "cold", "strange", "made", "saved", "thumbs", "radio", "path", "map", "selected", "region",
    "models", "runs", "results", "scores", "docs",
)  # fmt: skip


def path_of(name: str, world: World) -> str:
    """The address of a page; tampered tracks are on all of them that show tracks."""
    seeds = "&".join(f"seed={quote(one, safe='')}" for one in world.tampered)
    return {
        "home": "/",
        "search": "/search?q=a",
        "tracks": "/tracks",
        "kinds": "/tracks?kind=cold&q=a",
        "artists": "/artists",
        "albums": "/albums",
        "album": f"/album?id={album_id(world.plain[0], world)}",
        "artist": f"/artist?name={quote(HOSTILE, safe='')}",
        "start": "/start?music=/",
        "playlists": "/playlists",
        "playlist": f"/playlist?id={quote(HOSTILE, safe='')}",
        "track": f"/track?id={world.tampered[0]}",
        "cold": f"/track?id={world.tampered[1]}",
        "strange": f"/track?id={quote(HOSTILE_ID, safe='')}",
        "drop": "/drop",
        "make": "/make",
        "made": f"/make?{seeds}&which=all&genre=rock%3Cb%3E&n=40",
        "saved": "/saved",
        "thumbs": "/thumbs",
        "radio": f"/radio?seed={world.tampered[0]}&seed={quote(HOSTILE_ID, safe='')}",
        "path": f"/path?start={world.tampered[0]}&end={world.plain[0]}&n=30",
        "map": "/map",
        "selected": f"/map?id={world.tampered[0]}",
        "region": "/map/region?shape=-2,-2+2,-2+2,2+-2,2",
        "models": f"/models?{seeds}",
        "runs": "/runs",
        "results": "/results/artists",
        "scores": "/scores",
        "docs": "/docs",
    }[name]


def album_id(track_id: str, world: World) -> str:
    """The id of a track's album, from the link on its page."""
    page = httpx.get(f"{world.url}/track", params={"id": track_id}, timeout=60).text
    (found,) = set(re.findall(r'href="/album\?id=([0-9a-f]{16})"', page))
    return str(found)


@dataclass(frozen=True)
class Visit:
    """A page on a telephone whose browser had seen nothing before, and the sizes of all that was fetched for it."""

    name: str
    seen: Watched
    sizes: list[int]


@pytest.fixture(scope="module", params=PAGES)
def visit(request: pytest.FixtureRequest, chromium: Browser, world: World) -> Iterator[Visit]:
    """Every page, opened once for all tests; pictures that would be scrolled to are fetched as well."""
    sizes: list[int] = []
    with watched(chromium, world.url, viewport={"width": 390, "height": 844}, reduced_motion="reduce") as seen:
        seen.page.on(
            "response", lambda answer: sizes.append(int(answer.headers.get("content-length") or len(answer.body())))
        )
        page = seen.open(path_of(request.param, world))
        page.evaluate("for (const image of document.images) image.loading = 'eager'")
        page.wait_for_load_state("networkidle")
        yield Visit(request.param, seen, sizes)


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 390), ("light", 1440)])
def test_it_is_accessible(visit: Visit, scheme: Literal["light", "dark"], width: int) -> None:
    visit.seen.page.emulate_media(color_scheme=scheme)
    visit.seen.page.set_viewport_size({"width": width, "height": 844})
    found = Axe().run(visit.seen.page).response["violations"]
    visit.seen.page.set_viewport_size({"width": 390, "height": 844})
    grave = [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []


def test_it_is_quiet_and_fits(visit: Visit) -> None:
    page = visit.seen.page
    assert visit.seen.complaints == []
    assert visit.seen.outside() == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("h1").count() == 1
    assert page.title().endswith(" · unheard")


# Buttons, fields and links outside of sentences that a finger could miss.
SMALL = """() => [...document.querySelectorAll("button, select, input, summary, nav a, .button, .choices *")]
  .filter((one) => one.matches("button, select, input, summary, a, label"))
  .filter((one) => one.checkVisibility() && !one.closest(".sr, .skip, label") && !one.matches(".sr"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([one, box]) => box.width && (box.height < 39.5 || box.width < (one.matches("nav a") ? 24 : 39.5)))
  .map(([one, box]) => `${one.outerHTML.slice(0, 90)} ${box.width} x ${box.height}`)"""


def test_fingers_hit_what_they_want(visit: Visit) -> None:
    assert visit.seen.page.evaluate(SMALL) == []


def test_it_is_light(visit: Visit) -> None:
    assert 0 < sum(visit.sizes) < MAX_BYTES, sum(visit.sizes)


def test_tags_are_text(visit: Visit) -> None:
    """No tag becomes an element, turns the text around it, or fills the page."""
    page = visit.seen.page
    assert page.evaluate("window.hacked") is None
    assert page.locator("main script, main img[src='x']").count() == 0
    text = page.locator("body").inner_text()
    assert not set(text) & set("\u202e\u2066")
    assert "la" * 200 not in text
    if visit.name in ("track", "tracks", "made", "selected"):
        assert "<script>window.hacked=1</script>" in text


def test_a_page_that_is_not_there_says_so(watch: Watched, world: World) -> None:
    for path in ("/nowhere", "/track?id=nobody", "/playlist?id=nobody", "/runs/nobody", "/results/nobody"):
        page = watch.open(path)
        assert page.locator("h1").count() == 1, path
        assert page.get_by_role("link", name="To the start page").is_visible()
        assert "Traceback" not in page.content()
    watch.complaints.clear()  # the browser itself notes every 404


def test_everything_is_reached_by_keyboard(watch: Watched, world: World) -> None:
    page = watch.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "q"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
