"""Refresh lists: rank anew for each recipe, hold recent tracks back, and write the list to its targets in place.

A recipe that fails, or one of its targets, never stops the others; what failed is returned with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unheard.errors import UnheardError, UserError, quoted
from unheard.locks import one_at_a_time
from unheard.progress import Progress, silent
from unheard.recommend.export import entries_of
from unheard.recommend.options import ListOptions
from unheard.recommend.playlist_names import resolve_playlist
from unheard.recommend.recommend import Recommendation
from unheard.refresh.freshness import Refreshed, RefreshRun, fresh_list, read_refreshed, write_refreshed
from unheard.refresh.list_recipes import ListRecipe
from unheard.refresh.radio_prompts import Stream, interleaved, read_prompt, stream_of
from unheard.refresh.targets import TitledList, WrittenList, writer_of
from unheard.saved_playlists import PREFIX, read_saved
from unheard.session import Session


@dataclass(frozen=True)
class RefreshOutcome:
    """What became of one recipe.

    tracks    ids in their order; empty if the list could not be made
    repeated  number of tracks that one of the held-back runs had too
    written   target -> what was written
    problems  why the list or a target failed, one line each
    """

    name: str
    tracks: tuple[str, ...] = ()
    repeated: int = 0
    written: tuple[tuple[str, WrittenList], ...] = ()
    problems: tuple[str, ...] = ()


def refresh_all(
    session: Session, recipes: Sequence[ListRecipe], *, dry_run: bool = False, progress: Progress = silent
) -> list[RefreshOutcome]:
    """Refresh every recipe and return what became of each; `dry_run`: make the lists and write nothing.

    LockedError if another process refreshes lists of the workspace: both would hold back the same tracks.
    """
    with nullcontext() if dry_run else one_at_a_time(session.workspace.root, "refresh", "refreshes lists"):
        return _refresh_all(session, recipes, dry_run=dry_run, progress=progress)


def _refresh_all(
    session: Session, recipes: Sequence[ListRecipe], *, dry_run: bool, progress: Progress
) -> list[RefreshOutcome]:
    outcomes = []
    for done, recipe in enumerate(recipes, start=1):
        try:
            outcomes.append(_refresh(session, recipe, dry_run=dry_run))
        except (UnheardError, OSError) as error:
            outcomes.append(RefreshOutcome(recipe.name, problems=(f"{recipe.name}: {_reason(error)}",)))
        progress("refreshing lists", done, len(recipes))
    return outcomes


def _refresh(session: Session, recipe: ListRecipe, *, dry_run: bool) -> RefreshOutcome:
    before = read_refreshed(session.workspace, recipe.name)
    runs = before.runs[-recipe.hold_back :] if recipe.hold_back else []
    recent = [_known(session, run.tracks) for run in runs]
    found = make_list(session, recipe, recent)
    if not found:
        raise UserError("no candidates: its filters, caps and seeds exclude all tracks; nothing is written")
    ids = tuple(item.track_id for item in found)
    repeated = len(set(ids) & {track for run in recent for track in run})
    if dry_run:
        return RefreshOutcome(recipe.name, ids, repeated)
    directory = Path(recipe.music_directory) if recipe.music_directory else None
    made = TitledList(recipe.title, entries_of(found, session.catalogue.tracks), directory)
    written: dict[str, WrittenList] = {}
    problems = []
    for target in recipe.targets:
        try:
            written[target] = writer_of(target)(session.workspace, made, before.targets.get(target, ""))
        except (UnheardError, OSError) as error:
            problems.append(f"{recipe.name}: {target}: {_reason(error)}")
    if written:
        run = RefreshRun(datetime.now(tz=UTC).isoformat(timespec="seconds"), ids)
        known = {**before.targets, **{target: one.known_as for target, one in written.items()}}
        targets = {target: known[target] for target in recipe.targets if target in known}
        write_refreshed(session.workspace, recipe.name, Refreshed([*before.runs, run], targets))
    return RefreshOutcome(recipe.name, ids, repeated, tuple(written.items()), tuple(problems))


def _reason(error: UnheardError | OSError) -> str:
    """Return why a list failed, on one line; the system's own errors have no advice."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return (
            f"{where}{error.strerror or type(error).__name__}; make it usable for this user, or name another --target"
        )
    return str(error)


def make_list(session: Session, recipe: ListRecipe, recent: Sequence[Sequence[str]]) -> list[Recommendation]:
    """Return the list of a recipe; `recent` has the ids of the tracks of recent refreshes, oldest first."""
    options = recipe.options.changed(explain=False, exclude=_known(session, recipe.options.exclude))
    if recipe.prompt:
        tracks, played = session.catalogue.tracks, frozenset(session.catalogue.warm_track_ids)
        terms = read_prompt(recipe.prompt)
        streams = [stream_of(term, tracks, played) for term in terms]
        uncapped = ["nosim" in term.options for term in terms]
        return fresh_list(lambda held: _radio(session, options, streams, uncapped, held), recent, options.n)
    playlist, like = _seeds(session, recipe)

    def recommended(held: Collection[str]) -> list[Recommendation]:
        return session.recommendations(playlist=playlist, like=like, options=options, exclude={*options.exclude, *held})

    return fresh_list(recommended, recent, options.n)


def _seeds(session: Session, recipe: ListRecipe) -> tuple[str | None, list[str]]:
    """Return a playlist's id, or the ids of liked tracks; a saved playlist counts as liked tracks."""
    if not recipe.playlist:
        return None, _some(session, recipe.like, "--like")
    if not recipe.playlist.startswith(PREFIX) or recipe.playlist in session.catalogue.playlists:
        return resolve_playlist(session.workspace, session.catalogue, recipe.playlist), []
    saved = read_saved(session.workspace, recipe.playlist.removeprefix(PREFIX))
    return None, _some(session, saved.track_ids if saved else (), recipe.playlist)


def _some(session: Session, track_ids: Sequence[str], what: str) -> list[str]:
    known = _known(session, dict.fromkeys(track_ids))
    if not known:
        command = f"unheard playlists add -w {quoted(session.workspace.root)} --force"
        raise UserError(f"{what}: names no track of the library; correct the recipe with `{command}`")
    return known


def _radio(
    session: Session, options: ListOptions, streams: Sequence[Stream], uncapped: Sequence[bool], held: Collection[str]
) -> list[Recommendation]:
    """Return the interleaved lists of the streams, each song once. Caps hold within each stream."""
    found: dict[str, Recommendation] = {}
    lists = []
    for stream, no_cap in zip(streams, uncapped, strict=True):
        asked = options.changed(exclude={*options.exclude, *stream.exclude, *held}, n=options.n * len(streams))
        if no_cap:
            asked = asked.changed(max_per_artist=None, max_per_album=None)
        items = session.recommendations(like=stream.seeds, options=asked)
        found = {item.track_id: item for item in items} | found
        lists.append([item.track_id for item in items])
    songs: dict[int, Recommendation] = {}
    for name in interleaved(lists, [stream.weight for stream in streams], len(found)):
        songs.setdefault(int(session.catalogue.song[found[name].row]), found[name])
    return list(songs.values())[: options.n]


def _known(session: Session, track_ids: Iterable[str]) -> list[str]:
    """Return the ids of tracks that the library still has."""
    return [name for name in track_ids if name in session.catalogue.tracks.ids]
