"""The rows of the thesis: published weight counts, and how they are chosen and scaled."""

from __future__ import annotations

import json

import pytest

from unheard.errors import UserError
from unheard.experiments.rows import ROWS, honest_parameters, listing, parse_rows, recipe_of, trainable_parameters

READINGS = {8: 8_640_712, 21: 8_529_280}  # networks that the thesis does not determine: ours, not the published count


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row.number}")
def test_every_published_count_is_met_or_said_to_be_open(row) -> None:  # type: ignore[no-untyped-def]
    assert row.determined == (row.number not in READINGS)
    expected = READINGS.get(row.number, row.published_parameters)
    assert trainable_parameters(row) == expected
    if not row.determined:
        assert expected != row.published_parameters


def test_row_22_reads_one_embedding_when_it_is_honest() -> None:
    assert honest_parameters() == 1_809_096


def test_the_listing_is_plain_data() -> None:
    entries = json.loads(json.dumps(listing()))
    assert [entry["row"] for entry in entries] == list(range(1, 23))
    assert {tuple(entry) for entry in entries} == {("row", "name", "trainable_parameters", "published_parameters")}
    assert len({entry["name"] for entry in entries}) == 22


def test_rows_are_chosen_by_number_and_range() -> None:
    assert [row.number for row in parse_rows("1-3, 22,2")] == [1, 2, 3, 22]
    assert len(parse_rows("1-22")) == 22


@pytest.mark.parametrize("text", ["", "0", "23", "3-", "a", "1,,2", "5-2", "-3"])
def test_other_rows_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--rows"):
        parse_rows(text)


def test_fraction_and_epochs_replace_the_published_ones_in_proportion() -> None:
    by_number = {row.number: row for row in ROWS}
    (four,) = recipe_of(by_number[4]).stages
    assert (four.fraction, four.epochs, four.keep, four.adam.learning_rate) == (0.1, 5, "last", 1e-4)
    (five,) = recipe_of(by_number[5], fraction=0.5, epochs=2).stages
    assert (five.fraction, five.epochs) == (0.5, 4)
    hears, regresses = recipe_of(by_number[22], fraction=0.2, epochs=10).stages
    assert (hears.fraction, hears.epochs) == (0.2, 4)
    assert (regresses.fraction, regresses.epochs) == (1.0, 50)
