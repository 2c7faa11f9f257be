"""What pages and the API call a track: new if nobody has played it, and a test track only under an experiment split."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from tests.builders.music_world import ALS
from tests.builders.server import running
from unheard.factors.stage import compute_factors
from unheard.library import Track, open_library
from unheard.plays import Play, Plays, read_plays, replace_playlists
from unheard.recommend.catalogue import load_catalogue
from unheard.recommend.track_status import statuses
from unheard.serve.config import ServeConfig
from unheard.splits import load_split, prepare_splits
from unheard.workspace import Workspace

PLAYED_LATER = "unplayed"  # gets its first play after the split was made


@pytest.fixture(scope="module")
def live_workspace(served_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the split `live`, and plays and a track that came after it."""
    w = Workspace.open(shutil.copytree(served_workspace, tmp_path_factory.mktemp("live") / "w"))
    prepare_splits(w)
    compute_factors(w, "live", ALS)
    with open_library(w.library_path) as library, library.transaction():
        library.put_track(Track("later-unplayed", title="Later still", artists=("Artist 5",)))
        library.put_track(Track("gone", title="Without a file", artists=("Artist 6",), gone_since="2026-01-02"))
        library.put_track(Track("later-played", title="Later and played", artists=("Artist 5",)))
    later = [Play("later", PLAYED_LATER, 0), Play("later", "later-played", 1)]
    replace_playlists(w, Plays.of(later))
    return w


@pytest.fixture(scope="module")
def live(live_workspace: Workspace) -> Iterator[httpx.Client]:
    config = ServeConfig(workspace=live_workspace.root, split="live", model="content-neighbours")
    with running(config) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def experiment(server_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server_url, timeout=60) as client:
        yield client


