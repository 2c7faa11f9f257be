"""Checksums of what a workspace holds, and the mark that binds its files to it.

    JSON objects    begin with their checksum:  {"checksum": "1a2b3c4d", ...}  is the CRC-32 of everything behind the
                    comma, but for line breaks at the end. An object without one was written by hand, or before
                    checksums, and is read as it is.
    arrays          CRC-32 of their bytes, continued from that of name, type and shape (artefacts.py)
    files           CRC-32 of all bytes, stored in the file that names them

CRC-32 finds every error of up to 32 bits in a row, and others but for one in four billion. It protects from damage, not
from an attacker. zlib computes it at 2 GB/s.

`owner` binds a file to its workspace: the workspace's random id, and a checksum of the settings in workspace.json. A
file of another workspace, or one that was made with other settings, has another owner.
"""

from __future__ import annotations

import json
import mmap
import re
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from unheard.errors import UserError

MARKER = "workspace.json"
MARKER_KEYS = ("format", "version", "id")  # of the marker; all others are settings
MAX_DEPTH = 8  # of a file below its workspace
_SEALED = re.compile(r'\{\s*"checksum": "([0-9a-f]{8})",')
BY_HAND = 'if you have changed it by hand, delete "checksum" in it'


def hexadecimal(checksum: int) -> str:
    """Return a checksum as text of eight digits."""
    return f"{checksum:08x}"


def seal(text: str, path: Path | None = None) -> str:
    """Return the text of a JSON object with its checksum as the first key; an empty object stays as it is.

    path  of the file that it is for, whose workspace is part of the checksum
    """
    rest = text[1:]
    if not text.startswith("{") or rest.lstrip().startswith("}"):
        return text
    if not rest[0].isspace():
        rest = " " + rest
    indent = rest[: len(rest) - len(rest.lstrip())].lstrip(" ")
    return f'{{{indent}"checksum": "{hexadecimal(_crc(rest, id_of(path)))}",{rest}'


def unseal(text: str, path: Path | None = None) -> Any:
    """Return the value of a JSON text without its checksum. Raise ValueError for other content than was written.

    path  of its file; the content may have been written in this workspace, or outside one
    """
    sealed = _SEALED.match(text)
    if sealed and int(sealed[1], 16) not in {_crc(text[sealed.end() :], one) for one in (id_of(path), "")}:
        raise ValueError(f"its content does not match its checksum, or is of another workspace; {BY_HAND}")
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if sealed is not None:
        del value["checksum"]
    return value


def _crc(text: str, identity: str) -> int:
    return zlib.crc32(text.rstrip("\n").encode("utf-8", "surrogatepass"), zlib.crc32(identity.encode()))


def read_sealed(path: Path) -> Any:
    """Return the value of a JSON file without its checksum. Raise OSError or ValueError if it cannot be read."""
    return unseal(path.read_text(encoding="utf-8"), path)


def is_sealed(path: Path) -> bool:
    """Return whether a JSON file has a checksum."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return _SEALED.match(file.read(100)) is not None


def crc_of_file(path: Path) -> int:
    """Return the CRC-32 of a file, read through a memory map."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return zlib.crc32(mapped)


# -------------------------------------------------------------------------------------------------------- owners


def settings_checksum(settings: dict[str, Any]) -> str:
    """Return the checksum of the settings of a workspace."""
    return hexadecimal(zlib.crc32(json.dumps(settings, sort_keys=True).encode()))


def owner_of(path: Path) -> str:
    """Return the owner of a file: `<id>-<checksum of the settings>` of the workspace that it is in; "" outside one."""
    folder = path.absolute().parent
    for _ in range(MAX_DEPTH):
        marker = folder / MARKER
        try:
            state = marker.stat()
        except OSError:
            if folder == folder.parent:
                return ""
            folder = folder.parent
        else:
            return _owner(marker, state.st_mtime_ns, state.st_size, state.st_ino)
    return ""


def id_of(path: Path | None) -> str:
    """Return the id of the workspace that a file is in; "" outside one, and for workspace.json itself."""
    return "" if path is None or path.name == MARKER else owner_of(path).rpartition("-")[0]


@lru_cache(maxsize=16)
def _owner(marker: Path, *_version: int) -> str:
    try:
        values = read_sealed(marker)
        settings = {key: value for key, value in values.items() if key not in MARKER_KEYS}
    except (OSError, ValueError, AttributeError):
        return ""  # opening the workspace has a message for it
    return f"{values.get('id', '')}-{settings_checksum(settings)}"


def check_owner(path: Path, recorded: str) -> None:
    """Raise UserError if a file that records this owner is now in another workspace, or under other settings."""
    present = owner_of(path)
    if recorded == present or not recorded or not present:
        return
    (made_in, _, made_with), (here, _, now) = recorded.rpartition("-"), present.rpartition("-")
    if made_in and here and made_in != here:
        raise UserError(f"{path}: is a file of another workspace; delete it and run its stage again")
    if made_with != now:
        raise UserError(
            f"{path}: made with other settings than {MARKER} has now; restore {MARKER}, or make a new workspace"
        )
