"""A rater's pages over HTTP: what is stored, what is refused, and that nothing tells the models."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.builders.server import running
from tests.builders.study_world import MODELS, build
from unheard.library import open_library
from unheard.listening_test import answers
from unheard.listening_test.answers import answers_path, read_answers
from unheard.listening_test.create import Created, StudyOptions, create
from unheard.listening_test.study import Rater
from unheard.serve.config import ServeConfig
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Open:
    """A server with two studies."""

    url: str
    workspace: Workspace
    rating: Created
    comparing: Created


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    workspace = build(tmp_path_factory.mktemp("listened"))
    studies = [
        create(workspace, StudyOptions(kind, MODELS, "auto:3", 8, kind=kind, k=1, clip_s=1.0, seed=1))
        for kind in ("rate", "ab")
    ]
    broken = workspace.root / "listening-tests" / "a-broken-one"
    broken.mkdir()
    (broken / "study.json").write_text("{")
    with running(ServeConfig(workspace=workspace.root, token="a secret of the owner")) as url:
        yield Open(url, workspace, *studies)


@pytest.fixture
def client(opened: Open) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=opened.url, follow_redirects=True, timeout=60) as client:
        yield client


def given(rater: Rater, place: int, **values: object) -> dict[str, str]:
    form = {"item": rater.items[place].name, "similarity": 60, "liking": 30, "seconds": "12.5"} | values
    return {name: str(value) for name, value in form.items()}


def everything(client: httpx.Client, made: Created, rater: Rater) -> list[tuple[str, httpx.Response]]:
    """All that a rater's browser gets in a whole study, in order."""
    home = f"/listen/{rater.token}"
    got = [(home, client.get(home))]
    got.append((home, client.post(f"{home}/start", data={"consent": "yes"})))
    for place in range(len(rater.items)):
        got += [(path, client.get(path)) for path in re.findall(r'src="(/listen/[^"]+)"', got[-1][1].text)]
        page = next(response for _, response in reversed(got) if "html" in response.headers["content-type"])
        assert f"{place + 1} of {len(rater.items)}" in page.text
        choice = {"choice": place % 2} if made.study.kind == "ab" else {}
        got.append((home, client.post(f"{home}/answer", data=given(rater, place, **choice))))
    return got


@pytest.mark.parametrize("kind", ["rate", "ab"])
def test_nothing_tells_the_models(opened: Open, client: httpx.Client, kind: str) -> None:
    """Every byte that leaves the server in a study, headers and addresses too; sounds are alike but for the sound."""
    made = opened.rating if kind == "rate" else opened.comparing
    with open_library(opened.workspace.library_path) as library:
        tracks = {track.track_id: track for track in library.tracks().items}
    words = {*MODELS, "oracle", "anchor", "reference", *made.study.clips.values(), *(r.name for r in made.study.raters)}
    for name in made.study.clips:
        words |= {name, tracks[name].title, tracks[name].artist, Path(tracks[name].path).name}
    secret = re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w])" for word in sorted(words)), re.IGNORECASE)
    sizes, sounds = set(), {}
    for path, response in everything(client, made, made.study.raters[0]):
        assert response.status_code == 200, path
        headers = {key: value for key, value in response.headers.items() if key != "referrer-policy"}
        told = f"{path}\n{headers}\n"
        if "html" in response.headers["content-type"]:
            told += response.text
            assert len(response.content) < 20_000
        else:
            sizes.add((len(response.content), response.headers["last-modified"], response.headers["etag"]))
            sounds[path] = hashlib.sha256(response.content).hexdigest()
        assert not secret.search(told), secret.findall(told)
    assert len(sizes) == 1
    assert len(sounds) > len(made.study.raters[0].items)


def test_addresses_are_the_same_for_every_rater(opened: Open) -> None:
    """Only the token and numbers are in them, so which models are where cannot be."""
    for made in (opened.rating, opened.comparing):
        for rater in made.study.raters:
            assert [item.name for item in rater.items] == [f"{n:03d}" for n in range(1, len(rater.items) + 1)]


