"""Write a list as a stored playlist of a Music Player Daemon (MPD), through python-mpd2. Only this module imports it.

Protocol: https://mpd.readthedocs.io/en/stable/protocol.html. MPD names a track by its path relative to its
music_directory. The address is that of the environment, as for other clients: MPD_HOST (with `password@` before it,
or the path of a socket) and MPD_PORT, or localhost:6600.

The list is written under another name, and then takes the place of the last one in one command list, so players never
see a part of it. A playlist of the same name that a person made stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unheard.errors import UnheardError, UserError
from unheard.library import Track

TIMEOUT_S = 30.0
NO_SUCH = "[50@"  # how MPD begins the error of a name that it does not have (ACK_ERROR_NO_EXIST)
IN_WORK = " (being written)"


@dataclass(frozen=True)
class StoredPlaylist:
    """What was written: the name on the server, the number of tracks, the labels of tracks that MPD lacks."""

    name: str
    n_tracks: int
    left_out: tuple[str, ...]


def write_stored_playlist(
    name: str, tracks: Sequence[Track], music_directory: Path | None, *, before: str = ""
) -> StoredPlaylist:
    """Write or replace a stored playlist.

    name             without characters that file names cannot have
    music_directory  MPD's; None: ask the server, which tells it to clients on its socket alone
    before           name of the playlist that the last call wrote, "" for the first time

    Raise UserError if none of the tracks is in MPD's database, UnheardError if the server cannot be used.
    """
    with _connected() as client:
        directory = music_directory or _music_directory(client)
        known = {str(one["playlist"]) for one in client.listplaylists()}
        if name in known and name != before:
            name = f"{name} (unheard)"
        being_written = name + IN_WORK
        if being_written in known:  # by a call that was interrupted
            client.rm(being_written)
        left_out = [track.label for track in tracks if not _added(client, being_written, track, directory)]
        if len(left_out) == len(tracks):
            raise UserError(
                f"none of the {len(tracks)} tracks is in MPD's database; check --music-directory, or run `mpc update`"
            )
        client.command_list_ok_begin()
        for old in sorted({name, before} & known):
            client.rm(old)
        client.rename(being_written, name)
        client.command_list_end()
    return StoredPlaylist(name, len(tracks) - len(left_out), tuple(left_out))


def _added(client: Any, playlist: str, track: Track, music_directory: Path) -> bool:
    """Append a track to a stored playlist; return False if MPD does not have it."""
    from mpd import CommandError

    try:
        uri = Path(track.path).absolute().relative_to(music_directory.absolute()).as_posix()
    except ValueError:  # outside of the folder
        return False
    if not track.path or "\n" in uri:
        return False
    try:
        client.playlistadd(playlist, uri)
    except CommandError as error:
        if str(error).startswith(NO_SUCH):
            return False
        raise
    return True


def _music_directory(client: Any) -> Path:
    from mpd import CommandError

    try:
        answer = client.config()
    except CommandError:
        answer = {}
    found = answer.get("music_directory") if isinstance(answer, dict) else answer
    if not found:
        raise UserError("MPD does not tell its music_directory to clients of a port; name it with --music-directory")
    return Path(str(found))


def _address() -> tuple[str, int, str]:
    """Return host, port and password of the environment."""
    host = os.environ.get("MPD_HOST", "") or "localhost"
    password, at, rest = host.rpartition("@")
    if at and password:  # "@name" alone is an abstract socket
        host = rest
    port = os.environ.get("MPD_PORT", "") or "6600"
    if not port.isdecimal():
        raise UserError(f"MPD_PORT={port}: expected a number, such as 6600")
    return host, int(port), password


@contextmanager
def _connected() -> Iterator[Any]:
    """Yield a connected client; turn exceptions of python-mpd2 and of the network into one-line errors."""
    try:
        from mpd import CommandError, MPDClient, MPDError
    except ImportError as error:
        raise UserError("--target mpd needs python-mpd2; pip install 'unheard[mpd]'") from error
    host, port, password = _address()
    client = MPDClient()
    client.timeout = TIMEOUT_S
    try:
        client.connect(host, port)
        if password:
            client.password(password)
        yield client
    except CommandError as error:
        raise UserError(f"MPD at {host} refuses: {error}; check its permissions and its playlist_directory") from error
    except (MPDError, OSError) as error:
        raise UnheardError(f"MPD at {host}:{port} cannot be used ({error}); check MPD_HOST and MPD_PORT") from error
    finally:
        client.disconnect()
