"""Save and load latent factors: written by the factors stage, read by training, recommendation and evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from unheard import artefacts
from unheard.arrays import Floats, Indices, Mask
from unheard.errors import MissingStageError, UserError, quoted
from unheard.factors.als import AlsConfig
from unheard.ids import IdMap
from unheard.splits import Split
from unheard.workspace import Workspace

KIND = "factors"


@dataclass(frozen=True)
class Factors:
    """Factors of every track and playlist in one space.

    tracks     (n_tracks, dim) float32. Warm factors hold ALS factors for train tracks and fold-ins for the others.
    known      (n_tracks,) bool: whether the track has plays to compute factors from; other rows are zero.
    playlists  (n_playlists, dim) float32, from train plays only (zero for a playlist without train plays).
    config     how they were made: {"source": "als" | "imported", "dim", "alpha", "regularization", ...}, for which
               split (`split_digest`), and a hash of the space (`digest`)
    playlist_digests  (n_playlists,) hashes of the plays of each playlist when the factors were computed
                      (plays/playlist_digests.py); None if they were not stored
    """

    track_ids: IdMap
    playlist_ids: IdMap
    tracks: Floats
    known: Mask
    playlists: Floats
    config: dict[str, Any]
    playlist_digests: Indices | None = None

    @property
    def dim(self) -> int:
        return int(self.tracks.shape[1])


def no_factors() -> Factors:
    """Return the factors of a library without plays: of no track and no playlist."""
    none = np.zeros((0, 1), np.float32)
    return Factors(IdMap([]), IdMap([]), none, np.zeros(0, np.bool_), none, {})


def save_factors(workspace: Workspace, split: str, factors: Factors) -> None:
    """Write factors atomically; `split` is a split's name (warm factors) or "full"."""
    artefacts.save(
        workspace.factors_path(split),
        KIND,
        config=factors.config,
        arrays={"tracks": factors.tracks, "known": factors.known, "playlists": factors.playlists}
        | ({} if factors.playlist_digests is None else {"playlist_digests": factors.playlist_digests}),
        ids={"track": factors.track_ids, "playlist": factors.playlist_ids},
    )


def load_split_factors(workspace: Workspace, split: Split) -> Factors:
    """Return the warm factors of a split; raise MissingStageError if the split has changed since they were fitted."""
    factors = load_factors(workspace, split.name)
    if factors.config.get("split_digest", split.digest) != split.digest:
        raise MissingStageError(
            f"{workspace.factors_path(split.name)}: fitted before the split {split.name!r} was changed",
            f"unheard factors -w {quoted(workspace.root)} --split {split.name}",
        )
    return factors


def load_factors(workspace: Workspace, split: str) -> Factors:
    """Return factors by name, a split's or "full"; raise MissingStageError if they have not been computed."""
    path = workspace.factors_path(split)
    if not path.is_file():
        option = "" if split == "full" else f" --split {split}"
        raise MissingStageError(f"{path}: no factors yet", f"unheard factors -w {quoted(workspace.root)}{option}")
    artefact = artefacts.load(path, KIND)
    try:
        _check(artefact)
    except (KeyError, ValueError) as error:
        again = f"unheard factors -w {quoted(workspace.root)}{'' if split == 'full' else f' --split {split}'}"
        raise UserError(f"{path}: damaged ({error}); run `{again}` again") from error
    return Factors(
        artefact.ids["track"],
        artefact.ids["playlist"],
        artefact.arrays["tracks"],
        artefact.arrays["known"],
        artefact.arrays["playlists"],
        artefact.config,
        artefact.arrays.get("playlist_digests"),
    )


def _check(found: artefacts.Artefact) -> None:
    """Raise KeyError or ValueError unless arrays and ids fit each other and all factors are finite."""
    for name in ("track", "playlist"):
        array = found.arrays[f"{name}s"]
        if array.ndim != 2 or len(array) != len(found.ids[name]):
            raise ValueError(f"{name}s have shape {array.shape}, with {len(found.ids[name])} ids")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}s are not finite")
    if found.arrays["known"].shape != (len(found.ids["track"]),):
        raise ValueError(f"known has shape {found.arrays['known'].shape}")


def als_config(config: Mapping[str, Any]) -> AlsConfig:
    """Return the ALS settings in the `config` of factors; of imported factors, those of the fold-in."""
    return AlsConfig(**{field.name: config[field.name] for field in fields(AlsConfig) if field.name in config})
