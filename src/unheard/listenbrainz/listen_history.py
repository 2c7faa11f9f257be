"""Read a user's listens from ListenBrainz, only newer ones next time, and import them as plays.

    W/listens/listenbrainz-<user>.jsonl     all listens, oldest first, one JSON object a line: what matching needs
    W/listens/listenbrainz-<user>.partial   pages of a read that is not complete, newest first

`GET /1/user/<user>/listens` returns at most 1,000 listens before `max_ts`, newest first. Pages are read from the
present back to the newest stored listen, and appended to the partial file as they come. A read that was stopped goes
on below its oldest listen, so nothing is asked for twice; then what came in the meantime is read. The whole file is
matched and imported again each time (plays/readers/listens.py), so listens of music that is scanned later count too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unheard.atomic_files import write_text
from unheard.errors import UnheardError
from unheard.go.new_lists import safe_name
from unheard.listenbrainz.client import ListenBrainz, NotFoundOnServerError, segment
from unheard.locks import one_at_a_time
from unheard.plays import Source, import_playlists
from unheard.progress import Progress, silent
from unheard.workspace import Workspace

PER_PAGE = 1000  # the most that the server gives
Listen = dict[str, Any]


@dataclass(frozen=True)
class ListensRead:
    """What was read: the number of new listens and of all, and what the import made of them (None: no listens)."""

    new: int
    total: int
    source: Source | None


def read_listens_of(
    workspace: Workspace, api: ListenBrainz, user: str, *, again: bool = False, progress: Progress = silent
) -> ListensRead:
    """Bring the stored listens of a user up to date, and import them as the plays of one playlist.

    again  read all listens, also those before the newest stored one: some are submitted late

    Raise UnheardError if the server cannot be used; what has been read stays, and the next call goes on from there.
    LockedError while another process reads listens: both would write the same files.
    """
    with one_at_a_time(workspace.root, "listens", "reads listens"):
        return _read_listens_of(workspace, api, user, again=again, progress=progress)


def _read_listens_of(
    workspace: Workspace, api: ListenBrainz, user: str, *, again: bool, progress: Progress
) -> ListensRead:
    path = listens_path(workspace, user)
    partial = path.with_suffix(".partial")
    stored = _read(path)
    n_before = len(stored)
    newest = 0 if again else max(map(_time, stored.values()), default=0)
    if begun := _read(partial):  # a read that was stopped
        _append(partial, _pages(api, user, until=newest, before=min(map(_time, begun.values())) + 1), progress)
        stored = _commit(path, partial)
        newest = max(newest, *map(_time, begun.values()))
    _append(partial, _pages(api, user, until=newest), progress)
    stored = _commit(path, partial)
    source = import_playlists(workspace, [path])[0] if stored else None
    return ListensRead(len(stored) - n_before, len(stored), source)


def listens_path(workspace: Workspace, user: str) -> Path:
    """Return the path of a user's stored listens; its stem is the id of the playlist."""
    return workspace.root / "listens" / f"listenbrainz-{safe_name(user)}.jsonl"


def _pages(api: ListenBrainz, user: str, *, until: int, before: int | None = None) -> Iterator[list[Listen]]:
    """Yield pages of listens from `before` (None: the present) back to `until`, newest first.

    Many listens may have the second that ends a page, so the next page includes that second, and repeats are dropped.
    """
    last: set[str] = set()
    while True:
        query = {"count": PER_PAGE} | ({} if before is None else {"max_ts": before})
        try:
            payload = api.get(f"/1/user/{segment(user)}/listens", **query).get("payload")
        except NotFoundOnServerError as error:
            raise UnheardError(f"ListenBrainz has no user {user!r}; check --user") from error
        listens = payload.get("listens") if isinstance(payload, dict) else None
        if not isinstance(listens, list):
            raise UnheardError("ListenBrainz: an answer without listens; run again later")
        page = [kept for one in listens if (kept := _kept(one)) is not None]
        new = [one for one in page if _time(one) >= until and _key(one) not in last]
        if new:
            yield new
        oldest = min(map(_time, page), default=0)
        if not page or oldest < until:
            return
        last = {_key(one) for one in page}
        before = oldest + 1 if new else oldest


def _kept(listen: Any) -> Listen | None:
    """Return the parts of a listen that matching needs; None for one without a time or a title."""
    if not isinstance(listen, dict) or not isinstance(listen.get("listened_at"), int):
        return None
    about = listen.get("track_metadata")
    if not isinstance(about, dict) or not about.get("track_name"):
        return None
    more, mapped = (value if isinstance(value := about.get(name), dict) else {} for name in _PARTS)
    metadata = {
        **{name: about[name] for name in ("artist_name", "track_name", "release_name") if about.get(name)},
        "additional_info": {name: more[name] for name in ("isrc", "recording_mbid") if more.get(name)},
        "mbid_mapping": {name: mapped[name] for name in ("recording_mbid",) if mapped.get(name)},
    }
    return {
        "listened_at": listen["listened_at"],
        "recording_msid": str(listen.get("recording_msid", "")),
        "track_metadata": metadata,
    }


_PARTS = ("additional_info", "mbid_mapping")


def _time(listen: Listen) -> int:
    return int(listen["listened_at"])


def _key(listen: Listen) -> str:
    """Return what identifies a listen: its time and its recording."""
    about = listen["track_metadata"]
    return json.dumps([listen["listened_at"], listen["recording_msid"], about.get("artist_name"), about["track_name"]])


def _append(partial: Path, pages: Iterable[list[Listen]], progress: Progress) -> None:
    partial.parent.mkdir(exist_ok=True)
    n = 0
    for page in pages:
        with partial.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in page)
        n += len(page)
        progress("reading listens", n, n)


def _commit(path: Path, partial: Path) -> dict[str, Listen]:
    """Move the listens of the partial file to the complete one; return all."""
    listens = _read(path) | _read(partial)
    ordered = sorted(listens.values(), key=_time)
    if partial.exists():
        write_text(path, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in ordered))
        partial.unlink()
    return listens


def _read(path: Path) -> dict[str, Listen]:
    """Return the listens of a file by key; a line that was written in part is left out."""
    found: dict[str, Listen] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    kept = _kept(json.loads(line))
                except ValueError:
                    continue
                if kept is not None:
                    found[_key(kept)] = kept
    except FileNotFoundError:
        pass
    return found
