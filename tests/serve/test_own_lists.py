"""Saved playlists, thumbs, radios and paths over HTTP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.builders.server import running
from unheard import saved_playlists
from unheard.plays.likes import import_likes
from unheard.serve import own_lists, queries
from unheard.serve.config import ServeConfig
from unheard.serve.schema import MAX_SEEDS, Likes, ListParameters
from unheard.serve.snapshot import Snapshot
from unheard.serve.snapshot_loader import load
from unheard.session import Session
from unheard.thumbs import rated, set_thumb


@pytest.fixture(scope="module")
def root(served_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(served_workspace, tmp_path_factory.mktemp("kept") / "w")


@pytest.fixture(scope="module")
def session(root: Path) -> Session:
    return Session(root)


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[httpx.Client]:
    with running(ServeConfig(workspace=root)) as url, httpx.Client(base_url=url, timeout=60) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_kept(session: Session) -> Iterator[None]:
    """Every test starts and ends without playlists and thumbs."""
    yield
    shutil.rmtree(session.workspace.saved_dir, ignore_errors=True)
    session.workspace.thumbs_path.unlink(missing_ok=True)


def save(client: httpx.Client, name: str, ids: list[str]) -> dict[str, object]:
    answer = client.post("/api/saved-playlists", json={"name": name, "ids": ids})
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_a_saved_playlist_is_read_changed_and_deleted(client: httpx.Client, session: Session) -> None:
    assert client.get("/api/saved-playlists").json() == {"items": [], "problems": []}
    saved = save(client, "Rainy days", ["t01-0", "t00-0"])
    assert (saved["saved_id"], saved["playlist_id"], saved["tracks"]) == ("rainy-days", "saved:rainy-days", 2)
    path = session.workspace.saved_dir / "rainy-days.json"
    assert json.loads(path.read_text())["tracks"] == ["t01-0", "t00-0"]
    address = "/api/saved-playlists/rainy-days"
    found = client.get(address).json()
    assert [one["track_id"] for one in found["items"]] == ["t01-0", "t00-0"]
    renamed = client.put(address, json={"name": "Sunny days"}).json()
    assert (renamed["name"], renamed["saved_id"], renamed["tracks"]) == ("Sunny days", "rainy-days", 2)
    changed = client.put(address, json={"ids": ["t00-0", "t02-0", "t01-0"]}).json()
    assert (changed["name"], [one["track_id"] for one in changed["items"]]) == (
        "Sunny days",
        ["t00-0", "t02-0", "t01-0"],
    )
    assert client.get("/api/saved-playlists").json()["items"][0]["tracks"] == 3
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == client.delete(address).status_code == 404
    assert client.put(address, json={"name": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": " ", "ids": []}, 422),
        ({"name": "x" * 201, "ids": []}, 422),
        ({"name": "x"}, 422),
        ({"name": "x", "ids": ["nobody"]}, 404),
        ({"name": "x", "ids": ["t00-0"] * 5001}, 422),
    ],
)
def test_what_cannot_be_saved_is_refused(client: httpx.Client, body: dict[str, object], status: int) -> None:
    assert client.post("/api/saved-playlists", json=body).status_code == status
    assert client.get("/api/saved-playlists").json()["items"] == []


def test_there_is_a_largest_number_of_saved_playlists(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_playlists, "MAX_PLAYLISTS", 1)
    save(client, "Mine", ["t01-0"])
    refused = client.post("/api/saved-playlists", json={"name": "One more", "ids": []})
    assert (refused.status_code, refused.json()["error_code"]) == (400, "bad_request")
    assert refused.json()["message"] == "there are 1 saved playlists, and no more are kept; delete one"


def test_a_saved_playlist_is_recommended_for_like_liked_tracks(client: httpx.Client) -> None:
    seeds = ["t01-0", "t00-0"]
    save(client, "Mine", seeds)
    found = client.get("/api/recommend/saved:mine", params={"n": 7, "candidates": "all"}).json()
    likes = client.post("/api/recommend", json={"likes": seeds, "n": 7, "candidates": "all"}).json()
    assert found == likes
    client.put("/api/saved-playlists/mine", json={"ids": ["t09-0"]})
    changed = client.get("/api/recommend/saved:mine", params={"n": 7, "candidates": "all"}).json()
    assert changed["items"] != found["items"]
    client.put("/api/saved-playlists/mine", json={"ids": []})
    assert client.get("/api/recommend/saved:mine").status_code == 404
    assert client.get("/api/recommend/saved:nobody").status_code == 404


@pytest.mark.parametrize("suffix", ["m3u8", "jspf", "csv", "json"])
def test_a_saved_playlist_is_exported(client: httpx.Client, suffix: str) -> None:
    save(client, "Für Anna", ["t01-0", "t00-0"])
    answer = client.get("/api/saved-playlists/fur-anna/export", params={"format": suffix})
    assert answer.status_code == 200
    assert f"f%C3%BCr-anna.{suffix}" in answer.headers["content-disposition"]
    if suffix == "json":
        assert [one["track_id"] for one in answer.json()] == ["t01-0", "t00-0"]


def test_a_track_that_has_left_the_library_stays_in_the_file(client: httpx.Client, session: Session) -> None:
    save(client, "Mine", ["t01-0", "t00-0"])
    path = session.workspace.saved_dir / "mine.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    path.write_text(json.dumps({**content, "tracks": ["t01-0", "gone", "t00-0"]}))
    found = client.get("/api/saved-playlists/mine").json()
    assert (found["tracks"], found["missing"], len(found["items"])) == (3, 1, 2)
    assert client.get("/api/recommend/saved:mine").status_code == 200
    assert client.put("/api/saved-playlists/mine", json={"ids": ["gone", "t01-0"]}).status_code == 200
    assert client.put("/api/saved-playlists/mine", json={"ids": ["never there"]}).status_code == 404
    assert json.loads(path.read_text())["tracks"] == ["gone", "t01-0"]


def test_a_thumb_up_is_a_seed_and_a_thumb_down_is_in_no_list(client: httpx.Client, session: Session) -> None:
    address = "/api/tracks/t00-0/similar"
    before = [one["track"]["track_id"] for one in client.get(address).json()["items"]]
    assert client.put(f"/api/thumbs/{before[0]}", json={"thumb": "down"}).status_code == 204
    after = [one["track"]["track_id"] for one in client.get(address).json()["items"]]
    assert before[0] not in after
    assert [name for name in before if name in after] == before[1:]
    client.put("/api/thumbs/t05-0", json={"thumb": "up"})
    assert [(one["thumb"], one["track"]["track_id"]) for one in client.get("/api/thumbs").json()["items"]] == [
        ("up", "t05-0"),
        ("down", before[0]),
    ]
    assert [one["name"] for one in client.get("/api/saved-playlists").json()["items"]] == ["My likes"]
    found = client.get("/api/recommend/saved:my-likes", params={"n": 5, "candidates": "all"}).json()
    likes = client.post("/api/recommend", json={"likes": ["t05-0"], "n": 5, "candidates": "all"}).json()
    assert found == likes
    assert client.delete(f"/api/thumbs/{before[0]}").status_code == 204
    assert [one["track"]["track_id"] for one in client.get(address).json()["items"]] == before
    assert client.put("/api/saved-playlists/my-likes", json={"name": "x"}).status_code == 400
    assert client.delete("/api/saved-playlists/my-likes").status_code == 400
    assert rated(session.workspace, "up") == ("t05-0",)


def test_a_thumb_of_another_program_counts_at_once(client: httpx.Client, session: Session) -> None:
    first = client.get("/api/tracks/t00-0/similar").json()["items"][0]["track"]["track_id"]
    set_thumb(session.workspace, first, "down")
    assert client.get("/api/tracks/t00-0/similar").json()["items"][0]["track"]["track_id"] != first


def test_invalid_thumbs_are_refused(client: httpx.Client) -> None:
    assert client.put("/api/thumbs/nobody", json={"thumb": "up"}).status_code == 404
    assert client.put("/api/thumbs/t00-0", json={"thumb": "sideways"}).status_code == 422
    assert client.delete("/api/thumbs/nobody").status_code == 404
    assert client.get("/api/thumbs").json() == {"items": []}


def test_other_sites_change_nothing(client: httpx.Client) -> None:
    other = {"origin": "https://example.com", "sec-fetch-site": "cross-site"}
    save(client, "Mine", ["t00-0"])
    requests = (
        ("POST", "/api/saved-playlists", {"name": "x", "ids": []}),
        ("PUT", "/api/saved-playlists/mine", {"name": "x"}),
        ("DELETE", "/api/saved-playlists/mine", None),
        ("PUT", "/api/thumbs/t00-0", {"thumb": "down"}),
        ("DELETE", "/api/thumbs/t00-0", None),
    )
    for method, path, body in requests:
        assert client.request(method, path, json=body, headers=other).status_code == 403, (method, path)
    assert client.get("/api/saved-playlists/mine").json()["name"] == "Mine"


def test_a_radio_goes_on_with_what_was_not_played(client: httpx.Client) -> None:
    played: list[str] = []
    for _ in range(4):
        body = {"seeds": ["t00-0"], "played": played, "n": 10, "candidates": "cold"}
        found = [one["track"] for one in client.post("/api/radio", json=body).json()["items"]]
        assert len(found) == 10
        assert {one["kind"] for one in found} == {"cold"}
        assert not {one["track_id"] for one in found} & {*played, "t00-0"}
        played += [one["track_id"] for one in found]
    stale = {"seeds": ["t00-0"], "played": ["has left the library", *played]}
    assert client.post("/api/radio", json=stale).status_code == 200


def test_a_radio_starts_from_a_playlist(client: httpx.Client) -> None:
    save(client, "Mine", ["t00-0", "t01-0"])
    by_playlist = client.post("/api/radio", json={"playlist": "saved:mine"}).json()
    assert by_playlist == client.post("/api/radio", json={"seeds": ["t00-0", "t01-0"]}).json()
    assert client.post("/api/radio", json={"playlist": "p03"}).json()["items"]
    for wrong in ({}, {"playlist": "nobody"}, {"playlist": "saved:nobody"}, {"seeds": ["nobody"]}):
        assert client.post("/api/radio", json=wrong).status_code == 404


def test_a_radio_keeps_the_seeds_that_it_names(client: httpx.Client, session: Session) -> None:
    ids = session.catalogue.tracks.ids.take(range(MAX_SEEDS + 20))
    named, listed = [ids[3], "new-1"], ids[:3] + ids[4:]
    save(client, "Long", list(ids))
    body = {"seeds": named, "playlist": "saved:long", "n": 30}
    by_both = client.post("/api/radio", json=body).json()
    expected = client.post("/api/radio", json={"seeds": [*listed[2 - MAX_SEEDS :], *named], "n": 30}).json()
    assert by_both == expected
    assert {one["track"]["track_id"] for one in by_both["items"]}.isdisjoint(named)


def test_a_path_is_that_of_the_session(client: httpx.Client, session: Session) -> None:
    found = client.get("/api/path", params={"start": "t00-0", "end": "t20-3", "n": 8}).json()
    expected = session.path("t00-0", "t20-3", n=8)
    assert [one["track"]["track_id"] for one in found["items"]] == [step.track_id for step in expected]
    assert found["items"][0]["similarity"] is None
    assert [one["similarity"] for one in found["items"][1:]] == pytest.approx(
        [step.similarity for step in expected[1:]]
    )
    for wrong, status in (({"end": "nobody"}, 404), ({"end": "t00-0"}, 400), ({"n": 1}, 422), ({"model": "x"}, 404)):
        params: dict[str, str | int] = {"start": "t00-0", "end": "t20-3"}
        params.update(wrong)
        assert client.get("/api/path", params=params).status_code == status, wrong


def test_ids_of_any_form_get_thumbs(client: httpx.Client) -> None:
    """An id may hold slashes and percent signs; this one is in no library, so only the address is tested."""
    answer = client.put(f"/api/thumbs/{quote('a/b c%2F?', safe='')}", json={"thumb": "up"})
    assert answer.status_code == 404
    assert "a/b c%2F?" in answer.json()["message"]


def test_imported_likes_are_one_playlist_on_all_pages(session: Session) -> None:
    """After `unheard factors` My likes is among the plays; its recommendations are for the tracks liked now."""
    workspace = session.workspace
    for track_id in ("t05-0", "t06-0"):
        set_thumb(workspace, track_id, "up")
    import_likes(workspace)
    snapshot = Snapshot(*load(workspace, None, None))
    assert "saved:my-likes" in snapshot.catalogue.playlists
    assert queries.playlists(snapshot, "saved").total == 0
    options = ListParameters(n=5)
    for likes in (("t05-0", "t06-0"), ("t05-0", "t06-0", "t07-0")):
        set_thumb(workspace, likes[-1], "up")
        expected = queries.for_likes(snapshot, Likes(likes=likes, n=5))
        assert own_lists.for_saved(snapshot, "my-likes", options).items == expected.items
    workspace.thumbs_path.unlink()
    import_likes(workspace)
