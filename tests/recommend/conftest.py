"""The toy world, built once and only read."""

from __future__ import annotations

import pytest

from tests.recommend import world as toy
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.workspace import Workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return toy.build(tmp_path_factory.mktemp("world") / "w")


@pytest.fixture(scope="session")
def catalogue(workspace: Workspace) -> Catalogue:
    return load_catalogue(workspace, "artists", need_full=True)
