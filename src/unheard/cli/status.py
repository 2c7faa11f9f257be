"""Describe the state of a workspace, stage by stage, and the next command, for `unheard status`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any

import numpy as np

from unheard.cli.damage import find_damage
from unheard.factors.store import load_factors
from unheard.features.current import current_features
from unheard.features.table import VECTORS
from unheard.library import Library, open_library
from unheard.models.recipe import recipe_names
from unheard.plays import count_plays
from unheard.recommend.models import DEFAULT_MODELS, split_for_use, trained_models, trained_on_other_factors
from unheard.spectrograms.store import stored_ids
from unheard.splits import EVALUATION_SPLITS, USE_SPLITS, Use, default_split, load_splits
from unheard.workspace import Workspace

AUDIO, PLAYLISTS = "AUDIO_DIR_or_tracks.csv", "playlists.csv"  # placeholders for files of the user


def describe(workspace: Workspace) -> dict[str, Any]:
    """Return the state of each stage of a workspace, and the next command.

    `next` is the next command towards recommendations; `evaluation`, if there are splits, the next one towards results
    of `evaluate`. Both run without changes, except for `AUDIO` and `PLAYLISTS`. With damage, `next` is `doctor`.
    """
    state: dict[str, Any] = {"front end": workspace.settings.front_end}
    if workspace.library_path.is_file():
        with open_library(workspace.library_path) as library:
            state |= _holdings(workspace, library)
    findings = [one for one in find_damage(workspace, frames=False) if one.damaged]
    if findings:
        return state | {"damage": f"{len(findings)} found by `unheard doctor`", "next": _command(workspace, "doctor")}
    if not state.get("tracks"):
        return state | {"next": _command(workspace, "scan", AUDIO)}
    if not state["plays"]:
        return state | {"next": _command(workspace, "import", PLAYLISTS)}
    if not state["splits"]:
        return state | {"next": _command(workspace, "split")}
    return state | {"next": _to_recommend(workspace, state), "evaluation": _to_evaluate(workspace, state)}


def _holdings(workspace: Workspace, library: Library) -> dict[str, Any]:
    tracks = library.tracks()
    splits = load_splits(workspace) if workspace.splits_path.is_file() else {}
    return {
        **library.counts(),
        **asdict(count_plays(workspace)),
        "spectrograms": len(stored_ids(workspace, library)),
        "vectors": len(current_features(workspace, tracks, VECTORS).ids),
        "splits": {
            name: {use.name.lower(): int((split.uses(tracks.ids) == use).sum()) for use in Use}
            for name, split in splits.items()
        },
        "factors": [path.stem for path in sorted((workspace.root / "factors").glob("*.safetensors"))],
        "models": {name: trained for name in splits if (trained := trained_models(workspace, name))},
    }


def _to_recommend(workspace: Workspace, state: dict[str, Any]) -> str:
    """Return the next of factors, train and recommend, under the default split of these commands."""
    split = split_for_use(workspace)
    if split not in state["factors"] or split not in state["models"]:
        return _to_train(workspace, state, split, named=False)
    factors = load_factors(workspace, split)
    if (digest := load_splits(workspace)[split].digest) != factors.config.get("split_digest", digest):
        return _command(workspace, "factors")  # the split was made again
    trained = state["models"][split]
    model = next(name for name in (*DEFAULT_MODELS, *trained) if name in trained)
    if trained_on_other_factors(workspace, split, model):
        return _command(workspace, "train", "--split", split, *([model] if model in recipe_names() else []))
    playlist = factors.playlist_ids[int(np.argmax(factors.playlists.any(axis=1)))]
    uses = state["splits"][split]
    every_track_has_plays = not uses["test"] and not uses["new"]
    return _command(
        workspace, "recommend", "--playlist", playlist, *(("--candidates", "all") if every_track_has_plays else ())
    )


def _to_evaluate(workspace: Workspace, state: dict[str, Any]) -> str:
    """Return the next of factors, train and evaluate, under the default split of `evaluate`."""
    split = default_split(state["splits"], EVALUATION_SPLITS)
    if split in state["models"]:
        return _command(workspace, "evaluate")
    return _to_train(workspace, state, split, named=split != default_split(state["splits"], USE_SPLITS))


def _to_train(workspace: Workspace, state: dict[str, Any], split: str, *, named: bool) -> str:
    """Return `factors` or `train`; `train` with --split if `named`."""
    if split not in state["factors"]:
        return _command(workspace, "factors")
    return _command(workspace, "train", *(("--split", split) if named else ()))


def _command(workspace: Workspace, name: str, *words: str) -> str:
    """Return a command line, quoted for a shell."""
    return shlex.join(["unheard", name, "-w", str(workspace.root), *words])
