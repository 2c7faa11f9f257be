"""The login page of a server with a token: it sets a cookie for a browser that sent the token once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from unheard.serve.attempts import address_of
from unheard.serve.cookies import COOKIE, cookie_value
from unheard.serve.http_caching import UNCACHED
from unheard.serve.pages.layout import page
from unheard.serve.pages.text import local_path
from unheard.serve.security import MAX_NEXT, is_token, logins
from unheard.serve.state import server_state

router = APIRouter()
MAX_AGE_S = 30 * 24 * 3600
ATTEMPTS, ATTEMPT_EVERY_S = 10, 5.0  # of an address: so many wrong tokens at once, then one in every five seconds
Next = Annotated[str, Query(alias="next", max_length=MAX_NEXT)]


@router.get("/login")
def login_page(request: Request, then: Next = "/") -> Response:
    """Show the form."""
    if server_state(request).config.token is None:
        return RedirectResponse("/", 303)
    return _form(request, then)


@router.post("/login")
def login(request: Request, token: Annotated[str, Form(max_length=1000)], then: Next = "/") -> Response:
    """Check the token and set the cookie."""
    config = server_state(request).config
    secret = config.token
    if secret is None:
        return RedirectResponse("/", 303)
    attempts, address = logins(request.scope), address_of(request.scope)
    if wait_s := attempts.wait_s(address):
        refused = _form(request, then, status=429, wait_s=wait_s)
        refused.headers["retry-after"] = str(wait_s)
        return refused
    if not is_token(token.strip(), secret):
        attempts.failed(address, token.strip())
        return _form(request, then, status=401, wrong=True)
    answer = RedirectResponse(local_path(then), 303)
    secure = request.url.scheme == "https"
    value = cookie_value(config)
    answer.set_cookie(COOKIE, value, max_age=MAX_AGE_S, path="/", secure=secure, httponly=True, samesite="strict")
    return answer


@router.post("/logout")
def logout() -> Response:
    """Delete the cookie."""
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def _form(request: Request, then: str, *, status: int = 200, wrong: bool = False, wait_s: int = 0) -> Response:
    values = {"then": local_path(then), "wrong": wrong, "wait_s": wait_s}
    return page(request, "login.html", status=status, cache_control=UNCACHED, **values)
