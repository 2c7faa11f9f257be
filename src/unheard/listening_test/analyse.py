"""Analyse a study: means of each condition, comparisons of pairs, agreement of the raters.

    rate   mean similarity and liking of each condition. Two conditions are compared by each rater's mean difference
           over the seeds: Wilcoxon's signed-rank test over raters, with the rank biserial correlation as the effect,
           -1 to 1 (signed_rank.py)
    ab     Bradley-Terry strengths (bradley_terry.py) in log odds, compared by the bootstrap; the effect is the
           probability that one is preferred to the other

Intervals are 95 % bootstrap intervals over raters and seeds together (resamples.py). Tests over raters generalise to
other raters with these seeds; the intervals of the differences also to other music. p are Holm-corrected for each
measure, separately over the pairs of models and over the pairs with the hidden reference or anchor. Reference and
anchor are not compared with each other: the screening uses that comparison. Only raters who pass the screening count,
and repeated items do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from unheard.arrays import Doubles
from unheard.errors import UserError
from unheard.listening_test.agreement import krippendorff_alpha
from unheard.listening_test.answers import Answered
from unheard.listening_test.bradley_terry import preferred, strengths
from unheard.listening_test.judgements import Judgement, judgements, read_all_answers
from unheard.listening_test.resamples import TwoWayResamples
from unheard.listening_test.screening import ScreeningResult, screen
from unheard.listening_test.signed_rank import signed_rank
from unheard.listening_test.study import ANCHOR, REFERENCE, Study, load_study, study_dir
from unheard.metrics.intervals import holm, percentile_interval
from unheard.workspace import Workspace

MEASURES = {"rate": ("similarity", "liking"), "ab": ("preference",)}
MIN_RESAMPLED = 2  # raters, and seeds, for a bootstrap interval


@dataclass(frozen=True)
class ConditionMean:
    """The mean of one condition, over n judgements.

    value      mean points, or log strength
    everybody  the same without screening
    """

    measure: str
    model: str
    value: float
    low: float | None
    high: float | None
    everybody: float
    n: int


@dataclass(frozen=True)
class ConditionComparison:
    """`model` minus `against`; for p and `effect` see the module's docstring."""

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
    """The results of a study. `alpha` is Krippendorff's, by measure; None where it is not defined."""

    study: Study
    simulated: bool
    checked: tuple[ScreeningResult, ...]
    means: tuple[ConditionMean, ...]
    comparisons: tuple[ConditionComparison, ...]
    alpha: dict[str, float | None]
    answers: tuple[Judgement, ...]

    @property
    def kept(self) -> list[str]:
        return [result.rater for result in self.checked if result.kept]


def analyse(workspace: Workspace, name: str) -> Analysis:
    """Analyse a study of a workspace; raise UserError without answers, or if no rater passes the screening."""
    study = load_study(workspace, name)
    return analyse_answers(study, read_all_answers(study_dir(workspace, name), study))


def analyse_answers(study: Study, answered: dict[str, Answered]) -> Analysis:
    """Analyse answers by rater; the same answers give the same figures."""
    if not answered:
        raise UserError(f"listening test {study.name!r}: nobody has answered yet; send the raters their links")
    checked = tuple(screen(study, rater, answered[rater.name]) for rater in study.raters if rater.name in answered)
    kept = [result.rater for result in checked if result.kept]
    if not kept:
        reasons = "; ".join(f"{result.rater}: {', '.join(result.reasons)}" for result in checked)
        raise UserError(f"listening test {study.name!r}: every rater is screened out ({reasons}); find more raters")
    rows = [row for row in judgements(study, answered, kept) if not row.repeat_of]
    unscreened_rows = [row for row in judgements(study, answered) if not row.repeat_of]
    means: list[ConditionMean] = []
    comparisons: list[ConditionComparison] = []
    for measure in MEASURES[study.kind]:
        measured = _Measured.of(study, measure, rows)
        unscreened = _Measured.of(study, measure, unscreened_rows, resample=False)
        means += measured.means(unscreened.values)
        comparisons += measured.comparisons()
    alpha = {measure: krippendorff_alpha(_units(rows, measure)) for measure in MEASURES[study.kind]}
    simulated = any(of_rater.simulated for of_rater in answered.values())
    return Analysis(
        study, simulated, checked, tuple(means), tuple(comparisons), alpha, tuple(judgements(study, answered))
    )


