"""Make requests to a Subsonic server; only this module talks to the network.

Source: https://opensubsonic.netlify.app/docs/ and http://www.subsonic.org/pages/api.jsp. The login is in the
environment: UNHEARD_SUBSONIC_KEY (an API key), or UNHEARD_SUBSONIC_USER and UNHEARD_SUBSONIC_PASSWORD (sent as salted
token). No message has the address of a request, which holds the login.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from unheard import __version__
from unheard.errors import UnheardError, UserError

KEY, USER, PASSWORD = "UNHEARD_SUBSONIC_KEY", "UNHEARD_SUBSONIC_USER", "UNHEARD_SUBSONIC_PASSWORD"
LOGIN = f"{KEY}, or {USER} and {PASSWORD}"
VERSION = "1.16.1"
TIMEOUT_S = 30.0
MAX_TRIES = 3
MAX_BYTES = 64 * 2**20  # of an answer in JSON
LOGIN_CODES = frozenset({40, 41, 42, 43, 44})
Query = Mapping[str, str | int | list[str]]


class SubsonicAnswerError(UnheardError):
    """The server answers one request with an error; others may work. `code` is that of the specification."""

    def __init__(self, message: str, code: int = 0) -> None:
        self.code = code
        super().__init__(message)


class NoAnswerError(SubsonicAnswerError):
    """The server cannot be reached, or does not answer in time."""


class _SameHost(HTTPRedirectHandler):
    """Follows redirects to the same host only, and never from https to http: the login goes along."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.hostname != old.hostname or (old.scheme, new.scheme) == ("https", "http"):
            raise UserError(f"the server redirects to {new.scheme}://{new.netloc}; give that address if you trust it")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass
class SubsonicClient:
    """A client for one server and one login. `sleep` and `timeout_s` are in seconds."""

    url: str
    login: Callable[[], dict[str, str]] = field(repr=False)
    sleep: Callable[[float], None] = time.sleep
    timeout_s: float = TIMEOUT_S

    @staticmethod
    def from_environment(url: str) -> SubsonicClient:
        """Return a client with the login of the environment; UserError without one, or for a wrong address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise UserError("SERVER: expected an address such as https://music.example.org, without a login")
        key, user, password = (os.environ.get(name, "") for name in (KEY, USER, PASSWORD))
        if key.strip():
            return SubsonicClient(url.rstrip("/"), lambda: {"apiKey": key.strip()})
        if user and password:
            return SubsonicClient(url.rstrip("/"), lambda: _token(user, password))
        raise UserError(f"no login: expected {LOGIN} in the environment")

    def get(self, name: str, /, **query: str | int | list[str]) -> dict[str, Any]:
        """Return the answer of an endpoint that only reads; it is repeated after a failure of the network."""
        for tried in range(1, MAX_TRIES + 1):
            try:
                return self.post(name, **query)
            except NoAnswerError:
                if tried == MAX_TRIES:
                    raise
                self.sleep(float(2**tried))
        raise AssertionError("unreachable")

    def post(self, name: str, /, **query: str | int | list[str]) -> dict[str, Any]:
        """Return the answer of an endpoint, asked once. SubsonicAnswerError, or UserError for a refused login."""
        with self._opened(name, query, {}) as answer:
            try:
                data = answer.read(MAX_BYTES + 1)
            except (OSError, HTTPException) as error:
                raise _no_answer(name, error) from None
        return parsed(data, name)

    @contextmanager
    def stream(self, name: str, /, *, from_byte: int = 0, **query: str | int | list[str]) -> Iterator[Any]:
        """Open an answer that is a file, from some byte on if the server can. Errors as of `post`."""
        headers = {"Range": f"bytes={from_byte}-"} if from_byte else {}
        with self._opened(name, query, headers) as answer:
            kind = str(answer.headers.get("Content-Type", "")).lower()
            if any(text in kind for text in ("json", "xml", "html")):
                parsed(answer.read(MAX_BYTES), name)
                raise SubsonicAnswerError(f"{name}: the server sends {kind[:40]}, expected audio")
            yield answer

    @contextmanager
    def _opened(self, name: str, query: Query, headers: Mapping[str, str]) -> Iterator[Any]:
        sent = {**query, **self.login(), "v": VERSION, "c": "unheard", "f": "json"}
        request = Request(  # noqa: S310 - http(s)
            f"{self.url}/rest/{name}?{urlencode(sent, doseq=True)}",
            headers={"User-Agent": f"unheard/{__version__}", **headers},
        )
        try:
            answer = build_opener(_SameHost).open(request, timeout=self.timeout_s)
        except HTTPError as error:
            with error:
                raise _refused(name, error.code) from None
        except (OSError, HTTPException) as error:
            raise _no_answer(name, error) from None
        with answer:
            yield answer


def parsed(data: bytes, name: str) -> dict[str, Any]:
    """Return the content of an answer in JSON; an error of the server is raised."""
    try:
        if len(data) > MAX_BYTES:
            raise ValueError("too long")
        found = json.loads(data)["subsonic-response"]
        status = found["status"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SubsonicAnswerError(f"{name}: the answer is not JSON of a Subsonic server; check the address") from None
    if status == "ok":
        return dict(found)
    error = found.get("error")
    code, message = (error.get("code", 0), error.get("message", "")) if isinstance(error, dict) else (0, "")
    code = code if isinstance(code, int) else 0
    text = " ".join(str(message).split())[:200]
    if code in LOGIN_CODES:
        raise UserError(f"the server refuses the login (error {code}: {text}); check {LOGIN}")
    raise SubsonicAnswerError(f"{name}: the server answers with error {code}: {text}", code)


def _token(user: str, password: str) -> dict[str, str]:
    salt = secrets.token_hex(8)
    token = hashlib.md5((password + salt).encode(), usedforsecurity=False).hexdigest()  # as the specification asks
    return {"u": user, "t": token, "s": salt}


def _refused(name: str, status: int) -> UnheardError:
    if status in (401, 403):
        return UserError(f"the server refuses the login ({status}); check {LOGIN}")
    if status == 429 or status >= 500:
        return NoAnswerError(f"{name}: the server answers {status}; run again later")
    return SubsonicAnswerError(f"{name}: the server answers {status}; check the address")


def _no_answer(name: str, error: BaseException) -> NoAnswerError:
    reason = getattr(error, "reason", "") or getattr(error, "strerror", "") or type(error).__name__
    return NoAnswerError(f"{name}: no answer ({reason}); check the address and the network, and run again")
