"""Settings of the server, validated once at the start."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from unheard.errors import UserError

MIN_TOKEN_CHARS = 16
MAX_UPLOAD_BYTES = 100_000_000


@dataclass(frozen=True)
class ServeConfig:
    """Settings of one server.

    token             secret that clients must send; None: every client that reaches the address has access
    split, model      as in `unheard recommend`
    music_roots       folders outside the workspace that scans and imports started over HTTP may read
    max_upload_bytes  larger requests are rejected
    cookie_secret     what the cookies of browsers are made with (cookies.py)
    """

    workspace: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    split: str | None = None
    model: str | None = None
    music_roots: tuple[Path, ...] = ()
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    cookie_secret: str = field(default_factory=secrets.token_hex, repr=False)

    def __post_init__(self) -> None:
        if self.token is None and not self.is_loopback:
            raise UserError(
                f"--host {self.host} can be reached from other machines; give --token-file FILE with a secret, or omit "
                "--host"
            )
        if self.token is not None and len(self.token) < MIN_TOKEN_CHARS:
            raise UserError(
                f"the token has {len(self.token)} characters, expected at least {MIN_TOKEN_CHARS}; make one with "
                "`python -c 'import secrets; print(secrets.token_urlsafe())'`"
            )
        for root in self.music_roots:
            if not root.is_dir():
                raise UserError(f"--music-root {root}: not a folder; name an existing one")

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders whose names clients need not know."""
        return self.workspace, *self.music_roots

    @cached_property  # read for every request
    def is_loopback(self) -> bool:
        """Whether the server can be reached from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def personal_folders() -> tuple[Path, ...]:
    """Return the folders where a person keeps music: the home folder, and those where drives are mounted."""
    drives = (Path("/media"), Path("/mnt"), Path("/run/media"), Path("/Volumes"))
    return tuple(folder for folder in (Path.home(), *drives) if folder.is_dir())


def read_token(file: Path) -> str:
    """Return the first line of a token file; UserError if it cannot be read or is empty."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--token-file {file}: cannot be read ({error}); name a text file") from error
    token = lines[0].strip()
    if not token or not token.isascii() or not token.isprintable():
        raise UserError(f"--token-file {file}: expected a secret of printable ASCII in the first line")
    return token
