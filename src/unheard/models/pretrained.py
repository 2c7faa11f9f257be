"""Convert published pretrained weights and keep them in the user's cache, one safetensors file for each model.

    $UNHEARD_CACHE/weights/<name>.safetensors    without it $XDG_CACHE_HOME/unheard, else ~/.cache/unheard

`unheard weights` fills the cache; `fill` copies a backbone from it into a network before training.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from unheard.artefacts import load, save
from unheard.errors import MissingStageError, UserError
from unheard.ingest.limited import limited
from unheard.regular_files import check_regular

if TYPE_CHECKING:
    from torch import nn

KIND = "pretrained-weights"
LIMIT_S = 300.0  # for check sums in Python, and for loading torch


@dataclass(frozen=True)
class Origin:
    """The origin of a model's weights. `command` converts them; `where` is the file that it needs."""

    what: str
    licence: str
    where: str
    command: str


ORIGINS: Mapping[str, Origin] = {
    "xception": Origin(
        what="Xception (Chollet 2017), trained on ImageNet",
        licence="MIT",
        where="Keras, which downloads them (pip install unheard[xception]), or any .keras or .h5 file of Xception",
        command="unheard weights xception",
    ),
    "choi": Origin(
        what="music tagger (Choi et al. 2017)",
        licence="none stated by its authors",
        where=(
            "keras2_model/model_best.hdf5 of github.com/keunwoochoi/transfer_learning_music, or "
            "compact_cnn/weights_tensorflow.hdf5 of github.com/keunwoochoi/music-auto_tagging-keras"
        ),
        command="unheard weights choi FILE",
    ),
    "musicnn": Origin(
        what="MusiCNN tagger (Pons & Serra 2019)",
        licence="ISC",
        where="the wheel of `pip download --no-deps musicnn==0.1.0`",
        command="unheard weights musicnn FILE",
    ),
}


def cache_path(name: str) -> Path:
    """Return the path of the converted weights of `name`, whether they exist or not."""
    if name not in ORIGINS:
        raise UserError(f"{name}: no such pretrained model; expected one of {', '.join(ORIGINS)}")
    own, shared = os.environ.get("UNHEARD_CACHE"), os.environ.get("XDG_CACHE_HOME")
    folder = Path(own) if own else (Path(shared) if shared else Path.home() / ".cache") / "unheard"
    return folder / "weights" / f"{name}.safetensors"


def save_weights(name: str, arrays: Mapping[str, NDArray[Any]], source: str) -> Path:
    """Save converted weights, with `source` as the name of their origin; return their path."""
    path = cache_path(name)
    save(path, KIND, config={"model": name, "source": source}, arrays=arrays)
    return path


def load_weights(name: str) -> dict[str, NDArray[Any]]:
    """Return the converted weights of `name`; raise MissingStageError, with the command, if they do not exist."""
    path = cache_path(name)
    if not path.is_file():
        origin = ORIGINS[name]
        raise MissingStageError(f"{path}: the weights of {name} are missing; get {origin.where}", origin.command)
    found = load(path, KIND)
    if found.config.get("model") != name:
        raise UserError(
            f"{path}: expected weights of {name!r}, found {found.config.get('model')!r}; run `{ORIGINS[name].command}`"
        )
    return found.arrays


def convert(name: str, file: Path | None) -> Path:
    """Read, check and save the weights of `name`; without a file Keras downloads those of Xception. Return the path.

    UserError if there is no such model, if it needs a file, or if the file does not hold its weights.
    """
    cache_path(name)
    if file is not None:
        check_regular(file)
    if name == "xception":
        from unheard.models.keras_files import read_xception

        return save_weights(
            name,
            read_xception(None) if file is None else limited(read_xception, file, limit_s=LIMIT_S),
            "keras.applications" if file is None else file.name,
        )
    if file is None:
        raise UserError(f"{name}: expected a file; get {ORIGINS[name].where}, then run `{ORIGINS[name].command}`")
    if name == "choi":
        from unheard.models.keras_files import read_choi

        return save_weights(name, limited(read_choi, file, limit_s=LIMIT_S), file.name)
    from unheard.models.musicnn import read_musicnn

    return save_weights(name, limited(read_musicnn, file, limit_s=LIMIT_S), file.name)


def fill(network: nn.Module) -> None:
    """Copy cached weights into a network that has a pretrained part; other networks are not changed.

    MissingStageError if they are not in the cache, UserError if they do not fit.
    """
    import torch

    from unheard.models.choi import Choi
    from unheard.models.xception import Xception

    part: nn.Module
    match network:
        case Xception():
            name, part = "xception", network.backbone
        case Choi():
            name, part = "choi", network.convolutions
        case _:
            return
    arrays = load_weights(name)
    for key, own in part.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        found = arrays[key].shape if key in arrays else "nothing"
        if found != tuple(own.shape):
            raise UserError(
                f"{cache_path(name)}, {key}: expected an array {tuple(own.shape)}, found {found}; "
                f"run `{ORIGINS[name].command}`"
            )
        own.copy_(torch.from_numpy(arrays[key]))


def digest(config: object) -> str:
    """Return a hash of the cached weights with which a network of this configuration starts; "" if there are none."""
    from unheard.models.choi import ChoiConfig
    from unheard.models.xception import XceptionConfig

    match config:
        case XceptionConfig():
            arrays = load_weights("xception")
        case ChoiConfig():
            arrays = load_weights("choi")
        case _:
            return ""
    total = hashlib.sha256()
    for key, array in sorted(arrays.items()):
        total.update(f"{key} {array.shape} ".encode())
        total.update(array.tobytes())
    return total.hexdigest()
