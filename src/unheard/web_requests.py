"""Send HTTP requests to services that may be slow, busy or down: what the clients in listenbrainz/ and sync/ share.

A request over a limit of the server (429) was not carried out: it is repeated after the time that the server names
(Retry-After). After an error of the server (5xx) or a broken connection a request may have been carried out: only one
that changes nothing is repeated, after 2, 4, 8 seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from unheard import __version__
from unheard.errors import UnheardError

AGENT = f"unheard/{__version__} ( https://pypi.org/project/unheard )"
MAX_BYTES = 64 * 2**20  # of an answer in JSON
MAX_WAIT_S = 120.0
TOO_MANY, WAIT_S = 429, 10.0

Answer = TypeVar("Answer")


class RequestError(UnheardError):
    """A request without a usable answer.

    status   of the answer; 0: there was none
    reason   what the server or the network says, in one short line
    wait_s   seconds until the server takes requests again, if it refused this one as one too many
    """

    def __init__(self, status: int, reason: str, wait_s: float = WAIT_S) -> None:
        self.status, self.reason, self.wait_s = status, reason, wait_s
        super().__init__(f"{status}: {reason}" if status else f"no answer ({reason})")


@contextmanager
def opened(request: Request, *, timeout_s: float, opener: Callable[..., Any] = urlopen) -> Iterator[Any]:
    """Yield the answer, whose status is 200 to 299. RequestError without one."""
    try:
        answer = opener(request, timeout=timeout_s)
    except HTTPError as error:
        with error:
            raise RequestError(error.code, _message(error), seconds_to_wait(error.headers, WAIT_S)) from None
    except (OSError, HTTPException) as error:
        raise RequestError(0, reason_of(error)) from None
    with answer:
        yield answer


def read(answer: Any, n_bytes: int) -> bytes:
    """Return at most `n_bytes` of an answer; RequestError if the connection breaks."""
    try:
        return bytes(answer.read(n_bytes))
    except (OSError, HTTPException) as error:
        raise RequestError(0, reason_of(error)) from None


def read_some(answer: Any, n_bytes: int) -> bytes:
    """Return what has come of an answer, at most `n_bytes`; b"" at its end. RequestError if the connection breaks."""
    try:
        return bytes(answer.read1(n_bytes))
    except (OSError, HTTPException) as error:
        raise RequestError(0, reason_of(error)) from None


def repeated(
    send: Callable[[], Answer], *, what: str, changes: bool, tries: int, sleep: Callable[[float], None]
) -> Answer:
    """Return what `send` returns, repeated after failures that may pass. RequestError of the last one.

    what     the request, in messages
    changes  whether it changes something on the server
    """
    for tried in range(1, tries + 1):
        try:
            return send()
        except RequestError as error:
            may_pass = error.status in (0, TOO_MANY) or error.status >= 500
            if tried == tries or not may_pass or (changes and error.status != TOO_MANY):
                raise
            wait(error.wait_s if error.status == TOO_MANY else float(2**tried), what=what, sleep=sleep)
    raise AssertionError("unreachable")


def wait(seconds: float, *, what: str, sleep: Callable[[float], None]) -> None:
    """Wait; UnheardError if the server asks for too long."""
    if seconds > MAX_WAIT_S:
        raise UnheardError(f"{what}: the server asks to wait {seconds:.0f} seconds; run the same command again then")
    if seconds > 0:
        sleep(seconds)


def seconds_to_wait(headers: Any, otherwise: float) -> float:
    """Return the seconds until the server takes requests again, with one to spare."""
    for name in ("Retry-After", "X-RateLimit-Reset-In"):
        text = (headers.get(name) or "").strip()
        if text.isascii() and text.isdecimal():
            return float(text) + 1.0
    return otherwise


def json_object(data: bytes) -> dict[str, Any]:
    """Return a JSON object; ValueError for anything else, also for more than `MAX_BYTES`."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def reason_of(error: BaseException) -> str:
    """Return what is wrong with a connection; never an address, which may hold a login."""
    inner = getattr(error, "reason", "")
    return str(getattr(inner, "strerror", "") or inner or getattr(error, "strerror", "") or type(error).__name__)


def _message(error: HTTPError) -> str:
    """Return what the server says, in one short line."""
    try:
        text = error.read(2000).decode("utf-8", "replace")
        value = json.loads(text)
        text = str(value.get("error", text)) if isinstance(value, dict) else text
    except (OSError, HTTPException, ValueError, RecursionError):
        text = str(error.reason)
    return " ".join(text.split())[:200]
