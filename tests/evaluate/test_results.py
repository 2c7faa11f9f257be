"""Tests of results against hand-worked values: means over seeds, comparisons, tables."""

from __future__ import annotations

import numpy as np
import pytest

from unheard.evaluate.measure import Figure, Measure
from unheard.evaluate.result_tables import tables, to_markdown, warnings
from unheard.evaluate.results import Mean, Results, recipe_and_seed, results_of

RECALL = Figure("recommend", "cold", "recall", 20)
OVERLAP = Figure("similar", "cold", "overlap", 10)
COVERAGE = Figure("recommend", "cold", "coverage", 20)
REPLICATES = np.linspace(-0.1, 0.1, 1001)  # its middle 95 % ends at +- 0.095


def measures(recall: float, overlap: float | None = None, coverage: float = 0.5) -> dict[Figure, Measure]:
    found = {RECALL: Measure(RECALL, recall, 50, 0.1, recall + REPLICATES)}
    if overlap is not None:
        found[OVERLAP] = Measure(OVERLAP, overlap, 30, 0.02, overlap + REPLICATES)
    found[COVERAGE] = Measure(COVERAGE, coverage, 50, np.nan, None)
    return found


@pytest.fixture
def results() -> Results:
    measured = {
        "random": measures(0.1, 0.02),
        "popularity": measures(0.2),
        "net": measures(0.4, 0.08),
        "net@1": measures(0.5, 0.12),
        "oracle": measures(0.9, 1.0, np.nan),
    }
    return results_of("artists", measured, oracle=measured["oracle"], seed=4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("triplet", ("triplet", 0)), ("triplet@12", ("triplet", 12)), ("a@b", ("a@b", 0)), ("@1", ("@1", 0))],
)
def test_names_of_seeds(name: str, expected: tuple[str, int]) -> None:
    assert recipe_and_seed(name) == expected


def test_a_row(results: Results) -> None:
    row = next(r for r in results.rows if r["model"] == "net@1" and r["metric"] == "recall")
    low, high = row.pop("low"), row.pop("high")
    assert row == {
        "model": "net@1", "split": "artists", "task": "recommend", "candidates": "cold", "metric": "recall", "k": 20,
        "value": 0.5, "n": 50, "chance": 0.1, "oracle": 0.9, "seed": 1,
    }  # fmt: skip
    assert (low, high) == (pytest.approx(0.405), pytest.approx(0.595))
    assert {r["seed"] for r in results.rows if r["model"] in ("random", "oracle")} == {4}


def test_what_is_undefined_is_none(results: Results) -> None:
    row = next(r for r in results.rows if r["model"] == "oracle" and r["metric"] == "coverage")
    assert row["value"] is row["low"] is row["high"] is row["chance"] is row["oracle"] is None


def test_comparisons(results: Results) -> None:
    pairs = [(c.model, c.against, round(c.difference, 6)) for c in results.comparisons if c.figure == RECALL]
    assert pairs == [("net", "random", 0.35), ("net", "popularity", 0.25)]
    assert [(c.model, c.against) for c in results.comparisons if c.figure == OVERLAP] == [("net", "random")]
    assert not [c for c in results.comparisons if c.figure == COVERAGE]
    assert {c.n_seeds for c in results.comparisons} == {2}
    assert results.comparisons[0].as_json()["enough_seeds"] is False


def test_baselines_are_compared_where_nothing_is_trained() -> None:
    measured = {"random": measures(0.1), "popularity": measures(0.2), "oracle": measures(0.9)}
    found = results_of("s", measured, oracle=measured["oracle"], seed=0)
    assert {(c.model, c.against) for c in found.comparisons} == {("popularity", "random")}


def test_classical_recommenders_count_as_untrained() -> None:
    names = ("oracle", "net", "hybrid-mixed", "item-knn-cosine", "ridge")
    measured = {name: measures(0.1 * place) for place, name in enumerate(names)}
    found = results_of("s", measured, oracle=measured["oracle"], seed=4)
    assert {row["seed"] for row in found.rows if row["model"] == "item-knn-cosine"} == {4}
    assert {(c.model, c.n_seeds) for c in found.comparisons} == {("net", 1)}
    assert [row[0] for row in tables(found)[0].rows] == ["chance", *reversed(names)]


def test_tables(results: Results) -> None:
    recommend, similar, compared = tables(results)[0], tables(results)[1], tables(results)[2]
    assert recommend.title == "artists: recommend, cold candidates"
    assert recommend.columns == ["model", "recall@20", "coverage@20", "n"]
    assert recommend.rows == [
        ["chance", "0.1000", "-", ""],
        ["random", "0.1000 [0.0050, 0.1950]", "0.5000", "50"],
        ["popularity", "0.2000 [0.1050, 0.2950]", "0.5000", "50"],
        ["net (2 seeds)", "0.4500 [0.3550, 0.5450]", "0.5000", "50"],
        ["oracle", "0.9000 [0.8050, 0.9950]", "-", "50"],
    ]
    assert similar.columns == ["model", "overlap@10", "lift", "n"]
    assert similar.rows[0] == ["chance", "0.0200", "x1.0", ""]
    assert similar.rows[-2] == ["net (2 seeds)", "0.1000 [0.0050, 0.1950]", "x5.0", "30"]
    assert [row[0] for row in similar.rows] == ["chance", "random", "net (2 seeds)", "oracle"]
    assert compared.columns[-1] == "seeds"
    assert compared.rows[0][-1] == "2 (too few)"
    for table in tables(results):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_markdown(results: Results) -> None:
    text = to_markdown(results)
    assert text.startswith("# Split `artists`\n")
    assert (
        "## artists: similar, cold candidates\n\n| model | overlap@10 | lift | n |\n| --- | ---: | ---: | ---: |\n"
        in text
    )
    assert "| random | 0.0200 [-0.0750, 0.1150] | x1.0 | 30 |\n" in text


@pytest.mark.parametrize(
    ("n", "chance", "said"),
    [(500, 0.2, []), (4, 0.2, ["only 4 playlists"]), (4, 1.0, ["only 4 playlists", "holds 100% of the test tracks"])],
)
def test_figures_that_say_nothing_have_a_note(n: int, chance: float, said: list[str]) -> None:
    recall = Mean("ridge", "tracks", RECALL, 0.9, 0.8, 1.0, n, chance, 1)
    found = warnings(Results("tracks", [], [recall], []))
    assert len(found) == len(said)
    assert all(words in note for words, note in zip(said, found, strict=True))
