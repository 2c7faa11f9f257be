"""Join answers with the study's key: one row for every condition that a rater judged on a screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from unheard.listening_test.answers import Answered, read_answers
from unheard.listening_test.study import Rater, Study


@dataclass(frozen=True)
class Judgement:
    """A rater's judgement of one condition's track. `order` counts the rater's screens from 1.

    chosen     ab: 1 if it was preferred to the other track on the screen, 0 if not
    against    ab: the condition of the other track
    repeat_of  the item that this one repeats; such rows are used for screening only
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


def read_all_answers(folder: Path, study: Study) -> dict[str, Answered]:
    """Return the answers of every rater who has answered an item, by the rater's name."""
    by_rater = {rater.name: read_answers(folder, study, rater) for rater in study.raters}
    return {name: answered for name, answered in by_rater.items() if answered.answers}


def judgements(study: Study, answered: Mapping[str, Answered], raters: Iterable[str] | None = None) -> list[Judgement]:
    """Return the rows of the named raters (None: of all who answered), by rater, then in the order of their screens."""
    names = set(answered if raters is None else raters)
    return [
        row
        for rater in study.raters
        if rater.name in names and rater.name in answered
        for row in _of_rater(rater, answered[rater.name])
    ]


def _of_rater(rater: Rater, answered: Answered) -> Iterator[Judgement]:
    for order, item in enumerate(rater.items, start=1):
        answer = answered.answers.get(item.name)
        if answer is None:
            continue
        for position, (track, conditions) in enumerate(zip(item.tracks, item.conditions, strict=True)):
            for condition in conditions:
                yield Judgement(
                    rater=rater.name,
                    seed=item.seed,
                    item=item.name,
                    model=condition,
                    track=track,
                    similarity=answer.similarity,
                    liking=answer.liking,
                    chosen=None if answer.choice is None else int(answer.choice == position),
                    against=item.conditions[1 - position][0] if len(item.tracks) == 2 else "",
                    order=order,
                    seconds=answer.seconds,
                    repeat_of=item.repeat_of,
                )
