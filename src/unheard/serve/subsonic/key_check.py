"""Who sent a request: a key of serve/keys.py, in one of the three ways of the specification.

    apiKey            the secret (extension `apiKeyAuthentication`), without a user name
    u, t, s           t = md5(secret + s), in hexadecimal
    u, p              the secret, or "enc:" and its UTF-8 in hexadecimal

All comparisons take the same time however much of the secret is right, and an unknown name takes as long as a known
one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from unheard.serve.keys import Key, is_same, name_of_secret
from unheard.serve.subsonic.errors import Code, SubsonicError
from unheard.serve.subsonic.parameters import Parameters

NOBODY = secrets.token_urlsafe()  # what the secret of an unknown name is compared with


def name_of_sender(parameters: Parameters, keys: Mapping[str, Key]) -> str:
    """Return the name of the key that a request was sent with; SubsonicError if it is none of `keys`."""
    has = {name for name in ("apiKey", "u", "p", "t", "s") if parameters.text(name)}
    if "apiKey" in has:
        if len(has) > 1:
            raise SubsonicError(Code.CONFLICTING_LOGIN, "send apiKey without u, p, t and s")
        if (name := name_of_secret(keys, parameters.text("apiKey"))) is None:
            raise SubsonicError(Code.WRONG_API_KEY, "wrong API key; `unheard serve-key NAME` makes one")
        return name
    name = parameters.required("u")
    if "p" in has and has & {"t", "s"}:
        raise SubsonicError(Code.CONFLICTING_LOGIN, "send either p, or t and s")
    secret = keys[name].secret if name in keys else NOBODY
    if "p" in has:
        given, expected = _password(parameters.text("p")), secret
    else:
        given = parameters.required("t").lower()
        salted = secret + parameters.required("s")
        expected = hashlib.md5(salted.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    if not is_same(given, expected):
        raise SubsonicError(Code.WRONG_LOGIN, "wrong user name or password; `unheard serve-key NAME` makes both")
    return name


def _password(given: str) -> str:
    if not given.startswith("enc:"):
        return given
    try:
        return bytes.fromhex(given.removeprefix("enc:")).decode("utf-8", "replace")
    except ValueError:
        return ""
