"""Store and read answers: one JSON line each in answers/<rater>.jsonl, on disk before the rater sees the next item.

    {"consent": true}
    {"item": "004", "similarity": 70, "liking": 35, "seconds": 41.2}          rate
    {"item": "004", "choice": 1, "seconds": 41.2}                             ab: the second of the item's tracks

Files are only appended to, up to some lines for each item; the last answer to an item counts. Lines of simulated raters
have `"simulated": true`. No line contains a name, an address or a date.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unheard.atomic_files import append_lines
from unheard.errors import TableError, UserError
from unheard.listening_test.study import Item, Kind, Rater, Study

MAX_RATING = 100  # the minimum is 0
MAX_SECONDS = 86_400.0
LINES_PER_ITEM = 20  # of a file on average: every page reads it whole, and whoever has a link can append to it


@dataclass(frozen=True)
class Answer:
    """One answer. rate: `similarity` and `liking`, 0 to 100; ab: `choice`, 0 or 1. seconds: time spent on the page."""

    item: str
    seconds: float
    similarity: int | None = None
    liking: int | None = None
    choice: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Answered:
    """The answers of one rater: the last answer to each item, by the item's name; `n_lines` are in the file."""

    consent: bool = False
    simulated: bool = False
    answers: Mapping[str, Answer] = field(default_factory=dict)
    n_lines: int = field(default=0, compare=False)

    def next_item(self, rater: Rater) -> Item | None:
        """Return the first item without an answer; None if all are answered."""
        return next((item for item in rater.items if item.name not in self.answers), None)

    def is_full(self, rater: Rater) -> bool:
        """Return whether no more answers are stored."""
        return self.n_lines >= LINES_PER_ITEM * len(rater.items)


def answers_path(folder: Path, rater: Rater) -> Path:
    return folder / "answers" / f"{rater.name}.jsonl"


def check_answer(kind: Kind, answer: Answer) -> None:
    """Raise UserError unless an answer has the values that its kind of study requires, within bounds."""
    required = (
        {"similarity": answer.similarity, "liking": answer.liking} if kind == "rate" else {"choice": answer.choice}
    )
    maximum = MAX_RATING if kind == "rate" else 1
    for name, value in required.items():
        if type(value) is not int or not 0 <= value <= maximum:
            raise UserError(f"{name}: expected a whole number from 0 to {maximum}, found {value!r}; answer again")
    if type(answer.seconds) not in (int, float) or not 0 <= answer.seconds <= MAX_SECONDS:
        raise UserError(f"seconds: expected 0 to {MAX_SECONDS:g}, found {answer.seconds!r}; answer again")


def append(folder: Path, rater: Rater, value: Mapping[str, Any]) -> None:
    """Append one line and sync it to disk. An unfinished line, left by a power cut, is ended first."""
    path = answers_path(folder, rater)
    try:
        path.parent.mkdir(exist_ok=True)
        append_lines(path, [json.dumps(dict(value), allow_nan=False)])
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); check the disk and the permissions") from error


def read_answers(folder: Path, study: Study, rater: Rater) -> Answered:
    """Return a rater's answers. Unfinished lines (see `append`) were never confirmed to the rater and are skipped.

    Raise TableError for a complete line that is not an answer.
    """
    path = answers_path(folder, rater)
    if not path.is_file():
        return Answered()
    consent = simulated = False
    answers: dict[str, Answer] = {}
    lines = path.read_bytes().split(b"\n")
    for row, line in enumerate(lines, start=1):
        try:
            value = json.loads(line)
        except ValueError:
            if line.endswith(b"}"):
                raise TableError(path, "not JSON", "restore the file, or delete the line", row=row) from None
            continue
        try:
            simulated |= bool(value.pop("simulated", False))
            if value.pop("consent", False):
                consent = True
                continue
            answer = Answer(**value)
            check_answer(study.kind, answer)
            if rater.item(answer.item) is None:
                raise UserError(f"no item {answer.item!r} in this rater's study")
        except (TypeError, AttributeError, UserError) as error:
            raise TableError(
                path, f"not an answer ({error})", "restore the file, or delete the line", row=row
            ) from error
        answers[answer.item] = answer
    return Answered(consent, simulated, answers, sum(map(bool, lines)))


def withdraw(folder: Path, rater: Rater) -> None:
    """Delete all answers of a rater."""
    answers_path(folder, rater).unlink(missing_ok=True)
