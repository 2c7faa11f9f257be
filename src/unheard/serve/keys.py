"""Keys of music players: secrets that open the Subsonic API and nothing else, stored in W/keys.json.

    {"format": "unheard keys", "version": 1, "keys": {"phone": {"secret": ..., "made": "2026-11-27T..."}}}

The name of a key is its user name. Subsonic's salted tokens are md5(secret + salt), so the server has to know the
secret itself. Secrets are therefore made here and never chosen: the file, which only its owner may read, holds nothing
that is in use elsewhere. A key that was removed is refused from the next request on.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from unheard.artefacts import atomic_path, read_json
from unheard.errors import UserError
from unheard.file_lock import one_writer
from unheard.thumbs import Version, file_version
from unheard.workspace import Workspace

FORMAT, VERSION = "unheard keys", 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
SECRET_BYTES = 24
OWNER_ONLY = 0o600


@dataclass(frozen=True)
class Key:
    """One key; `made` is a time in ISO 8601."""

    secret: str
    made: str


def read_keys(workspace: Workspace) -> Mapping[str, Key]:
    """Return all keys by name; UserError for a damaged file."""
    return _read(workspace.keys_path, file_version(workspace.keys_path))


def has_secret(keys: Mapping[str, Key], given: str) -> bool:
    """Return whether a client sent the secret of a key."""
    return name_of_secret(keys, given) is not None


def name_of_secret(keys: Mapping[str, Key], given: str) -> str | None:
    """Return the name of the key with this secret, None if there is none; the time does not depend on the secret."""
    names = [name for name, key in keys.items() if is_same(given, key.secret)]
    return names[0] if names else None


def is_same(given: str, expected: str) -> bool:
    """Return whether two secrets are the same; the time does not depend on how much of them is."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def make_key(workspace: Workspace, name: str) -> Key:
    """Make a key and return it. UserError for a name that is taken, or that is no user name."""
    if NAME.fullmatch(name) is None:
        raise UserError(f"key {name!r:.60}: expected 1 to 40 of a-z, 0-9, dots and dashes; choose another name")
    with one_writer(workspace.root):
        keys = read_keys(workspace)
        if name in keys:
            raise UserError(f"key {name!r}: there is one; `unheard serve-key --remove {name}` removes it")
        made = Key(secrets.token_urlsafe(SECRET_BYTES), datetime.now(tz=UTC).isoformat(timespec="seconds"))
        _write(workspace, {**keys, name: made})
    return made


def remove_key(workspace: Workspace, name: str) -> None:
    """Remove a key. UserError if there is none of this name."""
    with one_writer(workspace.root):
        keys = read_keys(workspace)
        if name not in keys:
            raise UserError(f"key {name!r:.60}: there is none; `unheard serve-key` lists them")
        _write(workspace, {other: key for other, key in keys.items() if other != name})


def _write(workspace: Workspace, keys: Mapping[str, Key]) -> None:
    content = {"format": FORMAT, "version": VERSION, "keys": {name: asdict(key) for name, key in keys.items()}}
    with atomic_path(workspace.keys_path, mode=OWNER_ONLY) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


@lru_cache(maxsize=8)
def _read(path: Path, version: Version) -> Mapping[str, Key]:
    """Return what is stored; `version` makes the cached result that of the current file."""
    if version == (0, 0, 0):
        return {}
    try:
        values = read_json(path, format=FORMAT, version=VERSION)
        return {str(name): Key(str(one["secret"]), str(one["made"])) for name, one in values["keys"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); restore it from a copy, or delete it and make new keys") from error
