"""What the raters said of the models, and how sure that is.

    rate   mean similarity and liking of each condition. Two of them are compared by each rater's mean difference over
           the seeds: Wilcoxon's signed-rank test over raters, with the rank biserial correlation as its effect, -1 to 1
           (signed_rank.py)
    ab     Bradley-Terry strengths (bradley_terry.py) in log odds, compared by the bootstrap; the effect is the
           probability that one is preferred to the other

Intervals: 95 %, bootstrap over raters and seeds together (resamples.py). Tests over raters speak of these seeds; the
intervals of the differences also of other music. p are Holm-corrected, per measure, over the pairs of models, and apart
from those over the pairs with the hidden reference or anchor. These two are not compared: screening has done so. Only
raters who pass the screening count, and nobody's repeated item does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.listening_test.agreement import krippendorff_alpha
from unheard.listening_test.answers import Answered
from unheard.listening_test.bradley_terry import preferred, strengths
from unheard.listening_test.judgements import Judgement, judgements, read_everybody
from unheard.listening_test.resamples import Resamples
from unheard.listening_test.screening import Checked, check
from unheard.listening_test.signed_rank import signed_rank
from unheard.listening_test.study import ANCHOR, REFERENCE, Study, load_study, study_dir
from unheard.metrics.intervals import holm, percentile_interval
from unheard.workspace import Workspace

MEASURES = {"rate": ("similarity", "liking"), "ab": ("preference",)}
FEWEST = 2  # raters, and seeds, before a bootstrap over them says anything

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mean:
    """One condition. `value`: mean points, or log strength; `everybody`: the same without screening; n judgements."""

    measure: str
    model: str
    value: float
    low: float | None
    high: float | None
    everybody: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """`model` minus `against`; what p and `effect` are is told above."""

    measure: str
    model: str
    against: str
    difference: float
    low: float | None
    high: float | None
    p: float
    p_holm: float
    effect: float


@dataclass(frozen=True)
class Analysis:
    """Everything that a study says. `alpha` is Krippendorff's, by measure; None where nothing can be compared."""

    study: Study
    simulated: bool
    checked: tuple[Checked, ...]
    means: tuple[Mean, ...]
    comparisons: tuple[Comparison, ...]
    alpha: dict[str, float | None]
    answers: tuple[Judgement, ...]

    @property
    def kept(self) -> list[str]:
        return [found.rater for found in self.checked if found.kept]


def analyse(workspace: Workspace, name: str) -> Analysis:
    """Analyse a study of a workspace; UserError while there is nothing to analyse."""
    study = load_study(workspace, name)
    return analyse_answers(study, read_everybody(study_dir(workspace, name), study))


def analyse_answers(study: Study, answered: dict[str, Answered]) -> Analysis:
    """Analyse answers by rater; the same answers give the same figures."""
    if not answered:
        raise UserError(f"listening test {study.name!r}: nobody has answered yet; send the raters their links")
    checked = tuple(check(study, rater, answered[rater.name]) for rater in study.raters if rater.name in answered)
    kept = [found.rater for found in checked if found.kept]
    if not kept:
        told = "; ".join(f"{found.rater}: {', '.join(found.reasons)}" for found in checked)
        raise UserError(f"listening test {study.name!r}: every rater is screened out ({told}); find more raters")
    rows = [row for row in judgements(study, answered, kept) if not row.repeat_of]
    everyone = [row for row in judgements(study, answered) if not row.repeat_of]
    means: list[Mean] = []
    comparisons: list[Comparison] = []
    for measure in MEASURES[study.kind]:
        measured = _Measured.of(study, measure, rows)
        unscreened = _Measured.of(study, measure, everyone, resample=False)
        means += measured.means(unscreened.values)
        comparisons += measured.comparisons()
    alpha = {measure: krippendorff_alpha(_units(rows, measure)) for measure in MEASURES[study.kind]}
    simulated = any(found.simulated for found in answered.values())
    return Analysis(
        study, simulated, checked, tuple(means), tuple(comparisons), alpha, tuple(judgements(study, answered))
    )


