"""Section on the factors that the networks predict."""

from __future__ import annotations

import numpy as np

from unheard.arrays import Floats
from unheard.factors.scaling import Scaling
from unheard.report.blocks import Picture, Section
from unheard.report.figures.factor_distributions import distribution, scalings
from unheard.report.report_data import ReportData

SHOWN_TRACKS = 200
SHOWN_FACTORS = 64


def factors(found: ReportData) -> Section:
    """Return the distribution of the factors, and the effect of the two scalings."""
    values = found.train_factors
    return Section("factors", "Targets of the networks: factors", (_distribution(values), _scalings(values)))


def single_factors(values: Floats) -> dict[str, int]:
    """Return four columns by standard deviation: the largest, two between, the smallest; named from 1."""
    by_spread = np.argsort(-values.std(axis=0), kind="stable")
    ranks = np.unique(np.round(np.linspace(0, len(by_spread) - 1, 4)).astype(int))
    return {f"factor {by_spread[rank] + 1}": int(by_spread[rank]) for rank in ranks}


def _distribution(values: Floats) -> Picture:
    n, d = values.shape
    deviation = float(values.std()) or 1.0
    beyond = float((np.abs(values - values.mean()) > 3 * deviation).mean())
    return Picture(
        "factor-distribution",
        distribution(values, single_factors(values)),
        "svg",
        f"Histogram of all {d} factors of {n} tracks with a normal curve, and histograms of four single factors.",
        f"Matrix factorisation gives each of the {n:,} train tracks with plays {d} factors, which are similar for "
        "tracks of the same playlists. Left: histogram of all factors, with the normal curve of the same mean and "
        f"standard deviation. {100 * beyond:.1f} % are more than three standard deviations from the mean; of a normal "
        "distribution, 0.3 % are. Right: the factors with the largest and the smallest standard deviation, and two "
        "between; a factor with a larger one has more influence on scores. (Thesis figure 4.2.)",
        "Distribution of factors",
    )


def _scalings(values: Floats) -> Picture:
    by_norm = np.argsort(-np.linalg.norm(values, axis=1), kind="stable")
    shown = np.sort(np.unique(np.round(np.linspace(0, len(by_norm) - 1, SHOWN_TRACKS)).astype(int)))
    scaled = {"unscaled": values}
    for name, kind in (("unit variance", "standard"), ("min-max", "min-max")):
        scaled[name] = Scaling.fit(values, "standard" if kind == "standard" else "min-max").transform(values)
    low, high = np.percentile(scaled["min-max"], [25, 75])
    pictured = {name: matrix[by_norm[shown], :SHOWN_FACTORS] for name, matrix in scaled.items()}
    return Picture(
        "scalings",
        scalings(pictured),
        "png",
        "Heat maps and histograms of the same factors: unscaled, centred with unit variance, and min-max scaled.",
        f"A row is a track, a column a factor; tracks with the largest norm, mostly the most played, are on top. "
        "Purple is below zero, orange above; the histogram below spans the same range as the colours. With mean 0 and "
        "unit variance, every factor has the same weight; these are the targets of the networks. Min-max scaling maps "
        "the smallest value of each factor to 0 and the largest to 1, so that a single outlier determines the scale: "
        f"half of all values lie between {low:.2f} and {high:.2f}, and a model that always predicts the mean has a "
        "small error. (Thesis figure 4.3.)",
        "Scaling of factors",
    )
