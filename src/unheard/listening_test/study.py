"""The data of a study and its files: raters, items in order, screening rules.

W/listening-tests/<name>/
  study.json               everything below: models, lists, orders, links. The key to the blinding; raters never get it,
                           and only its owner may read it
  clips/0001.mp3 ...       level-matched excerpts, numbered in random order
  answers/<rater>.jsonl    see answers.py
  analysis/                see analysis_tables.py
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from unheard.atomic_files import write_json
from unheard.checksums import read_sealed
from unheard.errors import MissingStageError, UserError, quoted
from unheard.workspace import Workspace

FORMAT, FORMAT_VERSION = "unheard listening test", 1
OWNER_ONLY = 0o600
REFERENCE, ANCHOR = "reference", "anchor"  # hidden conditions: neighbours by true plays, and random tracks
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
Kind = Literal["rate", "ab"]
SECONDS_TO_ANSWER = 15  # of one screen, once its clips were heard


@dataclass(frozen=True)
class Screening:
    """Rules by which a rater's answers are excluded. They are written when the study is made, before any answer.

    min_answered_share      minimal share of answered items
    min_pairs               minimal number of judgements of the anchor for the rule that compares it with the reference
    max_anchor_share        ab: maximal share of pairs in which the anchor is preferred; rate: the means are compared
    max_repeat_difference   rate: maximal difference, in points, of two similarities of the same item
    min_spread              rate: minimal standard deviation of the similarities
    straight_items          ab: minimal number of items for the rule against always choosing the same side
    min_median_s            minimal median of the seconds spent on an item
    """

    min_answered_share: float = 0.5
    min_pairs: int = 3
    max_anchor_share: float = 0.5
    max_repeat_difference: float = 50.0
    min_spread: float = 5.0
    straight_items: int = 8
    min_median_s: float = 3.0


@dataclass(frozen=True)
class Item:
    """One screen: a seed and one candidate (rate) or two (ab).

    tracks      ids of the candidates, in the order of the screen
    conditions  parallel to `tracks`: the models (or reference, anchor) whose list each one comes from
    repeat_of   the item that this one repeats, "" for none
    """

    name: str
    seed: str
    tracks: tuple[str, ...]
    conditions: tuple[tuple[str, ...], ...]
    repeat_of: str = ""


@dataclass(frozen=True)
class Rater:
    """One rater and their items. `token` is the secret part of the rater's link."""

    name: str
    token: str
    items: tuple[Item, ...]

    def item(self, name: str) -> Item | None:
        return next((item for item in self.items if item.name == name), None)


@dataclass(frozen=True)
class Study:
    """One listening test. `lists[seed][condition]` are k track ids, best first; `clips` names the file of each track.

    `loudness_lufs` is the level of every clip; `volume_clip` is the track for setting the volume.
    """

    name: str
    kind: Kind
    split: str
    models: tuple[str, ...]
    k: int
    seed: int
    clip_s: float
    loudness_lufs: float
    seeds: tuple[str, ...]
    lists: dict[str, dict[str, tuple[str, ...]]]
    clips: dict[str, str]
    volume_clip: str
    screening: Screening
    raters: tuple[Rater, ...]

    @property
    def conditions(self) -> tuple[str, ...]:
        """The models, then the hidden reference and the hidden anchor."""
        return (*self.models, REFERENCE, ANCHOR)

    def minutes(self, n_items: int) -> float:
        """Return about how long a rater takes for `n_items` screens."""
        clips = 1 if self.kind == "rate" else 2
        return n_items * (clips * self.clip_s + SECONDS_TO_ANSWER) / 60

    @cached_property
    def rater_of_token(self) -> dict[str, Rater]:
        return {rater.token: rater for rater in self.raters}


def studies_dir(workspace: Workspace) -> Path:
    return workspace.root / "listening-tests"


def study_dir(workspace: Workspace, name: str) -> Path:
    """Return the folder of a study; raise UserError for a name that is not a plain file name."""
    if not NAME.fullmatch(name):
        raise UserError(f"--name {name!r}: expected up to 40 of a-z, 0-9 and dashes, such as first-study")
    return studies_dir(workspace) / name


def write_study(folder: Path, study: Study) -> None:
    content = {"format": FORMAT, "version": FORMAT_VERSION, **asdict(study)}
    write_json(folder / "study.json", content, indent=1, mode=OWNER_ONLY)


def load_study(workspace: Workspace, name: str) -> Study:
    """Return a study by name; raise MissingStageError if there is none."""
    folder = study_dir(workspace, name)
    if not (folder / "study.json").is_file():
        known = ", ".join(study_names(workspace)) or "none yet"
        raise MissingStageError(
            f"no listening test {name!r} in {workspace.root} (existing: {known})",
            f"unheard listen-test create -w {quoted(workspace.root)} --name {name}",
        )
    return read_study(folder)


def study_names(workspace: Workspace) -> list[str]:
    return sorted(path.parent.name for path in studies_dir(workspace).glob("*/study.json"))


def read_study(folder: Path) -> Study:
    """Read and check one study.json; raise UserError if it is damaged or of a newer version."""
    path = folder / "study.json"
    try:
        values = read_sealed(path)
        if values.pop("format") != FORMAT:
            raise ValueError("not a listening test")
        version = values.pop("version")
        if version > FORMAT_VERSION:
            raise UserError(f"{path}: format version {version} is newer than {FORMAT_VERSION}; update unheard")
        study = _study(values)
        _check(study)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); restore it from a copy") from error
    return study


def _study(values: Mapping[str, Any]) -> Study:
    lists = {
        seed: {condition: tuple(tracks) for condition, tracks in of_seed.items()}
        for seed, of_seed in values["lists"].items()
    }
    raters = tuple(
        Rater(rater["name"], rater["token"], tuple(_item(item) for item in rater["items"]))
        for rater in values["raters"]
    )
    return Study(
        **{
            **values,
            "models": tuple(values["models"]),
            "seeds": tuple(values["seeds"]),
            "lists": lists,
            "screening": Screening(**values["screening"]),
            "raters": raters,
        }
    )


def _item(values: Mapping[str, Any]) -> Item:
    conditions = tuple(tuple(of_track) for of_track in values["conditions"])
    return Item(values["name"], values["seed"], tuple(values["tracks"]), conditions, values["repeat_of"])


def _check(study: Study) -> None:
    """Raise ValueError unless every item has its clips and its number of tracks."""
    if study.kind not in get_args(Kind):
        raise ValueError(f"kind is {study.kind!r}, expected one of {', '.join(get_args(Kind))}")
    for rater in study.raters:
        for item in rater.items:
            missing = {item.seed, *item.tracks} - study.clips.keys()
            if missing or len(item.tracks) != (1 if study.kind == "rate" else 2):
                raise ValueError(f"item {item.name} of {rater.name} cannot be shown")
