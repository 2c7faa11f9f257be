"""Make requests to the ListenBrainz API; only this module talks to the network.

Source: https://listenbrainz.readthedocs.io/en/latest/users/api/. The token of a user is in LISTENBRAINZ_TOKEN.
UNHEARD_LISTENBRAINZ_API is the address of another server with the same API.

A client makes at most one request a second, and none while X-RateLimit-Remaining is 0. A request over the limit (429)
is repeated after the time that the server names. After a server error or a broken connection only GET is repeated: a
second POST could make a second playlist.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

from unheard import __version__
from unheard.errors import UnheardError, UserError

API = "https://api.listenbrainz.org"
OTHER_SERVER, TOKEN = "UNHEARD_LISTENBRAINZ_API", "LISTENBRAINZ_TOKEN"
AGENT = f"unheard/{__version__} ( https://pypi.org/project/unheard )"
SETTINGS = "https://listenbrainz.org/settings/"
TIMEOUT_S = 30.0
SECONDS_PER_REQUEST = 1.0
MAX_TRIES = 4
MAX_WAIT_S = 120.0
MAX_BYTES = 64 * 2**20  # of an answer


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
        for tried in range(1, MAX_TRIES + 1):
            self._wait(self._not_before - self.clock(), what)
            self._not_before = self.clock() + SECONDS_PER_REQUEST
            try:
                with urlopen(self._prepared(method, path, body), timeout=TIMEOUT_S) as answer:  # noqa: S310 - http(s)
                    if answer.headers.get("X-RateLimit-Remaining") == "0":
                        self._not_before = self.clock() + _seconds(answer.headers, 1.0)
                    return _json_object(answer.read(MAX_BYTES + 1), what)
            except HTTPError as error:
                with error:
                    problem, wait_s = self._refused(error, method, what, tried)
            except (OSError, HTTPException) as error:
                problem = UnheardError(f"{what}: no answer ({_reason(error)}); check the network and run again")
                wait_s = None if method != "GET" else float(2**tried)
            if wait_s is None or tried == MAX_TRIES:
                raise problem
            self._wait(wait_s, what)
        raise AssertionError("unreachable")

    def _prepared(self, method: str, path: str, body: bytes | None) -> Request:
        request = Request(self.api + path, body, {"User-Agent": AGENT}, method=method)  # noqa: S310 - http(s)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_unredirected_header("Authorization", f"Token {self.token}")
        return request

    def _wait(self, wait_s: float, what: str) -> None:
        if wait_s > MAX_WAIT_S:
            raise UnheardError(f"{what}: the server asks to wait {wait_s:.0f} seconds; run the same command again then")
        if wait_s > 0:
            self.sleep(wait_s)

    @staticmethod
    def _refused(error: HTTPError, method: str, what: str, tried: int) -> tuple[UnheardError, float | None]:
        """Return the error of a status, and the seconds after which the request is worth repeating; None: never."""
        message = _message(error)
        match error.code:
            case 401:
                return _invalid_token(), None
            case 404:
                return NotFoundOnServerError(f"{what}: {message}"), None
            case 429:
                return UnheardError(f"{what}: too many requests; run again later"), _seconds(error.headers, 10.0)
            case code if code >= 500:
                problem = UnheardError(f"{what}: the server answers {code} ({message}); run again later")
                return problem, float(2**tried) if method == "GET" else None
        return UnheardError(f"{what}: the server answers {error.code}: {message}"), None


def segment(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe="")


def _invalid_token() -> UserError:
    return UserError(f"ListenBrainz refuses the token (401); copy it from {SETTINGS} to {TOKEN}")


def _seconds(headers: Any, otherwise: float) -> float:
    """Return the seconds until the server takes requests again, with one to spare."""
    for name in ("Retry-After", "X-RateLimit-Reset-In"):
        text = (headers.get(name) or "").strip()
        if text.isdecimal():
            return float(text) + 1.0
    return otherwise


def _json_object(data: bytes, what: str) -> dict[str, Any]:
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        value = json.loads(data)
        if not isinstance(value, dict):
            raise ValueError("no JSON object")
    except ValueError as error:
        raise UnheardError(f"{what}: an answer that cannot be read ({str(error)[:80]}); run again later") from error
    return value


def _message(error: HTTPError) -> str:
    """Return what the server says, in one short line."""
    try:
        text = error.read(2000).decode("utf-8", "replace")
        value = json.loads(text)
        text = str(value.get("error", text)) if isinstance(value, dict) else text
    except (OSError, HTTPException, ValueError):
        text = str(error.reason)
    return " ".join(text.split())[:200]


def _reason(error: BaseException) -> str:
    return str(getattr(error, "reason", "") or error) or type(error).__name__
