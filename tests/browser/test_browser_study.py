"""A rater with a telephone, a keyboard and no mouse, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.builders.server import running
from tests.builders.study_world import MODELS, build
from unheard.listening_test.answers import read_answers
from unheard.listening_test.create import Created, StudyOptions, create
from unheard.listening_test.study import Rater
from unheard.serve.config import ServeConfig

TELEPHONE = ViewportSize(width=390, height=844)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Created, Created]]:
    """A server, a study of ratings and one of pairs, both short."""
    workspace = build(tmp_path_factory.mktemp("browsed"))
    rating, comparing = (
        create(workspace, StudyOptions(kind, MODELS[:2], "auto:2", 4, kind=kind, k=1, clip_s=1.0))
        for kind in ("rate", "ab")
    )
    with running(ServeConfig(workspace=workspace.root)) as url:
        yield url, rating, comparing


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Browser:
    return chromium


class Watched:
    """A telephone and all that its pages asked for and complained about."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context: BrowserContext = browser.new_context(viewport=TELEPHONE, **options)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(self.url)] == []


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never gets to {selector}")


def listen(page: Page, place: int) -> None:
    """Play a clip with the keyboard until it counts as heard."""
    page.locator(".listen-play").nth(place).focus()
    page.keyboard.press("Space")
    page.locator(".clip").nth(place).and_(page.locator(".played")).wait_for(timeout=20_000)


def begin(page: Page, url: str, rater: Rater) -> None:
    page.goto(f"{url}/listen/{rater.token}")
    tab_to(page, "input[name=consent]")
    page.keyboard.press("Space")
    tab_to(page, "button.main")
    page.keyboard.press("Enter")
    page.locator("form.screen").wait_for()


def rate(page: Page, place: int) -> None:
    """One screen: both clips, both scales, on. The number of steps depends on the screen."""
    for clip in range(page.locator(".clip").count()):
        if page.locator(".clip").nth(clip).get_attribute("data-must") is not None:
            listen(page, clip)
    if page.locator(".which").count():
        tab_to(page, "input[type=radio]")
        page.keyboard.press("Space" if place % 2 else "ArrowRight")
    else:
        tab_to(page, ".scale[data-name=similarity] input")
        for _ in range(place + 1):
            page.keyboard.press("ArrowRight")
        tab_to(page, ".scale[data-name=liking] input")
        page.keyboard.press("Home")
    tab_to(page, "button.main")
    with page.expect_navigation():
        page.keyboard.press("Enter")


