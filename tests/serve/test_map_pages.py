"""Tests of what the map requests: classes and their colours, names of regions, neighbours, and the list of a region."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from unheard.recommend.map_regions import region_names
from unheard.recommend.options import ListOptions
from unheard.session import Session


@pytest.fixture(scope="module")
def session(served_workspace: Path) -> Session:
    return Session(served_workspace)


@pytest.fixture(scope="module")
def client(server_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server_url, timeout=30) as found:
        yield found


SQUARE = "-1.1,-1.1 1.1,-1.1 1.1,1.1 -1.1,1.1"


def classes(client: httpx.Client, **query: str) -> tuple[list[str], NDArray[np.uint8], list[int]]:
    """Names of the legend, the class of each track, and the counts of the legend."""
    found = client.get("/map/colours", params=query).json()
    legend = found["legend"]
    assert all(len(entry["colour"]) == 7 for entry in legend)
    of_track = np.frombuffer(base64.b64decode(found["classes"]), np.uint8)
    return [entry["name"] for entry in legend], of_track, [entry["tracks"] for entry in legend]


def test_known_and_new_are_classes(client: httpx.Client, session: Session) -> None:
    names, of_track, counts = classes(client)
    assert names == ["known", "test or new"]
    assert len(of_track) == len(session.catalogue)
    sent = client.get("/map/points").content
    np.testing.assert_array_equal(of_track, np.frombuffer(sent, np.uint8)[4 * len(of_track) :])
    assert counts == np.bincount(of_track).tolist()


def test_the_tracks_of_a_playlist_are_a_class(client: httpx.Client, session: Session) -> None:
    names, of_track, counts = classes(client, by="playlist", playlist="p03")
    own = session.catalogue.plays[session.catalogue.playlist_row("p03")].indices
    assert names == ["p03", "other tracks"]
    assert np.flatnonzero(of_track == 0).tolist() == sorted(own.tolist())
    assert counts[0] == len(own)
    assert client.get("/map/colours?by=playlist&playlist=nobody").status_code == 404


def test_tracks_without_tags_have_one_class(client: httpx.Client) -> None:
    assert classes(client, by="genre")[0] == ["no genre"]
    assert classes(client, by="year")[0] == ["no year"]
    assert client.get("/map/colours?by=mood").status_code == 422


def test_regions_are_those_of_the_map(client: httpx.Client, session: Session) -> None:
    named = region_names(session.catalogue.tracks.items, session.track_map().points)
    expected = [{"name": one.name, "x": one.x, "y": one.y, "tracks": one.n_tracks} for one in named]
    assert client.get("/map/regions").json() == expected


def test_a_track_is_near_its_nearest_in_the_space_of_the_map(client: httpx.Client, session: Session) -> None:
    row = session.catalogue.track_row("t18-2")
    by_id, by_row = client.get("/map/near?id=t18-2").text, client.get(f"/map/near?row={row}").text
    assert by_id == by_row
    ids, cosines = session.near_on_map("t18-2", options=ListOptions(n=10, max_per_artist=None))
    rows = [session.catalogue.track_row(name) for name in ids]
    np.testing.assert_allclose(session.directions[rows] @ session.directions[row], cosines, atol=1e-5)
    assert all(
        f'data-row="{one}" data-score="{cosine:.3f}"' in by_id for one, cosine in zip(rows, cosines, strict=True)
    )
    assert client.get("/map/near?row=99999").status_code == 404


def test_search_on_the_map(client: httpx.Client) -> None:
    assert 'data-id="new-1"' in client.get("/map/found?q=newcomer").text
    assert "Nothing contains" in client.get("/map/found?q=xyzzy").text
    assert client.get("/map/found?q=").text.strip() == ""


def test_the_whole_map_is_a_region(client: httpx.Client, session: Session) -> None:
    text = client.get("/map/region", params={"shape": SQUARE}).text
    assert text.count('name="track"') == len(session.catalogue)
    assert "<h1>A region of the map</h1>" in text
    assert "Recommend from 100" in text
    new = client.get("/map/region", params={"shape": SQUARE, "which": "cold"}).text
    _, of_track, _ = classes(client)
    assert new.count('name="track"') == of_track.sum()


def test_a_region_lists_the_tracks_inside(client: httpx.Client, session: Session) -> None:
    points = session.track_map().points
    text = client.get("/map/region", params={"shape": "-2,-2 0.1,-2 0.1,2 -2,2"}).text
    inside = {session.catalogue.tracks.ids[int(row)] for row in np.flatnonzero(points[:, 0] < 0.1)}
    assert {name for name in session.catalogue.tracks.ids if f'name="track" value="{name}"' in text} == inside
    empty = client.get("/map/region", params={"shape": "5,5 6,5 6,6"})
    assert empty.status_code == 200
    assert "no such tracks" in empty.text


@pytest.mark.parametrize(
    "shape", ["", "1,1", "1,1 2,2", "a,b c,d e,f", "1,2,3 1,2,3 1,2,3", "nan,1 2,2 3,3", "1e9,0 0,1 1,1"]
)
def test_other_shapes_are_refused(client: httpx.Client, shape: str) -> None:
    answer = client.get("/map/region", params={"shape": shape})
    assert answer.status_code in (400, 422)
    assert "draw the region again" in answer.text or not shape
