"""Tests of the file of a study: who may read it."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.builders.study_world import paper_study
from unheard.listening_test.study import read_study, write_study


def test_only_its_owner_may_read_the_links_of_a_study(tmp_path: Path) -> None:
    study = paper_study()
    write_study(tmp_path, study)
    assert stat.S_IMODE((tmp_path / "study.json").stat().st_mode) == 0o600
    assert read_study(tmp_path) == study