def test_nothing_is_stored_without_consent(opened: Open, client: httpx.Client) -> None:
    rater, home = opened.rating.study.raters[1], f"/listen/{opened.rating.study.raters[1].token}"
    assert "I have read this and want to take part" in client.get(home).text
    assert client.post(f"{home}/start").status_code == 400
    refused = client.post(f"{home}/answer", data=given(rater, 0))
    assert refused.status_code == 400
    assert "tick the box first" in refused.text
    assert not answers_path(opened.rating.folder, rater).exists()


def test_stored_at_once_resumed_changed_and_withdrawn(opened: Open, client: httpx.Client) -> None:
    rater, folder, study = opened.rating.study.raters[2], opened.rating.folder, opened.rating.study
    home, total = f"/listen/{rater.token}", len(opened.rating.study.raters[2].items)
    client.post(f"{home}/start", data={"consent": "yes"})
    page = client.post(f"{home}/answer", data=given(rater, 0))
    assert f"2 of {total}" in page.text
    assert read_answers(folder, study, rater).answers["001"].similarity == 60  # before the next page came
    with httpx.Client(base_url=opened.url) as another:
        assert f"2 of {total}" in another.get(home).text
    back = client.get(home, params={"item": "001"})
    assert f"1 of {total}" in back.text
    assert 'name="similarity" value="60"' in back.text
    assert f"2 of {total}" in client.get(home, params={"item": "003"}).text  # not answered yet: no skipping
    client.post(f"{home}/answer", data=given(rater, 0, similarity=99))
    found = read_answers(folder, study, rater).answers
    assert {name: (answer.similarity, answer.seconds) for name, answer in found.items()} == {"001": (99, 12.5)}
    assert len(answers_path(folder, rater).read_text().splitlines()) == 3
    assert "Your answers are deleted" in client.post(f"{home}/withdraw").text
    assert not answers_path(folder, rater).exists()
    assert "I have read this" in client.get(home).text


@pytest.mark.parametrize(
    "wrong",
    [
        {"similarity": ""},
        {"similarity": "101"},
        {"similarity": "-1"},
        {"similarity": "1e2"},
        {"similarity": "٣"},
        {"liking": "a lot"},
        {"item": "999"},
        {"item": "<script>"},
        {"item": "../../study"},
    ],
)
def test_answers_that_are_none(opened: Open, client: httpx.Client, wrong: dict[str, str]) -> None:
    rater, home = opened.rating.study.raters[3], f"/listen/{opened.rating.study.raters[3].token}"
    client.post(f"{home}/start", data={"consent": "yes"})
    refused = client.post(f"{home}/answer", data=given(rater, 0, **wrong))
    assert refused.status_code == 400
    assert "<script>" not in refused.text
    assert read_answers(opened.rating.folder, opened.rating.study, rater).answers == {}


@pytest.mark.parametrize(
    ("sent", "stored"), [("nan", 0), ("inf", 0), ("-5", 0), ("soon", 0), ("1e9", 86400), ("7.26", 7.3)]
)
def test_seconds_are_held_within_a_day(opened: Open, client: httpx.Client, sent: str, stored: float) -> None:
    rater, home = opened.rating.study.raters[4], f"/listen/{opened.rating.study.raters[4].token}"
    client.post(f"{home}/start", data={"consent": "yes"})
    assert client.post(f"{home}/answer", data=given(rater, 0, seconds=sent)).status_code == 200
    found = read_answers(opened.rating.folder, opened.rating.study, rater)
    assert found.answers["001"].seconds == pytest.approx(stored)


