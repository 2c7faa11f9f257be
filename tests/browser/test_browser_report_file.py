"""The page in a real browser, opened from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.builders.reported_world import ARABIC, HOSTILE, Reported

# How many different colours an image has, drawn on white: 1 is a blank one.
COLOURS = """async (image) => {
  image.loading = "eager";
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 200; canvas.height = 200;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white"; pen.fillRect(0, 0, 200, 200);
  pen.drawImage(image, 0, 0, 200, 200);
  return new Set(new Uint32Array(pen.getImageData(0, 0, 200, 200).data.buffer)).size;
}"""


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Browser:
    return chromium


class Watched:
    """An open page, and what it asked for and complained about."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path.as_uri())

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture(params=["light", "dark"])
def telephone(browser: Browser, reported: Reported, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """The report on a telephone."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=request.param)
    yield Watched(context.new_page(), reported.written.page)
    context.close()


def test_it_opens_without_a_complaint_and_asks_for_nothing(telephone: Watched, reported: Reported) -> None:
    images = telephone.page.locator("img").all()
    assert len(images) == reported.written.n_figures
    for image in images:
        assert image.evaluate(COLOURS) > 8, image.get_attribute("alt")
        assert image.evaluate("image => image.naturalWidth") > 0
        assert len(image.get_attribute("alt") or "") > 20
    assert telephone.complaints == []
    outside = [url for url in telephone.requests if not url.startswith("data:")]
    assert outside == [reported.written.page.as_uri()]


def test_it_fits_a_telephone(telephone: Watched) -> None:
    assert telephone.ask("document.documentElement.scrollWidth") == 390
    for box in telephone.page.locator(".scroll").all():
        edge = box.bounding_box()
        assert edge is None or edge["x"] + edge["width"] <= 390  # None: folded away


def test_hostile_tags_are_text(telephone: Watched) -> None:
    assert telephone.ask("window.hacked") is None
    assert telephone.page.locator("h3 bdi").first.text_content() == HOSTILE
    shown = telephone.page.locator(".list bdi").all_text_contents()
    assert HOSTILE in shown
    assert ARABIC in shown
    long = next(title for title in shown if title.startswith("lala"))
    assert len(long) == 300
    assert long.endswith("…")


def test_contents_lead_somewhere(telephone: Watched) -> None:
    links = telephone.page.locator("nav a").all()
    assert len(links) == 7
    for link in links:
        assert telephone.page.locator(str(link.get_attribute("href"))).count() == 1


def test_a_player_plays_its_file_when_asked(telephone: Watched) -> None:
    """The policy of the page lets local sound through, and nothing is read before."""
    assert not [url for url in telephone.requests if "/audio/" in url]
    player = telephone.page.locator("audio").first
    seconds = player.evaluate(
        """player => new Promise((done, failed) => {
          player.onloadedmetadata = () => done(player.duration);
          player.onerror = () => failed(player.error.message);
          player.preload = "metadata"; player.load();
        })"""
    )
    assert 2 < seconds < 8
    assert telephone.complaints == []


def test_one_player_at_a_time(telephone: Watched) -> None:
    paused = telephone.ask(
        """(async () => {
          const [first, second] = [...document.querySelectorAll("audio")];
          first.muted = second.muted = true;
          await first.play();
          await second.play();
          return [first.paused, second.paused];
        })()"""
    )
    assert paused == [True, False]


def test_it_prints_on_several_pages_without_players(browser: Browser, reported: Reported) -> None:
    page = browser.new_page()
    page.goto(reported.written.page.as_uri())
    paper = page.pdf(format="A4")
    page.emulate_media(media="print")
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") > 6
    assert not page.locator("audio").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    page.close()
