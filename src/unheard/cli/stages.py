"""What `status` tells: the stages that a workspace has behind it, and the next command."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from unheard.features.current import current_features
from unheard.features.table import VECTORS
from unheard.library import open_library
from unheard.plays import count_plays
from unheard.recommend.build import trained_models
from unheard.spectrograms.store import stored_ids
from unheard.splits import Use, load_splits
from unheard.workspace import Workspace


def describe(workspace: Workspace) -> dict[str, Any]:
    """What a workspace holds, stage by stage, and the next command."""
    root = workspace.root
    state: dict[str, Any] = {"front end": workspace.settings.front_end}
    if not workspace.library_path.is_file():
        return state | {"next": f"unheard scan -w {root} AUDIO_DIR_or_tracks.csv"}
    with open_library(workspace.library_path) as library:
        counts, tracks = library.counts(), library.tracks()
        counts["spectrograms"] = len(stored_ids(workspace, library))
    state |= (
        counts | asdict(count_plays(workspace)) | {"vectors": len(current_features(workspace, tracks, VECTORS).ids)}
    )
    splits = load_splits(workspace) if workspace.splits_path.is_file() else {}
    state["splits"] = {
        name: {use.name.lower(): int((split.uses(tracks.ids) == use).sum()) for use in Use}
        for name, split in splits.items()
    }
    state["factors"] = [path.stem for path in sorted((root / "factors").glob("*.safetensors"))]
    state["models"] = {name: trained for name in splits if (trained := trained_models(workspace, name))}
    return state | {"next": _next_command(root, state)}


def _next_command(root: Path, state: dict[str, Any]) -> str:
    if not state["tracks"]:
        return f"unheard scan -w {root} AUDIO_DIR_or_tracks.csv"
    if not state["plays"]:
        return f"unheard import -w {root} playlists.csv"
    for what, verb in (("splits", "split"), ("factors", "factors"), ("models", "train")):
        if not state[what]:
            return f"unheard {verb} -w {root}"
    if not any((root / "results").glob("*.json")):
        return f"unheard evaluate -w {root}"
    return f"unheard recommend -w {root} --playlist ID"
