"""Fixtures with the toy world; tests only read it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.models import make_recommender
from unheard.recommend.recommenders import FactorRecommender
from unheard.workspace import Workspace


@pytest.fixture(scope="session")
def workspace(music_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.open(shutil.copytree(music_world, tmp_path_factory.mktemp("music") / "w"))


@pytest.fixture(scope="session")
def catalogue(workspace: Workspace) -> Catalogue:
    return load_catalogue(workspace, "artists", need_full=True)


@pytest.fixture
def toy(workspace: Workspace, catalogue: Catalogue) -> FactorRecommender:
    found = make_recommender(workspace, catalogue, "toy")
    assert isinstance(found, FactorRecommender)
    return found
