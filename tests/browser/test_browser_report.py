"""The report, opened from the server: it looks and plays as from the disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.pages import Watched, World, watched
from tests.browser.test_browser_report_file import COLOURS
from unheard.report.report import write_report

LOOKS = """() => [document.body, ...document.querySelectorAll("main, main *")].map((one) => {
  const style = getComputedStyle(one);
  return [one.localName, style.fontFamily, style.fontSize, style.color, style.maxWidth, style.display].join(" ");
})"""


@pytest.fixture(scope="module")
def reported(world: World) -> World:
    """The served world, with a report of hostile tags."""
    write_report(world.workspace, world.workspace.root / "report", seed_tracks=[world.tampered[0], world.plain[0]])
    return world


@pytest.fixture(params=[1440, 390])
def opened(request: pytest.FixtureRequest, chromium: Browser, reported: World) -> Iterator[Watched]:
    """The report on a desk and on a telephone; at the end nothing may have been complained about."""
    with watched(chromium, reported.url, viewport={"width": request.param, "height": 900}) as seen:
        seen.open("/report")
        yield seen
        assert seen.complaints == []
        assert seen.outside() == []


def player_of(page: Page) -> tuple[float, str]:
    """Length in seconds and address of the first player, once it has read its file's head."""
    seconds, address = page.locator("audio").first.evaluate(
        """player => new Promise((done, failed) => {
          player.onloadedmetadata = () => done([player.duration, player.currentSrc]);
          player.onerror = () => failed(new Error(player.error.message));
          player.preload = "metadata"; player.load();
        })"""
    )
    return float(seconds), str(address)


def test_it_looks_as_from_the_disk(opened: Watched, reported: World, chromium: Browser) -> None:
    page = opened.page
    with watched(chromium, "", viewport=page.viewport_size) as seen:
        of_the_file = seen.open((reported.workspace.root / "report" / "index.html").as_uri()).evaluate(LOOKS)
    assert page.evaluate(LOOKS) == of_the_file
    assert "Georgia" in page.evaluate("getComputedStyle(document.body).fontFamily")
    assert page.evaluate("document.documentElement.scrollWidth") == page.evaluate("innerWidth")
    for image in page.locator("img").all():
        assert image.evaluate(COLOURS) > 8, image.get_attribute("alt")
    assert page.evaluate("window.hacked") is None


def test_its_players_play_one_at_a_time(opened: Watched, reported: World) -> None:
    """The script of the page runs, and the sound comes from the server, once it is asked for."""
    assert not [url for url in opened.requests if "/sound" in url]
    seconds, address = player_of(opened.page)
    assert 2 < seconds < 8
    assert address == f"{reported.url}/sound?id={reported.tampered[0]}"
    paused = opened.page.evaluate(
        """async () => {
          const [first, second] = document.querySelectorAll("audio");
          first.muted = second.muted = true;
          await first.play();
          await second.play();
          return [first.paused, second.paused];
        }"""
    )
    assert paused == [True, False]


def test_it_leads_back_to_the_pages(opened: Watched, reported: World) -> None:
    opened.open("/runs").get_by_role("link", name="The report").click()
    opened.page.get_by_role("link", name="Back to unheard").click()
    opened.page.wait_for_url(f"{reported.url}/")


def test_a_file_that_is_gone_breaks_nothing_else(chromium: Browser, reported: World) -> None:
    with watched(chromium, reported.url) as seen:
        page = seen.open("/report")
        n = page.locator("audio").count()
        page.locator("audio").first.evaluate("player => { player.src = '/sound?id=nobody'; player.load(); }")
        page.locator("audio").first.evaluate("player => { player.play().catch(() => 0); }")
        page.get_by_text("This file cannot be played.").wait_for()
        assert page.locator("audio").count() == n - 1
        assert player_of(page)[0] > 2
        assert [words for words in seen.complaints if "404" not in words] == []


def test_a_script_that_was_put_into_the_file_does_not_run(chromium: Browser, reported: World) -> None:
    file = reported.workspace.root / "report" / "index.html"
    written = file.read_text(encoding="utf-8")
    try:
        file.write_text(written.replace("</h1>", "</h1><script>window.hacked=1</script><b onclick='hacked=1'>b</b>", 1))
        with watched(chromium, reported.url) as seen:
            page = seen.open("/report")
            page.get_by_text("b", exact=True).first.click()
            assert page.evaluate("window.hacked") is None
            assert len(seen.complaints) == 2
            assert player_of(page)[0] > 2
    finally:
        file.write_text(written, encoding="utf-8")
