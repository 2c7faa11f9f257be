"""Hold back the tracks that recent refreshes of a list have given, and store what they gave.

Rule: the tracks of the last `hold_back` refreshes are held back. If fewer than n other tracks can be listed, as few of
the held tracks as needed are released: those whose last refresh is longest ago first, and of one refresh the better
ranked first. So with enough candidates, `hold_back` + 1 lists in a row have no track in common; with fewer, every
candidate is listed before one returns.

    W/refreshed/<recipe>.json   {"format": "unheard refreshed list", "version": 1,
                                 "runs": [{"at": ..., "tracks": [...]}], "targets": {target: what was written there}}

The file is written after the list, so a refresh that fails holds nothing back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from unheard.atomic_files import write_json
from unheard.checksums import read_sealed
from unheard.errors import UserError
from unheard.workspace import Workspace

FORMAT, VERSION = "unheard refreshed list", 1
MAX_RUNS = 50  # that are stored

Item = TypeVar("Item")


@dataclass(frozen=True)
class RefreshRun:
    """One refresh: when, in ISO 8601, and the ids of the listed tracks in their order."""

    at: str
    tracks: tuple[str, ...]


@dataclass
class Refreshed:
    """The refreshes of one recipe, oldest first, and what was written to each target: an id or a path."""

    runs: list[RefreshRun] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)


def fresh_list(
    recommended: Callable[[Collection[str]], list[Item]], runs: Sequence[Sequence[str]], n: int
) -> list[Item]:
    """Return a list of n tracks that repeats as few tracks of `runs` as possible, by the rule above.

    recommended  returns at most n tracks without those whose ids it is given
    runs         ids of the tracks of each recent refresh, oldest first
    """
    latest = dict.fromkeys(track for run in reversed(runs) for track in reversed(run))
    held = list(latest)  # the last to be released first
    found = recommended(held)
    if len(found) >= n or not held:
        return found
    best = recommended(())
    wanted = min(n, len(best))
    fewest, most = 1, len(held)  # to release
    while fewest < most:
        middle = (fewest + most) // 2
        found = recommended(held[: len(held) - middle])
        if len(found) >= wanted:
            best, most = found, middle
        else:
            fewest = middle + 1
    return best


def read_refreshed(workspace: Workspace, name: str) -> Refreshed:
    """Return the refreshes of a recipe, none without a file; UserError for a damaged one."""
    path = _path(workspace, name)
    try:
        values = read_sealed(path)
        if (values["format"], values["version"]) != (FORMAT, VERSION):
            raise ValueError(f"expected {FORMAT}, version {VERSION}")
        runs = [RefreshRun(str(one["at"]), tuple(map(str, one["tracks"]))) for one in values["runs"]]
        return Refreshed(runs, {str(key): str(value) for key, value in values["targets"].items()})
    except FileNotFoundError:
        return Refreshed()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it, and the next list may repeat tracks") from error


def write_refreshed(workspace: Workspace, name: str, refreshed: Refreshed) -> None:
    """Store the refreshes of a recipe."""
    content = asdict(Refreshed(refreshed.runs[-MAX_RUNS:], refreshed.targets))
    write_json(_path(workspace, name), {"format": FORMAT, "version": VERSION, **content}, indent=1)


def forget_refreshed(workspace: Workspace, name: str) -> None:
    """Delete what is stored of the refreshes of a recipe."""
    _path(workspace, name).unlink(missing_ok=True)


def _path(workspace: Workspace, name: str) -> Path:
    return workspace.root / "refreshed" / f"{name}.json"
