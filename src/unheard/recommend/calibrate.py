"""Calibrate a trained model once, right after its training, so that every later list can use it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unheard.inference.predictions import load_predictions
from unheard.progress import Progress, silent
from unheard.recommend.calibration import calibration_pairs
from unheard.recommend.catalogue import load_catalogue
from unheard.recommend.hybrids import als_config
from unheard.recommend.models import make_recommender
from unheard.recommend.recommenders import EmbeddingRecommender, Scale
from unheard.recommend.scales import load_scale, save_scale
from unheard.workspace import Workspace

MAX_TRACKS = 5000  # warm ones and cold ones; the scores of 2,000 playlists for them are 40 MB each


def calibrate(workspace: Workspace, split: str, model: str, *, progress: Progress = silent) -> Scale | None:
    """Learn and keep the scale of a model that ranks by places, unless that was done; None for any other.

    UserError where plays are too few to hide some, or nothing validates.
    """
    fingerprint = load_predictions(workspace, split, model).fingerprint
    if (kept := load_scale(workspace, split, model, fingerprint)) is not None:
        return kept
    catalogue = load_catalogue(workspace, split)
    recommender = make_recommender(workspace, catalogue, model)
    if not isinstance(recommender, EmbeddingRecommender):
        return None
    raw, als = replace(recommender, beside=None), als_config(workspace, split)
    rng = np.random.default_rng(0)
    scale = calibration_pairs(catalogue, raw, als, rng=rng, max_tracks=MAX_TRACKS, progress=progress).scale()
    if scale is not None:
        save_scale(workspace, split, model, fingerprint, scale)
    return scale
