"""Debian's Chromium, an audible world with a trained model behind a real server, and tags that somebody tampered with.

Without Playwright nothing of this folder is collected, and nothing outside of it needs Playwright.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders import reported_world
from tests.builders.audio_world import copy_workspace
from tests.builders.command_line import run_all
from tests.builders.reported_world import Reported
from tests.builders.server import running
from unheard.library import Track, open_library
from unheard.plays import Play, Plays, replace_playlists
from unheard.serve.config import ServeConfig
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.pages import Watched, World

collect_ignore_glob = [] if find_spec("playwright") and find_spec("axe_playwright_python") else ["test_*.py"]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that none can be forgotten."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests: a thread can drive one Playwright at a time."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--mute-audio"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def audible(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A copy of the audible workspace, measured; and one of its songs as a file that the library does not hold."""
    folder = tmp_path_factory.mktemp("audible")
    w = copy_workspace(audio_world, folder)
    run_all(("evaluate", "-w", w))
    with open_library(w / "library.sqlite") as library:
        audio = Path(library.tracks().items[-1].path)
    song = folder / f"from outside{audio.suffix}"
    shutil.copyfile(audio, song)
    return Workspace.open(w), song


@pytest.fixture(scope="session")
def world(audible: tuple[Workspace, Path]) -> Iterator[World]:
    """The audible world, tampered with and served."""
    from tests.browser.pages import HOSTILE, HOSTILE_ID, LONG, TURNED, World

    workspace, song = audible
    with open_library(workspace.library_path) as library, library.transaction():
        tracks = library.tracks().items
        for track, text in zip(tracks, (HOSTILE, TURNED, LONG), strict=False):
            library.put_track(replace(track, title=text, artists=(text, HOSTILE), album=text, genre=text))
        library.put_track(Track(HOSTILE_ID, title="A new one", artists=("Newcomer",)))
    plays = [Play(HOSTILE, track.track_id, place) for place, track in enumerate(tracks[:6])]
    replace_playlists(workspace, Plays.of(plays))
    names = [track.track_id for track in tracks]
    with running(ServeConfig(workspace=workspace.root)) as url:
        yield World(url, workspace, (*names[:3], HOSTILE_ID), tuple(names[3:]), song)


@pytest.fixture(scope="session")
def reported(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """The report of a world with hostile tags, as files."""
    workspace = reported_world.build(audio_world, tmp_path_factory.mktemp("reported"))
    return reported_world.tamper_and_report(workspace, tmp_path_factory.mktemp("page") / "report")


@pytest.fixture
def watch(chromium: Browser, world: World) -> Iterator[Watched]:
    """A page of a desktop browser; at the end nothing may have been complained about or asked of another server."""
    from tests.browser.pages import watched

    with watched(chromium, world.url) as seen:
        yield seen
        assert seen.complaints == []
        assert seen.outside() == []
