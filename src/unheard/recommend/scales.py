"""Where the calibration of a trained model is kept (calibration.py learns it): scale.json beside its predictions.

Only models that rank by places of their own have one. Their scores are no chance of a play, so a list of heard and
unheard tracks by them alone would show one kind and hardly the other.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from unheard.artefacts import write_json
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import BesideWarm, FactorRecommender, Scale
from unheard.splits import Use
from unheard.workspace import Workspace


def scale_path(workspace: Workspace, split: str, model: str) -> Path:
    """Where a model's scale is."""
    return workspace.model_dir(split, model) / "scale.json"


def save_scale(workspace: Workspace, split: str, model: str, fingerprint: str, scale: Scale) -> None:
    """Keep the scale of the model with that fingerprint."""
    write_json(scale_path(workspace, split, model), {"fingerprint": fingerprint, **vars(scale)}, indent=1)


def load_scale(workspace: Workspace, split: str, model: str, fingerprint: str) -> Scale | None:
    """The scale of a model; None if none was learned since it was trained, or the file is damaged."""
    try:
        found = json.loads(scale_path(workspace, split, model).read_text(encoding="utf-8"))
        scale = Scale(float(found["slope"]), float(found["offset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    usable = np.isfinite([scale.slope, scale.offset]).all() and scale.slope > 0
    return scale if usable and found.get("fingerprint") == fingerprint else None


def beside_warm(catalogue: Catalogue, scale: Scale) -> BesideWarm:
    """For lists of warm tracks and of those that no train play has placed."""
    warm = FactorRecommender("warm", catalogue.warm.tracks, catalogue.warm.playlists, catalogue.warm.centre)
    return BesideWarm(warm, ~((catalogue.use == Use.TRAIN) & catalogue.warm.known), scale)
