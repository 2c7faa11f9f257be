"""The playlist maker: seeds, options, edits and exports of the list."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.pages import Watched, World
from unheard.library import open_library


def made(page: Page) -> list[str]:
    """Ids of the list, in its order."""
    ids: list[str] = page.evaluate("[...document.querySelectorAll('#made > li')].map((row) => row.dataset.id)")
    return ids


def with_seeds(world: World, n: int = 3) -> str:
    return "/make?" + "&".join(f"seed={name}" for name in world.plain[:n])


def test_seeds_are_found_while_typing(watch: Watched, world: World) -> None:
    with open_library(world.workspace.library_path) as library:
        titles = [t.title for t in library.tracks().items if t.track_id in world.plain[:2]]
    page = watch.open("/make")
    for count, title in enumerate(titles, start=1):
        page.get_by_role("combobox", name="Seeds").fill(title)
        expect(page.get_by_role("option").first).to_contain_text(title)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#seeds > li")).to_have_count(count)
    assert len(made(page)) > 3
    assert page.url.count("seed=") == 2  # a list that can be sent to somebody


def test_options_narrow_the_list(watch: Watched, world: World) -> None:
    page = watch.open(with_seeds(world))
    before = made(page)
    assert set(page.locator("#made .mark").all_text_contents()) == {"new", "test track"}  # the world is an experiment
    page.get_by_label("Known", exact=True).check()
    expect(page.locator("#made .mark").first).to_have_text("known")
    assert not set(before) & set(made(page))
    page.get_by_label("How many").fill("4")
    expect(page.locator("#made > li")).to_have_count(4)
    page.get_by_text("Genre, year, length, model").click()
    page.get_by_label("From year").fill("2300")
    expect(page.get_by_text("Nothing matches")).to_be_visible()


def test_variety_changes_the_choice(watch: Watched, world: World) -> None:
    page = watch.open(with_seeds(world) + "&n=5")
    before = made(page)
    page.get_by_label("Variety").fill("1")
    page.wait_for_function("() => location.search.includes('diversity=1')")
    assert made(page) != before


def test_tracks_are_removed_and_others_come(watch: Watched, world: World) -> None:
    page = watch.open(with_seeds(world) + "&n=5")
    before = made(page)
    page.locator("#made [data-remove]").nth(1).click()
    page.wait_for_function("() => location.search.includes('exclude=')")
    after = made(page)
    assert before[1] not in after
    assert [name for name in after if name in before] == [name for name in before if name != before[1]]
    assert len(after) == 5
    page.get_by_text("Removed: 1").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.locator("#removed li")).to_have_count(0)


def test_order_is_changed_by_keyboard_and_drag_and_is_kept(watch: Watched, world: World) -> None:
    page = watch.open(with_seeds(world) + "&n=5")
    first, second, *rest = made(page)
    page.locator("#made > li").nth(1).get_by_role("button", name="up").press("Enter")
    assert made(page) == [second, first, *rest]
    expect(page.locator("#said")).to_contain_text("is now number 1 of 5")
    grip = page.locator("#made .grip").nth(4)
    grip.scroll_into_view_if_needed()
    start, end = grip.bounding_box(), page.locator("#made > li").nth(2).bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(start["x"] + 5, end["y"] + 40, steps=8)
    page.mouse.move(start["x"] + 5, end["y"] + 4, steps=4)
    page.mouse.up()
    order = [second, first, rest[2], rest[0], rest[1]]
    assert made(page) == order
    page.reload()
    assert made(page) == order
    page.get_by_label("How many").fill("6")
    expect(page.locator("#made > li")).to_have_count(6)
    assert made(page)[:5] == order


def test_the_list_is_exported_in_every_format(watch: Watched, world: World, tmp_path: Path) -> None:
    page = watch.open(with_seeds(world) + "&n=4")
    page.locator("#made > li").nth(1).get_by_role("button", name="up").click()
    page.get_by_label("Name").fill("For Anna: rain / night")
    texts = {}
    for label in ("M3U8", "JSPF", "CSV", "JSON"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label, exact=True).click()
        assert waiting.value.suggested_filename == f"for-anna-rain-night.{label.lower()}"
        texts[label] = Path(waiting.value.path()).read_text(encoding="utf-8")
    order = made(page)
    with open_library(world.workspace.library_path) as library:
        path_of = {track.track_id: track.path for track in library.tracks().items}
    table = json.loads(texts["JSON"])
    assert [row["track_id"] for row in table] == order
    assert [row["rank"] for row in table] == [1, 2, 3, 4]
    assert all(row["score"] > 0 for row in table)
    paths = [line for line in texts["M3U8"].splitlines() if not line.startswith("#")]
    assert paths == [path_of[name] for name in order if path_of[name]]  # players cannot play what has no file
    assert json.loads(texts["JSPF"])["playlist"]["title"] == "For Anna: rain / night"
    assert [line.split(",")[1] for line in texts["CSV"].splitlines()[1:]] == order


def test_an_m3u_file_becomes_seeds(watch: Watched, world: World, tmp_path: Path) -> None:
    with open_library(world.workspace.library_path) as library:
        chosen = [track for track in library.tracks().items if track.track_id in world.plain[:3]]
    lines = ["#EXTM3U", *(line for t in chosen for line in (f"#EXTINF:4,{t.label}", t.path))]
    lines += ["#EXTINF:180,Nobody - Nothing at All", "/music/nothing.mp3"]
    file = tmp_path / "mine.m3u8"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    page = watch.open("/make")
    page.locator("#file").set_input_files(file)
    page.get_by_role("button", name="Use these as seeds").click()
    expect(page.get_by_text("3 of 4 lines are in this library")).to_be_visible()
    page.get_by_text("Not found", exact=True).click()
    expect(page.get_by_text("Nobody - Nothing at All")).to_be_visible()
    expect(page.locator("#seeds > li")).to_have_count(3)
    assert made(page)


def test_pasted_lines_become_seeds(watch: Watched, world: World) -> None:
    with open_library(world.workspace.library_path) as library:
        track = next(track for track in library.tracks().items if track.track_id == world.plain[0])
    page = watch.open("/make")
    page.get_by_label("Paste lines").fill(f"{track.artist} - {track.title}\n{world.plain[1]}")
    page.get_by_role("button", name="Use these as seeds").click()
    expect(page.locator("#seeds > li")).to_have_count(2)


def test_a_list_is_saved_on_the_server_in_its_order(watch: Watched, world: World) -> None:
    page = watch.open(with_seeds(world) + "&n=4")
    page.locator("#made > li").nth(3).get_by_role("button", name="up").click()
    order = made(page)
    page.get_by_role("button", name="Save as a playlist").click()
    page.get_by_role("textbox", name="Name of the playlist").fill("Evening")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Evening").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Evening")
    path = world.workspace.saved_dir / "evening.json"
    assert json.loads(path.read_text(encoding="utf-8"))["tracks"] == order
    path.unlink()


def test_lists_that_were_saved_in_this_browser_are_still_there(watch: Watched, world: World) -> None:
    to = with_seeds(world) + "&n=4"
    stored = json.dumps(json.dumps([{"name": "Evening", "to": to}]))
    page = watch.open("/make")
    page.evaluate(f"localStorage.setItem('unheard playlists', {stored})")
    page.reload()
    page.get_by_text("Saved in this browser").click()
    page.get_by_role("link", name="Evening").click()
    page.wait_for_load_state("networkidle")
    assert len(made(page)) == 4
    page.get_by_text("Saved in this browser").click()
    page.get_by_role("button", name="Delete Evening").click()
    expect(page.locator("#saved")).to_be_hidden()


def test_everything_but_order_works_without_javascript(watch: Watched, world: World) -> None:
    with open_library(world.workspace.library_path) as library:
        track = next(track for track in library.tracks().items if track.track_id == world.plain[0])
    page = watch.page.context.browser.new_page(java_script_enabled=False)  # type: ignore[union-attr]
    page.goto(f"{world.url}/make")
    page.get_by_label("Seeds").first.fill(track.title)
    page.get_by_role("button", name="Make the list").click()
    page.get_by_role("button", name="Add", exact=True).first.click()
    assert page.locator("#made > li").count() > 3
    title = page.locator("#made .title").first.text_content()
    page.locator("#made [data-remove]").first.click()
    assert page.locator("#made .title").first.text_content() != title
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    assert waiting.value.suggested_filename == "unheard.csv"
    page.close()


def test_an_invalid_number_is_reported(watch: Watched, world: World) -> None:
    page = watch.open(with_seeds(world) + "&n=many")
    expect(page.locator(".lead")).to_contain_text("expected a number from 1 to 50, found 'many'")
    watch.complaints.clear()  # the browser itself notes the refusal


def test_an_invalid_number_is_marked_and_nothing_is_sent(watch: Watched, world: World) -> None:
    page = watch.open(with_seeds(world))
    page.get_by_text("Genre, year, length, model").click()
    page.get_by_label("From year").fill("2300")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    for number in ("0", "99999"):
        watch.requests.clear()
        how_many = page.get_by_label("How many")
        how_many.fill(number)
        expect(page.get_by_text("Nothing matches")).to_have_count(0)  # it belonged to an earlier query
        expect(how_many).to_be_focused()
        page.locator("#seeds [data-unseed]").first.click()
        expect(how_many).to_be_focused()
        assert how_many.evaluate("(field) => field.matches(':invalid')")
        assert page.locator("#seeds > li").count() == 3
        assert [url for url in watch.requests if "/static/" not in url] == []  # the icon may come late
        how_many.fill("5")
        expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_label("From year").fill("-5")
    page.locator("summary", has_text="Genre, year, length, model").click()
    page.get_by_label("Known", exact=True).check()
    expect(page.get_by_label("From year")).to_be_focused()  # its fold opens again


def test_seeds_are_not_suggested_again_and_nothing_found_is_said(watch: Watched, world: World) -> None:
    with open_library(world.workspace.library_path) as library:
        title = next(t.title for t in library.tracks().items if t.track_id == world.plain[0])
    page = watch.open("/make")
    offered = page.locator("#suggestions > [role=option]")
    add, said = page.get_by_role("combobox", name="Seeds"), page.locator(".suggest .none")
    add.fill(title)
    expect(offered).to_have_count(1)
    add.fill("nothing is called that")
    expect(said).to_have_text("No matches")
    expect(offered).to_have_count(0)
    add.fill(title)
    offered.click()
    expect(page.locator("#seeds > li")).to_have_count(1)
    expect(said).to_have_text("")
    add.fill(title)
    expect(said).to_have_text("No other matches")
    expect(offered).to_have_count(0)
    add.press("Escape")
    expect(said).to_have_text("")