@dataclass(frozen=True)
class _Measured:
    """One measure of every condition.

    values      (condition,)
    replicates  (resample, condition); no rows where there are too few raters or seeds
    rows        per condition, the judgements of it
    """

    measure: str
    conditions: tuple[str, ...]
    values: Floats
    replicates: Floats
    rows: tuple[list[Judgement], ...]

    @staticmethod
    def of(study: Study, measure: str, rows: Sequence[Judgement], *, resample: bool = True) -> _Measured:
        raters, seeds = sorted({row.rater for row in rows}), sorted({row.seed for row in rows})
        rater = np.array([raters.index(row.rater) for row in rows], np.intp)
        seed = np.array([seeds.index(row.seed) for row in rows], np.intp)
        calculate = _strengths if measure == "preference" else _means
        values = calculate(study.conditions, measure, rows, np.ones((1, len(rows))))[0]
        replicates = np.empty((0, len(study.conditions)))
        if resample and min(len(raters), len(seeds)) >= FEWEST:
            drawn = Resamples.draw(len(raters), len(seeds), rng=np.random.default_rng(study.seed))
            replicates = calculate(study.conditions, measure, rows, drawn.weights(rater, seed))
        by_condition = tuple([row for row in rows if row.model == name] for name in study.conditions)
        return _Measured(measure, study.conditions, values, replicates, by_condition)

    def means(self, everybody: Floats) -> list[Mean]:
        return [
            Mean(
                self.measure,
                name,
                float(self.values[place]),
                *_interval(self.replicates[:, place]),
                float(everybody[place]),
                len(self.rows[place]),
            )
            for place, name in enumerate(self.conditions)
            if self.rows[place]
        ]

    def comparisons(self) -> list[Comparison]:
        pairs = [
            (a, b)
            for a, b in combinations([place for place, of in enumerate(self.rows) if of], 2)
            if {self.conditions[a], self.conditions[b]} != {REFERENCE, ANCHOR}
        ]
        tested = [self._tested(a, b) for a, b in pairs]
        hidden = np.array([bool({REFERENCE, ANCHOR} & {self.conditions[a], self.conditions[b]}) for a, b in pairs])
        corrected = np.empty(len(pairs))
        for family in (~hidden, hidden):
            corrected[family] = holm([p for (p, _), member in zip(tested, family, strict=True) if member])
        return [
            Comparison(
                self.measure,
                self.conditions[a],
                self.conditions[b],
                float(self.values[a] - self.values[b]),
                *_interval(self.replicates[:, a] - self.replicates[:, b]),
                p,
                float(p_holm),
                effect,
            )
            for (a, b), (p, effect), p_holm in zip(pairs, tested, corrected, strict=True)
        ]

    def _tested(self, a: int, b: int) -> tuple[float, float]:
        """p of "no difference", and the effect."""
        if self.measure != "preference":
            return signed_rank(rater_differences(self.rows[a], self.rows[b], self.measure))
        difference = self.values[a] - self.values[b]
        replicates = self.replicates[:, a] - self.replicates[:, b]
        return sign_p(replicates), float(preferred(np.asarray(difference)))


def sign_p(replicates: Floats) -> float:
    """Two-sided p of "no difference": twice the share of replicates on the rarer side of 0, as the interval has it."""
    rarer = min(int((replicates <= 0).sum()), int((replicates >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (1 + len(replicates)))


def _interval(replicates: Floats) -> tuple[float | None, float | None]:
    return percentile_interval(replicates) or (None, None)


def rater_differences(a: Sequence[Judgement], b: Sequence[Judgement], measure: str) -> Floats:
    """Mean difference of two conditions over the seeds for which a rater judged both, one number a rater."""
    of_b = {(row.rater, row.seed): getattr(row, measure) for row in b}
    by_rater: dict[str, list[float]] = {}
    for row in a:
        if (row.rater, row.seed) in of_b:
            by_rater.setdefault(row.rater, []).append(getattr(row, measure) - of_b[row.rater, row.seed])
    return np.array([np.mean(found) for found in by_rater.values()], np.float64)


def _means(conditions: Sequence[str], measure: str, rows: Sequence[Judgement], weights: Floats) -> Floats:
    """Weighted means (resample, condition); NaN where a resample has no judgement of a condition."""
    values = np.array([getattr(row, measure) for row in rows], np.float64)
    of = np.array([[row.model == name for name in conditions] for row in rows], np.float64)  # (judgement, condition)
    n = weights @ of
    out: Floats = np.divide((weights * values) @ of, n, out=np.full(n.shape, np.nan), where=n > 0)
    return out


def _strengths(conditions: Sequence[str], measure: str, rows: Sequence[Judgement], weights: Floats) -> Floats:  # noqa: ARG001 - as `_means`
    """Log strengths (resample, condition) from the rows of those that were chosen."""
    place = {name: number for number, name in enumerate(conditions)}
    wins = np.zeros((len(weights), len(conditions), len(conditions)))
    for number, row in enumerate(rows):
        if row.chosen:
            wins[:, place[row.model], place[row.against]] += weights[:, number]
    return strengths(wins)


def _units(rows: Sequence[Judgement], measure: str) -> Floats:
    """Ratings (rater, unit) for the agreement. A unit is a seed with one track, or with two that were compared."""
    found: dict[tuple[str, tuple[str, ...]], dict[str, float]] = {}
    if measure == "preference":
        screens: dict[tuple[str, str], list[Judgement]] = {}
        for row in rows:
            screens.setdefault((row.rater, row.item), []).append(row)
        for (rater, _), pair in screens.items():
            first, second = sorted(pair, key=lambda row: row.track)
            found.setdefault((first.seed, (first.track, second.track)), {})[rater] = float(first.chosen or 0)
    else:
        for row in rows:
            found.setdefault((row.seed, (row.track,)), {})[row.rater] = float(getattr(row, measure))
    raters = sorted({row.rater for row in rows})
    return np.array([[of_unit.get(rater, np.nan) for of_unit in found.values()] for rater in raters], np.float64)
