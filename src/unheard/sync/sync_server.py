"""Bring a workspace up to date with a server: read what is new, scan it, store plays and ratings, write lists back."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from unheard.artefacts import write_text
from unheard.library import Library
from unheard.plays.plays import Play, Plays
from unheard.plays.storage import read_playlists, remove_playlists, replace_playlists
from unheard.progress import Progress, silent
from unheard.ratings import TRACK, rate, star
from unheard.scan.scan import ScanReport, scan
from unheard.sync.audio_cache import PathMap, audio_of
from unheard.sync.read_server import rating_of, read_lists, read_songs, read_starred
from unheard.sync.subsonic_client import SubsonicClient
from unheard.sync.sync_state import Song, SyncState, folder_of, read_state, write_state
from unheard.sync.written_back import lists_of_go, write_lists
from unheard.workspace import Workspace

PREFIX, PLAYED = "server:", "server-plays"  # ids of stored playlists
COLUMNS = {
    "track_id": "id",
    "path": "",
    "title": "title",
    "artist": "artist",
    "album": "album",
    "isrc": "isrc",
    "mbid": "musicBrainzId",
    "release_date": "year",
    "genre": "genre",
    "album_artist": "displayAlbumArtist",
}


@dataclass(frozen=True)
class SyncReport:
    """Numbers of songs, downloads, playlists, changed ratings and written lists; what failed, one line each."""

    songs: int
    downloaded: int
    playlists: int
    rated: int
    written: int
    scanned: ScanReport | None
    problems: list[str] = field(default_factory=list)


def sync(
    workspace: Workspace,
    client: SubsonicClient,
    *,
    maps: Sequence[PathMap] = (),
    download: bool = True,
    write: bool = False,
    again: bool = False,
    jobs: int = 1,
    progress: Progress = silent,
) -> SyncReport:
    """Sync once. UserError for a refused login, UnheardError if the server is lost; what was done stays.

    maps      folders of the server, and where they are here
    download  download the audio of songs without a mapped file
    write     write the lists of `unheard go` as playlists
    again     read every album and playlist, also those that have not changed
    """
    state = read_state(workspace, client.url)
    client.get("ping")
    folder_of(workspace).mkdir(exist_ok=True)
    write_state(workspace, state)
    problems: list[str] = []
    songs = read_songs(workspace, client, state, problems, progress, again=again)
    read_lists(client, state, problems, again=again)
    starred = read_starred(client, problems)
    folder = folder_of(workspace) / "audio"
    paths, n_downloaded = audio_of(client, songs, folder, maps, problems, progress, download=download)
    write_state(workspace, state)
    scanned = None
    if paths:
        table = folder_of(workspace) / "tracks.csv"
        _write_table(table, songs, paths)
        scanned = scan(workspace, [table], jobs=jobs, progress=progress)
        _mark_removed(workspace, songs)
        tracks = _track_of_song(workspace, songs)
        _store_plays(workspace, client, state, songs, tracks)
        n_rated = _store_feedback(workspace, state, songs, starred, tracks)
    else:
        tracks, n_rated = {}, 0
    write_state(workspace, state)
    n_written = 0
    if write and tracks:
        song_of = {track: song for song, track in reversed(tracks.items())}
        found = {
            title: [song_of[one] for one in ids if one in song_of] for title, ids in lists_of_go(workspace).items()
        }
        n_written = write_lists(workspace, client, state, {name: ids for name, ids in found.items() if ids}, problems)
    return SyncReport(len(songs), n_downloaded, len(state.playlists), n_rated, n_written, scanned, problems)


def _write_table(table: Path, songs: Mapping[str, Song], paths: Mapping[str, Path]) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for name in sorted(paths):
        values = [_text(songs[name].get(key)) for key in COLUMNS.values()]
        values[1] = str(paths[name])
        rows.writerow(values)
    write_text(table, text.getvalue())


def _text(value: object) -> str:
    """Return a value as a cell; of a list the first one."""
    if isinstance(value, list):
        value = value[0] if value else None
    text = "" if value is None else str(value)
    return " ".join(text.encode("utf-8", "replace").decode().replace("\0", " ").split())


def _mark_removed(workspace: Workspace, songs: Mapping[str, Song]) -> None:
    """Mark tracks that the server no longer has as gone; they keep their plays, but are in no list."""
    ids_file = folder_of(workspace) / "tracks-before.txt"
    before = ids_file.read_text(encoding="utf-8").splitlines() if ids_file.is_file() else []
    today = datetime.now(UTC).date().isoformat()
    with Library(workspace.library_path) as library, library.transaction():
        aliases = {failure.duplicate_of for failure in library.failures() if failure.track_id in songs}
        tracks = library.tracks()
        for name in before:
            if name not in songs and name not in aliases and name in tracks.ids:
                track = tracks.items[tracks.ids.row(name)]
                if not track.gone_since:
                    library.put_track(replace(track, gone_since=today))
    write_text(ids_file, "".join(f"{name}\n" for name in sorted({*before, *songs})))


def _track_of_song(workspace: Workspace, songs: Mapping[str, Song]) -> dict[str, str]:
    """Return the track of each song that is in the library; a copy of another song's file is that track."""
    with Library(workspace.library_path) as library:
        ids = library.tracks().ids
        found = {name: name for name in songs if name in ids}
        for failure in library.failures():
            if failure.track_id in songs and failure.duplicate_of in ids:
                found.setdefault(failure.track_id, failure.duplicate_of)
    return found


