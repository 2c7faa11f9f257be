"""Calibrate a model after its training and store the result, so that lists of warm and cold tracks can use it."""

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

MAX_TRACKS = 5000  # warm tracks and cold tracks each; their scores for 2,000 playlists take 40 MB


def calibrate(workspace: Workspace, split: str, model: str, *, progress: Progress = silent) -> Scale | None:
    """Fit and store the scale of a model with its own embedding space, unless it is stored; None for other models.

    Raise UserError if too few plays can be hidden, or if there are no validation plays.
    """
    fingerprint = load_predictions(workspace, split, model).fingerprint
    if (stored := load_scale(workspace, split, model, fingerprint)) is not None:
        return stored
    catalogue = load_catalogue(workspace, split)
    recommender = make_recommender(workspace, catalogue, model)
    if not isinstance(recommender, EmbeddingRecommender):
        return None
    raw, als = replace(recommender, warm_cold=None), als_config(workspace, split)
    rng = np.random.default_rng(0)
    scale = calibration_pairs(catalogue, raw, als, rng=rng, max_tracks=MAX_TRACKS, progress=progress).scale()
    if scale is not None:
        save_scale(workspace, split, model, fingerprint, scale)
    return scale
