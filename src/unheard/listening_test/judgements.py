"""Answers as rows: one for every condition that a rater judged on a screen, key and answer side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from unheard.listening_test.answers import Answered, read_answers
from unheard.listening_test.study import Rater, Study


@dataclass(frozen=True)
class Judgement:
    """What a rater said of one condition's track. `order` counts the rater's screens from 1.

    chosen     ab: 1 if it was preferred to the other one on the screen, 0 if not
    against    ab: the condition of the other one
    repeat_of  the item that was judged once more; such rows are for screening only
    """

    rater: str
    seed: str
    item: str
    model: str
    track: str
    similarity: int | None
    liking: int | None
    chosen: int | None
    against: str
    order: int
    seconds: float
    repeat_of: str


def read_everybody(folder: Path, study: Study) -> dict[str, Answered]:
    """The answers of every rater who has opened the study, by name."""
    found = {rater.name: read_answers(folder, study, rater) for rater in study.raters}
    return {name: answered for name, answered in found.items() if answered.answers}


def judgements(study: Study, answered: Mapping[str, Answered], raters: Iterable[str] | None = None) -> list[Judgement]:
    """Rows of the raters named (None: of all who answered), by rater, then in the order of their screens."""
    wanted = set(answered if raters is None else raters)
    return [
        row
        for rater in study.raters
        if rater.name in wanted and rater.name in answered
        for row in _of_rater(rater, answered[rater.name])
    ]


def _of_rater(rater: Rater, answered: Answered) -> Iterator[Judgement]:
    for order, item in enumerate(rater.items, start=1):
        answer = answered.answers.get(item.name)
        if answer is None:
            continue
        for place, (track, conditions) in enumerate(zip(item.tracks, item.conditions, strict=True)):
            for condition in conditions:
                yield Judgement(
                    rater=rater.name,
                    seed=item.seed,
                    item=item.name,
                    model=condition,
                    track=track,
                    similarity=answer.similarity,
                    liking=answer.liking,
                    chosen=None if answer.choice is None else int(answer.choice == place),
                    against=item.conditions[1 - place][0] if len(item.tracks) == 2 else "",
                    order=order,
                    seconds=answer.seconds,
                    repeat_of=item.repeat_of,
                )
