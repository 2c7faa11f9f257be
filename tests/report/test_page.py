"""The page's text: escaping, names, measured sentences."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.reported_world import HOSTILE
from unheard.evaluate.measure import Figure
from unheard.evaluate.result_tables import Table
from unheard.report.blocks import Folded, Missing, Section, Tabled, Text, Tiles
from unheard.report.figures.model_metrics import Point
from unheard.report.page import LONGEST_TEXT, Head, render, short, slug
from unheard.report.stored_results import Chart

HEAD = Head("w", "artists", HOSTILE, simulated=False, day="2020-01-01", version="0")


@given(st.text())
def test_slugs_are_plain_and_tell_names_apart(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", slug(name) or "x")
    assert slug(name) != slug(name + "!")


@given(st.text())
def test_short_text_can_always_be_written(text: str) -> None:
    assert len(short(text)) <= LONGEST_TEXT
    assert short(text + "\ud800").encode()


@settings(max_examples=40)
@given(st.text(max_size=50))
def test_whatever_it_says_it_is_text(words: str) -> None:
    """No text becomes a tag, wherever it stands."""
    words = words.replace("\r", "")
    table = Table(words, [words], [[words]])
    blocks = (
        Text(words, words),
        Missing(words),
        Tiles(((words, words),)),
        Tabled(table, words),
        Folded(words, (table,)),
    )
    html = render(HEAD, [Section("s", words, blocks)], {})
    empty = render(HEAD, [Section("s", "", _emptied())], {})
    assert set(re.findall(r"<[a-z]+[ >]", html)) <= set(re.findall(r"<[a-z]+[ >]", empty)) | {"<code>"}
    assert "<script>window" not in html


def _emptied() -> tuple[Text | Missing | Tiles | Tabled | Folded, ...]:
    table = Table("x", ["x"], [["x"]])
    return (Text("x", "x"), Missing("x"), Tiles((("x", "x"),)), Tabled(table, "x"), Folded("x", (table,)))


def test_backticks_are_code_and_stay_escaped() -> None:
    html = render(HEAD, [Section("s", "t", (Text("Run `a <b>` now"),))], {})
    assert "Run <code>a &lt;b&gt;</code> now" in html


@pytest.mark.parametrize(
    ("low", "chance", "beats"), [(0.2, 0.1, True), (0.1, 0.1, False), (None, 0.1, False), (0.2, None, False)]
)
def test_a_model_beats_chance_when_its_whole_interval_does(
    low: float | None, chance: float | None, beats: bool
) -> None:
    figure = Figure("recommend", "cold", "recall", 20)
    models: dict[str, list[Point]] = {
        "ridge": [(0.5, 0.4, 0.6)],
        "net": [(0.3, low, 0.4), (0.4, 0.35, 0.5)],
        "other": [(0.34, 0.2, 0.4)],
    }
    chart = Chart("artists", figure, "recall@20", models, chance, 0.9)
    assert chart.beats_chance("net") is beats
    best = chart.best(trained=True)
    assert best is not None
    assert best[0] == "net"
    assert best[1] == pytest.approx(0.35)
    assert chart.best(trained=False) == ("ridge", 0.5)
