"""The cookie of a browser that has sent the token once: a hash of the token, keyed with a secret of the workspace.

Without the secret, the cookie of a guessed token could be computed and tried, and no one limits how often a browser
sends its cookie. With it, right cookies are accepted at once, whoever guesses tokens from the same address, and wrong
ones tell nothing. The secret is a file, so browsers stay logged in when the server starts again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from unheard.atomic_files import write_text
from unheard.errors import UserError
from unheard.serve.config import ServeConfig
from unheard.serve.keys import OWNER_ONLY, is_same
from unheard.workspace import Workspace

COOKIE = "unheard"
SECRET_BYTES = 32
SECRET = re.compile(r"[0-9a-f]{64}")


def cookie_secret(workspace: Workspace) -> str:
    """Return the secret of a workspace, made anew if there is none or it is damaged; not stored if that fails."""
    path = workspace.cookie_secret_path
    try:
        if SECRET.fullmatch(found := path.read_text(encoding="ascii").strip()):
            return found
    except (OSError, ValueError):
        pass
    secret = secrets.token_hex(SECRET_BYTES)
    with suppress(OSError, UserError):  # a read-only workspace can be served too; its browsers log in after each start
        write_text(path, f"{secret}\n", mode=OWNER_ONLY)
    return secret


def cookie_value(config: ServeConfig) -> str:
    """Return the value of the cookie that a login sets."""
    token = (config.token or "").encode()
    return hmac.new(config.cookie_secret.encode(), b"unheard browser " + token, hashlib.sha256).hexdigest()


def has_cookie(headers: Headers, config: ServeConfig) -> bool:
    """Return whether a request has the cookie; the time does not depend on how much of it is right."""
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(headers.get("cookie", ""))
    except CookieError:
        return False
    given = cookie[COOKIE].value if COOKIE in cookie else ""
    return is_same(given, cookie_value(config))
