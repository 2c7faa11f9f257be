"""What a server changes about the page: its players, the way back, the policy."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.reported_world import HOSTILE, Reported
from unheard.library import Track
from unheard.report.blocks import Lists, Section
from unheard.report.model_lists import Listed, ModelList, SideBySide
from unheard.report.page import Head, render
from unheard.report.served import as_served, served_policy

pytestmark = pytest.mark.slow

HEAD = Head("w", "artists", HOSTILE, simulated=False, day="2020-01-01", version="0")


class Players(HTMLParser):
    """Attributes of every player, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "audio":
            self.found.append(dict(attrs))


def served(page: str) -> str:
    return as_served(page, sound=lambda track_id: f"/sound?'\"<{track_id}>", home='/"home', icon="/icon")


def page_of(*track_ids: str, audio: str = "file:///a%20b.flac") -> str:
    tracks = [Listed(Track(name, title=name, artists=(name,)), "test", audio) for name in track_ids]
    lists = SideBySide(tracks[0], 3, (ModelList("cnn", tuple(tracks[1:]), None),))
    return render(HEAD, [Section("s", "t", (Lists(lists),))], {})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1), min_size=1))
def test_each_player_asks_for_its_own_track(track_ids: list[str]) -> None:
    """Whatever the ids hold, they come through, and the address stays one attribute."""
    page = page_of(*track_ids)
    assert [player["src"] for player in Players(page).found] == ["file:///a%20b.flac"] * len(track_ids)
    players = Players(served(page)).found
    assert [player["src"] for player in players] == [f"/sound?'\"<{name}>" for name in track_ids]
    assert all(set(player) == {"preload", "controls", "data-track", "src"} for player in players)


def test_text_that_looks_like_a_player_stays_text() -> None:
    words = '<header><audio data-track="x" src="y"><meta http-equiv="Content-Security-Policy" content="">'
    before, after = page_of(words, audio=""), served(page_of(words, audio=""))
    assert Players(after).found == []
    assert after.count(html.escape(words)) == before.count(html.escape(words))


def test_nothing_else_is_changed(reported: Reported) -> None:
    page = served(reported.html)
    before, after = reported.html.splitlines(), page.splitlines()
    back = '  <p class="back"><a href="/&quot;home">Back to unheard</a></p>'
    assert after.pop(before.index("<header>") + 1) == back
    changed = [line for line, other in zip(before, after, strict=True) if line != other]
    assert all("<audio " in line or line.startswith("<meta http-equiv") for line in changed)
    assert "Back to unheard" not in reported.html
    assert "file:" in reported.html
    assert "file:" not in page
    assert "Content-Security-Policy" not in page


def test_the_two_policies_allow_the_same_script(reported: Reported) -> None:
    of_the_file = re.findall(r"script-src 'sha256-[^']+'", reported.html)
    assert re.findall(r"script-src [^;]+", served_policy()) == of_the_file
    assert len(of_the_file) == 1
