"""Find the audio of a server's songs: by the path on the server, or by downloading it to W/sync/audio/.

The name of a downloaded file has a digest of what the server says about the song's file (size, format, length), so a
file that changes there is downloaded again, and what is here is never read again only because a server's size is that
of another file than it sends.

    <song>-<digest>.flac              a whole file
    .<song>-<digest>.flac.partial     the part of a download that was stopped
    .<song>-<digest>.flac.validator   ETag or Last-Modified of that part, and the length of the whole

A part is continued only if the server sends the rest of the same whole (RFC 9110, 13.1.5); else it is thrown away. A
file that is too large to be a song is left out, because a server may send without end.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from unheard.atomic_files import write_json
from unheard.bounded_text import whole_number
from unheard.errors import UserError
from unheard.progress import Progress
from unheard.sync.read_server import each
from unheard.sync.subsonic_client import SubsonicAnswerError, SubsonicClient
from unheard.sync.sync_state import Song
from unheard.web_requests import RequestError, read_some

SAFE = re.compile(r"[A-Za-z0-9_-]{1,100}")
SUFFIX = re.compile(r"[a-z0-9]{1,8}")
RANGE = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15})")
OF_FILE = ("size", "suffix", "duration")
BLOCK = 2**18
MAX_FILE_BYTES = 2**32  # of a song: WAV, the largest format, ends there
NO_SUCH_RANGE, CHANGED = 416, "the file has changed on the server"
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
    about = hashlib.sha256(json.dumps([song.get(key) for key in OF_FILE]).encode()).hexdigest()[:8]
    suffix = str(song.get("suffix") or "").lower()
    return folder / f"{name}-{about}.{suffix if SUFFIX.fullmatch(suffix) else 'audio'}"


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
    paths = {name: cached_path(folder, songs[name]) for name in missing}
    found |= {name: path for name, path in paths.items() if path.is_file()}
    wanted = [name for name in missing if name not in found]
    n = 0
    for name, fail in each(wanted, problems):
        try:
            client.completed(f"download of {name}", lambda name=name: _download(client, name, paths[name]))  # type: ignore[misc]
        except SubsonicAnswerError as error:
            fail(error)
            continue
        found[name] = paths[name]
        n += 1
        progress("downloading", n, len(wanted))
    return found, n


def remove_others(folder: Path, songs: Mapping[str, Song], kept: set[Path]) -> int:
    """Delete downloads of removed songs, and replaced ones, but for `kept` paths; return the number of whole files."""
    names = {cached_path(folder, song).name for song in songs.values()}
    n = 0
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        whole = path.name.removeprefix(".").removesuffix(".partial").removesuffix(".validator")
        if whole not in names and path.is_file() and path not in kept:
            path.unlink()
            n += not path.name.startswith(".")
    return n


def _download(client: SubsonicClient, song_id: str, path: Path) -> None:
    """Download a file, or the rest of it. RequestError if the connection breaks; what has come stays."""
    try:
        _continue(client, song_id, path)
    except RequestError as error:
        if error.status != NO_SUCH_RANGE:
            raise
        path.with_name(f".{path.name}.partial").unlink(missing_ok=True)  # the next try begins anew
        raise RequestError(0, CHANGED) from None


def _continue(client: SubsonicClient, song_id: str, path: Path) -> None:
    partial, about = (path.with_name(f".{path.name}.{kind}") for kind in ("partial", "validator"))
    begun = partial.stat().st_size if partial.is_file() else 0
    validator, total = _validator(about)
    headers = {"Accept-Encoding": "identity"}
    if goes_on := 0 < begun < total:
        headers |= {"Range": f"bytes={begun}-", "If-Range": validator}
    with client.stream("download", headers=headers, id=song_id) as answer:
        if answer.status == 206:
            is_rest = RANGE.fullmatch(str(answer.headers.get("Content-Range", "")))
            same = is_rest is not None and (int(is_rest[1]), int(is_rest[2])) == (begun, total)
            if not goes_on or not same or _validator_of(answer) != validator:
                raise RequestError(NO_SUCH_RANGE, CHANGED)
        else:
            begun = 0
            partial.unlink(missing_ok=True)  # before its validator is replaced
            length = str(answer.headers.get("Content-Length") or "")
            total = whole_number(length) or 0
            write_json(about, {"validator": _validator_of(answer), "length": total})
        with partial.open("ab" if begun else "wb", buffering=0) as file:  # a kill loses nothing that came
            while max(begun, total) <= MAX_FILE_BYTES and (block := read_some(answer, BLOCK)):
                file.write(block)
                begun += len(block)
    if max(begun, total) > MAX_FILE_BYTES:
        partial.unlink()
        about.unlink(missing_ok=True)
        size = f"{MAX_FILE_BYTES:,} bytes"
        raise SubsonicAnswerError(f"download of {song_id}: the file has more than {size}; look at it on the server")
    if total and begun != total:
        raise RequestError(0, f"{begun} of {total} bytes came")
    partial.replace(path)
    about.unlink(missing_ok=True)


def _validator(path: Path) -> tuple[str, int]:
    """Return the validator of a part and the length of the whole; "" and 0 if a part cannot be continued."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        validator, total = str(found["validator"]), int(found["length"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0
    return (validator, total) if validator and total else ("", 0)


def _validator_of(answer: Any) -> str:
    """Return what identifies the content of an answer; a weak ETag does not."""
    etag = str(answer.headers.get("ETag") or "").strip()
    return etag if etag.startswith('"') else str(answer.headers.get("Last-Modified") or "").strip()
