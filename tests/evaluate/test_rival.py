"""Somebody else's evaluation: every figure again, slowly, from the published lists and the data set alone.

This reads recs.csv, sim.csv, splits.json and plays as the contract describes them, takes nothing from `evaluate` but
its result, and must arrive at the same numbers.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from unheard.evaluate.evaluate import evaluate
from unheard.library import Library
from unheard.plays import read_plays
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.csv_lists import write_recommendation_lists, write_similar_lists
from unheard.recommend.models import make_recommender
from unheard.workspace import Workspace

MODELS = ("toy", "ridge", "artist-mean", "random", "oracle")
Lists = dict[str, list[tuple[str, float]]]


@pytest.fixture(scope="module")
def rows(workspace: Workspace) -> dict[tuple[object, ...], dict[str, float]]:
    found = evaluate(workspace, "artists", models=MODELS).rows
    return {(r["model"], r["task"], r["candidates"], r["metric"], r["k"]): r for r in found}


@pytest.fixture(scope="module")
def folder(workspace: Workspace, catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """recs and sim of every model, candidates cold."""
    folder = tmp_path_factory.mktemp("lists")
    for model in MODELS:
        recommender = make_recommender(workspace, catalogue, model)
        for which in ("cold", "all"):
            path = folder / f"recs-{model}-{which}.csv"
            write_recommendation_lists(path, catalogue, recommender, candidates=which, n=1000)
        for which in ("cold", "warm"):
            path = folder / f"sim-{model}-{which}.csv"
            write_similar_lists(path, catalogue, recommender, candidates=which, n=500)  # type: ignore[arg-type]
    return folder


def read_lists(path: Path) -> Lists:
    lists: Lists = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            owner = row["playlist_id"] if "playlist_id" in row else row["track_id"]
            item = row["track_id"] if "playlist_id" in row else row["neighbour_id"]
            assert int(row["rank"]) == len(lists[owner]) + 1
            lists[owner].append((item, float(row["score"])))
    return lists


@pytest.fixture(scope="module")
def uses(workspace: Workspace) -> dict[str, str]:
    split = json.loads(workspace.splits_path.read_text())["artists"]
    of_fold = {fold: use for use, folds in split["use"].items() for fold in folds}
    return {track: of_fold[fold] for track, fold in split["fold"].items()}


@pytest.fixture(scope="module")
def playlists(workspace: Workspace) -> dict[str, set[str]]:
    with Library(workspace.library_path) as library:
        ids = library.tracks().ids
    plays = read_plays(workspace)
    return {name: {track for track in plays.tracks_of(name) if track in ids} for name in plays.playlist_ids}


@pytest.mark.parametrize("which", ["cold", "all"])
@pytest.mark.parametrize("model", MODELS)
def test_recommend(
    rows: dict[tuple[object, ...], dict[str, float]],
    folder: Path,
    uses: dict[str, str],
    playlists: dict[str, set[str]],
    model: str,
    which: str,
) -> None:
    lists = read_lists(folder / f"recs-{model}-{which}.csv")
    figures: dict[tuple[str, int | None], list[float]] = defaultdict(list)
    plays = Counter(track for held in playlists.values() for track in held if uses.get(track) == "test")
    for playlist, held in playlists.items():
        relevant = {track for track in held if uses.get(track) == "test"}
        if not relevant:
            continue
        ranked, r = [track for track, _ in lists[playlist]], len(relevant)
        assert not {track for track in held if uses.get(track) == "train"} & set(ranked)
        hits = [rank for rank, track in enumerate(ranked, start=1) if track in relevant]
        top = [rank for rank in hits if rank <= 20]
        figures["recall", 20].append(len(top) / r)
        unpopular = sum(1 / plays[track] for track in relevant & set(ranked[:20]))
        figures["recall-inverse-plays", 20].append(unpopular / sum(1 / plays[track] for track in relevant))
        figures["hit", 20].append(float(bool(top)))
        ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(20, r) + 1))
        figures["ndcg", 20].append(sum(1 / math.log2(rank + 1) for rank in top) / ideal)
        precisions = [(n + 1) / rank for n, rank in enumerate(hits) if rank <= 500]
        figures["map", 500].append(sum(precisions) / min(500, r))
        figures["mrr", None].append(1 / hits[0])
        good = [score for track, score in lists[playlist] if track in relevant]
        bad = [score for track, score in lists[playlist] if track not in relevant]
        won = sum((g > b) + 0.5 * (g == b) for g in good for b in bad)
        figures["auc", None].append(won / (len(good) * len(bad)))
    for (metric, k), values in figures.items():
        row = rows[model, "recommend", which, metric, k]
        assert row["n"] == len(values)
        assert row["value"] == pytest.approx(np.mean(values), abs=1e-12)
    shown = {
        track
        for name in playlists
        for track, _ in lists[name][:20]
        if any(uses.get(t) == "test" for t in playlists[name])
    }
    n_candidates = sum(use == "test" for use in uses.values()) if which == "cold" else len(uses)
    assert rows[model, "recommend", which, "coverage", 20]["value"] == pytest.approx(len(shown) / n_candidates)


@pytest.mark.parametrize("which", ["cold", "warm"])
@pytest.mark.parametrize("model", MODELS)
def test_similar(
    rows: dict[tuple[object, ...], dict[str, float]],
    folder: Path,
    uses: dict[str, str],
    playlists: dict[str, set[str]],
    model: str,
    which: str,
) -> None:
    predicted, true = read_lists(folder / f"sim-{model}-{which}.csv"), read_lists(folder / f"sim-oracle-{which}.csv")
    played = set().union(*playlists.values())
    n = sum(use == "test" for use in uses.values()) - 1 if which == "cold" else 0
    n = n or sum(use == "train" and track in played for track, use in uses.items())
    for k in (10, 50):
        overlaps = [len({t for t, _ in predicted[q][:k]} & {t for t, _ in true[q][:k]}) / k for q in true]
        row = rows[model, "similar", which, "overlap", k]
        assert row["n"] == len(overlaps) == len(predicted)
        assert row["value"] == pytest.approx(np.mean(overlaps), abs=1e-12)
        assert row["chance"] == pytest.approx(k / n)

    def others(found: list[tuple[str, float]], query: str) -> list[str]:
        return [track for track, _ in found if track[:3] != query[:3]]  # t08-1 and t08-2 are by one artist

    special = {"unplayed", "silent"}  # `silent` is by artist 8 as well
    overlaps = []
    for q in true:
        if q in special:
            continue
        lists = [
            [t for t in others(found[q], q) if not (q[:3] == "t08" and t == "silent")][:10]
            for found in (predicted, true)
        ]
        overlaps.append(len(set(lists[0]) & set(lists[1])) / 10)
    q_silent = [[t for t, _ in found["silent"] if t[:3] != "t08"][:10] for found in (predicted, true)]
    overlaps.append(len(set(q_silent[0]) & set(q_silent[1])) / 10)
    assert rows[model, "similar", which, "overlap-other", 10]["value"] == pytest.approx(np.mean(overlaps), abs=1e-12)


def test_the_oracle_is_the_ceiling_of_its_own_lists(rows: dict[tuple[object, ...], dict[str, float]]) -> None:
    for which in ("cold", "warm"):
        assert rows["oracle", "similar", which, "overlap", 10]["value"] == 1.0
    assert (
        rows["toy", "recommend", "cold", "recall", 20]["oracle"]
        == (rows["oracle", "recommend", "cold", "recall", 20]["value"])
    )
