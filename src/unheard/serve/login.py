"""The login page of a server with a token: it sets a cookie for a browser that sent the token once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from unheard.serve.http_caching import UNCACHED
from unheard.serve.pages.layout import page
from unheard.serve.pages.text import local_path
from unheard.serve.security import COOKIE, MAX_NEXT, cookie_value, is_token
from unheard.serve.state import server_state

router = APIRouter()
MAX_AGE_S = 30 * 24 * 3600
Next = Annotated[str, Query(alias="next", max_length=MAX_NEXT)]


@router.get("/login")
def login_page(request: Request, then: Next = "/") -> Response:
    """Show the form."""
    if server_state(request).config.token is None:
        return RedirectResponse("/", 303)
    return page(request, "login.html", cache_control=UNCACHED, then=local_path(then), wrong=False)


@router.post("/login")
def login(request: Request, token: Annotated[str, Form(max_length=1000)], then: Next = "/") -> Response:
    """Check the token and set the cookie."""
    secret = server_state(request).config.token
    if secret is None:
        return RedirectResponse("/", 303)
    if not is_token(token.strip(), secret):
        return page(request, "login.html", status=401, cache_control=UNCACHED, then=local_path(then), wrong=True)
    answer = RedirectResponse(local_path(then), 303)
    secure = request.url.scheme == "https"
    value = cookie_value(secret)
    answer.set_cookie(COOKIE, value, max_age=MAX_AGE_S, path="/", secure=secure, httponly=True, samesite="strict")
    return answer


@router.post("/logout")
def logout() -> Response:
    """Delete the cookie."""
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer
