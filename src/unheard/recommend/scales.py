"""Read and write the calibration of a trained model, which calibration.py fits: scale.json in the model's folder.

Only models with their own embedding space have one. Their scores are not comparable with those of warm tracks, so an
uncalibrated list of warm and cold tracks would hold almost only one of the two.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from unheard.artefacts import write_json
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender, Scale, WarmColdScorer
from unheard.splits import Use
from unheard.workspace import Workspace


def scale_path(workspace: Workspace, split: str, model: str) -> Path:
    """Return the path of a model's scale."""
    return workspace.model_dir(split, model) / "scale.json"


def save_scale(workspace: Workspace, split: str, model: str, fingerprint: str, scale: Scale) -> None:
    """Write the scale of the model with this fingerprint."""
    write_json(scale_path(workspace, split, model), {"fingerprint": fingerprint, **vars(scale)}, indent=1)


def load_scale(workspace: Workspace, split: str, model: str, fingerprint: str) -> Scale | None:
    """Return the scale of a model; None if none was fitted since the training, or if the file is damaged."""
    try:
        found = json.loads(scale_path(workspace, split, model).read_text(encoding="utf-8"))
        scale = Scale(float(found["slope"]), float(found["offset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    usable = np.isfinite([scale.slope, scale.offset]).all() and scale.slope > 0
    return scale if usable and found.get("fingerprint") == fingerprint else None


def warm_cold_scorer(catalogue: Catalogue, scale: Scale) -> WarmColdScorer:
    """Return a scorer for lists of warm and cold tracks. Tracks without train plays are cold."""
    warm = FactorRecommender("warm", catalogue.warm.tracks, catalogue.warm.playlists, catalogue.warm.centre)
    return WarmColdScorer(warm, ~((catalogue.use == Use.TRAIN) & catalogue.warm.known), scale)
