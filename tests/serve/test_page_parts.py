"""Pure functions of the pages: text, addresses, pictures, queries, plots."""

from __future__ import annotations

import io
import time
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.datastructures import QueryParams

from unheard.errors import UserError
from unheard.serve.pages.pagination import Pagination
from unheard.serve.pages.pictures import LEVELS, mel_picture, outline, palette, record
from unheard.serve.pages.playlist_query import PlaylistQuery, in_order, read_query
from unheard.serve.pages.plot import MAX_ROWS, plot
from unheard.serve.pages.png import palette_png
from unheard.serve.pages.text import address, clock, duration, short
from unheard.serve.track_lists import disposition


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(max_size=400))
def test_short_text_is_one_plain_line(text: str) -> None:
    shown = short(text, 50)
    assert len(shown) <= 50
    assert len(shown.splitlines()) <= 1
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x07")
    shown.encode()


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert short("a\udc80b") == "a?b"


def test_a_file_whose_name_is_not_utf_8_can_be_downloaded() -> None:
    assert disposition("Für\udcff.mp3") == "attachment; filename=\"r.mp3\"; filename*=UTF-8''F%C3%BCr%3F.mp3"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, ""), (4.4, "0:04"), (59.6, "1:00"), (187, "3:07"), (3723, "1:02:03"), (-1, "")]
)
def test_lengths_as_a_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(min_size=1), st.lists(st.text(min_size=1), max_size=3))
def test_addresses_hold_anything(one: str, more: list[str]) -> None:
    parts = urlsplit(address("/track", id=one, seed=more, nothing=None, empty="", off=False, zero=0))
    expected = [("id", one), *(("seed", value) for value in more), ("zero", "0")]
    assert parts.path == "/track"
    assert parse_qsl(parts.query, errors="strict") == [
        (name, value.encode("utf-8", "replace").decode()) for name, value in expected
    ]


def test_a_png_is_read_by_others() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    colours = np.random.default_rng(0).integers(0, 256, (12, 3)).astype(np.uint8)
    image = Image.open(io.BytesIO(palette_png(pixels, colours)))
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), colours[pixels])


def colours_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_the_mel_picture_has_time_to_the_right_and_pitch_upwards() -> None:
    db = np.full((200, 32), -80, np.float32)
    db[150:, :8] = 0  # low and late
    image = colours_of(mel_picture(db, width=40, height=32, cold=True)).sum(axis=2)
    assert image.shape == (32, 40)
    assert image[-4:, 32:].min() > image[:20].max()
    assert image[-4:, 32:].min() > image[:, :28].max()


def test_a_record_turns_clockwise_from_the_top_with_bass_inside() -> None:
    db = np.full((400, 32), -80, np.float32)
    db[100:200, :10] = 0  # the second quarter, low
    image = colours_of(record(db, size=100, cold=False)).sum(axis=2)
    silent = palette(cold=False)[0].astype(int).sum()
    lower_right, upper_left = image[55:95, 55:95], image[5:45, 5:45]
    assert lower_right.max() > 3 * upper_left.max()
    assert image[75, 97] == silent  # the rim is treble
    assert image[50, 50] == silent  # the label
    assert image[0, 0] == silent


@pytest.mark.parametrize("frames", [1, 3, 1000])
@pytest.mark.parametrize("level", [-90.0, 0.0])
def test_pictures_of_anything_can_be_drawn(frames: int, level: float) -> None:
    """Short tracks and silence have pictures too, in colours of the palette."""
    db = np.full((frames, 128), level, np.float32)
    assert colours_of(record(db, size=56, cold=True)).shape == (56, 56, 3)
    assert colours_of(mel_picture(db, width=30, height=128, cold=True)).shape == (128, 30, 3)
    assert np.isfinite(outline(db, 48)).all()
    assert len(palette(cold=True)) == LEVELS


def test_the_outline_follows_the_loudest_of_each_band() -> None:
    db = np.full((100, 20), -100, np.float32)
    db[50:, :5] = 0  # bass in the second half
    db[90, 15] = -15  # one frame of treble
    found = outline(db, 10)  # (column, band)
    assert found.shape == (10, 3)
    assert found[:5].max() == 0
    assert found[5:, 0].min() == pytest.approx(1)
    assert found[9, 2] == pytest.approx(1 + (-15 - 10 * np.log10(5)) / 30, abs=1e-4)


