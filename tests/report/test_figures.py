"""Figures are pure: data in, artists out. Nothing is left empty, and every number that goes in is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from unheard.report.figures.canvas import WIDTH_IN, encode
from unheard.report.figures.convolutions import filters, mosaic, responses, sliding_responses
from unheard.report.figures.curves import curves
from unheard.report.figures.elbow import elbow
from unheard.report.figures.factor_distributions import distribution, scalings
from unheard.report.figures.histories import StageHistory, history, overview
from unheard.report.figures.model_metrics import Point, dots, hubs
from unheard.report.figures.popularity import long_tail
from unheard.report.figures.spectrograms import envelope, levels, thinned, two_windows, waveform_and_spectrogram
from unheard.report.stored_results import Curves

RNG = np.random.default_rng(0)
BANDS_HZ = np.geomspace(50, 10_000, 32)


def drawn(figure: Figure) -> list[Axes]:
    """The axes of a figure, none of which may be empty, and which fit the page."""
    assert figure.get_size_inches()[0] == WIDTH_IN
    for ax in figure.axes:
        assert ax.has_data() or ax.images or ax.patches or ax.collections, ax.get_title()
    return figure.axes


def x_of(line: Line2D) -> list[float]:
    return list(np.asarray(line.get_xdata()))


def y_of(line: Line2D) -> list[float]:
    return list(np.asarray(line.get_ydata()))


def height(bar: Patch) -> float:
    assert isinstance(bar, Rectangle)
    return bar.get_height()


def test_waveform_and_spectrogram() -> None:
    samples, mel_db = RNG.normal(size=5_000), RNG.normal(size=(300, 32))
    place: dict[str, Any] = {"band_hz": BANDS_HZ, "start_s": 10.0, "seconds": 5.0}
    above, below, _bar = drawn(waveform_and_spectrogram(samples, mel_db, **place))
    assert above.get_xlim() == below.get_xlim() == (10, 15)
    assert [label.get_text() for label in below.get_yticklabels()] == ["125", "500", "2,000", "8,000"]
    assert len(drawn(waveform_and_spectrogram(None, mel_db, **place))) == 2


def test_two_windows() -> None:
    labels = ("short", "long")
    axes = drawn(
        two_windows(RNG.normal(size=(6, 900)), RNG.normal(size=(400, 80)), seconds=1.2, top_hz=5e3, labels=labels)
    )
    assert tuple(ax.get_title("left") for ax in axes) == labels
    assert all(ax.get_ylim() == (0, 5) for ax in axes)


def test_levels_and_distributions_count_every_value() -> None:
    left, right = drawn(levels(RNG.normal(size=500), RNG.normal(size=400)))
    assert sum(height(bar) for bar in left.patches) == 500
    assert sum(height(bar) for bar in right.patches) == 400
    _, single = drawn(distribution(RNG.normal(size=(50, 6)), {"factor 1": 0, "factor 6": 5}))
    legend = single.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["factor 1", "factor 6"]


def test_scalings_span_what_they_can_hold() -> None:
    values = RNG.normal(size=(30, 5))
    axes = drawn(scalings({"as they are": values, "min-max": (values - values.min()) / np.ptp(values)}))
    assert axes[0].images[0].get_clim() == (-np.abs(values).max(), np.abs(values).max())
    assert axes[1].images[0].get_clim() == (0, 1)
    assert len(axes) == 4


def test_constant_factors_are_drawn() -> None:
    """As a workspace of one play has them."""
    flat = np.zeros((3, 2), np.float32)
    drawn(distribution(flat, {"factor 1": 0}))
    drawn(scalings({"as they are": flat}))


def test_responses() -> None:
    patch = RNG.normal(size=(32, 40))
    pictures = [(f"filter {i}", RNG.normal(size=(32, 40))) for i in range(5)]
    axes = drawn(responses(patch, pictures, band_hz=BANDS_HZ))
    assert len(axes) == 6
    assert sorted(ax.get_title("left") for ax in axes)[:5] == [words for words, _ in pictures]
    assert len(drawn(sliding_responses(patch, RNG.normal(size=(7, 40)), band_hz=BANDS_HZ, along="time"))) == 2


def test_filters() -> None:
    axes = drawn(filters([RNG.normal(size=(64, 3, 3)), RNG.normal(size=(9, 12, 4))]))
    assert [ax.get_title("left") for ax in axes] == ["layer 1: 64 filters of 3 x 3", "layer 2: 9 filters of 12 x 4"]


@given(n=st.integers(1, 40), height=st.integers(1, 9), width=st.integers(1, 9))
def test_a_mosaic_holds_every_tile_once(n: int, height: int, width: int) -> None:
    tiles = np.arange(n * height * width, dtype=float).reshape(n, height, width) + 1
    out = mosaic(tiles)
    expected = np.sort((tiles / tiles.max(axis=(1, 2), keepdims=True)).ravel())
    assert np.array_equal(np.sort(out[np.isfinite(out)]), expected)


def test_history_draws_every_seed_and_stage() -> None:
    triplet = [{"epoch": 0.0, "val_loss": 0.4, "val_accuracy": 0.5}]
    triplet += [
        {"epoch": e, "train_loss": 0.3, "val_loss": 0.3, "train_accuracy": 0.6, "val_accuracy": 0.6} for e in (1, 2)
    ]
    squared = [{"epoch": e, "train_loss": 1.0, "val_loss": 1.0, "val_correlation": 0.1} for e in (1.0, 2.0)]
    run = (StageHistory("TripletSemiHard", 0.4, triplet), StageHistory("Mse", None, squared))
    axes = drawn(history([run, run[:1]]))
    titles = [ax.get_title("left") for ax in axes]
    assert titles == ["stage 1: triplet loss", "stage 1: accuracy", "stage 2: squared error", "stage 2: correlation"]
    assert [len(ax.lines) for ax in axes] == [5, 5, 2, 1]  # two seeds and the margin; one seed
    assert len(x_of(axes[0].lines[1])) == 3


def test_an_overview_has_a_panel_for_each_stage() -> None:
    epochs = [{"epoch": e, "train_loss": 1.0 - e / 9, "val_loss": 1.0, "val_correlation": 0.1} for e in (1.0, 2.0)]
    two = (StageHistory("TripletSemiHard", 0.4, epochs), StageHistory("Mse", None, epochs))
    axes = drawn(overview({"a": [two[1:], two[1:]], "b": [two], "c" * 40: [two[1:]]}))
    assert [ax.get_title("left") for ax in axes] == ["a", "b, 1", "b, 2", "c" * 23 + "…"]
    assert [len(ax.lines) for ax in axes] == [4, 3, 2, 2]  # two seeds; the margin
    assert y_of(axes[2].lines[0]) == [epoch["train_loss"] for epoch in epochs]


def test_history_without_epochs_noted_for_train() -> None:
    (ax,) = drawn(history([(StageHistory("Mse", None, [{"epoch": 0, "val_loss": 1.0}]),)]))
    assert len(ax.lines) == 1


def test_dots_have_a_line_per_model_and_a_dot_per_seed() -> None:
    models: dict[str, list[Point]] = {"random": [(0.1, 0.05, 0.15)], "net": [(0.3, 0.2, 0.4), (0.35, None, None)]}
    (ax,) = drawn(dots(models, chance=0.1, oracle=0.9, trained={"net"}))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["random", "net"]
    assert [x_of(line)[0] for line in ax.lines if line.get_marker() == "o"] == [0.1, 0.3, 0.35]
    assert [text.get_text() for text in ax.texts] == ["chance", "true factors"]
    (ax,) = drawn(dots(models, chance=None, oracle=None, trained=set()))
    assert not ax.texts


def test_hubs_and_long_tail() -> None:
    (ax,) = drawn(hubs({"oracle": np.array([3, 0, 1]), "net": np.array([1, 1, 2])}, expected=4 / 3))
    assert y_of(ax.lines[0]) == [3, 1, 0]
    left, right = drawn(long_tail(np.array([0, 5, 1, 3])))
    assert y_of(left.lines[0]) == [5, 3, 1]  # a logarithm has no place for 0
    assert y_of(right.lines[0])[-1] == pytest.approx(100)
    drawn(long_tail(np.array([2])))


def test_an_elbow_marks_its_corner_and_the_thesis() -> None:
    ks, distances = (16, 250, 4000), (90.0, 30.0, 20.0)
    (ax,) = drawn(elbow(ks, distances, corner=250, thesis=4000))
    chord, curve, corner, thesis = ax.lines
    assert (x_of(chord), y_of(chord)) == ([16, 4000], [90, 20])
    assert (x_of(curve), y_of(curve)) == (list(ks), list(distances))
    assert (x_of(corner), y_of(corner)) == ([250], [30])
    assert x_of(thesis) == [4000, 4000]
    assert [text.get_text() for text in ax.texts] == ["corner: 250", "thesis: 4,000"]
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["16", "250", "4,000"]
    drawn(elbow((8,), (1.0,), corner=8, thesis=4000))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=300), st.integers(1, 50))
def test_an_envelope_touches_the_extremes(samples: list[float], columns: int) -> None:
    low, high = envelope(np.array(samples), columns)
    assert len(low) == len(high) <= columns
    assert low.min() == min(samples)
    assert high.max() == max(samples)


@given(st.integers(1, 200), st.integers(1, 40))
def test_thinning_keeps_the_maximum(n: int, columns: int) -> None:
    frames = np.random.default_rng(n).normal(size=(n, 3))
    thin = thinned(frames, columns)
    assert len(thin) <= columns
    assert np.array_equal(thin.max(axis=0), frames.max(axis=0))


def test_names_are_shown_as_they_are_and_style_stays_inside() -> None:
    """Mathematics is not set, missing glyphs are no warning, and other people's figures keep their style."""
    before = dict(rcParams)
    figure = dots({"$\\frac{1}$ 音楽 🎵": [(0.1, 0.0, 0.2)]}, chance=None, oracle=None, trained=set())
    assert encode(figure, "svg").startswith(b"<?xml")
    assert dict(rcParams) == before


def test_a_figure_is_the_same_file_each_time() -> None:
    def draw() -> Figure:
        return long_tail(np.array([4, 2, 1]))

    for kind in ("svg", "png"):
        assert encode(draw(), kind) == encode(draw(), kind)


def test_curves_have_a_line_and_a_band_each_between_chance_and_the_oracle() -> None:
    lines: dict[str, tuple[Point, ...]] = {
        "sound": ((0.3, 0.2, 0.4), (0.3, 0.2, 0.4)),
        "plays": ((0.1, None, None), (0.5, 0.4, 0.6)),
    }
    (ax,) = drawn(curves(Curves("Both", (0, 50), "plays", "ndcg@20", lines, chance=0.1, oracle=0.7)))
    assert [y_of(line) for line in ax.lines] == [[0.3, 0.3], [0.1, 0.5], [0.1, 0.1], [0.7, 0.7]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "50"]
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["sound", "plays"]
    assert len(ax.collections) == 2
