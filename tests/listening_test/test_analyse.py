"""Tests of the analysis: hand-worked answers, and simulated raters with known preferences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders.study_world import paper_study
from unheard.errors import UserError
from unheard.listening_test.analyse import Analysis, ConditionComparison, analyse_answers, sign_p
from unheard.listening_test.answers import Answer, Answered
from unheard.listening_test.bradley_terry import strengths
from unheard.listening_test.screening import screen
from unheard.listening_test.simulate import Spread, simulated_answers
from unheard.listening_test.study import ANCHOR, REFERENCE, Item, Kind, Rater, Study

pytestmark = pytest.mark.slow

TRUTH = {"a": 42.0, "b": 50.0, "c": 58.0, REFERENCE: 68.0, ANCHOR: 32.0}
MEAN_STEPS = ("a", "b", "c")


def compared(found: Analysis, measure: str) -> dict[tuple[str, str], ConditionComparison]:
    return {(c.model, c.against): c for c in found.comparisons if c.measure == measure}


# ------------------------------------------------------------------------------------------------- by hand


def small_study() -> Study:
    """Two raters, two seeds; on seed s the models a and b name the same track."""

    def items(repeat: str) -> tuple[Item, ...]:
        return (
            Item("001", "s", ("x",), (("a", "b"),)),
            Item("002", "s", ("r",), ((REFERENCE,),)),
            Item("003", "s", ("n",), ((ANCHOR,),)),
            Item("004", "t", ("y",), (("a",),)),
            Item("005", "t", ("z",), (("b",),)),
            Item("006", "t", ("q",), ((REFERENCE,),)),
            Item("007", "t", ("m",), ((ANCHOR,),)),
            Item("008", "t", ("y",), (("a",),), repeat),
        )

    raters = tuple(Rater(name, name, items("004")) for name in ("r01", "r02"))
    return replace(paper_study(), models=("a", "b"), seeds=("s", "t"), raters=raters)


def rated(similarities: list[int], *, seconds: float = 20.0) -> Answered:
    return Answered(
        consent=True,
        answers={
            f"{place:03d}": Answer(f"{place:03d}", seconds, similarity, 100 - similarity)
            for place, similarity in enumerate(similarities, start=1)
        },
    )


def test_means_by_hand() -> None:
    answered = {"r01": rated([40, 80, 10, 60, 50, 90, 20, 64]), "r02": rated([20, 70, 30, 50, 20, 60, 10, 45])}
    found = analyse_answers(small_study(), answered)
    means = {(mean.measure, mean.model): mean for mean in found.means}
    assert means["similarity", "a"].value == pytest.approx((40 + 60 + 20 + 50) / 4)  # not the repeats
    assert means["similarity", "b"].value == pytest.approx((40 + 50 + 20 + 20) / 4)
    assert means["similarity", REFERENCE].value == pytest.approx((80 + 90 + 70 + 60) / 4)
    assert means["liking", "a"].value == pytest.approx(100 - 42.5)
    assert means["similarity", "a"].n == 4
    both = compared(found, "similarity")["a", "b"]
    assert both.difference == pytest.approx(10.0)
    # Rater means of a - b are (0 + 10) / 2 and (0 + 30) / 2: all positive, p of two = 2 / 4.
    assert (both.p, both.effect) == (0.5, 1.0)
    assert (REFERENCE, ANCHOR) not in compared(found, "similarity")
    assert [c.repeat for c in found.checked] == [4.0, 5.0]
    assert [(c.reference, c.anchor) for c in found.checked] == [(85.0, 15.0), (65.0, 20.0)]
    assert len(found.answers) == 2 * 9  # the shared track counts for both models


def test_agreement_by_hand() -> None:
    """Units (s,x) (s,r) (s,n) (t,y) (t,z) (t,q) (t,m), two raters."""
    first, second = [40, 80, 10, 60, 50, 90, 20], [20, 70, 30, 50, 20, 60, 10]
    found = analyse_answers(small_study(), {"r01": rated([*first, 60]), "r02": rated([*second, 50])})
    every = np.array(first + second, np.float64)
    observed = np.mean((np.array(first) - np.array(second)) ** 2)
    expected = ((every[:, None] - every[None, :]) ** 2).sum() / (14 * 13)
    assert found.alpha["similarity"] == pytest.approx(1 - observed / expected)


def test_holm_within_each_family() -> None:
    found = analyse_answers(paper_study(), simulated_answers(paper_study(), TRUTH, rng=np.random.default_rng(0)))
    for hidden in (False, True):
        family = [
            c for pair, c in compared(found, "similarity").items() if bool({REFERENCE, ANCHOR} & {*pair}) == hidden
        ]
        assert len(family) == (6 if hidden else 3)
        ordered = sorted(family, key=lambda c: c.p)
        assert ordered[0].p_holm == pytest.approx(min(1, ordered[0].p * len(family)))
        assert ordered[-1].p_holm >= ordered[-1].p


def test_one_rater_or_one_seed_has_no_interval() -> None:
    found = analyse_answers(small_study(), {"r01": rated([40, 80, 10, 60, 50, 90, 20, 60])})
    assert {(mean.low, mean.high) for mean in found.means} == {(None, None)}
    assert all(c.p == 1.0 for c in found.comparisons)


def test_p_goes_with_the_interval() -> None:
    replicates = np.arange(1.0, 1000.0)
    assert sign_p(replicates) == pytest.approx(2 / 1000)
    assert sign_p(replicates - 20) == pytest.approx(2 * 21 / 1000)
    assert sign_p(np.empty(0)) == 1.0


def test_no_answers_and_no_rater_left() -> None:
    with pytest.raises(UserError, match="nobody has answered yet"):
        analyse_answers(small_study(), {})
    with pytest.raises(UserError, match=r"every rater is screened out \(r01: gave everything the same similarity"):
        analyse_answers(small_study(), {"r01": rated([50] * 8)})


# ------------------------------------------------------------------------------------------------- screening


@pytest.mark.parametrize(
    ("answered", "reasons"),
    [
        (rated([40, 80, 10, 60]), ""),
        (rated([40, 80, 10]), "answered 3 of 8 items"),
        (rated([40, 80, 10, 95, 50, 90, 20, 44]), "rated the repeated item 51 points apart"),
        (rated([40, 80, 10, 94, 50, 90, 20, 44]), ""),
        (rated([50, 50, 50, 51, 49, 50, 50, 50]), "gave everything the same similarity"),
        (rated([40, 80, 10, 60, 50, 90, 20, 60], seconds=2.9), "took 2.9 s an item"),
        (rated([40, 20, 80, 60, 50, 30, 90, 60]), ""),  # anchor above reference, but on two pairs only
    ],
)
def test_screening_rules(answered: Answered, reasons: str) -> None:
    study = small_study()
    assert "; ".join(screen(study, study.raters[0], answered).reasons) == reasons


def test_the_anchor_above_the_reference() -> None:
    study = replace(small_study(), screening=replace(small_study().screening, min_pairs=2))
    found = screen(study, study.raters[0], rated([40, 20, 80, 60, 50, 30, 90, 60]))
    assert found.reasons == ("random anchor (85) above the reference (25)",)
    assert not found.kept


def chosen(study: Study, choices: dict[str, int]) -> Answered:
    return Answered(consent=True, answers={name: Answer(name, 20.0, choice=side) for name, side in choices.items()})


def test_screening_of_pairs() -> None:
    study = paper_study("ab", n_raters=5, n_seeds=4)
    rater = study.raters[0]
    wrong = {item.name: 0 if item.conditions[0][0] == ANCHOR else 1 for item in rater.items}
    result = screen(study, rater, chosen(study, wrong))
    assert result.reasons == ("preferred the random anchor to the reference in 100 % of the pairs",)
    assert (result.reference, result.anchor, result.repeat) == (0.0, 1.0, 0.0)
    left = screen(study, rater, chosen(study, {item.name: 0 for item in rater.items}))
    assert "always chose the same side" in left.reasons
    assert left.repeat == 1.0  # sides were swapped, so the same side is another track
    right = {item.name: 0 if item.conditions[0][0] == REFERENCE else 1 for item in rater.items}
    assert screen(study, rater, chosen(study, right)).kept


@pytest.mark.parametrize("kind", ["rate", "ab"])
def test_a_careless_simulated_rater_is_screened_out(kind: Kind) -> None:
    """Of 20 seeded careless raters many are screened out, of 220 careful raters hardly any."""
    study = paper_study(kind, n_raters=12, n_seeds=8)
    caught = lost = 0
    for repetition in range(20):
        answered = simulated_answers(study, TRUTH, rng=np.random.default_rng(repetition), careless={"r03"})
        reasons = {rater.name: screen(study, rater, answered[rater.name]).reasons for rater in study.raters}
        caught += bool(reasons.pop("r03"))
        lost += sum(map(bool, reasons.values()))
    assert caught >= (8 if kind == "rate" else 5)
    assert lost <= 4


@pytest.mark.parametrize("kind", ["rate", "ab"])
def test_screened_out_raters_do_not_count(kind: Kind) -> None:
    study = paper_study(kind, n_raters=6, n_seeds=4)
    answered = simulated_answers(study, TRUTH, rng=np.random.default_rng(1))
    hasty = {name: replace(answer, seconds=1.0) for name, answer in answered["r03"].answers.items()}
    found = analyse_answers(study, answered | {"r03": replace(answered["r03"], answers=hasty)})
    without = analyse_answers(study, {name: answers for name, answers in answered.items() if name != "r03"})
    assert "r03" not in found.kept
    assert [(mean.value, mean.low, mean.high) for mean in found.means] == [
        (mean.value, mean.low, mean.high) for mean in without.means
    ]
    assert found.comparisons == without.comparisons
    assert [mean.everybody for mean in found.means] != [mean.everybody for mean in without.means]


# ------------------------------------------------------------------------------------------------- recovery


def pseudo_truth(study: Study, truth: dict[str, float], spread: Spread) -> dict[str, float]:
    """Return the strengths for infinitely many simulated raters: the expected share of each pair, as often as shown."""
    from scipy.stats import norm

    names = study.conditions
    wins = np.zeros((len(names), len(names)))
    scale = np.sqrt(2 * (spread.noise**2 + spread.taste**2))
    for rater in study.raters:
        for item in rater.items:
            if not item.repeat_of:
                a, b = (names.index(conditions[0]) for conditions in item.conditions)
                share = norm.cdf((truth[names[a]] - truth[names[b]]) / scale)
                wins[a, b] += share
                wins[b, a] += 1 - share
    return dict(zip(names, strengths(wins, prior_sd=np.inf), strict=True))


@pytest.mark.parametrize(("kind", "repetitions"), [("rate", 80), ("ab", 60)])
def test_the_order_is_recovered_and_intervals_cover(kind: Kind, repetitions: int) -> None:
    """95 % intervals of the differences between models hold the truth about 19 times of 20, over seeded repetitions."""
    study = paper_study(kind, n_raters=14, n_seeds=8)
    measure = "similarity" if kind == "rate" else "preference"
    truth = TRUTH if kind == "rate" else pseudo_truth(study, TRUTH, Spread())
    covered = ordered = n = 0
    for repetition in range(repetitions):
        answered = simulated_answers(study, TRUTH, rng=np.random.default_rng([9, repetition]))
        found = analyse_answers(study, answered)
        values = {mean.model: mean.value for mean in found.means if mean.measure == measure}
        ordered += values["a"] < values["b"] < values["c"]
        for (a, b), pair in compared(found, measure).items():
            if {a, b} <= set(MEAN_STEPS):
                assert pair.low is not None
                assert pair.high is not None
                covered += pair.low <= truth[a] - truth[b] <= pair.high
                n += 1
    assert 0.91 <= covered / n <= 0.99, covered / n
    assert ordered >= 0.85 * repetitions, ordered


def test_simulated_answers_are_marked_and_repeatable() -> None:
    study = paper_study()
    first, second = (simulated_answers(study, TRUTH, rng=np.random.default_rng(5)) for _ in range(2))
    assert first == second
    assert all(answered.simulated for answered in first.values())
    assert analyse_answers(study, first).simulated
    one, two = analyse_answers(study, first), analyse_answers(study, second)
    assert one == two
