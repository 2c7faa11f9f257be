"""What raters answered: one JSON line each in answers/<rater>.jsonl, on disk before the rater sees the next item.

    {"consent": true}
    {"item": "004", "similarity": 70, "liking": 35, "seconds": 41.2}          rate
    {"item": "004", "choice": 1, "seconds": 41.2}                             ab: the second of the item's tracks

Files only grow; the last answer to an item counts. Lines by simulated raters say `"simulated": true`. No line holds a
name, an address or a date.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unheard.errors import TableError, UserError
from unheard.listening_test.study import Item, Kind, Rater, Study

HIGHEST = 100  # of a rating; 0 is the lowest
MAX_SECONDS = 86_400.0


@dataclass(frozen=True)
class Answer:
    """One answer. rate: `similarity` and `liking`, 0 to 100; ab: `choice`, 0 or 1. seconds: from page to answer."""

    item: str
    seconds: float
    similarity: int | None = None
    liking: int | None = None
    choice: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Answered:
    """One rater's file: the last answer to each item, by its name."""

    consent: bool = False
    simulated: bool = False
    answers: Mapping[str, Answer] = field(default_factory=dict)

    def next_item(self, rater: Rater) -> Item | None:
        """The first item without an answer; None when all are answered."""
        return next((item for item in rater.items if item.name not in self.answers), None)


def answers_path(folder: Path, rater: Rater) -> Path:
    return folder / "answers" / f"{rater.name}.jsonl"


def check_answer(kind: Kind, answer: Answer) -> None:
    """UserError unless an answer has what its kind of study asks for, within bounds."""
    asked = {"similarity": answer.similarity, "liking": answer.liking} if kind == "rate" else {"choice": answer.choice}
    highest = HIGHEST if kind == "rate" else 1
    for name, value in asked.items():
        if type(value) is not int or not 0 <= value <= highest:
            raise UserError(f"{name}: expected a whole number from 0 to {highest}, found {value!r}; answer again")
    if type(answer.seconds) not in (int, float) or not 0 <= answer.seconds <= MAX_SECONDS:
        raise UserError(f"seconds: expected 0 to {MAX_SECONDS:g}, found {answer.seconds!r}; answer again")


def append(folder: Path, rater: Rater, value: Mapping[str, Any]) -> None:
    """Add one line and have the disk confirm it. A line that a power cut left unfinished is ended first."""
    path = answers_path(folder, rater)
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("ab+") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
            torn = file.read(1) not in (b"", b"\n")
            line = ("\n" if torn else "") + json.dumps(dict(value), allow_nan=False) + "\n"
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); check the disk and the permissions") from error


def read_answers(folder: Path, study: Study, rater: Rater) -> Answered:
    """A rater's answers. Unfinished lines (see `append`) hold nothing that a rater was thanked for and are left out.

    TableError for a line that is whole and no answer.
    """
    path = answers_path(folder, rater)
    if not path.is_file():
        return Answered()
    consent = simulated = False
    answers: dict[str, Answer] = {}
    for row, line in enumerate(path.read_bytes().split(b"\n"), start=1):
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
            raise TableError(path, f"no answer ({error})", "restore the file, or delete the line", row=row) from error
        answers[answer.item] = answer
    return Answered(consent, simulated, answers)


def withdraw(folder: Path, rater: Rater) -> None:
    """Delete everything that a rater answered."""
    answers_path(folder, rater).unlink(missing_ok=True)
