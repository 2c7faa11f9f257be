"""An audible world with a trained model behind a real server, tags that somebody has tampered with, and a browser that
writes down everything that a page asks for and complains about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.cli.conftest import RECIPE, run_command
from tests.serve.conftest import running
from unheard.demo.generator import build_world
from unheard.library import Play, Track, open_library
from unheard.serve.config import ServeConfig
from unheard.workspace import Workspace

CHROMIUM = shutil.which("chromium")

HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'&"
TURNED = "gnp.\u202eexe.neht\u2066"  # right-to-left override and an isolate that nobody closes
LONG = "la" * 5_000
HOSTILE_ID = "<script>window.hacked=2</script>/../a b?c=d#e%2F&\u202e"


@dataclass(frozen=True)
class World:
    """A served workspace: three tracks have hostile tags, one has a hostile id, `song` is a file from outside."""

    url: str
    workspace: Workspace
    tampered: tuple[str, ...]
    plain: tuple[str, ...]
    song: Path


@dataclass
class Watched:
    """A page of a browser, with every request and every complaint."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def outside(self) -> list[str]:
        """Requests that left this server."""
        return [url for url in self.requests if not url.startswith((f"{self.url}/", "data:", "blob:"))]


@pytest.fixture(scope="session")
def audible(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A made-up world that was scanned, trained and measured; and one of its songs, which the library does not hold."""
    world = tmp_path_factory.mktemp("audible") / "world"
    build_world(world, n_bands=14, n_tracks=42, n_playlists=150, seconds=4.0, jobs=1)
    (world / "tiny.toml").write_text(RECIPE)
    w = world / "workspace"
    for words in (
        ("init", "-w", w),
        ("scan", "-w", w, world / "tracks.csv", "-j", 1),
        ("import", "-w", w, world / "playlists.csv"),
        ("split", "-w", w),
        ("factors", "-w", w, "--dim", 8),
        ("train", "-w", w, world / "tiny.toml", "--split", "artists"),
        ("evaluate", "-w", w),
    ):
        ran = run_command(*words)
        assert ran.code == 0, (words, ran)
    with open_library(w / "library.sqlite") as library:
        audio = Path(library.tracks().items[-1].path)
    song = world / f"from outside{audio.suffix}"
    shutil.copyfile(audio, song)
    return Workspace.open(w), song


@pytest.fixture(scope="session")
def world(audible: tuple[Workspace, Path]) -> Iterator[World]:
    """The audible world, tampered with and served."""
    workspace, song = audible
    with open_library(workspace.library_path) as library, library.transaction():
        tracks = library.tracks().items
        for track, text in zip(tracks, (HOSTILE, TURNED, LONG), strict=False):
            library.put_track(replace(track, title=text, artists=(text, HOSTILE), album=text, genre=text))
        library.put_track(Track(HOSTILE_ID, title="A new one", artists=("Newcomer",)))
        library.replace_playlists([Play(HOSTILE, track.track_id, place) for place, track in enumerate(tracks[:6])])
    names = [track.track_id for track in tracks]
    with running(ServeConfig(workspace=workspace.root)) as url:
        yield World(url, workspace, (*names[:3], HOSTILE_ID), tuple(names[3:]), song)


@contextmanager
def watched(browser: Browser, url: str, **options: Any) -> Iterator[Watched]:
    """A new page, closed again."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    seen = Watched(page, url)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    yield seen
    context.close()


@pytest.fixture
def watch(chromium: Browser, world: World) -> Iterator[Watched]:
    """A page of a desktop browser; at the end nothing may have been complained about or asked of another server."""
    with watched(chromium, world.url) as seen:
        yield seen
        assert seen.complaints == []
        assert seen.outside() == []
