"""The rows of the thesis: published weight counts, and how they are chosen and scaled."""

from __future__ import annotations

import json

import pytest

from unheard.errors import UserError
from unheard.experiments.thesis.rows import (
    OURS,
    PAIR,
    ROWS,
    even,
    listing,
    parse_rows,
    recipe_of,
    trainable_parameters,
)

READINGS = {8: 8_640_712, 21: 8_529_280}  # networks that the thesis does not determine: ours, not the published count


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row.number}")
def test_every_published_count_is_met_or_said_to_be_open(row) -> None:  # type: ignore[no-untyped-def]
    assert row.determined == (row.number not in READINGS)
    expected = READINGS.get(row.number, row.published_parameters)
    assert trainable_parameters(row) == expected
    if not row.determined:
        assert expected != row.published_parameters


def test_the_listing_is_plain_data() -> None:
    entries = json.loads(json.dumps(listing()))
    assert [entry["row"] for entry in entries] == list(range(1, 23))
    assert {tuple(entry) for entry in entries} == {("row", "name", "trainable_parameters", "published_parameters")}
    assert len({entry["name"] for entry in entries}) == 22


def test_rows_are_chosen_by_number_and_range() -> None:
    assert [row.number for row in parse_rows("1-3, 22,2")] == [1, 2, 3, 22]
    assert len(parse_rows("1-22")) == 22


@pytest.mark.parametrize("text", ["", "0", "23", "3-", "a", "1,,2", "5-2", "5-3,1", "-3", "1-99999999999"])
def test_other_rows_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--rows"):
        parse_rows(text)


def test_fraction_and_epochs_replace_the_published_ones_in_proportion() -> None:
    by_number = {row.number: row for row in ROWS}
    (four,) = recipe_of(by_number[4]).stages
    assert (four.fraction, four.epochs, four.keep, four.adam.learning_rate) == (0.1, 5, "last", 1e-4)
    (five,) = recipe_of(by_number[5], fraction=0.5, epochs=2).stages
    assert (five.fraction, five.epochs) == (0.5, 4)
    embeds, regresses = recipe_of(by_number[22], fraction=0.2, epochs=10).stages
    assert (embeds.fraction, embeds.epochs) == (0.2, 4)
    assert (regresses.fraction, regresses.epochs) == (None, 50)
    assert recipe_of(by_number[1], fraction=0.2).stages[0].fraction is None


def test_another_recipe_has_another_name() -> None:
    by_number = {row.number: row for row in ROWS}
    assert recipe_of(by_number[4]).name == "thesis-04"
    assert recipe_of(by_number[4], fraction=0.1, epochs=5).name == "thesis-04"
    assert recipe_of(by_number[4], fraction=0.5).name == "thesis-04-f0.5"
    assert recipe_of(by_number[4], fraction=0.5, epochs=2).name == "thesis-04-f0.5-e2"
    assert recipe_of(by_number[1], fraction=0.5).name == "thesis-01"
    assert recipe_of(by_number[22], fraction=0.1).name == "thesis-22-f0.1"
    assert len({recipe_of(row).name for row in (*ROWS[:20], *OURS)}) == 20 + len(OURS)


def test_what_ours_change() -> None:
    by_name = {recipe_of(row).name: recipe_of(row).stages[0] for row in OURS}
    assert by_name["thesis-12-dropout"].network.dropout == 0.5
    assert by_name["thesis-15-song"].whole_song
    assert by_name["thesis-04-entropy"].selection == "entropy"
    assert {trainable_parameters(row) for row in OURS if row.table == "selection"} == {8_566_600}


def test_the_pair_has_the_same_layers_in_as_many_steps() -> None:
    end_to_end, two_stages = (recipe_of(row) for row in PAIR)
    assert trainable_parameters(PAIR[0]) == trainable_parameters(PAIR[1])
    (whole,) = end_to_end.stages
    first, second = even(two_stages, items=960, tracks=200).stages
    assert (first.epochs, first.batch_size, first.fraction) == (whole.epochs, whole.batch_size, whole.fraction)
    assert second.epochs * round(200 / 32) == pytest.approx(first.epochs * 960 / 32, rel=0.05)