def _store_plays(
    workspace: Workspace,
    client: SubsonicClient,
    state: SyncState,
    songs: Mapping[str, Song],
    tracks: Mapping[str, str],
) -> None:
    """Store each playlist, and the numbers of plays as one more, with these as weights."""
    plays: list[Play] = []
    names = {PREFIX + name: str(one["name"]) for name, one in state.playlists.items()}
    for name, one in state.playlists.items():
        ids = dict.fromkeys(tracks[song] for song in one["songs"] if song in tracks)
        plays += [Play(PREFIX + name, track, position) for position, track in enumerate(ids)]
    counts = {tracks[name]: song for name, song in songs.items() if name in tracks and _count(song)}
    for position, (track, song) in enumerate(sorted(counts.items())):
        plays.append(Play(PLAYED, track, position, float(_count(song)), _seconds(song.get("played"))))
    names[PLAYED] = f"Plays on {urlsplit(client.url).hostname}"
    origin = str((folder_of(workspace) / "server.json").absolute())
    with Library(workspace.library_path) as library, library.transaction():  # one import at a time
        kept = {play.playlist_id for play in plays}
        stored = {one.playlist_id for one in read_playlists(workspace) if one.origin == origin}
        remove_playlists(workspace, stored - kept)
        replace_playlists(workspace, Plays.of(plays), names=names, origins=dict.fromkeys(names, origin))


def _count(song: Song) -> int:
    value = song.get("playCount")
    return value if isinstance(value, int) and value > 0 else 0


def _seconds(value: object) -> float | None:
    try:
        return datetime.fromisoformat(str(value)).timestamp() if value else None
    except (ValueError, OverflowError):
        return None


def _store_feedback(
    workspace: Workspace,
    state: SyncState,
    songs: Mapping[str, Song],
    starred: Mapping[str, int] | None,
    tracks: Mapping[str, str],
) -> int:
    """Apply the stars and ratings that changed on the server since the last sync; what was given here stays."""
    n = 0
    for name, track in tracks.items():
        before = state.feedback.get(name, [0, 0])
        has_star = before[1] if starred is None else int(name in starred)
        now = [(starred or {}).get(name, rating_of(songs[name])), has_star]
        if now == before:
            continue
        if now[0] != before[0]:
            rate(workspace, TRACK + track, now[0])
        if now[1] != before[1]:
            star(workspace, TRACK + track, starred=bool(now[1]))
        state.feedback[name] = now
        n += 1
    return n
