"""The HTTP API returns what the Python API returns, through a real server and a real client."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import unheard
from tests.builders.server import running
from unheard.library import Library, Track
from unheard.plays import Play, Plays, read_plays, replace_playlists
from unheard.serve import queries
from unheard.serve.config import ServeConfig
from unheard.serve.snapshot import Snapshot
from unheard.serve.snapshot_loader import load
from unheard.session import Session
from unheard.workspace import Workspace

Params = dict[str, str | int | float | Sequence[str]]
HOSTILE = "<script>alert(1)</script>\u202e" + "x" * 10_000


@pytest.fixture(scope="module")
def client(server_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server_url, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def session(served_workspace: Path) -> Session:
    return unheard.open(served_workspace, model="toy")


def test_ready_describes_the_workspace(client: httpx.Client) -> None:
    found = client.get("/api/health/ready").json()
    assert found["status"] == "ready"
    assert (found["model"], found["split"], found["tracks"], found["playlists"]) == ("toy", "artists", 284, 92)


@pytest.mark.parametrize("candidates", ["cold", "warm", "all"])
def test_a_playlist_gets_the_recommendations_of_the_session(
    client: httpx.Client, session: Session, candidates: str
) -> None:
    found = client.get("/api/recommend/p03", params={"n": 7, "candidates": candidates, "model": "toy"}).json()
    expected = session.recommendations(playlist="p03", n=7, candidates=candidates)  # type: ignore[arg-type]
    assert [(one["track"]["track_id"], one["rank"]) for one in found["items"]] == [
        (one.track_id, one.rank) for one in expected
    ]
    assert [one["score"] for one in found["items"]] == pytest.approx([one.score for one in expected])
    assert [one["why"] for one in found["items"]] == [one.why for one in expected]
    assert found["score_means"].startswith("how well the track suits the playlist")


def test_a_playlist_without_known_tracks_is_scored_by_votes(client: httpx.Client) -> None:
    assert client.get("/api/recommend/fresh").json()["score_means"].startswith("votes")


def test_options_are_applied(client: httpx.Client, session: Session) -> None:
    body: Params = {"n": 20, "candidates": "all", "max_per_artist": 1, "diversity": 0.5, "exclude": ["t00-1", "t01-1"]}
    found = client.get("/api/tracks/t00-0/similar", params=body).json()["items"]
    artists = [one["track"]["artist"] for one in found]
    assert len(artists) == len(set(artists)) == 20
    expected = session.neighbours(
        "t00-0", n=20, candidates="all", max_per_artist=1, diversity=0.5, exclude=["t00-1", "t01-1"]
    )
    assert not {"t00-1", "t01-1"} & {one.track_id for one in expected}
    assert [one["track"]["track_id"] for one in found] == [one.track_id for one in expected]
    many: Params = {"n": 300, "candidates": "all"}
    uncapped = client.get("/api/tracks/t00-0/similar", params=many | {"max_per_artist": 0}).json()["items"]
    assert [one["track"]["track_id"] for one in uncapped] == [
        one.track_id for one in session.neighbours("t00-0", n=300, max_per_artist=None)
    ]
    assert len(uncapped) > 250


def test_the_factors_of_a_model_can_be_named(client: httpx.Client, served_workspace: Path) -> None:
    for model in ("toy:factors", "toy:factors@1"):
        found = client.get("/api/recommend/p03", params={"model": model})
        assert found.status_code == 200, found.text
        assert found.json()["model"] == model
        expected, _ = unheard.open(served_workspace, model=model).recommend(playlist="p03")
        assert [one["track"]["track_id"] for one in found.json()["items"]] == expected
    for model in ("ridge:factors", "oracle:factors", "nobody:factors", "toy@1:factors"):
        assert client.get("/api/recommend/p03", params={"model": model}).status_code == 404


def test_liked_tracks_get_recommendations(client: httpx.Client, session: Session) -> None:
    found = client.post("/api/recommend", json={"likes": ["t00-0", "t11-3"], "n": 5, "exclude": ["t08-0"]}).json()
    expected = session.recommendations(like=["t00-0", "t11-3"], n=5, exclude=["t08-0"])
    assert [one["track"]["track_id"] for one in found["items"]] == [one.track_id for one in expected]


def test_options_that_are_not_read_are_refused(client: httpx.Client) -> None:
    likes, sound = {"likes": ["t00-0"]}, {"file": ("a.wav", b"RIFF")}
    for answer, told in (
        (
            client.post("/api/recommend?n=5&max_per_artist=1", json=likes),
            "query.n: not read here; give options of liked",
        ),
        (client.post("/api/recommend", files=sound, data={"n": "5", "model": "toy"}), "body.n: not read here; give"),
        (client.post("/api/recommend", data={"file": "a.wav"}, files={"other": b""}), "body.file: expected an audio"),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (422, "invalid_request")
        assert answer.json()["message"].startswith(told)


def test_a_playlist_has_one_number_of_tracks(own_workspace: Path) -> None:
    """Repeats and entries with a weight of 0 are items, but no further tracks."""
    workspace = Workspace.open(own_workspace)
    weights = {"t00-0": 1.0, "t01-0": 1.0, "t02-0": 0.0}
    entries = [(name, weights[name]) for name in ("t00-0", "t01-0", "t00-0", "t02-0")]
    plays = [Play("often", name, place, weight) for place, (name, weight) in enumerate(entries)]
    with Library(workspace.library_path) as library, library.transaction():
        replace_playlists(workspace, Plays.of(plays))
    snapshot = Snapshot(*load(workspace, None, None))
    found = queries.playlist(snapshot, "often")
    assert [one.track_id for one in found.items] == ["t00-0", "t01-0", "t00-0", "t02-0"]
    assert found.tracks == queries.playlists(snapshot, "often").items[0].tracks == 2


def test_tracks_are_searched_and_paged(client: httpx.Client) -> None:
    page = client.get("/api/tracks", params={"q": "ARTIST 3 song", "limit": 5, "offset": 2}).json()
    everything = client.get("/api/tracks", params={"q": "song artist 3", "limit": 500}).json()
    assert page["total"] == everything["total"] == len(everything["items"])
    assert page["items"] == everything["items"][2:7]
    for one in everything["items"]:
        assert "3" in f"{one['artist']} {one['title']}"
    kinds = {which: client.get("/api/tracks", params={"which": which}).json()["total"] for which in ("cold", "warm")}
    assert kinds["cold"] > 0 < kinds["warm"]
    assert sum(kinds.values()) <= client.get("/api/tracks").json()["total"] == 284
    assert client.get("/api/tracks", params={"artist": "Newcomer"}).json()["items"][0]["track_id"] == "new-1"
    assert client.get("/api/tracks", params={"q": "nothing is called so"}).json()["total"] == 0


def test_the_best_matches_come_first(client: httpx.Client, session: Session) -> None:
    tracks = session.catalogue.tracks.items
    asked = "artist 2"
    found = client.get("/api/tracks", params={"q": asked, "limit": 500}).json()["items"]
    exact = [track.track_id for track in tracks if track.artist.casefold() == asked]
    assert {one["track_id"] for one in found[: len(exact)]} == set(exact)
    starts = [f" {asked}" in f" {one['artist']} {one['title']}".casefold() for one in found]
    assert starts == sorted(starts, reverse=True)
    assert len(found) > sum(starts) > len(exact) > 0


def test_head_is_get_without_the_body(client: httpx.Client) -> None:
    for path, status in (("/api/tracks", 200), ("/", 200), ("/api/tracks/nobody", 404), ("/static/style.css", 200)):
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (status, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
        assert head.headers["content-type"] == whole.headers["content-type"]


def test_neighbours_are_of_all_tracks_by_default(client: httpx.Client, session: Session) -> None:
    found = client.get("/api/tracks/t00-0/similar", params={"n": 20}).json()
    assert found["candidates"] == "all"
    assert [one["track"]["track_id"] for one in found["items"]] == session.similar("t00-0", n=20)[0]


def test_pages_have_totals_and_unknown_ids_are_not_found(client: httpx.Client) -> None:
    beyond = client.get("/tracks", params={"page": 999, "q": "song"}, follow_redirects=False)
    assert (beyond.status_code, beyond.headers["location"]) == (303, "/tracks?q=song&page=7")
    assert client.get("/models", params={"model": "zzz"}).status_code == 404
    again = client.get("/make/import", follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, "/make")


def test_the_error_of_a_list_that_is_no_text_contains_no_path(client: httpx.Client) -> None:
    told = client.post("/api/playlists/parse", files={"file": ("a.m3u8", b"\x89PNG\r\n\x1a\n\0\xff")})
    assert told.status_code == 400
    assert told.json()["message"].startswith("the list: not UTF-8")


def test_a_title_in_any_script_names_the_file(client: httpx.Client, session: Session) -> None:
    form = {"track": session.catalogue.tracks.ids[0], "format": "json", "title": "Nacht/عربي"}
    disposition = client.post("/make/export", data=form).headers["content-disposition"]
    assert "filename*=UTF-8''nacht-%D8%B9%D8%B1%D8%A8%D9%8A.json" in disposition


def test_search_agrees_with_a_scan_of_every_track(client: httpx.Client, session: Session) -> None:
    """Each word begins a word of the track, or is inside of one if it has three letters."""

    def matches(word: str, track: Track) -> bool:
        text = f"{track.artist} {track.title} {track.album} {track.genre} {track.release_date[:4]}".casefold()
        return any(other.startswith(word) or (len(word) > 2 and word in other) for other in text.split())

    for words in (["song", "1"], ["artist", "22"], ["album", "quiet"], ["a"], ["rtis", "3"]):
        expected = {
            track.track_id for track in session.catalogue.tracks.items if all(matches(word, track) for word in words)
        }
        found = client.get("/api/tracks", params={"q": " ".join(words), "limit": 500}).json()
        assert {one["track_id"] for one in found["items"]} == expected


def test_pages_and_the_api_forgive_typing_errors(client: httpx.Client) -> None:
    for params in ({"q": "newcommer"}, {"q": "NEWC"}, {"q": "newcomer!"}):
        assert client.get("/api/tracks", params=params).json()["items"][0]["artist"] == "Newcomer"
    assert client.get("/api/artists", params={"q": "newcmoer"}).json()["items"][0]["name"] == "Newcomer"
    assert client.get("/api/playlists", params={"q": "frehs"}).json()["items"][0]["playlist_id"] == "fresh"
    assert "Newcomer" in client.get("/search", params={"q": "newcommer"}).text


def test_the_album_cap_is_that_of_the_session(client: httpx.Client, session: Session) -> None:
    many: Params = {"n": 300, "candidates": "all", "max_per_artist": 0}

    def found(**more: int) -> list[str]:
        items = client.get("/api/tracks/t00-0/similar", params={**many, **more}).json()["items"]
        return [one["track"]["track_id"] for one in items]

    everything, one_each = found(), found(max_per_album=1)
    assert one_each == [
        one.track_id for one in session.neighbours("t00-0", n=300, max_per_artist=None, max_per_album=1)
    ]
    albums = [session.catalogue.album[session.catalogue.track_row(name)] for name in one_each]
    assert len(set(albums)) == len(albums) < len(everything)
    assert found(max_per_album=0) == everything
    liked = client.post("/api/recommend", json={"likes": ["t00-0"], "n": 5, "max_per_album": 1}).json()["items"]
    assert [one["track"]["track_id"] for one in liked] == session.recommend(like=["t00-0"], n=5, max_per_album=1)[0]
    assert client.get("/api/tracks/t00-0/similar", params={"max_per_album": -1}).status_code == 422
    page = client.get("/make", params={"seed": "t00-0", "n": 9, "per_artist": 5, "per_album": 1}).text
    names, _ = session.recommend(like=["t00-0"], n=9, max_per_artist=5, max_per_album=1)
    assert [name for name in names if f'data-id="{name}"' not in page] == []
    assert '<option value="1" selected>at most 1</option>' in page


def test_a_track_and_its_playlists(client: httpx.Client, session: Session) -> None:
    found = client.get("/api/tracks/t00-0").json()
    row = session.catalogue.track_row("t00-0")
    holding = session.catalogue.plays[:, row].nonzero()[0]
    assert found["in_playlists"] == session.catalogue.playlists.take(holding)
    assert (found["title"], found["artist"], found["artists"]) == ("Song 0", "Artist 0", ["Artist 0"])
    assert client.get("/api/tracks/new-0").json()["kind"] == "cold"


def test_artists_playlists_and_models(client: httpx.Client, session: Session) -> None:
    artists = {one["name"]: one for one in client.get("/api/artists", params={"q": "7 artist"}).json()["items"]}
    assert list(artists) == ["Artist 7"]
    tens = [one["name"] for one in client.get("/api/artists", params={"q": "artist 1"}).json()["items"]]
    assert tens == ["Artist 1", *(f"Artist 1{digit}" for digit in range(10))]
    expected = {"name": "Artist 7", "tracks": 7, "new": 0, "cold": 0, "warm": 0}  # validation: neither
    assert artists["Artist 7"] == expected
    assert client.get("/api/playlists", params={"q": "P0", "limit": 3}).json()["items"][0]["playlist_id"] == "p00"
    fresh = client.get("/api/playlists/fresh").json()
    assert fresh["tracks"] == len(fresh["items"]) == 3
    assert client.get("/api/playlists/lost").json()["items"] == []
    plays = read_plays(session.workspace)
    for name in ("p00", "p07", "fresh"):  # in their order; tracks that are not in the library are left out
        order = [track for track in plays.tracks_of(name) if track in session.catalogue.tracks.ids]
        items = client.get(f"/api/playlists/{name}").json()["items"]
        assert [one["track_id"] for one in items] == order
    models = {one["name"]: one for one in client.get("/api/models").json()}
    assert models["toy"] == {"name": "toy", "kind": "trained", "default": True, "reads_files": False}
    assert {models["oracle"]["kind"], models["ridge"]["kind"]} == {"oracle", "baseline"}


@pytest.mark.parametrize("model", ["oracle", "ridge", "popularity", "artist-mean", "content-neighbours", "toy@1"])
def test_every_listed_model_recommends(client: httpx.Client, model: str) -> None:
    found = client.get("/api/recommend/p05", params={"model": model, "n": 3, "candidates": "all"})
    assert found.status_code == 200, found.text
    assert len(found.json()["items"]) == 3


def test_a_list_is_exported_as_a_file(client: httpx.Client) -> None:
    body = {"ids": ["t00-0", "new-0"], "title": "one\ntwo"}
    m3u8 = client.post("/api/playlist-export", json=body)
    assert m3u8.content.decode("utf-8") == (
        "#EXTM3U\n#PLAYLIST:one two\n#EXTINF:200,Artist 0 - Song 0\n/music/Artist 0/Song 0.flac\n"
        "#EXTINF:200,Artist 3 - Later\n/music/Artist 3/Later.flac\n"
    )
    rows = list(csv.DictReader(io.StringIO(client.post("/api/playlist-export", json=body | {"format": "csv"}).text)))
    assert [(row["rank"], row["track_id"]) for row in rows] == [("1", "t00-0"), ("2", "new-0")]
    assert {row["score"] for row in rows} == {""}
    as_json = client.post("/api/playlist-export", json=body | {"format": "json"}).json()
    assert [one["artist"] for one in as_json] == ["Artist 0", "Artist 3"]
    jspf = client.post("/api/playlist-export", json=body | {"format": "jspf"}).json()
    assert [one["title"] for one in jspf["playlist"]["track"]] == ["Song 0", "Later"]


def test_a_file_is_named_by_its_list(client: httpx.Client) -> None:
    for title, names in (
        ("one\ntwo", "attachment; filename=\"one-two.csv\"; filename*=UTF-8''one-two.csv"),
        ("../x/عربي", "attachment; filename=\"x.csv\"; filename*=UTF-8''x-%D8%B9%D8%B1%D8%A8%D9%8A.csv"),
        (" ", "attachment; filename=\"unheard.csv\"; filename*=UTF-8''unheard.csv"),
    ):
        asked = {"ids": ["t00-0"], "title": title, "format": "csv"}
        assert client.post("/api/playlist-export", json=asked).headers["content-disposition"] == names
    plain = client.post("/api/playlist-export", json={"ids": ["t00-0"]})
    assert plain.headers["content-disposition"].startswith('attachment; filename="unheard.m3u8"')


def test_every_export_writes_the_same_columns(client: httpx.Client, session: Session, tmp_path: Path) -> None:
    """The command line and Python export with `Session.export`; this compares the other exports with it."""
    seeds = ["t00-0", "t11-3"]
    found = session.recommendations(like=seeds, n=3)
    session.export(found, tmp_path / "list.csv", title="x")
    written = (tmp_path / "list.csv").read_text(encoding="utf-8")
    ids = [item.track_id for item in found]
    form = {"track": ids, "format": "csv", "query": f"n=3&seed={seeds[0]}&seed={seeds[1]}", "title": "x"}
    assert client.post("/make/export", data=form).text == written
    bare = client.post("/api/playlist-export", json={"ids": ids, "format": "csv"}).text
    assert bare.splitlines()[0] == written.splitlines()[0]
    for full, line in zip(csv.DictReader(io.StringIO(written)), csv.DictReader(io.StringIO(bare)), strict=True):
        assert line == full | {"score": "", "why": "", "match": ""}


def test_a_pasted_list_is_matched(client: httpx.Client) -> None:
    text = "t00-0\r\n1. Artist 11 - Song 3\nartist 12 – song 4\nNobody - Nothing at all\n\nArtist 11 - Song 3\n"
    found = client.post("/api/playlists/parse", json={"text": text}).json()
    assert [one["track_id"] for one in found["items"]] == ["t00-0", "t11-3", "t12-4"]
    assert (found["matched"], found["missed"], found["match_rate"]) == (4, 1, 0.8)
    assert found["misses"] == ["Nobody - Nothing at all"]


def test_an_m3u_is_matched_pasted_or_uploaded(client: httpx.Client) -> None:
    text = "#EXTM3U\n#EXTINF:1,Artist 5 - Song 5\nD:\\elsewhere\\x.mp3\n/music/Artist 6/Song 6.flac\ngone.mp3\n"
    pasted = client.post("/api/playlists/parse", json={"text": text}).json()
    uploaded = client.post("/api/playlists/parse", files={"file": ("my list.m3u", text.encode())}).json()
    for found in (pasted, uploaded):
        assert [one["track_id"] for one in found["items"]] == ["t05-5", "t06-6"]
        assert (found["missed"], found["misses"]) == (1, ["gone.mp3"])  # without the folder of the upload


def test_an_exported_list_is_matched_completely(client: httpx.Client) -> None:
    ids = ["t31-2", "t00-0", "new-1"]
    text = client.post("/api/playlist-export", json={"ids": ids}).text
    found = client.post("/api/playlists/parse", json={"text": text}).json()
    assert [one["track_id"] for one in found["items"]] == ids


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/tracks/nobody", None, 404, "not_found"),
        ("GET", "/api/tracks/..%2F..%2Fetc%2Fpasswd/audio", None, 404, "not_found"),
        ("GET", "/api/tracks//etc/passwd/similar", None, 404, "not_found"),
        ("GET", "/api/tracks/t00-0/audio", None, 404, "not_found"),
        ("GET", "/api/recommend/nobody", None, 404, "not_found"),
        ("GET", "/api/recommend/lost", None, 400, "bad_request"),
        ("GET", "/api/recommend/p03?model=nobody", None, 404, "not_found"),
        ("GET", "/api/recommend/p03?n=0", None, 422, "invalid_request"),
        ("GET", "/api/recommend/p03?n=many", None, 422, "invalid_request"),
        ("GET", "/api/recommend/p03?year_from=2000&year_to=1990", None, 400, "bad_request"),
        ("GET", "/api/recommend/p03?colour=blue", None, 422, "invalid_request"),
        ("GET", "/api/recommend/p03?model=popularity&diversity=1", None, 400, "bad_request"),
        ("GET", "/api/playlists/nobody", None, 404, "not_found"),
        ("GET", "/api/nothing", None, 404, "not_found"),
        ("PUT", "/api/tracks", None, 405, "method_not_allowed"),
        ("POST", "/api/recommend", {"likes": []}, 422, "invalid_request"),
        ("POST", "/api/recommend", {"likes": ["/etc/passwd"]}, 404, "not_found"),
        ("POST", "/api/recommend", {"likes": ["t00-0"], "exclude": ["nobody"]}, 404, "not_found"),
        ("POST", "/api/playlists/parse", {"text": ""}, 422, "invalid_request"),
        ("POST", "/api/playlists/parse", {"text": "x\n" * 6000}, 400, "bad_request"),
        ("POST", "/api/playlist-export", {"ids": ["nobody"]}, 404, "not_found"),
        ("POST", "/api/playlist-export", {"ids": ["t00-0"], "format": "exe"}, 422, "invalid_request"),
        ("GET", "/api/jobs/nobody", None, 422, "invalid_request"),
        ("GET", "/api/jobs/20200101-000000-abcdef", None, 404, "not_found"),
        ("DELETE", "/api/jobs/20200101-000000-abcdef", None, 404, "not_found"),
        ("GET", "/api/jobs/20200101-000000-abcdef/events", None, 404, "not_found"),
        ("POST", "/api/jobs", {"verb": "rm"}, 422, "invalid_request"),
        ("POST", "/api/jobs", {"verb": "train", "recipe": "--help"}, 422, "invalid_request"),
        ("POST", "/api/jobs", {"verb": "scan", "sources": ["/etc"]}, 403, "path_not_allowed"),
        ("POST", "/api/jobs", {"verb": "scan", "sources": ["../../../../../../etc"]}, 403, "path_not_allowed"),
        ("POST", "/api/jobs", {"verb": "import", "files": ["\u0000"]}, 403, "path_not_allowed"),
    ],
)
def test_mistakes_have_an_error_code(
    client: httpx.Client, method: str, path: str, body: object, status: int, code: str
) -> None:
    answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    assert set(answer.json()) == {"error_code", "message"}
    assert "Traceback" not in answer.text


def test_a_path_that_is_not_allowed_does_not_tell_the_folders_of_the_server(
    client: httpx.Client, served_workspace: Path
) -> None:
    answer = client.post("/api/jobs", json={"verb": "scan", "sources": ["/etc"]})
    assert "/etc" in answer.json()["message"]
    assert str(served_workspace.parent) not in answer.json()["message"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b'{"likes": ["\\ud800"]}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"", "application/json"),
        (b"likes=1", "text/plain"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
        (b"nonsense", "multipart/form-data"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_invalid_bodies_are_refused(client: httpx.Client, content: bytes, kind: str) -> None:
    for path in ("/api/recommend", "/api/playlists/parse"):
        answer = client.post(path, content=content, headers={"content-type": kind})
        assert answer.status_code in (400, 404, 422), answer.text
        assert answer.json()["error_code"]


def test_a_model_that_cannot_encode_files_is_refused(client: httpx.Client) -> None:
    answer = client.post("/api/recommend", files={"file": ("a.wav", b"RIFF")}, params={"model": "ridge"})
    assert answer.status_code == 400
    assert "name a trained model" in answer.json()["message"]


def test_the_reference_is_complete_and_loads_no_other_server(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert all(path.startswith("/api/") for path in document["paths"])
    page = client.get("/docs").text
    for path in document["paths"]:
        assert path in page
    assert "http://" not in page
    assert "https://" not in page


def test_hostile_names_are_returned_unchanged(own_workspace: Path) -> None:
    workspace = Workspace.open(own_workspace)
    named = Track("a/b?c#d%2F<é>", "", HOSTILE, (HOSTILE, '"; DROP TABLE tracks;--'), HOSTILE, genre=HOSTILE)
    with Library(workspace.library_path) as library, library.transaction():
        library.put_track(named)
        replace_playlists(workspace, Plays.of([Play("../p/<1>", "t00-0", 0), Play("../p/<1>", named.track_id, 1)]))
    with running(ServeConfig(workspace=workspace.root)) as url, httpx.Client(base_url=url, timeout=60) as client:
        found = client.get("/api/tracks/a%2Fb%3Fc%23d%252F%3C%C3%A9%3E")
        assert found.status_code == 200, found.text
        assert found.headers["content-type"] == "application/json"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert (found.json()["track_id"], found.json()["title"]) == (named.track_id, HOSTILE)
        assert found.json()["in_playlists"] == ["../p/<1>"]
        playlist = client.get("/api/playlists/..%2Fp%2F%3C1%3E").json()
        assert [one["track_id"] for one in playlist["items"]] == ["t00-0", named.track_id]
        assert client.get("/api/recommend/..%2Fp%2F%3C1%3E").status_code == 200
        assert client.get("/api/tracks", params={"q": "<script>", "artist": HOSTILE[:1000]}).status_code == 200
        near = client.get("/api/tracks/a%2Fb%3Fc%23d%252F%3C%C3%A9%3E/similar", params={"n": 3})
        assert len(near.json()["items"]) == 3
        exported = client.post(
            "/api/playlist-export", json={"ids": [named.track_id], "format": "csv", "title": HOSTILE[:900]}
        )
        assert next(csv.DictReader(io.StringIO(exported.text)))["title"] == HOSTILE


def test_a_workspace_without_stages_names_the_command(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "w").root
    with running(ServeConfig(workspace=root)) as url:
        answer = httpx.get(f"{url}/api/health/ready")
        assert (answer.status_code, answer.json()["error_code"]) == (409, "not_ready")
        assert "unheard" in answer.json()["message"]
        assert httpx.get(f"{url}/api/tracks").status_code == 409
        assert httpx.get(f"{url}/api/health/live").status_code == 200


def test_a_file_is_sent_whole_and_in_ranges(own_workspace: Path, tmp_path: Path) -> None:
    workspace = Workspace.open(own_workspace)
    file = tmp_path / "a song.mp3"
    file.write_bytes(bytes(range(256)) * 40)
    with Library(workspace.library_path) as library, library.transaction():
        library.put_track(replace(library.tracks()[0], path=str(file)))
        name = library.tracks()[0].track_id
    with running(ServeConfig(workspace=workspace.root)) as url:
        whole = httpx.get(f"{url}/api/tracks/{name}/audio")
        assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/mpeg")
        assert whole.content == file.read_bytes()
        part = httpx.get(f"{url}/api/tracks/{name}/audio", headers={"range": "bytes=100-299"})
        assert (part.status_code, part.content) == (206, file.read_bytes()[100:300])
        beyond = httpx.get(f"{url}/api/tracks/{name}/audio", headers={"range": "bytes=99999-"})
        assert beyond.status_code == 416
        file.unlink()
        assert httpx.get(f"{url}/api/tracks/{name}/audio").json()["error_code"] == "not_found"
