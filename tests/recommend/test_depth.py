"""Test that an index is read as deep as a list needs: long lists, own tracks, caps, filters, shrunk vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from tests.builders.large_catalogue import large_catalogue
from unheard.index import build_index
from unheard.recommend import list_query, shortlist
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.filters import Filters
from unheard.recommend.index_files import IndexFiles
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend
from unheard.recommend.recommenders import FactorRecommender
from unheard.recommend.shortlist import Shortlists, shortlists
from unheard.workspace import Workspace

N, M, D = 20_000, 12, 24
N_OWN = 400


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortlists hardly longer than the lists, and short lists of the index, so that depth is what finds the tracks."""
    monkeypatch.setattr(list_query, "SHORTLIST", 60)
    monkeypatch.setattr(list_query, "pool_size", lambda n: n)
    monkeypatch.setattr(shortlist, "FEW", 150)
    monkeypatch.setattr(build_index, "PER_LIST", 100)


@pytest.fixture(scope="module")
def large() -> Catalogue:
    """A catalogue whose first playlists have hundreds of the tracks nearest to them."""
    catalogue = large_catalogue(N, M, D, np.random.default_rng(0))
    assert catalogue.full is not None
    plays = catalogue.plays.tolil()
    for playlist in range(M // 2):
        near = np.argsort(-(catalogue.full.tracks @ catalogue.warm.playlists[playlist]))[: 2 * N_OWN : 2]
        plays[playlist, near[catalogue.is_warm[near]]] = 1
    return replace(catalogue, plays=csr_matrix(plays))


def one_matrix(catalogue: Catalogue, *, shrunk: float) -> FactorRecommender:
    """A model that ranks warm and cold tracks by one matrix, in which the cold vectors are shorter."""
    assert catalogue.full is not None
    factor = np.where(catalogue.is_warm, 1, shrunk).astype(np.float32)
    space = catalogue.full
    return FactorRecommender("factors", space.tracks * factor[:, None], space.playlists, space.centre)


def by_index(catalogue: Catalogue, model: FactorRecommender, root: Path) -> Shortlists:
    files = IndexFiles(Workspace.init(root), catalogue, model.name)
    found = shortlists(catalogue, model, files.open)
    assert found is not None
    files.make(found, seed=0)
    found.open_all()
    assert found.is_indexed
    return found


def recall(catalogue: Catalogue, model: FactorRecommender, lists: Shortlists, options: ListOptions) -> float:
    """Return the mean share of the exact lists that the lists by an index hold."""
    shares = []
    for playlist in range(M):
        exact = {item.row for item in recommend(catalogue, model, playlist=playlist, options=options)}
        found = {item.row for item in recommend(catalogue, model, playlist=playlist, options=options, shortlists=lists)}
        shares.append(len(found & exact) / len(exact))
    return float(np.mean(shares))


@pytest.mark.parametrize("shrunk", [1.0, 0.2])
def test_lists_of_any_length_hold_98_percent_of_the_exact_ones(large: Catalogue, shrunk: float, tmp_path: Path) -> None:
    model = one_matrix(large, shrunk=shrunk)
    lists = by_index(large, model, tmp_path / "w")
    for which in ("all", "cold"):
        for n in (10, 100, 1000):
            for options in (
                ListOptions(n=n, max_per_artist=None),
                ListOptions(n=n, max_per_artist=2),
                ListOptions(n=n, max_per_artist=None, filters=Filters(genres={"Rock", "Jazz"}, year_from=1990)),
            ):
                asked = options.changed(candidates=which, explain=False)
                assert recall(large, model, lists, asked) >= 0.98, (which, n, options)
