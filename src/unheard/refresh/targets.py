"""Write a refreshed list to where it is played, in place.

    lists/           a folder: `<title>.m3u8` in it, or `.m3u` with paths relative to MPD's music_directory
    new.m3u8         a file: .m3u8, .m3u, .jspf, .csv or .json
    saved            a saved playlist of the workspace (saved_playlists.py), which the pages play
    spotify          a playlist of the Spotify account that is logged in (spotify/)
    listenbrainz     a private playlist of the user of LISTENBRAINZ_TOKEN (listenbrainz/submitted_playlists.py)
    subsonic         a playlist of the OpenSubsonic server that the workspace syncs with (sync/)
    mpd              a stored playlist of a Music Player Daemon (mpd_server.py)

Every target is read back by what the last refresh stored for it, an id or a path; a list that was renamed replaces the
old one. A file, or a playlist on a service, of the same name that a person made is never replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from unheard.atomic_files import write_text
from unheard.errors import UserError, quoted
from unheard.go.new_lists import safe_name
from unheard.plays.list_marks import ABOUT, is_own_list, marked
from unheard.recommend.export import FORMATS, Format, ListEntry, as_text, is_playable, one_line
from unheard.saved_playlists import change_playlist, save_playlist
from unheard.workspace import Workspace

SUFFIXES = (".m3u", *(f".{name}" for name in FORMATS))


@dataclass(frozen=True)
class TitledList:
    """A list to write.

    music_directory  the folder that paths are relative to; None: the folder of the file
    """

    title: str
    entries: Sequence[ListEntry]
    music_directory: Path | None = None


@dataclass(frozen=True)
class WrittenList:
    """What was written: an id or a path to replace next time, the number of tracks, and tracks that were left out."""

    known_as: str
    n_tracks: int
    left_out: tuple[str, ...] = ()


Write = Callable[[Workspace, TitledList, str], WrittenList]  # the text is `known_as` of the last time, "" for the first


def is_file(target: str) -> bool:
    """Return whether a target is one file, whatever the title of the list."""
    return target not in SERVICES and Path(target).suffix.lower() in SUFFIXES


def writer_of(target: str) -> Write:
    """Return the function that writes to a target. UserError for a suffix that is no format of lists."""
    if target in SERVICES:
        return SERVICES[target]
    path = Path(target)
    if is_file(target):
        return lambda _, made, before: _file(path, made, before)
    if path.suffix and not path.is_dir() and not target.endswith("/"):
        raise UserError(
            f"--target {target}: expected a folder, a file with one of {', '.join(SUFFIXES)}, or one of "
            f"{', '.join(SERVICES)}"
        )
    return lambda _, made, before: _in_folder(path, made, before)


def _file(path: Path, made: TitledList, before: str) -> WrittenList:
    suffix = path.suffix.lower().removeprefix(".")
    is_m3u = suffix in ("m3u", "m3u8")
    if path.exists() and not is_own_list(path) and (is_m3u or str(path.absolute()) != before):
        raise UserError(f"{path}: a list that unheard has not made; move it away, or name another --target")
    entries = [entry for entry in made.entries if not is_m3u or is_playable(entry.track)]
    format_ = "m3u8" if is_m3u else cast("Format", suffix)
    text = as_text(entries, format_, title=made.title, folder=made.music_directory or path.parent)
    write_text(path, marked(text, path.suffix))
    left_out = tuple(entry.track.label for entry in made.entries if entry not in entries)
    return WrittenList(str(path.absolute()), len(entries), left_out)


def _in_folder(folder: Path, made: TitledList, before: str) -> WrittenList:
    suffix = ".m3u" if made.music_directory else ".m3u8"  # MPD reads .m3u alone
    path = folder / (safe_name(made.title) + suffix)
    if path.exists() and not is_own_list(path):
        path = path.with_stem(f"{path.stem} (unheard)")
    written = _file(path, made, before)
    old = Path(before)
    if before and old != Path(written.known_as) and is_own_list(old):
        old.unlink(missing_ok=True)
    return written


def _saved(workspace: Workspace, made: TitledList, before: str) -> WrittenList:
    ids = [entry.track.track_id for entry in made.entries]
    changed = change_playlist(workspace, before, name=made.title, track_ids=ids) if before else None
    saved = changed or save_playlist(workspace, made.title, ids)
    return WrittenList(saved.saved_id, len(ids))


def _spotify(workspace: Workspace, made: TitledList, before: str) -> WrittenList:
    from unheard.spotify.account import connect
    from unheard.spotify.publish import publish
    from unheard.spotify.seed_lists import NamedList

    command = f"`unheard spotify -w {quoted(workspace.root)} --seed-track TRACK_ID --dry-run`"
    named = NamedList(one_line(made.title), ABOUT, tuple(made.entries), known_as=before.rpartition("/")[2])
    (done,) = publish([named], connect(say=None, command=command))
    if not done.link:
        raise UserError(f"{made.title}: none of its {done.n_wanted} tracks is on Spotify; nothing is written")
    return WrittenList(done.link, done.n_found, done.misses)


def _listenbrainz(_: Workspace, made: TitledList, before: str) -> WrittenList:
    from unheard.listenbrainz.client import ListenBrainz
    from unheard.listenbrainz.submitted_playlists import submit_playlist

    tracks = [entry.track for entry in made.entries]
    done = submit_playlist(ListenBrainz.from_environment(), made.title, tracks, before)
    return WrittenList(done.mbid, done.n_tracks, done.left_out)


def _subsonic(workspace: Workspace, made: TitledList, before: str) -> WrittenList:
    from unheard.sync.sync_server import write_tracks

    entries = [(entry.track.track_id, entry.track.label) for entry in made.entries]
    known_as, left_out = write_tracks(workspace, made.title, entries, known_as=before)
    return WrittenList(known_as, len(entries) - len(left_out), left_out)


def _mpd(_: Workspace, made: TitledList, before: str) -> WrittenList:
    from unheard.refresh.mpd_server import write_stored_playlist

    tracks = [entry.track for entry in made.entries]
    done = write_stored_playlist(safe_name(made.title), tracks, made.music_directory, before=before)
    return WrittenList(done.name, done.n_tracks, done.left_out)


SERVICES: dict[str, Write] = {
    "saved": _saved,
    "spotify": _spotify,
    "listenbrainz": _listenbrainz,
    "subsonic": _subsonic,
    "mpd": _mpd,
}
