"""Make requests to the ListenBrainz API; only this module talks to the network.

Source: https://listenbrainz.readthedocs.io/en/latest/users/api/. The token of a user is in LISTENBRAINZ_TOKEN.
UNHEARD_LISTENBRAINZ_API is the address of another server with the same API.

A client makes at most one request a second, and none while X-RateLimit-Remaining is 0. A request over the limit (429)
is repeated after the time that the server names. After a server error or a broken connection only GET is repeated: a
second POST could make a second playlist (web_requests.py).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request

from unheard.errors import UnheardError, UserError
from unheard.web_requests import (
    AGENT,
    MAX_BYTES,
    RequestError,
    json_object,
    opened,
    read,
    repeated,
    seconds_to_wait,
    wait,
)

API = "https://api.listenbrainz.org"
OTHER_SERVER, TOKEN = "UNHEARD_LISTENBRAINZ_API", "LISTENBRAINZ_TOKEN"
SETTINGS = "https://listenbrainz.org/settings/"
TIMEOUT_S = 30.0
SECONDS_PER_REQUEST = 1.0
MAX_TRIES = 4


class NotFoundOnServerError(UnheardError):
    """The server does not have what a request names (404)."""


@dataclass
class ListenBrainz:
    """A client for one user's token; "" for requests that need none. `sleep` and `clock` are in seconds."""

    token: str
    api: str = API
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _not_before: float = field(default=0.0, init=False)

    @staticmethod
    def from_environment(*, need_token: bool = True) -> ListenBrainz:
        """Return a client for the token and the server of the environment; UserError for a missing token."""
        token = os.environ.get(TOKEN, "").strip()
        if (need_token and not token) or not token.isascii():
            raise UserError(f"{TOKEN}: expected your user token in the environment; copy it from {SETTINGS}")
        api = os.environ.get(OTHER_SERVER, "").rstrip("/") or API
        if urlsplit(api).scheme not in ("http", "https"):
            raise UserError(f"{OTHER_SERVER}={api}: expected an address that begins with https://")
        return ListenBrainz(token, api)

    def user_name(self) -> str:
        """Return the name of the user whose token this is; UserError for an invalid token."""
        answer = self.get("/1/validate-token")
        if not answer.get("valid") or not answer.get("user_name"):
            raise _invalid_token()
        return str(answer["user_name"])

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Return the JSON object that a GET answers with. UnheardError if the server cannot be used."""
        return self._request("GET", path + (f"?{urlencode(query)}" if query else ""), None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON object that a POST of JSON answers with. UnheardError if the server cannot be used."""
        return self._request("POST", path, json.dumps(body).encode())

    def _request(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        what = f"ListenBrainz, {method} {path.partition('?')[0]}"

        def send() -> dict[str, Any]:
            wait(self._not_before - self.clock(), what=what, sleep=self.sleep)
            self._not_before = self.clock() + SECONDS_PER_REQUEST
            with opened(self._prepared(method, path, body), timeout_s=TIMEOUT_S) as answer:
                if answer.headers.get("X-RateLimit-Remaining") == "0":
                    self._not_before = self.clock() + seconds_to_wait(answer.headers, 1.0)
                return json_object(read(answer, MAX_BYTES + 1))

        try:
            return repeated(send, what=what, changes=method != "GET", tries=MAX_TRIES, sleep=self.sleep)
        except RequestError as error:
            raise _refused(error, what) from error
        except ValueError as error:
            raise UnheardError(f"{what}: an answer that cannot be read ({str(error)[:80]}); run again later") from error

    def _prepared(self, method: str, path: str, body: bytes | None) -> Request:
        request = Request(self.api + path, body, {"User-Agent": AGENT}, method=method)  # noqa: S310 - http(s)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_unredirected_header("Authorization", f"Token {self.token}")
        return request


def segment(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe="")


def _invalid_token() -> UserError:
    return UserError(f"ListenBrainz refuses the token (401); copy it from {SETTINGS} to {TOKEN}")


def _refused(error: RequestError, what: str) -> UnheardError:
    """Return the error of a status."""
    match error.status:
        case 0:
            return UnheardError(f"{what}: no answer ({error.reason}); check the network and run again")
        case 401:
            return _invalid_token()
        case 404:
            return NotFoundOnServerError(f"{what}: {error.reason}")
        case 429:
            return UnheardError(f"{what}: too many requests; run again later")
        case status if status >= 500:
            return UnheardError(f"{what}: the server answers {status} ({error.reason}); run again later")
    return UnheardError(f"{what}: the server answers {error.status}: {error.reason}")
