"""Read and write splits.json, the exchange format of our own and of imported splits.

    {"<name>": {"fold": {"<track_id>": fold, ...}, "use": {"train": [0, 1], "val": [2], "test": [3]}}}

Keys other than `fold` and `use` are ignored, except `cutoff_timestamp` (see `Split`), which only `time` has. `val` is
optional. Names become file names, so they are restricted. In a workspace each split also has its `digest` and the
id of the `workspace`, which are checked there and nowhere else: a file that somebody has edited can be imported.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from unheard.atomic_files import write_text
from unheard.checksums import id_of, owner_of
from unheard.errors import MissingStageError, UserError, quoted
from unheard.regular_files import check_regular
from unheard.splits.folds import LIVE
from unheard.splits.split import USE_NAMES, Split, UseName
from unheard.workspace import Workspace

FORMAT = '{"<name>": {"fold": {"<track_id>": fold, ...}, "use": {"train": [...], "val": [...], "test": [...]}}}'
USE_SPLITS = (LIVE, "artists", "tracks")  # which split trains and recommends when none is named
EVALUATION_SPLITS = ("artists", "tracks")  # which one measures
RESERVED = "full"  # the name of the factors that are fitted on all plays
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def write_splits(path: Path, splits: Mapping[str, Split]) -> None:
    """Write `splits` atomically."""
    inside, values = bool(owner_of(path)), {}
    for name, split in splits.items():
        as_read = replace(split, use={use: tuple(split.use.get(use, ())) for use in USE_NAMES})
        about = {"digest": as_read.digest, "workspace": id_of(path)} if inside else {}
        values[name] = _encode(split) | about
    write_text(path, json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n")  # every key is a split's name


def read_splits(path: Path, *, checked: bool = False) -> dict[str, Split]:
    """Return the splits of a file by name; raise UserError with the split's name and the problem.

    checked  compare each split with its digest, if it has one
    """
    check_regular(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; expected a splits file") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file ({error}); expected {FORMAT}") from error
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path}: holds no splits; expected {FORMAT}")
    splits = {name: _decode(path, name, value) for name, value in content.items()}
    for name, split in splits.items() if checked else ():
        here = {"digest": split.digest, "workspace": id_of(path)}
        if any(here[key] and content[name].get(key, here[key]) not in (here[key], "") for key in here):
            raise UserError(
                f"{path}, split {name!r}: damaged, edited or of another workspace (other than its digest); restore it "
                f"from a copy, or import the file with `unheard split -w {quoted(path.parent)} --force --file COPY`"
            )
    return splits


def load_splits(workspace: Workspace) -> dict[str, Split]:
    """Return every split of a workspace by name; raise MissingStageError if there are none yet."""
    if not workspace.splits_path.is_file():
        raise MissingStageError(f"{workspace.splits_path}: no splits yet", f"unheard split -w {quoted(workspace.root)}")
    return read_splits(workspace.splits_path, checked=True)


def load_split(workspace: Workspace, name: str | None, *, prefer: Sequence[str] = USE_SPLITS) -> Split:
    """Return one split of a workspace; None takes the default, see `default_split`."""
    splits = load_splits(workspace)
    if name is None:
        name = default_split(splits, prefer)
    if name not in splits:
        raise UserError(f"{workspace.splits_path}: no split {name!r}; choose one of {', '.join(sorted(splits))}")
    return splits[name]


def default_split(splits: Collection[str], prefer: Sequence[str]) -> str:
    """Return the first of `prefer` (`USE_SPLITS` or `EVALUATION_SPLITS`) among `splits`, else the first by name."""
    return next((name for name in prefer if name in splits), min(splits))


def _encode(split: Split) -> dict[str, object]:
    value: dict[str, object] = {
        "fold": split.fold,
        "use": {use: list(split.use.get(use, ())) for use in USE_NAMES},
    }
    if split.cutoff_timestamp is not None:
        value["cutoff_timestamp"] = split.cutoff_timestamp
    return value


def _decode(path: Path, name: str, value: Any) -> Split:
    where = f"{path}, split {name!r}"
    if not _NAME.fullmatch(name) or name == RESERVED:
        raise UserError(
            f"{where}: expected a name of letters, digits, '.', '_' and '-' other than {RESERVED!r}; rename it"
        )
    if not isinstance(value, dict) or not all(isinstance(value.get(key), dict) for key in ("fold", "use")):
        raise UserError(f"{where}: expected the keys 'fold' and 'use', each with an object; write {FORMAT}")
    use = _decode_use(where, value["use"])
    fold: dict[str, int] = value["fold"]
    folds_in_use = {number for folds in use.values() for number in folds}
    for track_id, number in fold.items():
        if not _is_int(number):
            raise UserError(
                f"{where}: fold {number!r} of track {track_id!r}, expected a whole number; number the folds"
            )
        if number not in folds_in_use:
            raise UserError(
                f"{where}: fold {number} of track {track_id!r} has no use; name it under train, val or test"
            )
    n_tracks = Counter(fold.values())
    required: tuple[UseName, ...] = () if name == LIVE else ("train", "test")  # live: maybe no plays, or no new tracks
    for needed in required:
        if not any(n_tracks[number] for number in use[needed]):
            raise UserError(f"{where}: no track is for {needed}; give {needed} at least one fold that has tracks")
    cutoff = value.get("cutoff_timestamp")
    if cutoff is not None and (isinstance(cutoff, bool) or not isinstance(cutoff, int | float) or not isfinite(cutoff)):
        raise UserError(
            f"{where}: cutoff_timestamp is {cutoff!r}, expected seconds since 1970; correct it or leave it out"
        )
    return Split(name, fold, use, None if cutoff is None else float(cutoff))


def _decode_use(where: str, value: dict[str, Any]) -> dict[UseName, tuple[int, ...]]:
    unknown = sorted(set(value) - set(USE_NAMES))
    if unknown:
        raise UserError(f"{where}: unknown use {unknown[0]!r}; the uses are train, val and test")
    use: dict[UseName, tuple[int, ...]] = {}
    for name in USE_NAMES:
        folds = value.get(name, [] if name == "val" else None)
        if not isinstance(folds, list) or not all(_is_int(number) for number in folds):
            raise UserError(f"{where}: expected a list of fold numbers as use {name!r}, found {folds!r}; write [0, 1]")
        use[name] = tuple(folds)
    twice = [number for number, n in Counter(n for folds in use.values() for n in set(folds)).items() if n > 1]
    if twice:
        raise UserError(f"{where}: fold {twice[0]} has two uses; name it under one of train, val and test")
    return use


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