def text(client: httpx.Client, path: str) -> str:
    """The words of a page, without tags."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text.partition("<body>")[2])))


def marks(client: httpx.Client, path: str) -> set[str]:
    return set(re.findall(r'<span class="mark[^"]*">([^<]*)</span>', client.get(path).text))


def played_ids(workspace: Path) -> set[str]:
    """Ids of the tracks in playlists, from the stored plays themselves."""
    plays = read_plays(Workspace.open(workspace))
    return set(plays.track_ids.take(np.unique(plays.track_rows)))


def all_tracks(client: httpx.Client) -> list[dict[str, object]]:
    items: list[dict[str, object]] = client.get("/api/tracks", params={"limit": 500}).json()["items"]
    return items


# ------------------------------------------------------------------------------------------------------- live


def test_new_means_without_any_play(live: httpx.Client, live_workspace: Workspace) -> None:
    played = played_ids(live_workspace.root)
    for track in (one for one in all_tracks(live) if one["track_id"] != "gone"):
        assert track["status"] == ("known" if track["track_id"] in played else "new"), track
        assert (track["kind"] == "cold") == (track["status"] == "new"), track


def test_played_tracks_are_never_offered_as_new(live: httpx.Client, live_workspace: Workspace) -> None:
    played = played_ids(live_workspace.root)
    answer = live.get("/api/recommend/p00", params={"n": 500, "max_per_artist": 0})
    offered = {item["track"]["track_id"] for item in answer.json()["items"]}
    assert offered
    assert not offered & played
    known = live.get("/api/tracks/later-unplayed/similar", params={"candidates": "warm", "n": 500, "max_per_artist": 0})
    assert {item["track"]["track_id"] for item in known.json()["items"]} <= played


def test_home_counts_what_nobody_has_played(live: httpx.Client, live_workspace: Workspace) -> None:
    n_new = sum(track["status"] == "new" for track in all_tracks(live))
    page = text(live, "/")
    assert f"of them new {n_new}" in page
    assert "Blue tracks are new: nobody has played them." in page
    assert "test track" not in page
    assert "experiment" not in page


def test_a_track_without_its_file_is_not_new(live: httpx.Client) -> None:
    assert "file of this track" in text(live, "/track?id=gone")
    assert marks(live, "/tracks?kind=gone") == {"file gone"}
    assert "Without a file" not in text(live, "/tracks?kind=new&q=without")


def test_lists_of_the_library_under_live(live: httpx.Client) -> None:
    assert marks(live, "/tracks?q=artist") == {"new", "known"}
    assert marks(live, "/tracks?kind=known") == {"known"}
    assert marks(live, "/tracks?kind=new") == {"new"}
    assert "Later and played" not in text(live, "/tracks?kind=new")
    assert "Later and played" in text(live, "/tracks?kind=known&q=later")
    assert " Test tracks " not in text(live, "/tracks")
    assert "9 tracks, 1 new" in text(live, "/artists?q=artist+5")  # 7 of the builder, 2 later ones, one of them played


@pytest.mark.parametrize(
    ("track_id", "said"),
    [
        ("later-unplayed", "Nobody has played this track."),
        ("new-1", "Nobody has played this track."),
        (PLAYED_LATER, "Models were not trained on the plays of this track."),
        ("later-played", "Models were not trained on the plays of this track."),
    ],
)
def test_a_track_says_who_has_played_it(live: httpx.Client, track_id: str, said: str) -> None:
    page = text(live, f"/track?id={quote(track_id)}")
    assert said in page
    assert "Nearest new tracks Tracks that nobody has played." in page
    assert "held out" not in page
    assert "test track" not in page


def test_pages_of_lists_under_live(live: httpx.Client) -> None:
    assert "New tracks for this playlist" in text(live, "/playlist?id=p00")
    assert "New Known Both" in text(live, "/make")
    assert marks(live, "/make?seed=t00-0&n=50") == {"new"}
    assert "split live holds none out" in text(live, "/scores")


# ------------------------------------------------------------------------------------------------- an experiment


def test_test_tracks_of_an_experiment_are_called_that(experiment: httpx.Client, served_workspace: Path) -> None:
    workspace, played = Workspace.open(served_workspace), played_ids(served_workspace)
    split = load_split(workspace, "artists")
    for track in all_tracks(experiment):
        name = str(track["track_id"])
        fold = split.fold.get(name)
        expected = "known"
        if name not in played:
            expected = "new"
        elif fold is None or fold in split.use["test"]:
            expected = "test"
        elif fold in split.use["val"]:
            expected = "validation"
        assert track["status"] == expected, name


def test_every_page_of_an_experiment_says_test_track(experiment: httpx.Client) -> None:
    home = text(experiment, "/")
    counts = {kind: experiment.get("/api/tracks", params={"which": kind}).json()["total"] for kind in ("new", "test")}
    assert 0 < counts["new"] < counts["test"]
    assert f"of them new {counts['new']} test tracks {counts['test']}" in home
    assert "test tracks of the experiment split artists" in home
    assert "All New Known Test tracks Validation tracks" in text(experiment, "/tracks")
    assert marks(experiment, "/tracks?kind=test") == {"test track"}
    assert marks(experiment, "/tracks?kind=validation") == {"validation track"}
    assert "Test tracks for this playlist" in text(experiment, "/playlist?id=p00")
    assert "Test tracks Known Both" in text(experiment, "/make")
    assert "This server shows the experiment split artists" in text(experiment, "/scores")
    test_track = experiment.get("/api/tracks", params={"which": "test"}).json()["items"][0]["track_id"]
    page = text(experiment, f"/track?id={test_track}")
    assert "A test track: the experiment split artists holds its plays out." in page
    assert "Nearest test tracks Tracks whose plays the experiment split 'artists' holds out" in page
    assert "Nobody has played" not in page


def test_statuses_by_row_are_those_of_the_pages(live_workspace: Workspace, live: httpx.Client) -> None:
    catalogue = load_catalogue(live_workspace, "live")
    assert statuses(catalogue) == [live.get(f"/api/tracks/{name}").json()["status"] for name in catalogue.tracks.ids]
