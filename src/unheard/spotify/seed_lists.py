"""Make the lists that become playlists: for each seed and model the seed and its nearest tracks.

This is the qualitative evaluation of B. Pohl, "Content-based Music Recommendation" (2019), section 5.6.2 and appendix
B: the top ten of several models and of the true factors (the oracle) are compared by listening.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unheard.errors import MissingStageError, UserError, quoted
from unheard.library import Track
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Candidates
from unheard.recommend.export import ListEntry, entries_of, one_line
from unheard.recommend.models import ORACLE, split_for_use, trained_models
from unheard.recommend.options import AlbumCap, ListOptions
from unheard.session import Session
from unheard.workspace import Workspace

MAX_NAME = 100  # characters of a playlist's name on Spotify
MAX_PREFIX = 30
NEAREST = "The tracks nearest to the first one, by unheard:"  # begins their descriptions


@dataclass(frozen=True)
class NamedList:
    """One playlist; the first entry is the seed.

    known_as  id of the playlist on Spotify that the last call wrote, "" if it is not known
    """

    name: str
    description: str
    entries: tuple[ListEntry, ...]
    known_as: str = ""

    @property
    def tracks(self) -> list[Track]:
        return [entry.track for entry in self.entries]


def default_models(workspace: Workspace, split: str | None) -> list[str]:
    """Return every model trained on a split, and the oracle if there are full factors."""
    name = split or split_for_use(workspace)
    models = trained_models(workspace, name)
    if not models:
        raise MissingStageError(
            f"no model is trained on split {name!r}", f"unheard train -w {quoted(workspace.root)} --split {name}"
        )
    return [*models, ORACLE] if workspace.factors_path("full").is_file() else models


def nearest_lists(
    workspace: Workspace,
    seeds: Sequence[str],
    *,
    models: Sequence[str] = (),
    split: str | None = None,
    k: int = 10,
    candidates: Candidates = "cold",
    max_per_artist: int | None = 2,
    max_per_album: AlbumCap = "artist",
    prefix: str = "unheard",
    progress: Progress = silent,
) -> list[NamedList]:
    """Return one list for each seed (a track's id) and each model: the seed, then its `k` nearest candidates.

    Lists are ordered by seed, then by model. Raise UserError for an unknown seed or model, or two lists of one name.
    """
    prefix = one_line(prefix)
    if not 0 < len(prefix) <= MAX_PREFIX:
        raise UserError(f"--name-prefix {prefix!r} has {len(prefix)} characters, expected 1 to {MAX_PREFIX}")
    seeds = list(dict.fromkeys(seeds))
    models = list(dict.fromkeys(models or default_models(workspace, split)))
    options = ListOptions(n=k, candidates=candidates, max_per_artist=max_per_artist, max_per_album=max_per_album)
    lists: dict[tuple[int, int], NamedList] = {}
    for number, model in enumerate(models):
        session = Session(workspace.root, split=split, model=model)
        session.update_predictions()
        for position, seed in enumerate(seeds):
            tracks = session.catalogue.tracks
            track = tracks[session.catalogue.track_row(seed)]
            near = session.neighbours(seed, options=options)
            lists[position, number] = NamedList(
                playlist_name(prefix, track.label, model),
                f"{NEAREST} model {model}, split {session.catalogue.split.name}, {candidates} candidates.",
                (ListEntry(track), *entries_of(near, tracks)),
            )
        progress("ranking", number + 1, len(models))
    ordered = [lists[key] for key in sorted(lists)]
    check_distinct(item.name for item in ordered)
    return ordered


def playlist_name(prefix: str, label: str, model: str) -> str:
    """Return `<prefix>: <artist - title> (<model>)` on one line; the title is cut to Spotify's maximal length."""
    head, tail = unicodedata.normalize("NFC", one_line(f"{prefix}: {label}")), f" ({model})"
    room = MAX_NAME - len(tail)
    return (head if len(head) <= room else head[: max(0, room - 1)].rstrip() + "…") + tail


def check_distinct(names: Iterable[str]) -> None:
    """Raise UserError if a name occurs twice, because the second playlist would replace the first."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"two playlists would be called {name!r}; run one seed at a time, with other --name-prefix")
        seen.add(name)
