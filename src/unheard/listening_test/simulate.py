"""Simulate raters with known preferences, to test whether an analysis recovers them. No person has listened.

A simulated rating of condition c by rater r for seed s is

    truth[c] + rater[r] + seed[s] + taste[s, c] + noise

with normal terms of the standard deviations below, rounded and clipped to 0 .. 100. Of two tracks the one with the
higher sum is chosen. A careless rater answers uniformly at random.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unheard.listening_test.answers import MAX_RATING, Answer, Answered, append
from unheard.listening_test.study import Item, Study


@dataclass(frozen=True)
class Spread:
    """Standard deviations of the terms, in points."""

    rater: float = 8.0
    seed: float = 5.0
    taste: float = 6.0
    noise: float = 12.0


def simulated_answers(
    study: Study,
    truth: Mapping[str, float],
    *,
    rng: np.random.Generator,
    careless: Collection[str] = (),
    spread: Spread = Spread(),
) -> dict[str, Answered]:
    """Return the answers of every rater, by name, marked as simulated. `careless` names raters; liking = similarity."""
    of_seed = {seed: rng.normal(0, spread.seed) for seed in study.seeds}
    taste = {(seed, name): rng.normal(0, spread.taste) for seed in study.seeds for name in study.conditions}
    answered = {}
    for rater in study.raters:
        own = rng.normal(0, spread.rater)
        answers = {}
        for item in rater.items:
            scores = [
                own
                + of_seed[item.seed]
                + float(np.mean([truth[name] + taste[item.seed, name] for name in conditions]))
                + rng.normal(0, spread.noise)
                for conditions in item.conditions
            ]
            if rater.name in careless:
                scores = [float(rng.integers(0, MAX_RATING + 1)) for _ in item.conditions]
            answers[item.name] = _answer(item, scores, seconds=float(rng.uniform(20, 60)))
        answered[rater.name] = Answered(consent=True, simulated=True, answers=answers)
    return answered


def write_simulated(folder: Path, study: Study, answered: Mapping[str, Answered]) -> None:
    """Store simulated answers like answers of the raters' pages; every line is marked as simulated."""
    for rater in study.raters:
        for answer in answered[rater.name].answers.values():
            append(folder, rater, answer.as_json() | {"simulated": True})


def _answer(item: Item, scores: list[float], *, seconds: float) -> Answer:
    if len(scores) == 2:
        return Answer(item.name, seconds, choice=int(scores[1] > scores[0]))
    points = int(np.clip(round(scores[0]), 0, MAX_RATING))
    return Answer(item.name, seconds, similarity=points, liking=points)