QUERIES = st.builds(
    PlaylistQuery,
    seeds=st.lists(st.text(min_size=1).filter(str.strip), unique=True, max_size=4).map(tuple),
    which=st.sampled_from(["cold", "warm", "all"]),
    n=st.integers(1, 50),
    max_per_artist=st.integers(0, 9),
    max_per_album=st.none() | st.integers(0, 9),
    diversity=st.sampled_from([0.0, 0.25, 1.0]),
    genres=st.lists(st.text(min_size=1).filter(str.strip), unique=True, max_size=2).map(tuple),
    year_from=st.none() | st.integers(0, 9999),
    max_minutes=st.none() | st.sampled_from([0.0, 2.5, 10.0]),
    exclude=st.lists(st.text(min_size=1).filter(str.strip), unique=True, max_size=2).map(tuple),
    order=st.lists(st.text(min_size=1).filter(str.strip), unique=True, max_size=3).map(tuple),
)


@settings(deadline=None)  # a busy machine is no failure
@given(QUERIES)
def test_a_query_is_written_to_its_address_and_read_back(query: PlaylistQuery) -> None:
    assert read_query(QueryParams(urlsplit(query.link).query)) == query


def test_buttons_take_back_seeds_and_removals() -> None:
    query = read_query(QueryParams("seed=a&seed=b&unseed=a&exclude=x&exclude=y&allow=x"))
    assert (query.seeds, query.exclude) == (("b",), ("y",))


def test_an_address_of_thousands_of_tracks_is_read_at_once() -> None:
    """Before, every seed was compared with every button: 20,000 of each took seconds of a processor."""
    names = [(field, f"{field}-{number}") for field in ("seed", "unseed", "order") for number in range(20_000)]
    start = time.process_time()
    assert read_query(QueryParams(names)).seeds == tuple(f"seed-{number}" for number in range(100))
    ids = [f"t{number}" for number in range(2000)]
    assert in_order(ids, ids[::-1]) == ids[::-1]
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "query",
    ["n=0", "n=51", "n=x", "n=nan", "which=hot", "diversity=2", "year_from=-1", "per_artist=any", "per_album=-1"],
)
def test_an_invalid_query_is_refused(query: str) -> None:
    with pytest.raises(UserError, match="expected"):
        read_query(QueryParams(query))


def test_order_comes_first_and_the_rest_follows() -> None:
    assert in_order(["a", "b", "c", "d"], ["c", "gone", "a", "c"]) == ["c", "a", "b", "d"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(-1, "0 s"), (7.6, "8 s"), (59.7, "1 min 0 s"), (187, "3 min 7 s"), (3725, "1 h 2 min")]
)
def test_how_long_something_took(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_pages_of_a_list() -> None:
    pagination = Pagination(2, 40, 81, "/tracks", {"q": "x y", "artist": ""})
    assert pagination.n_pages == 3
    assert pagination.link(1) == "/tracks?q=x+y"
    assert pagination.link(3) == "/tracks?q=x+y&page=3"
    assert Pagination(1, 40, 0, "/tracks", {}).n_pages == 1


def test_a_plot_orders_models_and_keeps_everything_inside() -> None:
    models = {f"m{i}": [(i / 40, i / 40 - 0.01, i / 40 + 0.02)] for i in range(30)}
    drawn = plot(models, chance=0.1, oracle=0.9)
    assert [bar.name for bar in drawn.bars][:2] == ["m29", "m28"]
    assert len(drawn.bars) == MAX_ROWS
    assert drawn.left_out == 30 - MAX_ROWS
    xs = [x for bar in drawn.bars for dot in bar.dots for x in dot] + [x for x, _ in (*drawn.guides, *drawn.ticks)]
    assert min(xs) > 0
    assert max(xs) < drawn.width
    assert 3 <= len(drawn.ticks) <= 8


def test_a_plot_of_one_model_at_zero() -> None:
    assert plot({"m": [(0.0, None, None)]}, chance=None, oracle=None).bars[0].label == "0.000"


@given(st.text(st.characters(max_codepoint=300), max_size=80))
def test_plain_text_is_shortened_as_any_other(text: str) -> None:
    """A character that no tag has makes the way through every character sure."""
    assert short(text, 40) == short(text + "\u200f", 40)
