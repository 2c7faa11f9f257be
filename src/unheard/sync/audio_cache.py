"""Find the audio of a server's songs: by the path on the server, or by downloading it to W/sync/audio/.

A download is written under a temporary name and renamed; one that was stopped goes on where it stopped, if the server
can. A file of the size that the server names is not read again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from unheard.errors import UserError
from unheard.progress import Progress
from unheard.sync.read_server import each
from unheard.sync.subsonic_client import NoAnswerError, SubsonicAnswerError, SubsonicClient
from unheard.sync.sync_state import Song

SAFE = re.compile(r"[A-Za-z0-9_-]{1,100}")
SUFFIX = re.compile(r"[a-z0-9]{1,8}")
BLOCK = 2**18
PathMap = tuple[PurePosixPath, Path]


def path_map(text: str) -> PathMap:
    """Return the folders of SERVER=HERE; UserError for another form."""
    server, equals, here = text.partition("=")
    if not equals or not Path(here).is_dir():
        raise UserError(f"--path-map {text}: expected FOLDER_ON_THE_SERVER=FOLDER_HERE, with a folder that exists")
    return PurePosixPath(server), Path(here).absolute()


def mapped(song: Song, maps: Sequence[PathMap]) -> Path | None:
    """Return the file of a song below the mapped folders; None if there is none. A path never leaves its folder."""
    path = PurePosixPath(str(song.get("path") or ""))
    for server, here in maps:
        if path.parts and ".." not in path.parts and path.is_relative_to(server):
            found = here / path.relative_to(server)
            if found.is_relative_to(here) and found.is_file():
                return found
    return None


def cached_path(folder: Path, song: Song) -> Path:
    """Return where a downloaded song lies."""
    name = song["id"] if SAFE.fullmatch(song["id"]) else "h-" + hashlib.sha256(song["id"].encode()).hexdigest()[:32]
    suffix = str(song.get("suffix") or "").lower()
    return folder / f"{name}.{suffix if SUFFIX.fullmatch(suffix) else 'audio'}"


def audio_of(
    client: SubsonicClient,
    songs: Mapping[str, Song],
    folder: Path,
    maps: Sequence[PathMap],
    problems: list[str],
    progress: Progress,
    *,
    download: bool,
) -> tuple[dict[str, Path], int]:
    """Return the file of each song that has one, and the number of downloads."""
    found = {name: path for name, song in songs.items() if (path := mapped(song, maps)) is not None}
    missing = [name for name in songs if name not in found]
    if not download:
        if missing:
            first = songs[missing[0]].get("path") or missing[0]
            problems.append(f"{len(missing)} songs have no file below the folders of --path-map, such as {first}")
        return found, 0
    folder.mkdir(parents=True, exist_ok=True)
    wanted = []
    for name in missing:
        path = cached_path(folder, songs[name])
        if path.is_file():
            found[name] = path
        if not path.is_file() or (_size(songs[name]) and path.stat().st_size != _size(songs[name])):
            wanted.append(name)
    n = 0
    for name, fail in each(wanted, problems):
        path = cached_path(folder, songs[name])
        try:
            _download(client, songs[name], path)
        except SubsonicAnswerError as error:
            fail(error)
            continue
        found[name] = path
        n += 1
        progress("downloading", n, len(wanted))
    return found, n


def _download(client: SubsonicClient, song: Song, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    begun = partial.stat().st_size if partial.is_file() else 0
    if not 0 < begun < _size(song):
        begun = 0
    with client.stream("download", from_byte=begun, id=song["id"]) as answer:
        goes_on = answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {begun}-")
        length = str(answer.headers.get("Content-Length") or "")
        expected = int(length) if length.isdecimal() else None
        n = 0
        with partial.open("ab" if goes_on else "wb") as file:
            while block := _read(answer, song):
                file.write(block)
                n += len(block)
    if expected is not None and n != expected:
        raise NoAnswerError(f"download of {song['id']}: {n} of {expected} bytes came; run again")
    partial.replace(path)


def _read(answer: object, song: Song) -> bytes:
    from http.client import HTTPException

    try:
        return bytes(answer.read(BLOCK))  # type: ignore[attr-defined]
    except (OSError, HTTPException) as error:
        raise NoAnswerError(f"download of {song['id']}: broken off ({type(error).__name__}); run again") from None


def _size(song: Song) -> int:
    value = song.get("size")
    return value if isinstance(value, int) and value > 0 else 0
