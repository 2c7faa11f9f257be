"""First steps of a user: search, open a track, play it, follow its neighbours, drop a file."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import PLAYING, SLOWLY, Watched, World
from unheard.library import open_library


def test_search_finds_a_track_by_a_word_of_its_title(watch: Watched, world: World) -> None:
    with open_library(world.workspace.library_path) as library:
        track = next(track for track in library.tracks().items if track.track_id == world.plain[0])
    page = watch.open("/")
    page.get_by_role("searchbox").fill(track.title)
    page.get_by_role("searchbox").press("Enter")
    link = page.get_by_role("link", name=track.title, exact=True).first
    expect(link).to_be_visible()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(track.title)


def test_browsing_can_be_limited_to_new_tracks(watch: Watched, world: World) -> None:
    page = watch.open("/tracks")
    everything = page.locator(".tracks > li").count()
    page.get_by_role("link", name="New", exact=True).click()
    page.wait_for_load_state("networkidle")
    cold = page.locator(".tracks > li").count()
    assert 0 < cold < everything
    assert set(page.locator(".tracks .mark").all_text_contents()) == {"new"}


def test_a_track_plays_and_is_seeked_in_its_wave(watch: Watched, world: World) -> None:
    page = watch.open(f"/track?id={world.plain[0]}")
    assert not [url for url in watch.requests if "/sound" in url]  # no audio is read before it is played
    page.locator(".track-head button.play").click()
    page.wait_for_function(PLAYING)
    expect(page.locator(".track-head button.play")).to_have_attribute("aria-pressed", "true")
    wave = page.locator("#wave")
    wave.focus()
    wave.press("ArrowUp")  # a tenth of the track
    page.wait_for_function("() => Number(document.getElementById('wave').getAttribute('aria-valuenow')) >= 9")
    box = wave.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 20)
    page.wait_for_function("() => Number(document.getElementById('wave').getAttribute('aria-valuenow')) >= 48")
    page.locator(".track-head button.play").click()
    expect(page.locator(".track-head button.play")).to_have_attribute("aria-pressed", "false")


def test_one_track_plays_at_a_time(watch: Watched, world: World) -> None:
    page = watch.open(f"/track?id={world.plain[0]}")
    page.locator(".tracks button.play").nth(0).click()
    page.wait_for_function(PLAYING)
    page.locator(".tracks button.play").nth(1).click()
    expect(page.locator(".tracks button.play").nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".tracks button.play").nth(0)).to_have_attribute("aria-pressed", "false")


def test_a_track_shows_new_and_known_neighbours_with_explanations(watch: Watched, world: World) -> None:
    page = watch.open(f"/track?id={world.plain[0]}")
    new, known = page.locator(".columns section").all()
    assert set(new.locator(".mark").all_text_contents()) == {"new", "test track"}  # the world is an experiment
    assert set(known.locator(".mark").all_text_contents()) == {"known"}
    assert any("near" in why for why in new.locator(".why").all_text_contents())
    matches = [float(text.removesuffix(" %")) for text in new.locator(".score").all_text_contents() if "%" in text]
    assert matches
    assert matches == sorted(matches, reverse=True)


def test_pictures_are_drawn(watch: Watched, world: World) -> None:
    page = watch.open(f"/track?id={world.plain[0]}")
    for image in page.locator("main img").all():
        image.scroll_into_view_if_needed()
        assert image.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }") > 0
    pixels = "document.querySelector('#wave canvas').getContext('2d').getImageData(60, 30, 1, 40).data"
    assert page.evaluate(f"{pixels}.some((value) => value > 0)")


def test_a_dropped_file_finds_neighbours(watch: Watched, world: World) -> None:
    page = watch.open("/drop")
    page.locator("#file").set_input_files(world.song)
    expect(page.locator("#result .tracks").first).to_be_visible(timeout=120_000)  # the first file waits for torch
    assert page.locator("#result .tracks > li").count() > 5
    page.get_by_role("button", name="Play your file").click()
    page.wait_for_function(PLAYING)


def test_a_dropped_file_that_is_not_audio_shows_an_error(watch: Watched, world: World) -> None:
    page = watch.open("/drop")
    page.locator("#file").set_input_files(
        {"name": "list.mp3", "mimeType": "audio/mpeg", "buffer": b"this is text" * 50}
    )
    expect(page.locator("#upload-text")).to_contain_text("not-audio", timeout=120_000)
    watch.complaints.clear()  # the browser itself notes the refusal


def test_a_bad_file_removes_the_result_of_the_previous_one(watch: Watched, world: World) -> None:
    page = watch.open("/drop")
    page.locator("#file").set_input_files(world.song)
    expect(page.locator("#result .tracks").first).to_be_visible(timeout=120_000)
    for content, problem in ((b"", "0 bytes"), (b"this is text" * 50, "not-audio")):
        page.locator("#file").set_input_files({"name": "a.mp3", "mimeType": "audio/mpeg", "buffer": content})
        expect(page.locator("#upload-text")).to_contain_text(problem, timeout=120_000)
        expect(page.locator("#upload.bad")).to_be_visible()
        expect(page.locator("#upload-bar")).to_be_hidden()
        expect(page.locator("#result > *")).to_have_count(0)
    page.locator("#file").set_input_files(world.song)
    expect(page.locator("#result .tracks").first).to_be_visible(timeout=120_000)
    expect(page.locator("#upload")).to_be_hidden()
    watch.complaints.clear()  # the browser itself notes the refusals


def test_what_cannot_be_played_can_be_tried_again(watch: Watched, world: World) -> None:
    """The buttons show play again, and the next press asks for the sound again."""
    watch.page.add_init_script(SLOWLY)
    page = watch.open(f"/track?id={world.plain[0]}")
    page.route("**/sound?*", lambda route: route.fulfill(status=404, body=""))
    own, at_the_foot = page.locator(".track-head button.play"), page.locator(".player button.play")
    for button in (own, at_the_foot):
        # Without this the second press would be taken for refused while it is still asked for.
        page.locator(".player .small").evaluate("(shown) => { shown.textContent = ''; }")
        button.click()
        expect(page.locator(".player .small")).to_have_text("cannot be played")
        for shown in (own, at_the_foot):
            expect(shown).to_have_attribute("aria-pressed", "false")
    page.unroute("**/sound?*")
    own.click()
    page.wait_for_function(PLAYING)
    expect(own).to_have_attribute("aria-pressed", "true")
    watch.complaints.clear()  # the browser itself notes every 404


def test_dropping_works_without_javascript(watch: Watched, world: World) -> None:
    page = watch.page.context.browser.new_page(java_script_enabled=False)  # type: ignore[union-attr]
    page.goto(f"{world.url}/drop")
    page.locator("#file").set_input_files(world.song)
    page.get_by_role("button", name="Find neighbours").click()
    expect(page.locator("#result .tracks > li").first).to_be_visible(timeout=120_000)
    page.close()


def test_a_playlist_gets_new_tracks(watch: Watched, world: World) -> None:
    page = watch.open("/playlists")
    page.locator(".plain-list a").last.click()
    expect(page.get_by_role("heading", name="Test tracks for this playlist")).to_be_visible()
    marks = set(page.locator(".columns section").first.locator(".mark").all_text_contents())
    assert "test track" in marks <= {"new", "test track"}