def serious(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found if rule["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("kind", ["rate", "ab"])
def test_a_whole_study_with_the_keyboard(browser: Browser, studies: tuple[str, Created, Created], kind: str) -> None:
    url, rating, comparing = studies
    made = rating if kind == "rate" else comparing
    rater = made.study.raters[0]
    watched = Watched(browser, url)
    begin(watched.page, url, rater)
    for place in range(len(rater.items)):
        if place == 2:  # the browser is closed, and the link opened in a new one
            watched.close()
            watched = Watched(browser, url)
            watched.page.goto(f"{url}/listen/{rater.token}")
        assert watched.page.locator(".far span").text_content() == f"{place + 1} of {len(rater.items)}"
        rate(watched.page, place)
    assert watched.page.locator("h1").text_content() == "Thank you"
    watched.close()
    answers = read_answers(made.folder, made.study, rater).answers
    assert list(answers) == [item.name for item in rater.items]
    assert all(0.4 < answer.seconds < 120 for answer in answers.values())
    if kind == "rate":
        assert [answer.similarity for answer in answers.values()] == [51 + place for place in range(len(answers))]
        assert {answer.liking for answer in answers.values()} == {0}
    else:
        assert {answer.choice for answer in answers.values()} == {0, 1}


def test_nothing_goes_on_before_all_is_heard_and_answered(
    browser: Browser, studies: tuple[str, Created, Created]
) -> None:
    url, made, _ = studies
    rater = made.study.raters[1]
    watched = Watched(browser, url)
    page = watched.page
    begin(page, url, rater)
    page.locator("button.main").click()
    assert page.locator(".missing").text_content() == "Please listen to the starting track first."
    assert page.evaluate("document.activeElement.dataset.name") == "the starting track"
    listen(page, 0)
    expect(page.locator(".missing")).to_have_text("")  # what it asked for is done
    page.locator("button.main").click()
    assert page.locator(".missing").text_content() == "Please listen to the candidate first."
    listen(page, 1)
    expect(page.locator(".missing")).to_have_text("")
    page.locator("button.main").click()
    assert page.locator(".missing").text_content() == "Please answer this question too."
    assert page.evaluate("document.activeElement.type") == "range"
    page.keyboard.press("ArrowRight")
    expect(page.locator(".missing")).to_have_text("")
    assert read_answers(made.folder, made.study, rater).answers == {}
    watched.close()


def test_a_question_with_two_answers_is_asked_for_until_it_is_answered(
    browser: Browser, studies: tuple[str, Created, Created]
) -> None:
    url, _, made = studies
    watched = Watched(browser, url)
    page = watched.page
    begin(page, url, made.study.raters[1])
    for clip in range(3):
        listen(page, clip)
    page.locator("button.main").click()
    assert page.locator(".missing").text_content() == "Please answer this question too."
    assert page.locator(".which.unanswered").count() == 1
    page.get_by_role("radio").first.check()
    expect(page.locator(".missing")).to_have_text("")
    assert page.locator(".unanswered").count() == 0
    watched.close()


def test_one_clip_at_a_time(browser: Browser, studies: tuple[str, Created, Created]) -> None:
    url, made, _ = studies
    watched = Watched(browser, url)
    begin(watched.page, url, made.study.raters[2])
    buttons = watched.page.locator(".listen-play")
    buttons.nth(0).click()
    buttons.nth(1).click()
    watched.page.wait_for_function("document.querySelectorAll('audio')[0].paused")
    assert buttons.nth(0).get_attribute("aria-pressed") == "false"
    assert (buttons.nth(0).get_attribute("aria-label") or "").startswith("Play the starting track")
    watched.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser: Browser, studies: tuple[str, Created, Created], scheme: str) -> None:
    url, rating, comparing = studies
    for made in (rating, comparing):
        rater = made.study.raters[3]
        watched = Watched(browser, url, color_scheme=scheme)
        page = watched.page
        page.goto(f"{url}/listen/{rater.token}")
        if page.locator("input[name=consent]").count():
            assert serious(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") == 390
            begin(page, url, rater)
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        for button in page.locator("button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 40
        watched.close()


def test_no_page_leads_to_the_catalogue(browser: Browser, studies: tuple[str, Created, Created]) -> None:
    url, made, _ = studies
    watched = Watched(browser, url)
    for address in (made.study.raters[2].token, made.study.raters[0].token):
        watched.page.goto(f"{url}/listen/{address}")
        links = watched.page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
        assert all(link.startswith(f"/listen/{address}") for link in links)
    watched.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_a_picture_of_the_rating_page(
    browser: Browser, studies: tuple[str, Created, Created], tmp_path: Path, width: int
) -> None:
    """The screen in use fits its window. UNHEARD_SCREENSHOTS=docs/images makes the pictures of the documents."""
    url, made, _ = studies
    out = Path(os.environ.get("UNHEARD_SCREENSHOTS", tmp_path)) / f"listen-{width}.png"
    context = browser.new_context(viewport=ViewportSize(width=width, height=844 if width == 390 else 900))
    page = context.new_page()
    page.goto(f"{url}/listen/{made.study.raters[2].token}")
    if page.locator("input[name=consent]").count():
        begin(page, url, made.study.raters[2])
    for clip in range(page.locator(".clip").count()):
        listen(page, clip)
    tab_to(page, ".scale[data-name=similarity] input")
    for _ in range(2):
        page.keyboard.press("PageUp")
    page.locator(".listen-play").nth(1).evaluate("button => button.style.setProperty('--at', 0.62)")
    page.screenshot(path=out)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("button.main").bounding_box()["y"] < 800  # type: ignore[index]
    assert 5_000 < out.stat().st_size < 150_000
    context.close()
