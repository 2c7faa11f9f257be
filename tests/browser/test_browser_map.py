"""The map in a browser, wide and on a telephone: colours, names, search, addresses, regions, and the selected track."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import Watched, World, watched

PAINTED = "() => Number(document.getElementById('map').dataset.painted) > 0"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(params=[WIDE, PHONE], ids=["1440", "390"])
def seen(request: pytest.FixtureRequest, chromium: Browser, world: World) -> Iterator[Watched]:
    with watched(chromium, world.url, viewport=request.param, reduced_motion="reduce") as found:
        yield found
        assert found.complaints == []
        assert found.outside() == []


def opened(seen: Watched, path: str = "/map") -> Page:
    page = seen.open(path)
    page.wait_for_function(PAINTED)
    expect(page.locator(".legend button").first).to_be_visible()
    return page


def hash_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).fragment).items()}


def test_a_track_is_found_and_shown_within_the_window(seen: Watched, world: World) -> None:
    """The card is beside the map, or over its foot on a telephone, not below the fold."""
    page = opened(seen)
    page.get_by_role("searchbox", name="Find a track on the map").fill("Newcomer")
    page.get_by_role("link", name="Show").click()
    card = page.locator("#near .title").first
    expect(card).to_have_text("A new one")
    expect(card).to_be_in_viewport()
    expect(page.locator("#near .button.main")).to_be_in_viewport()
    expect(page.locator("#found .seeds")).to_have_count(0)
    page.wait_for_function("() => location.hash.includes('id=')")
    assert float(hash_of(page)["at"].split(",")[2]) == pytest.approx(2.2)
    page.get_by_role("button", name="Close A new one").click()
    expect(page.locator("#near")).to_have_count(0)
    page.wait_for_function("() => !location.hash.includes('id=')")


def test_an_address_opens_the_view_that_it_was_copied_from(seen: Watched, chromium: Browser, world: World) -> None:
    page = opened(seen)
    page.get_by_role("combobox", name="Colour").select_option("year")
    expect(page.locator(".legend bdi").last).to_have_text("no year")
    page.locator("[data-zoom='1.5']").click()
    page.get_by_role("application").press("ArrowLeft")
    page.get_by_role("application").press("Enter")
    page.wait_for_selector("#near")
    page.wait_for_function("() => location.hash.includes('id=')")
    with watched(chromium, world.url) as other:
        again = opened(other, page.url.removeprefix(world.url))
        expect(again.get_by_role("combobox", name="Colour")).to_have_value("year")
        expect(again.locator("#near")).to_have_attribute("data-id", hash_of(page)["id"])
        again.wait_for_function("(hash) => location.hash === hash", arg=f"#{urlparse(page.url).fragment}")


def test_colours_are_chosen_in_the_legend(seen: Watched, world: World) -> None:
    """One class alone is bright; a playlist is a class too."""
    page = opened(seen)
    painted = int(page.locator("#map").get_attribute("data-painted") or 0)
    first = page.locator(".legend button").first
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"() => Number(document.getElementById('map').dataset.painted) > {painted}")
    page.get_by_role("combobox", name="Colour").select_option("playlist")
    name = httpx.get(f"{world.url}/api/playlists?limit=1&q=p0").json()["items"][0]
    page.get_by_label("Playlist", exact=True).fill(name["playlist_id"])
    expect(page.locator(".legend bdi").first).to_have_text(name["playlist_id"])
    expect(page.locator(".legend .count").first).to_have_text(str(name["tracks"]))


def test_a_drawn_region_becomes_a_playlist(seen: Watched, world: World, tmp_path: Path) -> None:
    """A path around the whole map holds all tracks; they are exported as a file."""
    page = opened(seen)
    page.get_by_role("button", name="Draw a region").click()
    expect(page.get_by_text("Draw around some tracks.")).to_be_visible()
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    assert box is not None
    middle, half = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2), min(box["width"], box["height"]) / 2 - 2
    corners = [(-1, -1), (1, -1), (1, 0.4), (-1, 0.4)]
    (x0, y0), *rest = [(middle[0] + x * half, middle[1] + y * half) for x, y in corners]
    page.mouse.move(x0, y0)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=5)
    page.mouse.up()
    expect(page.get_by_role("heading", name="A region of the map")).to_be_visible()
    n = page.locator("ol.tracks > li").count()
    content = httpx.get(f"{world.url}/map/points").content
    n_tracks = len(content) // 5
    heights = np.frombuffer(content[: 4 * n_tracks], "<u2").reshape(-1, 2)[:, 1] / (2**16 - 1) * 2 - 1
    expected = int(np.count_nonzero(heights * 0.92 > -0.4))  # screen y grows downwards
    assert abs(n - expected) <= 2
    assert 0 < n < n_tracks
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "region.csv")
    assert len((tmp_path / "region.csv").read_text(encoding="utf-8").splitlines()) == n + 1
    page.get_by_role("link", name="Recommend from").click()
    expect(page.locator("#seeds > li")).to_have_count(min(n, 100))


def test_the_visible_part_is_listed_by_keyboard(seen: Watched, world: World) -> None:
    page = opened(seen)
    total = int(page.locator("#map").get_attribute("data-n") or 0)
    page.get_by_role("button", name="List the visible tracks").press("Enter")
    expect(page.get_by_role("heading", name="A region of the map")).to_be_visible()
    assert page.locator("ol.tracks > li").count() == total
    page.get_by_role("link", name="Back to the map").click()
    page.wait_for_function(PAINTED)


def test_a_neighbour_is_shown_and_escape_goes_back(seen: Watched, world: World) -> None:
    page = opened(seen, f"/map?id={world.plain[0]}")
    page.wait_for_selector("#near")
    button = page.locator("#near button[data-go]").first
    row = button.get_attribute("data-go")
    button.press("Enter")
    expect(page.locator("#near")).to_have_attribute("data-row", str(row))
    page.get_by_role("application").press("Escape")
    expect(page.locator("#near")).to_have_count(0)
