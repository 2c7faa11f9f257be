"""Access control and security headers.

Five attacks on a server that runs on a personal machine, and the defence against each:

    DNS rebinding: another site's page sends requests to its own name, which points to 127.0.0.1    check of the Host
    cross-site requests: another site's page posts a form             check of the Origin header, SameSite cookies
    script injection: a tag of a file contains HTML                   Content-Security-Policy without inline scripts
    other clients of the network                                      a token, as bearer or by a login page and a cookie
    guessing a token, or uploading for ever                           attempts.py: so many by address, then 429
"""

from __future__ import annotations

import hmac
import logging
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unheard.bounded_text import whole_number
from unheard.errors import UserError
from unheard.serve.attempts import Attempts, address_of
from unheard.serve.config import ServeConfig
from unheard.serve.cookies import has_cookie
from unheard.serve.errors import api_error, error_response
from unheard.serve.http_caching import REVALIDATED
from unheard.serve.keys import name_of_secret, read_keys
from unheard.serve.security_headers import HEADERS
from unheard.workspace import Workspace

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = ("/api/health/live", "/login")
SUBSONIC = "/rest/"  # every request of it contains its own key, which no browser adds of its own accord
OPEN_FOLDERS = ("/static/", "/listen/", SUBSONIC)  # links of raters contain their own secrets
METRICS = "/metrics"
# A key of any scope is enough for these.
KEY_PATHS = ("/api/similar_tracks", "/api/find_path", "/api/similar_artists", METRICS)
MAX_NEXT = 2_000  # characters of the address to return to after the login
MAX_PLAIN_BYTES = 2_000_000  # of a request without a file
UPLOADS, UPLOAD_EVERY_S = 60, 1.0  # of an address
MULTIPART = "multipart/form-data"


def is_token(given: str, token: str) -> bool:
    """Return whether a client sent the token; the time does not depend on how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


class Guard:
    """ASGI middleware that rejects unauthorized requests, limits body sizes and adds headers to every response."""

    def __init__(self, app: ASGIApp, config: ServeConfig) -> None:
        self.app, self.config = app, config
        self.uploads = Attempts(UPLOADS, UPLOAD_EVERY_S)
        self.workspace = Workspace.open(config.workspace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # there are no websockets
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        await self.app(scope, self._bounded(scope, receive), _with_headers(send))

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if self.config.is_loopback and _name(host) not in LOOPBACK_NAMES | {self.config.host}:
            return error_response(
                scope,
                api_error(400, "unknown_host", f"Host {host!r:.100}: expected localhost or the name given with --host"),
            )
        is_unsafe = scope["method"] not in SAFE_METHODS and not path.startswith(SUBSONIC)
        if is_unsafe and not _is_same_site(headers, host):
            return error_response(
                scope, api_error(403, "cross_site", "cross-site request: send it from a page of this server")
            )
        if self.config.token is None or path in OPEN_PATHS or path.startswith(OPEN_FOLDERS):
            return self._too_much(scope, headers)
        bearer, address = _bearer(headers), address_of(scope)
        # Nobody guesses a key or a cookie, so these need not wait while someone at the same address guesses tokens.
        if has_cookie(headers, self.config) if bearer is None else self._is_key(bearer, path):
            return self._too_much(scope, headers)
        if bearer is not None:
            if wait_s := logins(scope).wait_s(address):
                return too_many(scope, wait_s)
            if is_token(bearer, self.config.token):
                return self._too_much(scope, headers)
            logins(scope).failed(address, bearer)
        if path.startswith(("/api", METRICS)) or scope["method"] not in SAFE_METHODS:
            unauthorized = api_error(401, "unauthorized", "send the header `Authorization: Bearer TOKEN`")
            return error_response(scope, unauthorized, headers={"www-authenticate": "Bearer"})
        return RedirectResponse(f"/login?next={quote(_address(scope), safe='/')}", status_code=303)

    def _is_key(self, given: str, path: str) -> bool:
        """Return whether a bearer token is a key that may ask for a path; a damaged file of keys has none."""
        try:
            keys = read_keys(self.workspace)
        except UserError as error:
            logging.getLogger("unheard").warning("%s", error)
            return False
        name = name_of_secret(keys, given)
        return name is not None and (path in KEY_PATHS or keys[name].scope == "admin")

    def _limit(self, headers: Headers, path: str) -> int:
        """Return the limit of a body in bytes. Paths without access control accept forms only."""
        is_open = path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)
        uploads = not is_open and _is_upload(headers)
        return self.config.max_upload_bytes if uploads else min(MAX_PLAIN_BYTES, self.config.max_upload_bytes)

    def _too_much(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        length = headers.get("content-length", "0")
        if _is_upload(headers) and (wait_s := self.uploads.take(address_of(scope))):
            return too_many(scope, wait_s)
        n_bytes = whole_number(length)
        if n_bytes is not None and n_bytes <= self._limit(headers, scope["path"]):
            return None
        return error_response(scope, _too_large(self._limit(headers, scope["path"])))

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Wrap `receive` to reject a body above the limit, whatever its Content-Length is."""
        limit, received = self._limit(Headers(scope=scope), scope["path"]), 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        return receive_bounded


def logins(scope: Scope) -> Attempts:
    """Return the wrong tokens of all addresses."""
    found: Attempts = scope["app"].state.logins
    return found


def too_many(scope: Scope, wait_s: int) -> ASGIApp:
    """Return the answer to a client that has to wait."""
    error = api_error(429, "too_many_attempts", f"too many attempts from this address; try again in {wait_s} s")
    return error_response(scope, error, headers={"retry-after": str(wait_s)})


def _bearer(headers: Headers) -> str | None:
    kind, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if kind.lower() == "bearer" else None


def _is_upload(headers: Headers) -> bool:
    return headers.get("content-type", "").lower().startswith(MULTIPART)


def _address(scope: Scope) -> str:
    """Return the path and query of a request as they were sent; "/" if they are longer than MAX_NEXT."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    sent = path + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    return sent.decode("latin-1") if len(sent) <= MAX_NEXT else "/"


def _too_large(limit: int) -> HTTPException:
    return api_error(413, "too_large", f"the request is larger than {limit:,} bytes; send a smaller file")


def _name(host: str) -> str:
    """Return the name of a Host header without port and brackets; empty if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_same_site(headers: Headers, host: str) -> bool:
    """Return whether a request comes from a page of this server or from a program that is no browser."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    if origin is None:
        return site is not None or "cookie" not in headers
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", REVALIDATED)  # for responses that set none
        await send(message)

    return send_with_headers
