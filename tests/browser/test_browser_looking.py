"""The map, models side by side, and runs."""

from __future__ import annotations

import json
import shutil
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

import unheard
from tests.browser.pages import Watched, World, watched

PAINTED = "() => Number(document.getElementById('map').dataset.painted) > 0"
JOB_LIMIT_MS = 120_000

# Where a track is drawn, in pixels of the window: what the page itself would answer.
PLACE = """async (row) => {
  const box = document.getElementById("map"), data = await (await fetch(box.dataset.points)).arrayBuffer();
  const bytes = new DataView(data), at = (i) => bytes.getUint16(2 * i, true) / 65535 * 2 - 1;
  const edge = box.getBoundingClientRect();
  const unit = Math.min(edge.width, edge.height) / 2 * 0.92;
  return [edge.left + edge.width / 2 + at(2 * row) * unit, edge.top + edge.height / 2 - at(2 * row + 1) * unit];
}"""


ON_MAP = """() => {
  const near = document.querySelector("#near");
  const numbers = (item) => [Number(item.dataset.row), Number(item.dataset.score)];
  return near && { row: Number(near.dataset.row), near: [...near.querySelectorAll("li[data-row]")].map(numbers) };
}"""


def on_map(page: Page) -> dict[str, Any]:
    """The track that the map shows, and its neighbours with their scores."""
    found: dict[str, Any] = page.evaluate(ON_MAP)
    return found


def test_hovering_over_the_map_shows_true_neighbours(watch: Watched, world: World) -> None:
    """Against cosines of the factors themselves, in all dimensions."""
    page = watch.open("/map")
    page.wait_for_function(PAINTED)
    x, y = page.evaluate(PLACE, 20)
    page.mouse.move(x, y)
    page.wait_for_selector("#near")
    shown = on_map(page)
    directions = unheard.open(world.workspace.root).directions.astype(np.float64)
    near = directions @ directions[shown["row"]]
    rows = [row for row, _ in shown["near"]]
    assert [score for _, score in shown["near"]] == pytest.approx(near[rows], abs=1e-3)
    others = np.delete(near, [shown["row"], *rows])
    assert (others > near[rows].min() + 1e-6).sum() <= 2  # other recordings of a song are never shown beside it
    page.wait_for_function("() => document.getElementById('map').dataset.painted > 1")


def test_the_map_begins_at_a_track_and_is_flown_by_keyboard(watch: Watched, world: World) -> None:
    page = watch.open("/map")
    page.get_by_role("searchbox", name="Find a track on the map").fill("Newcomer")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("link", name="Show").click()
    expect(page.locator("#near .title").first).to_have_text("A new one")
    canvas = page.get_by_role("application")
    canvas.focus()
    painted = int(page.locator("#map").get_attribute("data-painted") or 0)
    for key in ("ArrowLeft", "ArrowUp", "+", "-"):
        canvas.press(key)
    page.wait_for_function(f"() => document.getElementById('map').dataset.painted > {painted}")
    canvas.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('#near li').length > 0")


def test_results_of_a_search_are_not_replaced_while_a_person_clicks_on_them(watch: Watched, world: World) -> None:
    """The answer to the typing came after the one to the button, between the press and the release of a click."""
    watch.page.clock.install()
    page = watch.open("/map")
    page.get_by_role("searchbox", name="Find a track on the map").fill("Newcomer")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("link", name="Show").hover()
    page.mouse.down()
    page.clock.run_for(1000)
    page.wait_for_load_state("networkidle")
    page.mouse.up()
    expect(page.locator("#near .title").first).to_have_text("A new one")
    assert sum("/map/found" in request for request in watch.requests) == 1


SOFTWARE, NONE = "--enable-unsafe-swiftshader", "--disable-3d-apis"
# As where a drawing takes long: the page reads a pixel to wait for it.
SLOW = """const read = WebGLRenderingContext.prototype.readPixels;
WebGLRenderingContext.prototype.readPixels = function (...where) {
  for (const began = performance.now(); performance.now() - began < 50; );
  read.apply(this, where);
};"""


@pytest.mark.parametrize(
    ("flag", "script", "by"),
    [(SOFTWARE, "", "webgl"), (NONE, "", "canvas"), (SOFTWARE, SLOW, "canvas")],
    ids=["webgl", "no webgl", "slow webgl"],
)
def test_the_map_is_drawn_with_and_without_webgl(
    flag: str, script: str, by: str, world: World, chromium: Browser
) -> None:
    """Points are where the positions say, in the colours of their kinds; a drag moves them; neighbours are shown."""
    browser = chromium.browser_type.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", flag])
    with watched(browser, world.url) as seen:
        seen.page.add_init_script(script)
        page = seen.open("/map")
        page.wait_for_function(PAINTED)
        assert page.locator("#map").get_attribute("data-by") == by
        alone = [(row, *page.evaluate(PLACE, row)) for row in lonely_rows(world)]
        assert {kind_seen(page, x, y) for _, x, y in alone} == {0, 1}
        assert [kind_seen(page, x, y) for _, x, y in alone] == [kind_sent(world, row) for row, _, _ in alone]
        corner = page.locator("#map").bounding_box()
        assert corner is not None
        page.mouse.move(corner["x"] + 20, corner["y"] + 20)
        page.mouse.down()
        page.mouse.move(corner["x"] + 90, corner["y"] + 30, steps=4)
        page.mouse.up()
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        moved = [kind_seen(page, x + 70, y + 10) for _, x, y in alone]
        assert moved == [kind_sent(world, row) for row, _, _ in alone]
        page.mouse.move(alone[0][1] + 70, alone[0][2] + 10)
        page.wait_for_selector("#near")
        assert on_map(page)["row"] == alone[0][0]
        assert len(on_map(page)["near"]) == 10
        assert [text for text in seen.complaints if "WebGL" not in text] == []
    browser.close()


