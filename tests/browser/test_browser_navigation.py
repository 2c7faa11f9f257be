"""Finding one's way: the menu, albums, what the back button keeps, and a telephone that shows results first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import Watched, World, watched

SETTLED = "() => document.readyState === 'complete'"


@pytest.fixture(params=[390, 1440])
def seen(request: pytest.FixtureRequest, chromium: Browser, world: World) -> Iterator[Watched]:
    """A page on a telephone and on a desktop."""
    with watched(chromium, world.url, viewport={"width": request.param, "height": 844}) as seen:
        yield seen
        assert seen.complaints == []
        assert seen.outside() == []


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth === innerWidth"))


def test_advanced_pages_are_in_one_menu(seen: Watched) -> None:
    page = seen.open("/")
    main = page.get_by_role("navigation", name="Main")
    shown = main.get_by_role("link").filter(visible=True)
    assert shown.all_text_contents() == ["Browse", "My playlists", "New playlist", "Map"]
    menu = main.locator("summary")
    for name in ("Compare models", "Jobs and results", "What scores mean", "Drop a file", "Add music", "HTTP API"):
        menu.click()
        entry = main.get_by_role("link", name=name)
        expect(entry).to_be_visible()
        assert fits(page)
        entry.click()
        page.wait_for_function(SETTLED)
        expect(menu).to_have_class("here")
        expect(main.get_by_role("link", name=name)).to_be_hidden()
    menu.focus()
    page.keyboard.press("Enter")
    expect(main.get_by_role("link", name="HTTP API")).to_be_visible()
    page.keyboard.press("Escape")
    expect(main.get_by_role("link", name="HTTP API")).to_be_hidden()
    expect(menu).to_be_focused()


def test_a_track_leads_to_its_album_and_its_artist(seen: Watched, world: World) -> None:
    page = seen.open(f"/track?id={world.plain[0]}")
    title = page.locator("h1").inner_text()
    page.locator(".tags a").click()
    page.wait_for_load_state("networkidle")
    expect(page.locator(".tracks .title", has_text=title)).to_have_count(1)
    assert page.locator(".cover").evaluate("image => image.complete && image.naturalWidth") == 480
    page.locator(".artist a").click()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("heading", name="Albums")).to_be_visible()
    expect(page.locator(".tracks .title", has_text=title)).to_have_count(1)
    assert page.locator(f".tracks button.play[data-id='{world.plain[0]}']").count() == 1
    assert fits(page)


def test_back_returns_to_the_place_the_filters_and_the_open_panels(seen: Watched, world: World) -> None:
    page = seen.open(f"/make?seed={world.plain[0]}&seed={world.plain[1]}&which=all&n=30&per_artist=0")
    if not page.locator("#options").evaluate("panel => panel.open"):
        page.locator("#options > summary").click()
    page.locator("#filters > summary").click()
    page.get_by_label("From minutes").fill("0.01")
    page.wait_for_url("**min_minutes=0.01**")
    expect(page.locator("#made > li").first).to_be_visible()
    page.locator("#made > li").nth(12).scroll_into_view_if_needed()
    place, titles = page.evaluate("scrollY"), page.locator("#made .title").all_text_contents()
    assert place > 0
    page.locator("#made > li").nth(12).locator(".title").click()
    page.wait_for_load_state("networkidle")
    page.go_back()
    page.wait_for_load_state("networkidle")
    assert "min_minutes=0.01" in page.url
    expect(page.get_by_label("From minutes")).to_have_value("0.01")
    assert page.locator("#filters").evaluate("panel => panel.open")
    assert page.locator("#options").evaluate("panel => panel.open")
    assert page.locator("#made .title").all_text_contents() == titles
    page.wait_for_function(f"() => Math.abs(scrollY - {place}) < 60")


def test_a_filtered_list_is_an_address(seen: Watched) -> None:
    page = seen.open("/tracks")
    page.get_by_role("searchbox", name="Search tracks").fill("a")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Known", exact=True).click()
    page.wait_for_load_state("networkidle")
    assert page.url.endswith("/tracks?q=a&kind=known")
    page.locator(".tracks .title").first.click()
    page.go_back()
    expect(page.get_by_role("searchbox", name="Search tracks")).to_have_value("a")
    expect(page.get_by_role("link", name="Known", exact=True)).to_have_attribute("aria-current", "true")


def test_a_telephone_shows_results_before_options(chromium: Browser, world: World) -> None:
    with watched(chromium, world.url, viewport={"width": 390, "height": 844}) as seen:
        page = seen.open(f"/make?seed={world.plain[0]}&which=all")
        first = page.locator("#made > li").first.bounding_box()
        assert first is not None
        assert first["y"] < 700  # the first result is on the first screen
        expect(page.get_by_label("How many")).to_be_hidden()
        page.locator("#options > summary").click()
        expect(page.get_by_label("How many")).to_be_visible()
        page.set_viewport_size({"width": 1440, "height": 844})
        expect(page.get_by_label("How many")).to_be_visible()
        assert page.locator("#query").bounding_box()["x"] < page.locator("#results").bounding_box()["x"]  # type: ignore[index]
