"""Tests of the CSV lists against rankings of single queries."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from unheard.errors import UserError
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.library import Library, Track
from unheard.ranking import tie_keys
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.csv_lists import write_recommendation_lists, write_similar_lists
from unheard.recommend.models import ORACLE, make_recommender
from unheard.session import Session
from unheard.splits import Use, renew_live
from unheard.thumbs import set_thumb
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


def test_lists_of_live_are_those_of_single_queries(workspace: Workspace, tmp_path: Path) -> None:
    """They are for use: nothing that the playlist has, that is gone or has a thumb down; with tracks added later."""
    mine = Workspace.open(shutil.copytree(workspace.root, tmp_path / "w"))
    renew_live(mine)
    with Library(mine.library_path) as library, library.transaction():
        library.put_track(Track("late", title="Late", artists=("Newcomer",)))
    compute_factors(mine, "live", AlsConfig(dim=8, iterations=2))
    session = Session(mine.root, split="live", model="content-neighbours")
    catalogue = session.catalogue
    down = catalogue.tracks.ids[int(catalogue.candidates("cold", new=True)[-1])]
    set_thumb(mine, down, "down")
    for which in ("cold", "all"):
        session.write_recommendation_lists(tmp_path / "recs.csv", candidates=which, n=10_000)
        for name, found in read(tmp_path / "recs.csv").items():
            own = set(catalogue.tracks.ids.take(catalogue.plays[catalogue.playlist_row(name)].indices))
            ids = {track for _, track, _ in found}
            allowed = set(catalogue.tracks.ids.take(catalogue.candidates(which, new=True)))
            assert ids == allowed - own - {down}
            assert "late" in ids
    with pytest.raises(UserError, match=r"split 'live' has no test track with plays; name another one"):
        session.write_similar_lists(tmp_path / "sim.csv", candidates="cold", n=5)


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
