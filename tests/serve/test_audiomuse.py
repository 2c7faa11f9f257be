"""The routes that AudioMuse plugins call, asked as those plugins ask, against the vectors themselves."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from unheard.session import Session


@pytest.fixture(scope="module")
def session(served_workspace: Path) -> Session:
    return Session(served_workspace)


def distance(session: Session, one: str, other: str) -> float:
    rows = [session.catalogue.tracks.ids.row(name) for name in (one, other)]
    return float(1 - session.directions[rows[0]] @ session.directions[rows[1]]) / 2


def ask(url: str, name: str, **parameters: Any) -> Any:
    answer = httpx.get(f"{url}/api/{name}", params=parameters, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_similar_tracks_as_the_plugin_of_navidrome_asks(server_url: str, session: Session) -> None:
    asked = {"item_id": "t05-3", "n": 30, "eliminate_duplicates": "true", "radius_similarity": "true", "server": "Home"}
    found = ask(server_url, "similar_tracks", **asked)
    assert len(found) == 30
    assert set(found[0]) == {"item_id", "title", "author", "album", "distance"}
    distances = [one["distance"] for one in found]
    assert distances == sorted(distances)
    for one in found:
        assert one["distance"] == pytest.approx(distance(session, "t05-3", one["item_id"]), abs=1e-5)
    assert "t05-3" not in {one["item_id"] for one in found}
    assert max(Counter(one["author"] for one in found).values()) <= 3
    every = ask(server_url, "similar_tracks", item_id="t05-3", n=280, eliminate_duplicates="false")
    assert max(Counter(one["author"] for one in every).values()) > 3
    by_name = ask(server_url, "similar_tracks", title="song 3", artist="ARTIST 5", n=30)
    assert by_name == found
    assert ask(server_url, "similar_tracks", item_id="tr-t05-3", n=30) == found  # as players of this server know it
    assert len(ask(server_url, "similar_tracks", item_id="t05-3")) == 50


def test_a_path_as_the_plugin_of_navidrome_asks(server_url: str, session: Session) -> None:
    asked = {"start_song_id": "t05-3", "end_song_id": "t20-1", "count": 9, "max_steps": 9, "path_fix_size": "false"}
    found = ask(server_url, "find_path", **asked, mood_pct=100)
    names = [one["item_id"] for one in found["path"]]
    assert (names[0], names[-1], len(names)) == ("t05-3", "t20-1", 9)
    steps = [0.0, *(distance(session, one, other) for one, other in pairwise(names))]
    assert [one["distance"] for one in found["path"]] == pytest.approx(steps, abs=1e-5)
    assert found["total_distance"] == pytest.approx(sum(steps), abs=1e-4)
    assert len(ask(server_url, "find_path", start_song_id="t05-3", end_song_id="t20-1")["path"]) == 25


def test_similar_artists_as_the_plugin_of_navidrome_asks(server_url: str) -> None:
    found = ask(server_url, "similar_artists", artist="Artist 5", n=6, include_component_matches="true")
    assert len(found) == 6
    assert "Artist 5" not in {one["artist"] for one in found}
    values = [one["divergence"] for one in found]
    assert values == sorted(values)
    for one in found:
        (match,) = one["component_matches"]
        assert {song["author"] for song in match["artist1_representative_songs"]} == {"Artist 5"}
        assert {song["author"] for song in match["artist2_representative_songs"]} == {one["artist"]}
    again = ask(server_url, "similar_artists", artist_id=found[0]["artist_id"], n=3)
    assert [one["component_matches"] for one in again] == [[], [], []]


def test_what_is_not_there_is_a_404(server_url: str) -> None:
    for name, parameters in (
        ("similar_tracks", {"item_id": "none"}),
        ("similar_tracks", {}),
        ("similar_tracks", {"title": "Song 3", "artist": "Nobody"}),
        ("find_path", {"start_song_id": "t05-3", "end_song_id": "none"}),
        ("similar_artists", {"artist": "none"}),
        ("similar_artists", {}),
    ):
        answer = httpx.get(f"{server_url}/api/{name}", params=parameters, timeout=60)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "not_found"), (name, parameters)
