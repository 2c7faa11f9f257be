"""A new file's descriptions: the vectors that `scan` and `features` would store of it, decoding it once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unheard.models.musicnn_tags import MusicnnModel
from unheard.models.pretrained import cache_path
from unheard.spectrograms.files import mel_of_file, patches_and_mel, statistics_of_mel
from unheard.spectrograms.musicnn_mel import patches_of_file
from unheard.training.musicnn_features import MODELS, load_musicnn
from unheard.training.patch_means import mean_descriptions
from unheard.workspace import Settings

if TYPE_CHECKING:
    from unheard.models.musicnn import Musicnn

Floats = NDArray[np.float32]


def describe_file(path: Path, kinds: Collection[str], settings: Settings) -> dict[str, Floats]:
    """Vectors of one audio file by kind: "statistics", "musicnn", "musicnn-mtt"; other kinds do not come from sound
    and are left out.

    They are equal, bit for bit, to what a scan of a workspace with these settings and `unheard features` store.
    AudioError if the file cannot be used, MissingStageError if weights are wanted that are not in the cache. Networks
    stay loaded for the next file.
    """
    models = [kind for kind in MODELS if kind in kinds]
    found: dict[str, Floats] = {}
    if models:
        networks = [loaded_musicnn(MODELS[kind]) for kind in models]
        patches = _patches(path, settings, found) if "statistics" in kinds else patches_of_file(path)
        found |= dict(zip(models, mean_descriptions(patches, networks), strict=True))
    elif "statistics" in kinds:
        found["statistics"] = statistics_of_mel(mel_of_file(path, settings), settings, path)
    return found


def loaded_musicnn(model: MusicnnModel) -> Musicnn:
    """`load_musicnn`, once for each file of weights."""
    path = cache_path("musicnn")
    return _load(model, path, path.stat().st_mtime_ns if path.exists() else 0)


def _patches(path: Path, settings: Settings, found: dict[str, Floats]) -> Iterator[Floats]:
    """Patches for MusiCNN; behind the last one the statistics are worked out."""
    mel: list[NDArray[Any]] = []
    yield from patches_and_mel(path, settings, mel)
    found["statistics"] = statistics_of_mel(np.concatenate(mel), settings, path)


@lru_cache(maxsize=4)
def _load(model: MusicnnModel, _path: Path, _mtime_ns: int) -> Musicnn:
    return load_musicnn(model)
