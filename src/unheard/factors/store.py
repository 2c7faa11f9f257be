"""Latent factors as an artefact: what the factors stage writes and training, recommending and evaluating read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard import artefacts
from unheard.errors import MissingStageError
from unheard.ids import IdMap
from unheard.splits import Split
from unheard.workspace import Workspace

KIND = "factors"


@dataclass(frozen=True)
class Factors:
    """Factors of every track and playlist in one space.

    tracks     (n_tracks, dim) float32. Warm factors hold ALS factors for train tracks and fold-ins for the others.
    known      (n_tracks,) bool: whether the track has plays to compute a factor from; rows without are zero.
    playlists  (n_playlists, dim) float32, from train plays only (zero for a playlist without).
    config     how they were made: {"source": "als" | "imported", "dim", "alpha", "regularization", ...}, under which
               split (`split_digest`), and which space it is (`digest`)
    """

    track_ids: IdMap
    playlist_ids: IdMap
    tracks: NDArray[np.float32]
    known: NDArray[np.bool_]
    playlists: NDArray[np.float32]
    config: dict[str, Any]

    @property
    def dim(self) -> int:
        return int(self.tracks.shape[1])


def save_factors(workspace: Workspace, split: str, factors: Factors) -> None:
    """`split` is a split's name (warm factors) or "full"."""
    artefacts.save(
        workspace.factors_path(split),
        KIND,
        config=factors.config,
        arrays={"tracks": factors.tracks, "known": factors.known, "playlists": factors.playlists},
        ids={"track": factors.track_ids, "playlist": factors.playlist_ids},
    )


def load_split_factors(workspace: Workspace, split: Split) -> Factors:
    """Warm factors of a split; UserError if they were fitted under another split of that name."""
    found = load_factors(workspace, split.name)
    if found.config.get("split_digest", split.digest) != split.digest:
        raise MissingStageError(
            f"{workspace.factors_path(split.name)}: fitted before the split {split.name!r} was changed",
            f"unheard factors -w {workspace.root} --split {split.name}",
        )
    return found


def load_factors(workspace: Workspace, split: str) -> Factors:
    """Factors by name: a split's, or "full"; MissingStageError if that stage has not run."""
    path = workspace.factors_path(split)
    if not path.is_file():
        option = "" if split == "full" else f" --split {split}"
        raise MissingStageError(f"{path}: no factors yet", f"unheard factors -w {workspace.root}{option}")
    found = artefacts.load(path, KIND)
    return Factors(
        found.ids["track"],
        found.ids["playlist"],
        found.arrays["tracks"],
        found.arrays["known"],
        found.arrays["playlists"],
        found.config,
    )
