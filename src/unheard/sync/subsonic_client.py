"""Make requests to a Subsonic server; only this module talks to the network.

Source: https://opensubsonic.netlify.app/docs/ and http://www.subsonic.org/pages/api.jsp. The login is in the
environment: UNHEARD_SUBSONIC_KEY (an API key), or UNHEARD_SUBSONIC_USER and UNHEARD_SUBSONIC_PASSWORD (sent as salted
token). To a server with the extension `formPost` it is sent in a form, to others in the address of each request. No
message has that address, and redirects are not followed, so the login goes to the named server alone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from unheard.errors import UnheardError, UserError
from unheard.web_requests import AGENT, MAX_BYTES, TOO_MANY, RequestError, json_object, opened, read, repeated

KEY, USER, PASSWORD = "UNHEARD_SUBSONIC_KEY", "UNHEARD_SUBSONIC_USER", "UNHEARD_SUBSONIC_PASSWORD"
LOGIN = f"{KEY}, or {USER} and {PASSWORD}"
VERSION = "1.16.1"
TIMEOUT_S = 30.0
MAX_TRIES = 3
LOGIN_CODES = frozenset({40, 41, 42, 43, 44})
FORM, EXTENSIONS = "formPost", "getOpenSubsonicExtensions"
Query = Mapping[str, str | int | list[str]]
Answer = TypeVar("Answer")


class SubsonicAnswerError(UnheardError):
    """The server answers one request with an error; others may work. `code` is that of the specification."""

    def __init__(self, message: str, code: int = 0) -> None:
        self.code = code
        super().__init__(message)


class NoAnswerError(SubsonicAnswerError):
    """The server cannot be reached, is busy, or does not answer in time."""


class LoginError(UserError):
    """The server refuses the login."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, _: Any, fp: Any, _code: int, _msg: str, _headers: Any, newurl: str) -> Any:
        fp.close()
        address = newurl.partition("?")[0].partition("/rest/")[0]
        raise UserError(f"the server redirects to {address}; give that address if you trust it")


_open = build_opener(_NoRedirects).open


@dataclass
class SubsonicClient:
    """A client for one server and one login. `user_name` is "" if the login is a key; times are in seconds."""

    url: str
    login: Callable[[], dict[str, str]] = field(repr=False)
    user_name: str = ""
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
            return SubsonicClient(url.rstrip("/"), lambda: _token(user, password), user)
        raise UserError(f"no login: expected {LOGIN} in the environment")

    @cached_property
    def user(self) -> str:
        """The name of the login's user. UserError if the server does not tell whose key it is."""
        if self.user_name:
            return self.user_name
        try:
            about = self.read("tokenInfo")["tokenInfo"]
            return str(about["username"])
        except NoAnswerError:
            raise
        except (SubsonicAnswerError, KeyError, TypeError):
            problem = "the server does not say whose key this is (tokenInfo)"
            raise UserError(f"{problem}; give {USER} and {PASSWORD}, or import all playlists with --others") from None

    @cached_property
    def has_forms(self) -> bool:
        """Whether the server takes posted forms; asked without the login."""
        try:
            found = self._asked(EXTENSIONS, {}, changes=False, with_login=False).get("openSubsonicExtensions")
        except NoAnswerError:
            raise
        except (SubsonicAnswerError, LoginError):  # of a server without extensions
            return False
        return isinstance(found, list) and any(isinstance(one, dict) and one.get("name") == FORM for one in found)

    def read(self, name: str, /, **query: str | int | list[str]) -> dict[str, Any]:
        """Return the answer of an endpoint that only reads. SubsonicAnswerError, or LoginError."""
        return self._asked(name, query, changes=False)

    def change(self, name: str, /, **query: str | int | list[str]) -> dict[str, Any]:
        """Return the answer of an endpoint that changes something; errors as of `read`."""
        return self._asked(name, query, changes=True)

    def completed(self, name: str, send: Callable[[], Answer], *, changes: bool = False) -> Answer:
        """Return what `send` returns, repeated after failures that may pass (web_requests.py)."""
        try:
            return repeated(send, what=name, changes=changes, tries=MAX_TRIES, sleep=self.sleep)
        except RequestError as error:
            raise _refused(name, error) from None

    @contextmanager
    def stream(self, name: str, /, *, headers: Mapping[str, str], **query: str | int | list[str]) -> Iterator[Any]:
        """Open an answer that is a file. RequestError, for `completed`, or errors as of `read`."""
        with opened(self._request(name, query, headers), timeout_s=self.timeout_s, opener=_open) as answer:
            kind = str(answer.headers.get("Content-Type", "")).lower()
            if any(text in kind for text in ("json", "xml", "html")):
                parsed(read(answer, MAX_BYTES + 1), name)
                raise SubsonicAnswerError(f"{name}: the server sends {kind[:40]}, expected audio")
            yield answer

    def _asked(self, name: str, query: Query, *, changes: bool, with_login: bool = True) -> dict[str, Any]:
        def send() -> bytes:
            request = self._request(name, query, {}, with_login=with_login)
            with opened(request, timeout_s=self.timeout_s, opener=_open) as answer:
                return read(answer, MAX_BYTES + 1)

        return parsed(self.completed(name, send, changes=changes), name)

    def _request(self, name: str, query: Query, headers: Mapping[str, str], *, with_login: bool = True) -> Request:
        address, about = f"{self.url}/rest/{name}", {"User-Agent": AGENT, **headers}
        shared = {"v": VERSION, "c": "unheard", "f": "json"}
        if not with_login:
            return Request(f"{address}?{urlencode(shared)}", headers=about)  # noqa: S310 - http(s)
        sent = urlencode({**query, **self.login(), **shared}, doseq=True)
        if self.has_forms:
            return Request(address, sent.encode(), about)  # noqa: S310 - http(s)
        return Request(f"{address}?{sent}", headers=about)  # noqa: S310 - http(s)


def parsed(data: bytes, name: str) -> dict[str, Any]:
    """Return the content of an answer in JSON; an error of the server is raised."""
    try:
        found = json_object(data)["subsonic-response"]
        status = found["status"]
    except (ValueError, KeyError, TypeError):
        raise SubsonicAnswerError(f"{name}: the answer is not JSON of a Subsonic server; check the address") from None
    if status == "ok":
        return dict(found)
    error = found.get("error")
    code, message = (error.get("code", 0), error.get("message", "")) if isinstance(error, dict) else (0, "")
    code = code if isinstance(code, int) else 0
    text = " ".join(str(message).split())[:200]
    if code in LOGIN_CODES:
        raise LoginError(f"the server refuses the login (error {code}: {text}); check {LOGIN}")
    raise SubsonicAnswerError(f"{name}: the server answers with error {code}: {text}", code)


def _token(user: str, password: str) -> dict[str, str]:
    salt = secrets.token_hex(8)
    token = hashlib.md5((password + salt).encode(), usedforsecurity=False).hexdigest()  # as the specification asks
    return {"u": user, "t": token, "s": salt}


def _refused(name: str, error: RequestError) -> UnheardError:
    if error.status in (401, 403):
        return LoginError(f"the server refuses the login ({error.status}); check {LOGIN}")
    if not error.status:
        return NoAnswerError(f"{name}: no answer ({error.reason}); check the address and the network, and run again")
    if error.status == TOO_MANY or error.status >= 500:
        return NoAnswerError(f"{name}: the server answers {error.status}; run again later")
    return SubsonicAnswerError(f"{name}: the server answers {error.status}; check the address")