@dataclass(frozen=True)
class _Measured:
    """One measure of every condition.

    values      (condition,)
    replicates  (resample, condition); no rows if there are too few raters or seeds
    rows        for each condition, its judgements
    """

    measure: str
    conditions: tuple[str, ...]
    values: Doubles
    replicates: Doubles
    rows: tuple[list[Judgement], ...]

    @staticmethod
    def of(study: Study, measure: str, rows: Sequence[Judgement], *, resample: bool = True) -> _Measured:
        raters, seeds = sorted({row.rater for row in rows}), sorted({row.seed for row in rows})
        rater = np.array([raters.index(row.rater) for row in rows], np.intp)
        seed = np.array([seeds.index(row.seed) for row in rows], np.intp)
        calculate = _strengths if measure == "preference" else _means
        values = calculate(study.conditions, measure, rows, np.ones((1, len(rows))))[0]
        replicates = np.empty((0, len(study.conditions)))
        if resample and min(len(raters), len(seeds)) >= MIN_RESAMPLED:
            drawn = TwoWayResamples.draw(len(raters), len(seeds), rng=np.random.default_rng(study.seed))
            replicates = calculate(study.conditions, measure, rows, drawn.weights(rater, seed))
        by_condition = tuple([row for row in rows if row.model == name] for name in study.conditions)
        return _Measured(measure, study.conditions, values, replicates, by_condition)

    def means(self, unscreened: Doubles) -> list[ConditionMean]:
        return [
            ConditionMean(
                self.measure,
                name,
                float(self.values[position]),
                *_interval(self.replicates[:, position]),
                float(unscreened[position]),
                len(self.rows[position]),
            )
            for position, name in enumerate(self.conditions)
            if self.rows[position]
        ]

    def comparisons(self) -> list[ConditionComparison]:
        pairs = [
            (a, b)
            for a, b in combinations([position for position, of in enumerate(self.rows) if of], 2)
            if {self.conditions[a], self.conditions[b]} != {REFERENCE, ANCHOR}
        ]
        tested = [self._tested(a, b) for a, b in pairs]
        hidden = np.array([bool({REFERENCE, ANCHOR} & {self.conditions[a], self.conditions[b]}) for a, b in pairs])
        corrected = np.empty(len(pairs))
        for family in (~hidden, hidden):
            corrected[family] = holm([p for (p, _), member in zip(tested, family, strict=True) if member])
        return [
            ConditionComparison(
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
        """Return p of the hypothesis of no difference, and the effect."""
        if self.measure != "preference":
            return signed_rank(rater_differences(self.rows[a], self.rows[b], self.measure))
        difference = self.values[a] - self.values[b]
        replicates = self.replicates[:, a] - self.replicates[:, b]
        return sign_p(replicates), float(preferred(np.asarray(difference)))


def sign_p(replicates: Doubles) -> float:
    """Return the two-sided p of no difference: twice the share of replicates on the rarer side of 0."""
    rarer = min(int((replicates <= 0).sum()), int((replicates >= 0).sum()))
    return min(1.0, 2 * (1 + rarer) / (1 + len(replicates)))


def _interval(replicates: Doubles) -> tuple[float | None, float | None]:
    return percentile_interval(replicates) or (None, None)


def rater_differences(a: Sequence[Judgement], b: Sequence[Judgement], measure: str) -> Doubles:
    """Return each rater's mean difference of two conditions over the seeds with judgements of both, (rater,)."""
    of_b = {(row.rater, row.seed): getattr(row, measure) for row in b}
    by_rater: dict[str, list[float]] = {}
    for row in a:
        if (row.rater, row.seed) in of_b:
            by_rater.setdefault(row.rater, []).append(getattr(row, measure) - of_b[row.rater, row.seed])
    return np.array([np.mean(differences) for differences in by_rater.values()], np.float64)


def _means(conditions: Sequence[str], measure: str, rows: Sequence[Judgement], weights: Doubles) -> Doubles:
    """Return weighted means (resample, condition); NaN where a resample has no judgement of a condition."""
    values = np.array([getattr(row, measure) for row in rows], np.float64)
    of = np.array([[row.model == name for name in conditions] for row in rows], np.float64)  # (judgement, condition)
    n = weights @ of
    out: Doubles = np.divide((weights * values) @ of, n, out=np.full(n.shape, np.nan), where=n > 0)
    return out


def _strengths(conditions: Sequence[str], measure: str, rows: Sequence[Judgement], weights: Doubles) -> Doubles:  # noqa: ARG001 - as `_means`
    """Return log strengths (resample, condition) from the rows of preferred candidates."""
    index = {name: number for number, name in enumerate(conditions)}
    wins = np.zeros((len(weights), len(conditions), len(conditions)))
    for number, row in enumerate(rows):
        if row.chosen:
            wins[:, index[row.model], index[row.against]] += weights[:, number]
    return strengths(wins)


def _units(rows: Sequence[Judgement], measure: str) -> Doubles:
    """Return ratings (rater, unit) for the agreement. A unit is a seed with one track, or with two compared tracks."""
    units: dict[tuple[str, tuple[str, ...]], dict[str, float]] = {}
    if measure == "preference":
        screens: dict[tuple[str, str], list[Judgement]] = {}
        for row in rows:
            screens.setdefault((row.rater, row.item), []).append(row)
        for (rater, _), pair in screens.items():
            first, second = sorted(pair, key=lambda row: row.track)
            units.setdefault((first.seed, (first.track, second.track)), {})[rater] = float(first.chosen or 0)
    else:
        for row in rows:
            units.setdefault((row.seed, (row.track,)), {})[row.rater] = float(getattr(row, measure))
    raters = sorted({row.rater for row in rows})
    return np.array([[of_unit.get(rater, np.nan) for of_unit in units.values()] for rater in raters], np.float64)
