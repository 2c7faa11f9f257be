"""Tests of the CSV lists against rankings of single queries."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from unheard.ranking import tie_keys
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.csv_lists import write_recommendation_lists, write_similar_lists
from unheard.recommend.models import ORACLE, make_recommender
from unheard.splits import Use
from unheard.workspace import Workspace


def read(path: Path) -> dict[str, list[tuple[int, str, float]]]:
    """Lists by their owner."""
    out: dict[str, list[tuple[int, str, float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for owner, rank, track, score in rows:
            out.setdefault(owner, []).append((int(rank), track, float(score)))
    return out


@pytest.mark.parametrize("which", ["cold", "all"])
@pytest.mark.parametrize("model", ["toy", "popularity"])
def test_recommendation_lists(
    workspace: Workspace, catalogue: Catalogue, tmp_path: Path, which: Candidates, model: str
) -> None:
    recommender, path = make_recommender(workspace, catalogue, model), tmp_path / "recs.csv"
    steps: list[tuple[str, int, int]] = []
    n = write_recommendation_lists(
        path, catalogue, recommender, candidates=which, n=30, seed=5, progress=lambda *step: steps.append(step)
    )
    assert path.read_bytes().startswith(b"playlist_id,rank,track_id,score\nfresh,1,")
    found = read(path)
    assert n == sum(map(len, found.values()))
    assert set(found) == set(catalogue.playlists) - {"lost"}
    assert steps[-1] == ("lists", len(found), len(found))
    rows = catalogue.candidates(which, new=False)
    for name in ("p00", "p44", "fresh"):
        playlist = catalogue.playlist_row(name)
        scores = recommender.scores(np.array([playlist]), rows)[0]
        keys = tie_keys(5, np.array([playlist]), rows)
        own = {row for row in catalogue.plays[playlist].indices if catalogue.use[row] == Use.TRAIN}
        order = [i for i in np.lexsort((keys, -scores)) if rows[i] not in own][:30]
        ids = catalogue.tracks.ids.take(rows[order])
        expected = [(rank, name, float(scores[i])) for rank, (name, i) in enumerate(zip(ids, order, strict=True), 1)]
        assert found[name] == expected


@pytest.mark.parametrize("which", ["cold", "warm"])
@pytest.mark.parametrize("model", ["toy", ORACLE])
def test_similar_lists(
    workspace: Workspace, catalogue: Catalogue, tmp_path: Path, which: Candidates, model: str
) -> None:
    recommender, path = make_recommender(workspace, catalogue, model), tmp_path / "sim.csv"
    write_similar_lists(path, catalogue, recommender, candidates=which, n=1000)
    assert path.read_bytes().startswith(b"track_id,rank,neighbour_id,score\n")
    found = read(path)
    played = set(catalogue.tracks.ids.take(np.unique(catalogue.plays.indices)))
    tests = set(catalogue.tracks.ids.take(np.flatnonzero(catalogue.use == Use.TEST)))
    assert set(found) == tests & played
    candidates = set(catalogue.tracks.ids.take(catalogue.candidates(which, new=False)))
    for query, entries in found.items():
        assert {track for _, track, _ in entries} == candidates - {query}  # all of them, and never itself
        assert [rank for rank, _, _ in entries] == list(range(1, len(entries) + 1))
        scores = [score for *_, score in entries]
        assert scores == sorted(scores, reverse=True)


def test_a_failed_write_leaves_the_old_file(workspace: Workspace, catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "recs.csv"
    path.write_text("old")

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    recommender = make_recommender(workspace, catalogue, "random")
    with pytest.raises(KeyboardInterrupt):
        write_recommendation_lists(path, catalogue, recommender, candidates="cold", n=5, progress=stop)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
