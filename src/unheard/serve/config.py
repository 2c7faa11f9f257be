"""What whoever starts the server decides, checked once."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from unheard.errors import UserError

MIN_TOKEN_CHARS = 16  # characters
MAX_UPLOAD_BYTES = 100_000_000


@dataclass(frozen=True)
class ServeConfig:
    """Settings of one server.

    token             what a client has to know; None: anybody who reaches the address may use it
    split, model      as in `unheard recommend`
    music_roots       folders outside the workspace that scans and imports started over HTTP may read
    max_upload_bytes  a larger request is refused
    """

    workspace: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    split: str | None = None
    model: str | None = None
    music_roots: tuple[Path, ...] = ()
    max_upload_bytes: int = MAX_UPLOAD_BYTES

    def __post_init__(self) -> None:
        if self.token is None and not self.is_loopback:
            raise UserError(
                f"--host {self.host} is open to other machines; give --token-file FILE with a secret in it, or leave "
                "--host out"
            )
        if self.token is not None and len(self.token) < MIN_TOKEN_CHARS:
            raise UserError(
                f"the token has {len(self.token)} characters, expected at least {MIN_TOKEN_CHARS}; make one with "
                "`python -c 'import secrets; print(secrets.token_urlsafe())'`"
            )
        for root in self.music_roots:
            if not root.is_dir():
                raise UserError(f"--music-root {root}: expected a folder; name one that is there")

    @cached_property  # every request asks
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_token(file: Path) -> str:
    """The first line of a token file; UserError if it cannot be read or is empty."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--token-file {file}: cannot be read ({error}); name a text file") from error
    token = lines[0].strip()
    if not token or not token.isascii() or not token.isprintable():
        raise UserError(f"--token-file {file}: expected a secret of printable ASCII in the first line")
    return token
