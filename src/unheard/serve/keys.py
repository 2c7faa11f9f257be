"""Keys of music players and programs, stored in W/keys.json by name, as hashes.

    {"format": "unheard keys", "version": 2, "keys": {"phone": {"sha256": ..., "salted": "", "scope": "listen", ...}}}

The name of a key is its user name. A key is made here and never chosen: its 192 random bits cannot be guessed, so one
round of SHA-256 is enough, and nothing in the file is in use elsewhere. A removed key is refused from the next request
on.

    read     browse, search, ask for lists and for similar songs; /metrics
    listen   what `read` may, and play files, star, rate, scrobble, keep playlists and the play queue
    admin    everything, as the server's token

Some players send no key but md5(key + salt), which only a server that knows the key itself can check. Keys for these
are stored as they are, under "salted", in a file that only its owner may read. Files of version 1 had such keys only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from unheard.atomic_files import atomic_path, read_json
from unheard.checksums import seal
from unheard.errors import UserError, quoted
from unheard.file_lock import one_writer
from unheard.thumbs import NO_FILE, Version, file_version
from unheard.workspace import Workspace

FORMAT, VERSION = "unheard keys", 2
FORMER_VERSION = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
HASH = re.compile(r"[0-9a-f]{64}")
SECRET_BYTES = 24
OWNER_ONLY = 0o600
Scope = Literal["read", "listen", "admin"]


@dataclass(frozen=True)
class Key:
    """One key.

    sha256  hash of the secret, in hexadecimal
    scope   what it may do
    made    time in ISO 8601
    salted  the secret itself, for players that send salted hashes of it; else empty
    """

    sha256: str
    scope: Scope
    made: str
    salted: str = ""


def read_keys(workspace: Workspace) -> Mapping[str, Key]:
    """Return all keys by name; UserError for a damaged file."""
    return _read(workspace.keys_path, file_version(workspace.keys_path))


def name_of_secret(keys: Mapping[str, Key], given: str) -> str | None:
    """Return the name of the key with this secret, None if there is none; the time does not depend on the secret."""
    hashed = hash_of(given)
    names = [name for name, key in keys.items() if is_same(hashed, key.sha256)]
    return names[0] if names else None


def hash_of(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Return whether two secrets are the same; the time does not depend on how much of them is."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def make_key(workspace: Workspace, name: str, *, scope: Scope = "listen", salted: bool = False) -> str:
    """Make a key and return its secret, which is not stored unless it is `salted`.

    UserError for a name that is taken, or that is no user name.
    """
    if NAME.fullmatch(name) is None:
        raise UserError(f"key {name!r:.60}: expected 1 to 40 of a-z, 0-9, dots and dashes; choose another name")
    with one_writer(workspace.root):
        keys = read_keys(workspace)
        if name in keys:
            command = f"unheard serve-key -w {quoted(workspace.root)} --remove {name}"
            raise UserError(f"key {name!r}: there is one; `{command}` removes it")
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now = datetime.now(tz=UTC).isoformat(timespec="seconds")
        _write(workspace, {**keys, name: Key(hash_of(secret), scope, now, secret if salted else "")})
    return secret


def remove_key(workspace: Workspace, name: str) -> None:
    """Remove a key. UserError if there is none of this name."""
    with one_writer(workspace.root):
        keys = read_keys(workspace)
        if name not in keys:
            command = f"unheard serve-key -w {quoted(workspace.root)}"
            raise UserError(f"key {name!r:.60}: there is none; `{command}` lists them")
        _write(workspace, {other: key for other, key in keys.items() if other != name})


def _write(workspace: Workspace, keys: Mapping[str, Key]) -> None:
    content = {"format": FORMAT, "version": VERSION, "keys": {name: asdict(key) for name, key in keys.items()}}
    with atomic_path(workspace.keys_path, mode=OWNER_ONLY) as temporary:
        temporary.write_text(
            seal(json.dumps(content, indent=1), workspace.keys_path) + "\n", encoding="utf-8", newline="\n"
        )


@lru_cache(maxsize=8)
def _read(path: Path, version: Version) -> Mapping[str, Key]:
    """Return what is stored; `version` makes the cached result that of the current file."""
    if version == NO_FILE:
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(values, dict) and values.get("version") == FORMER_VERSION:
            values = read_json(path, format=FORMAT, version=FORMER_VERSION)
            return {name: _former(one["secret"], one["made"]) for name, one in values["keys"].items()}
        values = read_json(path, format=FORMAT, version=VERSION)
        return {name: _checked(Key(**one)) for name, one in values["keys"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); restore it from a copy, or delete it and make new keys") from error


def _former(secret: object, made: object) -> Key:
    if not isinstance(secret, str) or not secret:
        raise ValueError("expected a secret")
    return Key(hash_of(secret), "listen", str(made), secret)


def _checked(key: Key) -> Key:
    if not HASH.fullmatch(key.sha256) or key.scope not in get_args(Scope) or not isinstance(key.salted, str):
        raise ValueError("expected a hash, a scope and a salted secret")
    if key.salted and hash_of(key.salted) != key.sha256:
        raise ValueError("the hash is not that of the salted secret")
    return key
