"""Bring a workspace up to date with a server: read what is new, scan it, store plays and ratings, write lists back."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from unheard.atomic_files import write_text
from unheard.errors import MissingStageError, UserError, quoted
from unheard.ingest.spreadsheet_cells import as_cell
from unheard.library import Library
from unheard.locks import one_at_a_time
from unheard.plays.plays import Play, Plays
from unheard.plays.storage import Playlist, read_playlists, remove_playlists, replace_playlists
from unheard.progress import Progress, silent
from unheard.ratings import TRACK, change_feedback
from unheard.scan.scan import ScanReport, scan
from unheard.sync.audio_cache import PathMap, audio_of, remove_others
from unheard.sync.read_server import rating_of, read_lists, read_ratings, read_songs, read_starred
from unheard.sync.subsonic_client import SubsonicClient
from unheard.sync.sync_state import STATE, Song, SyncState, folder_of, read_albums, read_state, write_state
from unheard.sync.written_back import lists_of_go, write_list, write_lists
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
    others: bool = False,
    jobs: int = 1,
    progress: Progress = silent,
) -> SyncReport:
    """Sync once. UserError for a refused login, UnheardError if the server is lost; what was done stays.

    maps      folders of the server, and where they are here
    download  download the audio of songs without a mapped file
    write     write the lists of `unheard go` as playlists
    again     read every album and playlist, also those that have not changed
    others    read playlists of other users too
    """
    with one_at_a_time(workspace.root, "sync", "syncs"):
        state = read_state(workspace, client.url)
        client.read("ping")
        write_state(workspace, state)
        problems: list[str] = []
        songs = read_songs(workspace, client, state, problems, progress, again=again)
        read_lists(client, state, problems, again=again, others=others)
        starred = read_starred(client, problems)
        ratings = {name: rating_of(song) for name, song in songs.items()} | (starred or {})
        ratings |= read_ratings(client, problems)
        audio = folder_of(workspace) / "audio"
        paths, n_downloaded = audio_of(client, songs, audio, maps, problems, progress, download=download)
        write_state(workspace, state)
        scanned = None
        if paths:
            table = folder_of(workspace) / "tracks.csv"
            _write_table(table, songs, paths)
            scanned = scan(workspace, [table], jobs=jobs, progress=progress)
        _mark_removed(workspace, songs)
        tracks = track_of_song(workspace, songs)
        remove_others(audio, songs, _files_of(workspace, tracks))
        _store_plays(workspace, client, state, songs, tracks)
        n_rated = _store_feedback(workspace, state, ratings, starred, tracks)
        write_state(workspace, state)
        n_written = 0
        if write:
            song_of = {track: song for song, track in reversed(tracks.items())}
            found = {
                title: [song_of[one] for one in ids if one in song_of] for title, ids in lists_of_go(workspace).items()
            }
            found = {name: ids for name, ids in found.items() if ids}
            n_written = write_lists(workspace, client, state, found, problems)
    return SyncReport(len(songs), n_downloaded, len(state.playlists), n_rated, n_written, scanned, problems)


def write_tracks(
    workspace: Workspace, title: str, tracks: Sequence[tuple[str, str]], *, known_as: str = ""
) -> tuple[str, tuple[str, ...]]:
    """Write one list, given as ids and labels of tracks, as a playlist of the server that the workspace syncs with.

    known_as  the id of the playlist that an earlier call returned; "" for the first time

    Return the id of the playlist, and the labels of tracks that the server does not have. UserError before the first
    sync, or if the server has none of them.
    """
    with one_at_a_time(workspace.root, "sync", "syncs"):
        state = read_state(workspace, "")
        if not state.url:
            raise MissingStageError(
                "the workspace syncs with no server", f"unheard sync -w {quoted(workspace.root)} SERVER"
            )
        songs = {song["id"]: song for album in read_albums(workspace).values() for song in album["songs"]}
        song_of = {track: song for song, track in reversed(track_of_song(workspace, songs).items())}
        wanted = [song_of[name] for name, _ in tracks if name in song_of]
        if not wanted:
            command = f"unheard sync -w {quoted(workspace.root)}"
            raise UserError(f"none of the {len(tracks)} tracks is on {state.url}; run `{command}` first")
        client = SubsonicClient.from_environment(state.url)
        written = write_list(workspace, client, state, title, wanted, known_as=known_as)
    return written, tuple(label for name, label in tracks if name not in song_of)


def _write_table(table: Path, songs: Mapping[str, Song], paths: Mapping[str, Path]) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for name in sorted(paths):
        values = [as_cell(_text(songs[name].get(key))) for key in COLUMNS.values()]  # as `scan` reads them
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


def track_of_song(workspace: Workspace, songs: Mapping[str, Song]) -> dict[str, str]:
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
    origin = str((folder_of(workspace) / STATE).absolute())
    with Library(workspace.library_path) as library, library.transaction():  # one import at a time
        kept = {play.playlist_id for play in plays}
        stored = {one.playlist_id for one in read_playlists(workspace) if _is_of_server(one)}
        remove_playlists(workspace, stored - kept)
        replace_playlists(workspace, Plays.of(plays), names=names, origins=dict.fromkeys(names, origin))


def _is_of_server(playlist: Playlist) -> bool:
    """Return whether a stored playlist comes from a sync, also of a workspace that has been moved since."""
    return playlist.playlist_id.startswith((PREFIX, PLAYED)) and Path(playlist.origin).name == STATE


def _files_of(workspace: Workspace, tracks: Mapping[str, str]) -> set[Path]:
    """Return the files of the tracks that songs are; that of a copy may have another song's name."""
    with Library(workspace.library_path) as library:
        known = library.tracks()
        return {Path(known[known.ids.row(track)].path) for track in tracks.values()}


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
    ratings: Mapping[str, int],
    starred: Mapping[str, int] | None,
    tracks: Mapping[str, str],
) -> int:
    """Apply the stars and ratings that changed on the server since the last sync; what was given here stays."""
    rated: dict[str, int] = {}
    stars: dict[str, bool] = {}
    n = 0
    for name, track in tracks.items():
        before = state.feedback.get(name, [0, 0])
        has_star = before[1] if starred is None else int(name in starred)
        now = [ratings.get(name, 0), has_star]
        if now == before:
            continue
        if now[0] != before[0]:
            rated[TRACK + track] = now[0]
        if now[1] != before[1]:
            stars[TRACK + track] = bool(now[1])
        state.feedback[name] = now
        n += 1
    change_feedback(workspace, ratings=rated, stars=stars)
    return n