def test_a_link_does_not_fill_the_disk(opened: Open, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changes an answer again and again is refused in the end, and keeps the last one that was stored."""
    monkeypatch.setattr(answers, "LINES_PER_ITEM", 1)
    rater, folder, study = opened.rating.study.raters[7], opened.rating.folder, opened.rating.study
    home, n_lines = f"/listen/{rater.token}", len(rater.items)
    for _ in range(3):
        client.post(f"{home}/start", data={"consent": "yes"})
    for similarity in range(1, n_lines):
        assert client.post(f"{home}/answer", data=given(rater, 0, similarity=similarity)).status_code == 200
    refused = client.post(f"{home}/answer", data=given(rater, 0, similarity=99))
    assert refused.status_code == 400
    assert "too many times" in refused.text
    assert len(answers_path(folder, rater).read_text().splitlines()) == n_lines
    assert read_answers(folder, study, rater).answers["001"].similarity == n_lines - 1


def test_choices(opened: Open, client: httpx.Client) -> None:
    rater, home = opened.comparing.study.raters[1], f"/listen/{opened.comparing.study.raters[1].token}"
    client.post(f"{home}/start", data={"consent": "yes"})
    assert client.post(f"{home}/answer", data=given(rater, 0, choice=2)).status_code == 400
    assert client.post(f"{home}/answer", data=given(rater, 0, choice=1)).status_code == 200
    found = read_answers(opened.comparing.folder, opened.comparing.study, rater)
    assert found.answers["001"].choice == 1


@pytest.mark.parametrize(
    "path",
    [
        "/listen/wrong",
        "/listen/../study.json",
        "/listen/{t}/seed/0.mp3",
        "/listen/{t}/seed/99.mp3",
        "/listen/{t}/seed/x.mp3",
        "/listen/{t}/clip/001-2.mp3",
        "/listen/{t}/clip/001-3.mp3",
        "/listen/{t}/clip/999-1.mp3",
        "/listen/{t}/clips/0001.mp3",
    ],
)
def test_addresses_that_lead_nowhere(opened: Open, client: httpx.Client, path: str) -> None:
    got = client.get(
        path.format(t=opened.rating.study.raters[0].token), headers={"authorization": "Bearer a secret of the owner"}
    )
    assert got.status_code == 404


def test_a_link_opens_its_pages_and_nothing_else(opened: Open, client: httpx.Client) -> None:
    """Behind the owner's token, raters need no login for their pages, and get none for others."""
    home = f"/listen/{opened.rating.study.raters[0].token}"
    assert client.get(home).status_code == 200
    assert httpx.get(f"{opened.url}/tracks").status_code in (303, 401)
    assert httpx.get(f"{opened.url}/api/tracks").status_code == 401
    for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get(home).text):
        assert client.get(asset).status_code == 200, asset


def test_a_player_may_ask_for_parts(opened: Open, client: httpx.Client) -> None:
    path = f"/listen/{opened.rating.study.raters[0].token}/seed/1.mp3"
    whole = client.get(path).content
    part = client.get(path, headers={"range": "bytes=100-299"})
    assert (part.status_code, part.content) == (206, whole[100:300])


def test_another_site_cannot_answer(opened: Open, client: httpx.Client) -> None:
    rater, home = opened.rating.study.raters[5], f"/listen/{opened.rating.study.raters[5].token}"
    got = client.post(f"{home}/start", data={"consent": "yes"}, headers={"origin": "https://elsewhere.example"})
    assert got.status_code == 403
    assert not answers_path(opened.rating.folder, rater).exists()


def test_damage_on_the_server_is_not_the_raters_business(opened: Open, client: httpx.Client) -> None:
    rater, home = opened.rating.study.raters[6], f"/listen/{opened.rating.study.raters[6].token}"
    client.post(f"{home}/start", data={"consent": "yes"})
    with answers_path(opened.rating.folder, rater).open("a") as file:
        file.write('{"item": "001"}\n')
    got = client.get(home)
    assert got.status_code == 500
    assert "tell whoever sent you the link" in got.text
    assert str(opened.workspace.root) not in got.text
