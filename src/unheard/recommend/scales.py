"""Read and write the calibration of a trained model, which calibration.py fits: scale.json in the model's folder.

Only models with their own embedding space have one. Their scores are not comparable with those of warm tracks, so an
uncalibrated list of warm and cold tracks would hold almost only one of the two.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unheard.atomic_files import write_json
from unheard.checksums import read_sealed
from unheard.errors import MissingStageError, UserError
from unheard.inference.predictions import train_command
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender, Scale, WarmColdScorer
from unheard.splits import Use
from unheard.workspace import Workspace


def scale_path(workspace: Workspace, split: str, model: str) -> Path:
    """Return the path of a model's scale."""
    return workspace.model_dir(split, model) / "scale.json"


def save_scale(workspace: Workspace, split: str, model: str, fingerprint: str, scale: Scale | None) -> None:
    """Write the scale of the model with this fingerprint; None: there are too few plays to fit one."""
    values = {"slope": None, "offset": None} if scale is None else vars(scale)
    write_json(scale_path(workspace, split, model), {"fingerprint": fingerprint, **values}, indent=1)


def load_scale(workspace: Workspace, split: str, model: str, fingerprint: str) -> Scale | None:
    """Return the scale of a model; None if none was fitted since the training. UserError if the file is damaged."""
    path = scale_path(workspace, split, model)
    try:
        found = read_sealed(path)
        if found["fingerprint"] != fingerprint or found["slope"] is None:
            return None
        scale = Scale(float(found["slope"]), float(found["offset"]))
        if not np.isfinite([scale.slope, scale.offset]).all() or scale.slope <= 0:
            raise ValueError(f"slope {scale.slope}, offset {scale.offset}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        command = train_command(workspace, split, model)
        raise UserError(f"{path}: damaged ({error}); delete it and run `{command}`") from error
    return scale


def check_calibrated(workspace: Workspace, split: str, model: str) -> None:
    """Raise MissingStageError if a list of warm and cold tracks needs the scale of a model, and its file is missing."""
    path = scale_path(workspace, split, model)
    if not path.is_file():
        raise MissingStageError(
            f"{path}: lists of known and new tracks need the calibration", train_command(workspace, split, model)
        )


def warm_cold_scorer(catalogue: Catalogue, scale: Scale) -> WarmColdScorer:
    """Return a scorer for lists of warm and cold tracks. Tracks without train plays are cold."""
    warm = FactorRecommender("warm", catalogue.warm.tracks, catalogue.warm.playlists, catalogue.warm.centre)
    return WarmColdScorer(warm, ~((catalogue.use == Use.TRAIN) & catalogue.warm.known), scale)
