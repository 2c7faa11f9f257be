"""Screen raters by rules that are written to study.json before the first answer (see `Screening`).

Raters are checked with the hidden reference and the random anchor, as in ITU-R BS.1534 (MUSHRA). Raters who put the
anchor above the reference are excluded, so the figures of these two only include raters who prefer the reference. No
rule uses the models' ratings, so no model gains by it.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from unheard.listening_test.answers import Answer, Answered
from unheard.listening_test.study import ANCHOR, REFERENCE, Item, Rater, Study


@dataclass(frozen=True)
class ScreeningResult:
    """The screening of one rater; `reasons` says why the answers do not count, and is empty if they do.

    reference, anchor  rate: mean similarity; ab: how often each was preferred to the other
    repeat             rate: points between both ratings of the repeated item; ab: 0 if both choices agree, else 1
    """

    rater: str
    n_answered: int
    n_items: int
    reference: float | None
    anchor: float | None
    repeat: float | None
    median_s: float
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        return not self.reasons


def screen(study: Study, rater: Rater, answered: Answered) -> ScreeningResult:
    """Screen one rater who has answered at least one item."""
    rules, answers = study.screening, answered.answers
    pairs = [(item, answers[item.name]) for item in rater.items if item.name in answers]
    first = [(item, answer) for item, answer in pairs if not item.repeat_of]
    hidden = _rated(first) if study.kind == "rate" else _preferred(first)
    again = ((answer, answers[item.repeat_of]) for item, answer in pairs if item.repeat_of in answers)
    repeat = next((_apart(second, first) for second, first in again), None)
    median_s = statistics.median(answer.seconds for _, answer in pairs)
    reasons = []
    if len(pairs) < rules.min_answered_share * len(rater.items):
        reasons.append(f"answered {len(pairs)} of {len(rater.items)} items")
    if hidden[REFERENCE] and hidden[ANCHOR] and len(hidden[ANCHOR]) >= rules.min_pairs:
        anchor, reference = statistics.fmean(hidden[ANCHOR]), statistics.fmean(hidden[REFERENCE])
        if study.kind == "rate" and anchor > reference:
            reasons.append(f"random anchor ({anchor:.0f}) above the reference ({reference:.0f})")
        if study.kind == "ab" and anchor > rules.max_anchor_share:
            reasons.append(f"preferred the random anchor to the reference in {100 * anchor:.0f} % of the pairs")
    if study.kind == "rate":
        if repeat is not None and repeat > rules.max_repeat_difference:
            reasons.append(f"rated the repeated item {repeat:.0f} points apart")
        values = [float(answer.similarity) for _, answer in pairs if answer.similarity is not None]
        if len(values) > 1 and statistics.pstdev(values) < rules.min_spread:
            reasons.append("gave everything the same similarity")
    elif len(pairs) >= rules.straight_items and len({answer.choice for _, answer in pairs}) == 1:
        reasons.append("always chose the same side")
    if median_s < rules.min_median_s:
        reasons.append(f"took {median_s:.1f} s an item")
    return ScreeningResult(
        rater.name,
        len(pairs),
        len(rater.items),
        _mean(hidden[REFERENCE]),
        _mean(hidden[ANCHOR]),
        repeat,
        median_s,
        tuple(reasons),
    )


def _rated(pairs: Sequence[tuple[Item, Answer]]) -> dict[str, list[float]]:
    """Return the similarities of the reference's and of the anchor's tracks."""
    return {
        name: [float(answer.similarity or 0) for item, answer in pairs if name in item.conditions[0]]
        for name in (REFERENCE, ANCHOR)
    }


def _preferred(pairs: Sequence[tuple[Item, Answer]]) -> dict[str, list[float]]:
    """Return, for each comparison of reference and anchor, 1 for the preferred one and 0 for the other."""
    preferred = [
        item.conditions[answer.choice or 0][0]
        for item, answer in pairs
        if {item.conditions[0][0], item.conditions[1][0]} == {REFERENCE, ANCHOR}
    ]
    return {name: [float(chosen == name) for chosen in preferred] for name in (REFERENCE, ANCHOR)}


def _apart(second: Answer, first: Answer) -> float:
    if second.similarity is not None and first.similarity is not None:
        return float(abs(second.similarity - first.similarity))
    return float(second.choice == first.choice)  # sides are swapped, so the same side is the other track


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
