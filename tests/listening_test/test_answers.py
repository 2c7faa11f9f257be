"""Tests of answers on disk: append-only, the last one counts, and intact after a power cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders.study_world import paper_study
from unheard.errors import TableError, UserError
from unheard.listening_test.answers import (
    Answer,
    Answered,
    answers_path,
    append,
    check_answer,
    read_answers,
    withdraw,
)

STUDY = paper_study()
RATER = STUDY.raters[0]


def test_the_last_answer_counts_and_the_first_one_stays_on_disk(tmp_path: Path) -> None:
    append(tmp_path, RATER, {"consent": True})
    for value in (10, 90):
        append(tmp_path, RATER, Answer("002", 4.5, similarity=value, liking=3).as_json())
    found = read_answers(tmp_path, STUDY, RATER)
    assert found == Answered(True, False, {"002": Answer("002", 4.5, 90, 3)})
    assert found.next_item(RATER) == RATER.items[0]
    assert len(answers_path(tmp_path, RATER).read_text().splitlines()) == 3


def test_a_file_is_full_after_twenty_lines_for_each_item(tmp_path: Path) -> None:
    path, n_lines = answers_path(tmp_path, RATER), 20 * len(RATER.items)
    path.parent.mkdir()
    line = json.dumps(Answer("001", 3.0, similarity=5, liking=5).as_json())
    for n, full in ((n_lines - 1, False), (n_lines, True)):
        path.write_text(f"{line}\n" * n)
        assert read_answers(tmp_path, STUDY, RATER).is_full(RATER) == full


def test_nobody_has_answered_yet(tmp_path: Path) -> None:
    assert read_answers(tmp_path, STUDY, RATER) == Answered()
    withdraw(tmp_path, RATER)


def test_an_unfinished_line_is_skipped(tmp_path: Path) -> None:
    append(tmp_path, RATER, {"consent": True})
    whole = answers_path(tmp_path, RATER)
    line = json.dumps(Answer("001", 3.0, similarity=5, liking=5).as_json())
    for cut in range(len(line)):
        whole.write_text('{"consent": true}\n' + line[:cut])
        assert read_answers(tmp_path, STUDY, RATER) == Answered(consent=True)
        append(tmp_path, RATER, Answer("002", 3.0, similarity=7, liking=7).as_json())
        assert read_answers(tmp_path, STUDY, RATER).answers == {"002": Answer("002", 3.0, 7, 7)}


@pytest.mark.parametrize(
    "line",
    [
        '{"item": "001"}',
        '{"item": "001", "similarity": 101, "liking": 1, "seconds": 2}',
        '{"item": "001", "similarity": 1, "liking": -1, "seconds": 2}',
        '{"item": "001", "similarity": 1.5, "liking": 1, "seconds": 2}',
        '{"item": "001", "similarity": true, "liking": 1, "seconds": 2}',
        '{"item": "001", "similarity": 1, "seconds": 2}',
        '{"item": "001", "choice": 1, "seconds": 2}',
        '{"item": "001", "similarity": 1, "liking": 1, "seconds": -2}',
        '{"item": "001", "similarity": 1, "liking": 1, "seconds": "2"}',
        '{"item": "999", "similarity": 1, "liking": 1, "seconds": 2}',
        '{"item": "001", "similarity": 1, "liking": 1, "seconds": 2, "name": "Ann"}',
        "[1]",
        '{"item": }',
    ],
)
def test_a_complete_line_that_is_not_an_answer_is_an_error(tmp_path: Path, line: str) -> None:
    path = answers_path(tmp_path, RATER)
    path.parent.mkdir()
    path.write_text(f'{{"consent": true}}\n{line}\n')
    with pytest.raises(TableError, match="row 2"):
        read_answers(tmp_path, STUDY, RATER)


def test_choices() -> None:
    check_answer("ab", Answer("001", 2.0, choice=1))
    for wrong in (None, 2, -1):
        with pytest.raises(UserError, match="choice"):
            check_answer("ab", Answer("001", 2.0, choice=wrong))


def test_withdrawn(tmp_path: Path) -> None:
    append(tmp_path, RATER, {"consent": True})
    append(tmp_path, STUDY.raters[1], {"consent": True})
    withdraw(tmp_path, RATER)
    assert read_answers(tmp_path, STUDY, RATER) == Answered()
    assert read_answers(tmp_path, STUDY, STUDY.raters[1]).consent


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot be written"):
        append(tmp_path, RATER, {"consent": True})
