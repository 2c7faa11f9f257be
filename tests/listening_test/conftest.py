"""Fixtures: one audible world, and one study of each kind in it."""

from __future__ import annotations

import pytest

from tests.builders.study_world import MODELS, build
from unheard.listening_test.create import Created, StudyOptions, create
from unheard.workspace import Workspace


@pytest.fixture(scope="session")
def audible(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The world of `tests.builders.study_world`; tests add studies under names of their own."""
    return build(tmp_path_factory.mktemp("audible"))


@pytest.fixture(scope="session")
def rating(audible: Workspace) -> Created:
    """Return a study with four seeds, six raters and clips of two seconds."""
    return create(audible, StudyOptions("rating", MODELS, "auto:4", 6, clip_s=2.0, seed=3))


@pytest.fixture(scope="session")
def comparing(audible: Workspace) -> Created:
    return create(audible, StudyOptions("comparing", MODELS, "auto:4", 6, kind="ab", clip_s=2.0, seed=3))