def sent(world: World) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Places in the square (track, 2), and kinds, as the server sends them."""
    content = httpx.get(f"{world.url}/map/points").content
    n = len(content) // 5
    places = np.frombuffer(content[: 4 * n], "<u2").reshape(-1, 2) / (2**16 - 1) * 2 - 1
    return places, np.frombuffer(content[4 * n :], np.uint8)


def kind_sent(world: World, row: int) -> int:
    return int(sent(world)[1][row])


def lonely_rows(world: World) -> list[int]:
    """Tracks that no other is drawn over, and that do not lie under the map's edge."""
    places, _ = sent(world)
    apart = np.abs(places[:, None] - places).max(axis=2)
    np.fill_diagonal(apart, np.inf)
    return [int(row) for row in np.flatnonzero((apart.min(axis=1) > 0.06) & (np.abs(places) < 0.85).all(axis=1))]


def kind_seen(page: Page, x: float, y: float) -> int | None:
    """0 for the amber of known tracks, 1 for the blue of new ones, None for the background."""
    red, green, blue = pixel(page, x, y)
    return None if green < 60 else int(blue > red)


def pixel(page: Page, x: float, y: float) -> tuple[int, int, int]:
    """A pixel of the window as it is seen."""
    shot = page.screenshot(clip={"x": round(x), "y": round(y), "width": 1, "height": 1})
    colour = page.evaluate(
        """async (bytes) => { const image = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
        const pen = new OffscreenCanvas(1, 1).getContext("2d"); pen.drawImage(image, 0, 0);
        return [...pen.getImageData(0, 0, 1, 1).data]; }""",
        list(shot),
    )
    return colour[0], colour[1], colour[2]


def test_models_are_compared_and_tracks_are_played(watch: Watched, world: World) -> None:
    page = watch.open("/models")
    blocks = page.locator(".model-lists").all()
    assert len(blocks) == 2
    assert page.locator(".model-list h3 bdi").first.text_content() == "True factors"
    assert page.locator(".model-list .tracks > li.both").count() > 0
    page.locator(".model-list button.play").first.click()
    page.wait_for_function("() => document.querySelector('.player .small').textContent.includes('/')")
    page.get_by_text("Models:").click()
    page.get_by_label("random", exact=True).check()
    page.get_by_role("button", name="Show these").click()
    expect(page.locator(".model-list h3 bdi", has_text="random").first).to_be_visible()
    page.locator("a.x").first.click()
    expect(page.locator(".model-lists")).to_have_count(1)


def test_results_are_drawn_and_tabled(watch: Watched, world: World) -> None:
    page = watch.open("/runs")
    page.get_by_role("link", name="Split artists").click()
    assert page.locator("svg.chart circle").count() > 3
    assert page.get_by_role("table").count() >= 2


def test_a_run_is_watched_to_its_end(watch: Watched, world: World) -> None:
    page = watch.open("/runs")
    page.get_by_role("combobox", name="Start").select_option("map")
    page.get_by_role("button", name="Start").click()
    first = page.locator("#runs > li").first
    expect(first.locator(".state")).to_have_text("done", timeout=JOB_LIMIT_MS)
    expect(first.locator("progress")).to_have_count(0)
    first.get_by_role("link").click()
    expect(page.locator("pre")).to_contain_text("drew")
    page = watch.open("/map")
    expect(page.get_by_text("Drawn by t-SNE")).to_be_visible()


def test_a_run_is_cancelled(watch: Watched, world: World) -> None:
    """Two are started: the second waits, and is taken out of the queue; the first is stopped."""
    page = watch.open("/runs")
    for _ in range(2):
        page.get_by_role("combobox", name="Start").select_option("evaluate")
        page.get_by_role("button", name="Start").click()
        page.wait_for_load_state("load")
    for row in (0, 1):
        item = page.locator("#runs > li").nth(row)
        item.get_by_role("button", name="Cancel").click()
        expect(item.locator(".state")).to_have_text("cancelled", timeout=JOB_LIMIT_MS)
    jobs = httpx.get(f"{world.url}/api/jobs").json()
    assert [job["state"] for job in jobs[:2]] == ["cancelled", "cancelled"], json.dumps(jobs[:2])


def test_skipped_files_have_their_reasons(watch: Watched, world: World) -> None:
    page = watch.open("/runs")
    section = page.locator("section", has=page.get_by_role("heading", name="Skipped files"))
    section.get_by_text("Files and reasons").click()
    assert section.get_by_role("row").count() > 1
