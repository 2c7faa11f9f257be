"""What the whole suite shares.

A suite that is started in the background ignores Ctrl-C, and so would the processes whose Ctrl-C it tests. One that
runs in several processes is told the width of a terminal, and so would be the tables that tests read.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.builders.shared import build_once

os.environ.pop("COLUMNS", None)
settings.register_profile("unheard", deadline=None)  # a busy machine is no failure
settings.load_profile("unheard")
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
ONE_PROCESS = ("browser", "cli", "listening_test", "report", "serve", "spotify")  # folders with costly fixtures


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file, or folder of `ONE_PROCESS`, in one process of pytest-xdist: its fixtures are made once.

    Not `--dist loadgroup`: pytest-xdist 3.8 adds the group to a name that pytest 9.2 no longer reads.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0].removeprefix("tests/")
            folder = path.partition("/")[0]
            return folder if folder in ONE_PROCESS else path

    return ByFile(config, log)


@pytest.fixture(scope="session")
def music_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of tests/builders/music_world.py; shared, so copy it before a change."""
    from tests.builders import music_world

    return build_once(tmp_path_factory, "music-world", lambda folder: music_world.build(folder / "w")) / "w"


@pytest.fixture(scope="session")
def audio_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world of tests/builders/audio_world.py; shared, so copy its workspace before a change."""
    from tests.builders import audio_world

    return build_once(tmp_path_factory, "audio-world", audio_world.build)
