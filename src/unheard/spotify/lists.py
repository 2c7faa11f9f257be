"""The lists that become playlists: for each seed and each model the tracks nearest to it, the seed first.

This is the qualitative evaluation of B. Pohl, "Content-based Music Recommendation" (2019), section 5.6.2 and appendix
B: the top ten of several models and of the true factors (the oracle) side by side, judged by ear.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unheard.errors import MissingStageError, UserError
from unheard.library import Track
from unheard.progress import Progress, silent
from unheard.recommend.build import ORACLE, split_for_use, trained_models
from unheard.recommend.catalogue import Candidates
from unheard.recommend.export import ListEntry, entries_of, one_line
from unheard.recommend.options import ListOptions
from unheard.session import Session
from unheard.workspace import Workspace

MOST_NAME = 100  # characters that Spotify keeps of a playlist's name
MOST_PREFIX = 30


@dataclass(frozen=True)
class NamedList:
    """One playlist; the first entry is the seed."""

    name: str
    description: str
    entries: tuple[ListEntry, ...]

    @property
    def tracks(self) -> list[Track]:
        return [entry.track for entry in self.entries]


def default_models(workspace: Workspace, split: str | None) -> list[str]:
    """Every model trained on a split, and the oracle if there are full factors."""
    name = split or split_for_use(workspace)
    models = trained_models(workspace, name)
    if not models:
        raise MissingStageError(
            f"no model is trained on split {name!r}", f"unheard train -w {workspace.root} --split {name}"
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
    prefix: str = "unheard",
    progress: Progress = silent,
) -> list[NamedList]:
    """For each seed (a track's id) and each model one list of the `k` nearest candidates behind the seed.

    Lists are ordered by seed, then by model. UserError for an unknown seed or model, or two lists of the same name.
    """
    prefix = one_line(prefix)
    if not 0 < len(prefix) <= MOST_PREFIX:
        raise UserError(f"--name-prefix {prefix!r} has {len(prefix)} characters, expected 1 to {MOST_PREFIX}")
    seeds = list(dict.fromkeys(seeds))
    models = list(dict.fromkeys(models or default_models(workspace, split)))
    options = ListOptions(n=k, candidates=candidates, max_per_artist=max_per_artist)
    lists: dict[tuple[int, int], NamedList] = {}
    for number, model in enumerate(models):
        session = Session(workspace.root, split=split, model=model)
        session.update_predictions()
        for place, seed in enumerate(seeds):
            tracks = session.catalogue.tracks
            track = tracks[session.catalogue.track_row(seed)]
            near = session.neighbours(seed, options=options)
            lists[place, number] = NamedList(
                playlist_name(prefix, track.label, model),
                f"The tracks nearest to the first one, by unheard: model {model}, "
                f"split {session.catalogue.split.name}, {candidates} candidates.",
                (ListEntry(track), *entries_of(near, tracks)),
            )
        progress("ranking", number + 1, len(models))
    found = [lists[key] for key in sorted(lists)]
    refuse_twins(item.name for item in found)
    return found


def playlist_name(prefix: str, label: str, model: str) -> str:
    """`<prefix>: <artist - title> (<model>)` on one line, cut to Spotify's length before the model."""
    head, tail = unicodedata.normalize("NFC", one_line(f"{prefix}: {label}")), f" ({model})"
    room = MOST_NAME - len(tail)
    return (head if len(head) <= room else head[: max(0, room - 1)].rstrip() + "…") + tail


def refuse_twins(names: Iterable[str]) -> None:
    """UserError if a name comes twice: the second playlist would replace the first."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"two playlists would be called {name!r}; give one seed at a time, each its --name-prefix")
        seen.add(name)
