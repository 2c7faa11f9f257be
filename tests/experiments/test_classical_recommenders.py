"""Classical recommenders compared on the toy world."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.builders import music_world as toy
from unheard.atomic_files import write_json
from unheard.errors import UserError
from unheard.evaluate.evaluate import evaluate
from unheard.experiments.classical_recommenders import CLASSICAL_RECOMMENDERS, Options, tables
from unheard.experiments.experiment import Findings, path_of, run_experiment
from unheard.plays import Play, Plays, replace_playlists
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import load_catalogue
from unheard.recommend.classical import CLASSICAL, COLLABORATIVE, CONTENT, HYBRIDS
from unheard.recommend.holdout import hide
from unheard.session import Session
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return toy.build(tmp_path_factory.mktemp("world") / "w")


@pytest.fixture(scope="module")
def found(workspace: Workspace) -> Findings:
    before = {path: path.read_bytes() for path in (workspace.root / "factors").iterdir()}
    results = classical(workspace, "artists")
    assert {path: path.read_bytes() for path in (workspace.root / "factors").iterdir()} == before
    return results


def classical(workspace: Workspace, split: str, *, seed: int = 0, progress: Progress = silent) -> Findings:
    return run_experiment(CLASSICAL_RECOMMENDERS, workspace, split, Options(seed=seed), progress=progress)


def value(found: Findings, model: str, candidates: str, metric: str, part: str = "value") -> float:
    (row,) = [r for r in found["rows"] if (r["model"], r["candidates"], r["metric"]) == (model, candidates, metric)]
    return float(row[part])


def test_one_in_five_plays_is_hidden(workspace: Workspace) -> None:
    catalogue = load_catalogue(workspace, "artists")
    known, hidden = hide(catalogue, rng=np.random.default_rng(0))
    assert ((known + hidden) != catalogue.train_plays).nnz == 0
    assert known.multiply(hidden).nnz == 0
    np.testing.assert_array_equal(np.diff(hidden.indptr), np.diff(catalogue.train_plays.indptr) // 5)
    again, other = (hide(catalogue, rng=np.random.default_rng(seed))[1] for seed in (0, 1))
    assert (again != hidden).nnz == 0
    assert (other != hidden).nnz > 0


@pytest.mark.parametrize("name", COLLABORATIVE)
def test_collaborative_filtering_beats_popularity_on_known_tracks(found: Findings, name: str) -> None:
    assert value(found, name, "warm", "recall") > value(found, "popularity", "warm", "recall")
    assert value(found, name, "warm", "recall", "low") > value(found, name, "warm", "recall", "chance")


@pytest.mark.parametrize("name", COLLABORATIVE)
def test_collaborative_filtering_cannot_rank_new_tracks(found: Findings, name: str) -> None:
    assert name in found["tied_on_cold_tracks"]
    assert value(found, name, "cold", "auc") == 0.5
    chance = value(found, name, "cold", "recall", "chance")
    assert value(found, name, "cold", "recall", "low") < chance < value(found, name, "cold", "recall", "high")


@pytest.mark.parametrize("name", [CONTENT, *HYBRIDS])
def test_hybrids_rank_new_tracks_and_known_ones(found: Findings, name: str) -> None:
    assert name not in found["tied_on_cold_tracks"]
    for metric in ("recall", "ndcg"):
        assert value(found, name, "cold", metric, "low") > value(found, name, "cold", metric, "chance")
        assert value(found, name, "warm", metric) > value(found, "popularity", "warm", metric)


def test_hybrids_are_more_than_their_parts(found: Findings) -> None:
    """Half of each ranks known tracks better than either; trust by plays keeps new tracks in sight of known ones."""
    parts = max(value(found, name, "warm", "ndcg") for name in ("implicit-als", CONTENT))
    assert value(found, "hybrid-weighted", "warm", "ndcg") > parts
    for name in ("hybrid-learned", "hybrid-switching"):
        assert value(found, name, "all", "recall") > value(found, "hybrid-weighted", "all", "recall")


def test_the_user_based_adjustment_changes_no_ranking(found: Findings) -> None:
    for candidates in ("warm", "all"):
        plain, adjusted = (value(found, f"user-knn-{how}", candidates, "ndcg") for how in ("pearson", "adjusted"))
        assert plain == adjusted


def test_cold_figures_are_those_of_evaluate(workspace: Workspace, found: Findings) -> None:
    models = ["item-knn-cosine", "hybrid-mixed", "content-boosted"]
    measured = evaluate(workspace, "artists", models=models)
    assert list(dict.fromkeys(row["model"] for row in measured.rows)) == models
    ours = {tuple(row[k] for k in ("model", "candidates", "metric")): row for row in found["rows"]}
    compared = [
        row for row in measured.rows if row["task"] == "recommend" and row["metric"] in ("recall", "ndcg", "auc")
    ]
    assert len(compared) == 3 * 2 * 3
    for row in compared:
        assert row == ours[row["model"], row["candidates"], row["metric"]]


def test_differences_are_paired_with_what_has_to_be_beaten(found: Findings) -> None:
    for c in found["comparisons"]:
        assert c["against"] == ("popularity" if c["candidates"] == "warm" else CONTENT)
        ours, theirs = (value(found, c[name], c["candidates"], c["metric"]) for name in ("model", "against"))
        assert c["difference"] == pytest.approx(ours - theirs)
        assert c["p"] <= c["p_holm"]


def test_tables(found: Findings) -> None:
    warm, cold = tables(found)
    assert warm.columns == ["recommender", "recall@20", "ndcg@20", "recall@20 - popularity", "n"]
    assert [row[0] for row in warm.rows] == ["chance", "popularity", *CLASSICAL]
    assert cold.columns[1:5] == ["cold recall@20", "cold ndcg@20", "all recall@20", "all ndcg@20"]
    assert [row[0] for row in cold.rows] == ["chance", "popularity", *CLASSICAL, "oracle"]
    for row in cold.rows:
        assert ("ties" in row[1]) == (row[0] in COLLABORATIVE)
    for table in (warm, cold):
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert warm.title == "artists: hidden plays of train tracks"


def test_what_is_written_is_what_was_found(workspace: Workspace, found: Findings) -> None:
    written = json.loads(path_of(CLASSICAL_RECOMMENDERS, workspace).read_text())
    assert written["findings"]["rows"] == found["rows"]
    assert written["findings"]["tied_on_cold_tracks"] == found["tied_on_cold_tracks"]
    assert [table["title"] for table in written["tables"]] == [table.title for table in tables(found)]


def test_the_seed_decides_and_progress_ends(workspace: Workspace, found: Findings) -> None:
    steps: list[tuple[str, int, int]] = []
    again = classical(workspace, "artists", progress=lambda *step: steps.append(step))
    assert again["rows"] == found["rows"]
    assert steps[-1] == ("classical recommenders", len(CLASSICAL) + 1, len(CLASSICAL) + 1)
    write_json(workspace.root / "scratch.json", again)  # no NaN anywhere
    assert classical(workspace, "artists", seed=1)["rows"] != found["rows"]


def test_plays_after_the_cutoff_are_neither_hidden_nor_recommended(workspace: Workspace) -> None:
    catalogue = load_catalogue(workspace, "time")
    assert (catalogue.validation_plays.nnz, catalogue.train_plays.nnz) < (catalogue.plays.nnz, catalogue.plays.nnz)
    found = classical(workspace, "time")
    assert found["hidden_plays"] == hide(catalogue, rng=np.random.default_rng(0))[1].nnz
    assert value(found, "user-knn-cosine", "warm", "recall") > value(
        found, "user-knn-cosine", "warm", "recall", "chance"
    )


def test_classical_recommenders_recommend_in_a_session(workspace: Workspace) -> None:
    with_neighbours = Session(workspace.root, split="artists", model="item-knn-cosine")
    ids, _ = with_neighbours.recommend(playlist="p03", candidates="warm", n=5)
    assert len(ids) == 5
    with pytest.raises(UserError, match="ranks only tracks of the library"):
        with_neighbours.embed([Path("x.wav")])


def test_without_features_only_collaborative_recommenders_are_compared(tmp_path: Path) -> None:
    workspace = toy.build(tmp_path / "w")
    shutil.rmtree(workspace.features_dir)
    found = classical(workspace, "artists")
    assert {row["model"] for row in found["rows"]} == {"popularity", *COLLABORATIVE, "oracle"}


def test_too_few_plays_are_refused(tmp_path: Path) -> None:
    workspace = toy.build(tmp_path / "w")
    replace_playlists(workspace, Plays.of([Play(f"p{n:02d}", "t00-0", 0) for n in range(toy.N_PLAYLISTS)]))
    with pytest.raises(UserError, match="expected playlists with 5 train plays, and test tracks in playlists"):
        classical(workspace, "artists")
