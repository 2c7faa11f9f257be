"""Chapter: the factors that the models learn to predict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.factors.scaling import Scaling
from unheard.report.blocks import Picture, Section
from unheard.report.figures.factors import distribution, scalings
from unheard.report.report_data import Collected

SHOWN_TRACKS = 200
SHOWN_FACTORS = 64

Floats = NDArray[np.float32]


def factors(found: Collected) -> Section:
    """Distribution of the factors, and what the two scalings do to them."""
    values = found.train_factors
    return Section("factors", "What the networks learn: factors", (_distribution(values), _scalings(values)))


def single_factors(values: Floats) -> dict[str, int]:
    """Four columns by their deviation: the widest, two between, the narrowest; named from 1."""
    by_spread = np.argsort(-values.std(axis=0), kind="stable")
    places = np.unique(np.round(np.linspace(0, len(by_spread) - 1, 4)).astype(int))
    return {f"factor {by_spread[place] + 1}": int(by_spread[place]) for place in places}


def _distribution(values: Floats) -> Picture:
    n, d = values.shape
    deviation = float(values.std()) or 1.0
    beyond = float((np.abs(values - values.mean()) > 3 * deviation).mean())
    return Picture(
        "factor-distribution",
        distribution(values, single_factors(values)),
        "svg",
        f"Histogram of all {d} factors of {n} tracks with a normal curve, and histograms of four single factors.",
        f"Matrix factorisation describes each of the {n:,} played train tracks by {d} numbers, such that tracks of the "
        "same playlists get similar ones. Left: all of them in one histogram, with the normal curve of the same "
        f"mean and deviation. {100 * beyond:.1f} % lie more than three deviations out; a normal curve would have "
        "0.3 %. Right: the factors that vary most and least, and two between: they are not equally wide, and how wide "
        "one is says how much it matters. (Thesis figure 4.2.)",
        "How factors are distributed",
    )


def _scalings(values: Floats) -> Picture:
    by_norm = np.argsort(-np.linalg.norm(values, axis=1), kind="stable")
    shown = np.sort(np.unique(np.round(np.linspace(0, len(by_norm) - 1, SHOWN_TRACKS)).astype(int)))
    scaled = {"as they are": values}
    for name, kind in (("unit variance", "standard"), ("min-max", "min-max")):
        scaled[name] = Scaling.fit(values, "standard" if kind == "standard" else "min-max").transform(values)
    low, high = np.percentile(scaled["min-max"], [25, 75])
    pictured = {name: matrix[by_norm[shown], :SHOWN_FACTORS] for name, matrix in scaled.items()}
    return Picture(
        "scalings",
        scalings(pictured),
        "png",
        "Heat maps and histograms of the same factors: unscaled, centred with unit variance, and min-max scaled.",
        f"A line is a track, a column a factor; tracks with the longest factors, mostly the most played, are on top. "
        "Purple is below zero, orange above; below each, the histogram of its numbers over all that its colours span. "
        "Centred and with unit variance, every factor counts alike: that is what models learn. Min-max scaling maps "
        "each factor's smallest number to 0 and its largest to 1, so that a single outlier decides the scale: half of "
        f"all numbers lie between {low:.2f} and {high:.2f}, tracks look alike, and a model that always answers the "
        "mean has a small error. (Thesis figure 4.3.)",
        "Before and after scaling",
    )
