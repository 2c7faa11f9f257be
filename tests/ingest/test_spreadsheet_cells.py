"""No cell of an exported table is a formula, and every text comes back."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.ids import CONTROL
from unheard.ingest.spreadsheet_cells import as_cell, of_cell
from unheard.ingest.tables import read_rows
from unheard.library import Track
from unheard.recommend.export import ListEntry, as_csv


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-id", "'-id"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("'Til", "'Til"),
        ("a=b", "a=b"),
        ("", ""),
        ("a\x1b[31m", "a [31m"),
    ],
)
def test_by_hand(text: str, cell: str) -> None:
    assert as_cell(text) == cell
    assert of_cell(cell) == CONTROL.sub(" ", text)


@given(st.text(alphabet=st.one_of(st.sampled_from("'=+-@\t\r\na"), st.characters(exclude_categories=["Cs"]))))
def test_any_text_is_no_formula_and_comes_back(text: str) -> None:
    cell = as_cell(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert of_cell(cell) == CONTROL.sub(" ", text)


def test_an_exported_list_is_a_table_of_tracks_with_the_same_ids(tmp_path: Path) -> None:
    ids = ["-yt_id", "=1+1", "'=x", "@me", "plain", "'quoted"]
    entries = [ListEntry(Track(name, f"/music/{name}.mp3", title="=HYPERLINK(1)")) for name in ids]
    path = tmp_path / "list.csv"
    path.write_text(as_csv(entries), encoding="utf-8")
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    rows = [values for _, values in read_rows(path, required=("track_id", "title"))]
    assert [values["track_id"] for values in rows] == ids
    assert {values["title"] for values in rows} == {"=HYPERLINK(1)"}
