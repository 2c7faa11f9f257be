"""The player: a queue that plays on across tracks and pages, its keys and buttons, and what survives a reload."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import PLAYING, SLOWLY, Watched, World, watched

PAUSED = "() => document.querySelector('.player .play').getAttribute('aria-pressed') === 'false'"
STORED = "JSON.parse(sessionStorage.getItem('unheard queue'))"
NOW = f"(({{ tracks, at }}) => tracks[at]?.id)({STORED} ?? {{ tracks: [] }})"


def queued(page: Page) -> list[str]:
    """Ids of the queue, in its order."""
    ids: list[str] = page.evaluate(f"{STORED}.tracks.map((track) => track.id)")
    return ids


def shown_ids(page: Page) -> list[str]:
    """Ids of all tracks with a play button in the lists of the page."""
    ids: list[str] = page.locator(".tracks button.play").evaluate_all("(all) => all.map((one) => one.dataset.id)")
    return ids


def current(page: Page) -> str:
    found: str = page.evaluate(NOW)
    return found


def play_all(watch: Watched, path: str = "/tracks") -> Page:
    page = watch.open(path)
    page.get_by_role("button", name="Play all").first.click()
    page.wait_for_function(PLAYING)
    return page


def to_the_end(page: Page) -> None:
    """Seek to the last twentieth of the track, so that it ends soon."""
    wave = page.locator(".player .wave")
    box = wave.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.97 * box["width"], box["y"] + 10)


@pytest.fixture(autouse=True)
def slowly(watch: Watched) -> None:
    watch.page.add_init_script(SLOWLY)


@pytest.fixture
def nothing_kept(world: World) -> Iterator[None]:
    yield
    world.workspace.thumbs_path.unlink(missing_ok=True)
    for path in world.workspace.saved_dir.glob("*.json"):
        path.unlink()


def test_a_list_plays_on_from_track_to_track(watch: Watched) -> None:
    page = play_all(watch)
    ids = queued(page)
    shown = shown_ids(page)
    assert ids[: len(shown)] == shown
    assert len(ids) > len(shown)  # the list goes on on the next page
    assert current(page) == ids[0]
    to_the_end(page)
    page.wait_for_function(f"(id) => {NOW} === id", arg=ids[1])
    page.wait_for_function(PLAYING)
    expect(page.locator(".tracks button.play").nth(1)).to_have_attribute("aria-pressed", "true")


def test_sound_goes_on_across_pages(watch: Watched, world: World) -> None:
    """Links, forms and the back button: one document all the time, and time never jumps back."""
    page = play_all(watch)
    page.evaluate("window.sameDocument = true")
    first = current(page)
    page.evaluate("scrollTo({ top: 300, behavior: 'instant' })")
    page.wait_for_function("history.state === null || scrollY === 300")
    page.locator("header a[href='/saved']").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My playlists")
    assert page.url.endswith("/saved")
    assert page.title() == "My playlists · unheard"
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("header a[href='/make']").click()
    page.get_by_role("combobox", name="Seeds").fill("a")  # the page's own script runs
    page.locator("#suggestions > li").first.click()
    expect(page.locator("#seeds > li")).to_have_count(1)
    expect(page.locator("#made > li").first).to_be_visible()
    title = page.locator("#made .title").nth(1).text_content()
    page.locator("#made > li").nth(1).get_by_role("button", name="up").click()
    assert page.locator("#made .title").first.text_content() == title  # one press moves once
    page.locator("header a[href='/tracks']").click()
    page.get_by_role("searchbox").fill("a")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/tracks?q=a")
    page.go_back()
    page.wait_for_url("**/tracks")
    page.locator(".tracks a.title").nth(4).click()
    expect(page.locator("#wave")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tracks")
    assert page.evaluate("window.sameDocument") is True
    page.wait_for_function(PLAYING)
    assert current(page) in queued(page)
    assert first in queued(page)


def test_the_maker_works_again_after_it_was_left(watch: Watched) -> None:
    """A second visit has one set of listeners: one press moves a track by one."""
    page = play_all(watch, "/tracks")
    page.evaluate("window.sameDocument = true")
    for visit in range(2):
        page.locator("header a[href='/make']").click()
        page.get_by_role("combobox", name="Seeds").fill("a")
        page.locator("#suggestions > li").nth(visit).click()
        expect(page.locator("#made > li").nth(4)).to_be_visible()
        titles = page.locator("#made .title").all_text_contents()
        page.locator("#made > li").nth(2).get_by_role("button", name="up").click()
        moved = [titles[0], titles[2], titles[1], *titles[3:]]
        assert page.locator("#made .title").all_text_contents() == moved
        page.locator("header a[href='/map']").click()
        expect(page.locator("#map canvas").first).to_be_visible()
    assert page.evaluate("window.sameDocument") is True


def test_scroll_position_returns_with_the_back_button(watch: Watched) -> None:
    page = play_all(watch)
    page.evaluate("scrollTo({ top: 400, behavior: 'instant' })")
    page.locator(".tracks a.title").nth(12).click()
    expect(page.locator("#wave")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tracks")
    page.wait_for_function("scrollY > 100")


def test_next_previous_and_keys(watch: Watched) -> None:
    page = play_all(watch)
    ids = queued(page)
    page.get_by_role("button", name="Next track").click()
    assert current(page) == ids[1]
    page.locator("#main").focus()
    page.keyboard.press("n")
    assert current(page) == ids[2]
    page.keyboard.press("p")
    assert current(page) == ids[1]
    page.wait_for_function(PLAYING)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press(" ")
    page.wait_for_function(PAUSED)
    page.keyboard.press(" ")
    expect(page.locator(".player .play")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")


def test_keys_have_their_own_meaning_in_fields(watch: Watched) -> None:
    page = play_all(watch)
    ids = queued(page)
    field = page.get_by_role("searchbox")
    field.focus()
    page.keyboard.type("n p m")
    expect(field).to_have_value("n p m")
    assert current(page) == ids[0]
    link = page.locator(".tracks a.title").first
    link.focus()
    page.keyboard.press(" ")  # scrolls, as ever
    assert page.evaluate("document.querySelector('.player .play').getAttribute('aria-pressed')") == "true"
    page.get_by_role("button", name="Queue", exact=True).click()
    page.get_by_role("checkbox", name="Keyboard").uncheck()
    page.locator("#main").focus()
    page.keyboard.press("n")
    assert current(page) == ids[0]


def test_the_queue_is_reordered_shortened_and_cleared(watch: Watched) -> None:
    page = play_all(watch)
    ids = queued(page)
    page.get_by_role("button", name="Queue", exact=True).click()
    panel = page.get_by_role("region", name="Queue")
    expect(panel.get_by_role("listitem")).to_have_count(len(ids))
    panel.get_by_role("listitem").nth(2).get_by_role("button", name="up").press("Enter")
    assert queued(page)[:3] == [ids[0], ids[2], ids[1]]
    expect(panel.get_by_role("listitem").nth(1).get_by_role("button", name="up")).to_be_focused()
    panel.get_by_role("listitem").nth(1).get_by_role("button", name="Remove").click()
    assert queued(page) == [ids[0], ids[1], *ids[3:]]
    panel.get_by_role("listitem").nth(3).locator(".entry").click()
    assert current(page) == ids[4]
    panel.get_by_role("listitem").nth(3).get_by_role("button", name="Remove").click()  # the one that plays
    assert current(page) == ids[5]
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Queue", exact=True)).to_be_focused()
    page.get_by_role("button", name="Queue", exact=True).click()
    panel.get_by_role("button", name="Clear").click()
    expect(page.locator(".player")).to_be_hidden()
    expect(panel).to_be_hidden()


def test_single_tracks_are_queued(watch: Watched, world: World) -> None:
    page = watch.open("/tracks")
    page.locator(".tracks .enqueue").nth(3).click()
    page.locator(".tracks .enqueue").nth(1).click()
    shown = shown_ids(page)
    assert queued(page) == [shown[3], shown[1]]
    expect(page.locator(".player")).to_be_visible()
    page.wait_for_function(PAUSED)
    page = watch.open(f"/track?id={world.plain[0]}")  # a new document, with the same queue
    page.get_by_role("button", name="Play next").click()
    assert queued(page) == [shown[3], world.plain[0], shown[1]]


def test_the_queue_survives_a_reload(watch: Watched) -> None:
    page = play_all(watch)
    page.get_by_role("button", name="Next track").click()
    page.wait_for_function(PLAYING)
    page.keyboard.press("Tab")
    ids, at = queued(page), current(page)
    page.get_by_role("slider", name="Volume").fill("0.4")
    page.reload()
    expect(page.locator(".player")).to_be_visible()
    assert (queued(page), current(page)) == (ids, at)
    expect(page.get_by_role("slider", name="Volume")).to_have_value("0.4")
    other = page.context.new_page()
    other.goto(watch.url)
    expect(other.locator(".player")).to_be_visible()
    assert other.evaluate("JSON.parse(localStorage.getItem('unheard queue')).tracks.length") == len(ids)
    other.close()


def test_the_system_controls_know_the_track(watch: Watched) -> None:
    page = watch.page
    page.add_init_script(
        "window.handlers = {};"
        "navigator.mediaSession.setActionHandler = (name, handler) => { handlers[name] = handler; }"
    )
    page = play_all(watch)
    ids = queued(page)
    metadata = page.evaluate(
        "(({ title, artwork }) => ({ title, src: artwork[0].src }))(navigator.mediaSession.metadata)"
    )
    assert metadata["title"] == page.locator(".player .title").text_content()
    assert "/pictures/record?" in metadata["src"]
    assert "size=360" in metadata["src"]
    page.evaluate("handlers.nexttrack()")
    assert current(page) == ids[1]
    page.evaluate("handlers.previoustrack()")
    assert current(page) == ids[0]
    page.wait_for_function(PLAYING)
    page.evaluate("handlers.pause()")
    page.wait_for_function(PAUSED)
    assert set(page.evaluate("Object.keys(handlers)")) >= {"play", "pause", "seekto", "seekforward", "seekbackward"}


def test_what_cannot_be_played_is_passed_over(watch: Watched) -> None:
    page = watch.open("/tracks")
    first, second = shown_ids(page)[:2]
    page.route(f"**/sound?id={first}", lambda route: route.fulfill(status=404, body=""))
    page.get_by_role("button", name="Play all").click()
    page.wait_for_function(f"(id) => {NOW} === id", arg=second)
    page.wait_for_function(PLAYING)
    watch.complaints.clear()  # the browser itself notes every 404


def test_a_list_is_saved_reordered_and_continued(watch: Watched, world: World, nothing_kept: None) -> None:
    page = watch.open(f"/track?id={world.plain[0]}")
    page.get_by_role("button", name="Save as a playlist").first.click()
    page.get_by_role("textbox", name="Name of the playlist").fill("Rainy days")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Rainy days").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rainy days")
    saved = json.loads((world.workspace.saved_dir / "rainy-days.json").read_text())["tracks"]
    titles = page.locator("#saved-tracks .title").all_text_contents()
    assert len(titles) == len(saved) > 3
    page.locator("#saved-tracks > li").nth(1).get_by_role("button", name="up").click()
    expect(page.locator("#saved-tracks .title").first).to_have_text(titles[1])
    page.locator("#saved-tracks > li").nth(0).get_by_role("button", name="Remove").click()
    expect(page.locator("#saved-tracks > li")).to_have_count(len(saved) - 1)
    assert json.loads((world.workspace.saved_dir / "rainy-days.json").read_text())["tracks"] == [saved[0], *saved[2:]]
    suggested = page.locator("section", has=page.get_by_role("heading", name="Continue this playlist"))
    name = suggested.locator(".title").first.text_content()
    assert name
    suggested.get_by_role("button", name="to this playlist").first.click()
    expect(page.locator("#saved-tracks .title").last).to_have_text(name)
    page.get_by_label("Name", exact=True).fill("Sunny days")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sunny days")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="M3U8").click()
    assert waiting.value.suggested_filename == "sunny-days.m3u8"
    page = watch.open("/playlists")
    page.get_by_role("link", name="Sunny days").click()
    page.get_by_text("Delete this playlist").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Nothing is saved yet")).to_be_visible()


def test_a_radio_does_not_end(watch: Watched, world: World) -> None:
    page = watch.open(f"/track?id={world.plain[0]}")
    page.get_by_role("link", name="Start a radio").click()
    page.get_by_role("button", name="Start the radio").click()
    page.wait_for_function(PLAYING)
    before = queued(page)
    page.get_by_role("button", name="Queue", exact=True).click()
    expect(page.get_by_text("A radio: tracks are added as you listen")).to_be_visible()
    page.locator(".queue .entry").last.click()
    page.wait_for_function(f"(n) => {STORED}.tracks.length > n", arg=len(before))
    after = queued(page)
    assert after[: len(before)] == before
    page.get_by_role("button", name="Stop adding").click()
    assert page.evaluate(f"{STORED}.radio") is None


def test_a_path_is_found_played_and_turned(watch: Watched, world: World) -> None:
    page = watch.open(f"/path?start={world.plain[0]}")
    page.get_by_role("searchbox").fill("a")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Choose", exact=False).last.click()
    expect(page.locator("#path > li").nth(2)).to_be_visible()
    titles = page.locator("#path .title").all_text_contents()
    page.get_by_role("link", name="Turn around").click()
    expect(page.locator("#path .title").first).to_have_text(titles[-1])
    page.get_by_label("Tracks").select_option("5")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#path > li")).to_have_count(5)
    page.get_by_role("button", name="Play all").click()
    page.wait_for_function(PLAYING)
    assert len(queued(page)) == 5


def test_thumbs_are_given_in_the_player_and_on_pages(watch: Watched, world: World, nothing_kept: None) -> None:
    page = play_all(watch, f"/track?id={world.plain[0]}")
    liked = current(page)
    bar = page.locator(".player")
    bar.get_by_role("button", name="Like").click()
    expect(bar.get_by_role("button", name="Like")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Next track").click()
    expect(bar.get_by_role("button", name="Like")).to_have_attribute("aria-pressed", "false")
    disliked = current(page)
    bar.get_by_role("button", name="Never recommend").click()
    page.wait_for_function(f"(id) => {NOW} !== id", arg=disliked)  # and it goes on
    page = watch.open("/thumbs")
    assert page.locator("section", has_text="Liked").locator("button[data-thumb=up]").get_attribute("data-id") == liked
    page = watch.open(f"/track?id={world.plain[0]}")
    shown = shown_ids(page)
    assert disliked not in shown
    page = watch.open("/saved/my-likes")
    assert page.locator("#saved-tracks > li").count() == 1


def test_thumbs_and_playlists_work_without_javascript(watch: Watched, world: World, nothing_kept: None) -> None:
    page = watch.page.context.browser.new_page(java_script_enabled=False)  # type: ignore[union-attr]
    page.goto(f"{world.url}/track?id={world.plain[0]}")
    page.get_by_role("button", name="Like").click()
    expect(page.get_by_role("button", name="Like")).to_have_attribute("aria-pressed", "true")
    page.goto(f"{world.url}/saved/my-likes")
    assert page.locator("#saved-tracks > li").count() == 1
    page.goto(f"{world.url}/radio?playlist=saved:my-likes")
    assert page.locator("#station > li").count() > 3
    page.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_player_and_queue_are_accessible_and_fit(
    chromium: Browser, world: World, width: int, nothing_kept: None
) -> None:
    with watched(chromium, world.url, viewport={"width": width, "height": 900}, reduced_motion="reduce") as seen:
        page = play_all(seen)
        page.get_by_role("button", name="Queue", exact=True).click()
        path = f"/path?start={world.plain[0]}&end={world.plain[1]}"
        for address in (None, "/saved", "/thumbs", f"/radio?seed={world.plain[0]}", path):
            if address:
                page = seen.open(address)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                found = Axe().run(page).response["violations"]
                assert [one for one in found if one["impact"] in ("serious", "critical")] == [], address
            assert page.evaluate("document.documentElement.scrollWidth") == width, address
            assert page.locator("h1").count() == 1
        assert seen.complaints == []
        assert seen.outside() == []
