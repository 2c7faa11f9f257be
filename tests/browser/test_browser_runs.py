"""The pages of runs in a browser: rows that line up, a run that is watched on its own page, charts on a telephone."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import Watched, World, watched

JOB_LIMIT_MS = 120_000
DRAWN_PX = """(text) => Math.min(...[...document.querySelectorAll(text)].map((one) =>
  parseFloat(getComputedStyle(one).fontSize) * one.ownerSVGElement.getScreenCTM().a))"""


def grave(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def start(page: Page, verb: str) -> None:
    page.get_by_role("combobox", name="Start").select_option(verb)
    page.get_by_role("button", name="Start").click()
    page.wait_for_load_state("load")


def test_only_what_runs_has_a_bar_and_buttons_line_up(watch: Watched, world: World) -> None:
    page = watch.open("/runs")
    start(page, "evaluate")
    start(page, "map")
    waiting, working = page.locator("#runs > li").nth(0), page.locator("#runs > li").nth(1)
    expect(working.locator(".state")).to_have_text("running", timeout=JOB_LIMIT_MS)
    expect(working.locator("progress")).to_have_count(1)
    expect(working).to_contain_text(re.compile(r"running for \d+ s"))
    expect(waiting.locator(".state")).to_have_text("waiting")
    expect(waiting.locator("progress")).to_have_count(0)
    time = waiting.locator("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time.get_attribute("datetime") or "")
    local = "(time) => new Date(time.dateTime).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })"
    expect(time).to_have_text(time.evaluate(local))
    edges = []
    for row in (waiting, working):
        box, button = row.bounding_box(), row.get_by_role("button", name="Cancel").bounding_box()
        assert box is not None
        assert button is not None
        assert abs(button["x"] + button["width"] - box["x"] - box["width"]) < 1
        edges.append(button["x"])
    assert edges[0] == edges[1]
    for row in (waiting, working):
        row.get_by_role("button", name="Cancel").click()
        expect(row.locator(".state")).to_have_text("cancelled", timeout=JOB_LIMIT_MS)
        expect(row.get_by_role("button")).to_have_count(0)
    expect(working.locator("progress")).to_have_count(0)
    expect(working).to_contain_text("took")


def test_the_page_of_a_run_lives(watch: Watched, world: World) -> None:
    """It goes from waiting to its end, and shows what is written, without being loaded again."""
    page = watch.open("/runs")
    start(page, "evaluate")
    start(page, "map")
    page.locator("#runs > li").first.get_by_role("link").click()
    expect(page.locator(".state")).to_have_text("waiting")
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    expect(page.get_by_role("region", name="Output")).to_be_hidden()
    assert grave(page) == []
    page.evaluate("window.same = true")
    first = watch.page.context.new_page()
    first.goto(f"{world.url}/runs")
    first.locator("#runs > li").nth(1).get_by_role("button", name="Cancel").click()
    first.close()
    expect(page.locator(".state")).to_have_text("done", timeout=JOB_LIMIT_MS)
    expect(page.locator("pre")).to_contain_text("drew")
    assert grave(page) == []
    expect(page.get_by_text("Nothing yet.")).to_have_count(0)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert page.evaluate("window.same")


def test_a_run_is_cancelled_on_its_own_page(watch: Watched, world: World) -> None:
    page = watch.open("/runs")
    start(page, "evaluate")
    page.locator("#runs > li").first.get_by_role("link").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".state")).to_have_text("cancelled", timeout=JOB_LIMIT_MS)
    expect(page.locator("#said")).to_have_text("evaluate: cancelled")
    assert page.evaluate("document.activeElement.tagName") == "H1"  # where the button was, nothing is left


@pytest.mark.parametrize(
    ("path", "text"), [("/results/artists", ".chart text"), ("/track?id={track}", ".mel text")], ids=["chart", "mel"]
)
@pytest.mark.parametrize("width", [320, 390, 640, 1440])
def test_text_in_pictures_can_be_read(chromium: Browser, world: World, path: str, text: str, width: int) -> None:
    with watched(chromium, world.url, viewport={"width": width, "height": 844}) as seen:
        page = seen.open(path.format(track=world.plain[0]))
        assert 9.5 < page.evaluate(DRAWN_PX, text) < 20
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_chart_is_moved_with_the_keyboard(chromium: Browser, world: World) -> None:
    with watched(chromium, world.url, viewport={"width": 390, "height": 844}) as seen:
        page = seen.open("/results/artists")
        chart = page.get_by_role("region", name="Chart").first
        chart.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("() => document.activeElement.scrollLeft > 0")


@pytest.mark.parametrize("width", [390, 1440])
def test_labels_of_tags_stay_whole(chromium: Browser, world: World, width: int) -> None:
    """The first tampered track has a long album."""
    with watched(chromium, world.url, viewport={"width": width, "height": 844}) as seen:
        page = seen.open(f"/track?id={world.tampered[0]}")
        lines = """(labels) => labels.map((label) => {
            const text = document.createRange();
            text.selectNodeContents(label);
            return text.getClientRects().length;
        })"""
        assert set(page.locator(".tags dt").evaluate_all(lines)) == {1}
