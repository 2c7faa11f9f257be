"""Who sent a request: a key of serve/keys.py, in one of the three ways of the specification.

    apiKey            the secret (extension `apiKeyAuthentication`), without a user name
    u, t, s           t = md5(secret + s), in hexadecimal
    u, p              the secret, or "enc:" and its UTF-8 in hexadecimal

The second way needs a key whose secret is stored. Without one the error is 41, upon which players send a password.

All comparisons take the same time however much of the secret is right, and an unknown name takes as long as a known
one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from unheard.serve.keys import Key, hash_of, is_same, name_of_secret
from unheard.serve.subsonic.errors import Code, SubsonicError
from unheard.serve.subsonic.parameters import Parameters

NOBODY = Key("", "read", "")  # what an unknown name is compared with: no hash is empty


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
    key = keys.get(name, NOBODY)
    if "p" in has:
        given, expected = hash_of(_password(parameters.text("p"))), key.sha256
    else:
        given, salt = parameters.required("t").lower(), parameters.required("s")
        if not key.salted:
            raise SubsonicError(
                Code.NO_TOKENS,
                "this key is stored as a hash: send it as API key or password, or `unheard serve-key --salted NAME`",
            )
        salted = f"{key.salted}{salt}".encode("utf-8", "replace")
        expected = hashlib.md5(salted, usedforsecurity=False).hexdigest()
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
