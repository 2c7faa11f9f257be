"""Requests: rate limits, broken connections, refusals, answers that cannot be read."""

from __future__ import annotations

import pytest

from tests.listenbrainz.stand_in import BROKEN, USER, StandIn
from unheard.errors import UnheardError, UserError
from unheard.listenbrainz import client
from unheard.listenbrainz.client import ListenBrainz


def test_one_request_a_second(api: ListenBrainz, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SECONDS_PER_REQUEST", 1.0)
    for _ in range(3):
        assert api.user_name() == USER
    assert waits == [1.0, 1.0]


def test_it_waits_while_no_request_remains(server: StandIn, api: ListenBrainz, waits: list[float]) -> None:
    server.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-In": "7"}
    api.user_name()
    assert waits == []
    api.user_name()
    assert waits == [8.0]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [({"Retry-After": "3"}, 4.0), ({"X-RateLimit-Reset-In": "5"}, 6.0), ({}, 10.0), ({"Retry-After": "soon"}, 10.0)],
)
def test_too_many_requests_are_repeated_later(
    server: StandIn, api: ListenBrainz, waits: list[float], headers: dict[str, str], wait_s: float
) -> None:
    server.refuse = {0: (429, headers)}
    assert api.user_name() == USER
    assert waits == [wait_s]
    server.refuse = {0: (429, headers)}
    with pytest.raises(UnheardError, match="400"):  # a POST is repeated too: the server did nothing
        api.post("/1/playlist/create", {})
    assert len(server.asked("POST")) == 2


def test_no_wait_is_longer_than_two_minutes(server: StandIn, api: ListenBrainz) -> None:
    server.refuse = {0: (429, {"Retry-After": "3600"})}
    with pytest.raises(UnheardError, match="asks to wait 3601 seconds; run the same command again then"):
        api.user_name()


@pytest.mark.parametrize("status", [500, 503, BROKEN])
def test_a_get_is_repeated_and_a_post_is_not(
    server: StandIn, api: ListenBrainz, waits: list[float], status: int
) -> None:
    server.refuse = {0: (status, {}), 1: (status, {})}
    assert api.user_name() == USER
    assert waits == [2.0, 4.0]
    server.refuse = {0: (status, {})}
    with pytest.raises(UnheardError, match=r"ListenBrainz, POST /1/playlist/create: .*run again"):
        api.post("/1/playlist/create", {})
    assert len(server.asked("POST")) == 1


def test_it_gives_up_after_four_tries(server: StandIn, api: ListenBrainz, waits: list[float]) -> None:
    server.refuse = dict.fromkeys(range(9), (BROKEN, {}))
    with pytest.raises(UnheardError, match=r"no answer .*; check the network and run again"):
        api.user_name()
    assert (len(server.seen), waits) == (4, [2.0, 4.0, 8.0])


def test_nobody_listens() -> None:
    with pytest.raises(UnheardError, match="no answer"):
        ListenBrainz("", "http://127.0.0.1:9", lambda _: None).get("/1/validate-token")


def test_a_wrong_token(server: StandIn) -> None:
    with pytest.raises(UserError, match=r"refuses the token \(401\); copy it from https://listenbrainz.org/settings/"):
        ListenBrainz("wrong", server.url).user_name()


@pytest.mark.parametrize("token", ["", "ü"])
def test_a_missing_token(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("LISTENBRAINZ_TOKEN", token)
    with pytest.raises(UserError, match="LISTENBRAINZ_TOKEN: expected your user token"):
        ListenBrainz.from_environment()


def test_only_web_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_LISTENBRAINZ_API", "file:///etc")
    with pytest.raises(UserError, match="expected an address that begins with https://"):
        ListenBrainz.from_environment(need_token=False)
