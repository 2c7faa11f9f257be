"""Calibrate a model after its training and store the result, so that lists of warm and cold tracks can use it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

from unheard.arrays import Floats
from unheard.errors import UserError
from unheard.inference.predictions import load_predictions
from unheard.progress import Progress, silent
from unheard.recommend.calibration import calibration_pairs, fitted_factors
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.first_plays import estimates_path, load_estimates, refitted_estimates, store_estimates
from unheard.recommend.models import make_recommender
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, Scale
from unheard.recommend.scales import load_scale, save_scale, scale_path
from unheard.splits import LIVE
from unheard.workspace import Workspace

MAX_TRACKS = 5000  # warm tracks and cold tracks each; their scores for 2,000 playlists take 40 MB


def calibrate(workspace: Workspace, split: str, model: str, *, progress: Progress = silent) -> Scale | None:
    """Fit and store the scale of a model with its own embedding space, unless it is stored; None for other models.

    Under `live` the kappas of first_plays.py are chosen and stored first, and the scale is that of the estimates. Raise
    UserError if too few plays can be hidden, or if there are no validation plays.
    """
    predictions = load_predictions(workspace, split, model)
    fingerprint, stored, has_estimates = predictions.fingerprint, None, split != LIVE
    with suppress(UserError):  # damaged: fitted again
        stored = load_scale(workspace, split, model, fingerprint)
        has_estimates = has_estimates or load_estimates(workspace, split, model) is not None
    if not has_estimates:
        estimates_path(workspace, split, model).unlink(missing_ok=True)
    if stored is None:
        scale_path(workspace, split, model).unlink(missing_ok=True)
    if has_estimates and (stored is not None or predictions.track_embeddings is None):
        return stored
    catalogue = load_catalogue(workspace, split)
    recommender = make_recommender(workspace, catalogue, model)
    factors = recommender.factors if isinstance(recommender, EmbeddingRecommender) else recommender
    warm_factors: Callable[[Catalogue], Floats] = fitted_factors
    if split == LIVE and isinstance(factors, FactorRecommender):
        kappas = store_estimates(workspace, catalogue, factors)
        warm_factors = fitted_factors if kappas is None else partial(refitted_estimates, kappas=kappas)
    if not isinstance(recommender, EmbeddingRecommender):
        return None
    raw = replace(recommender, warm_cold=None)
    rng = np.random.default_rng(0)
    try:
        pairs = calibration_pairs(
            catalogue, raw, rng=rng, max_tracks=MAX_TRACKS, warm_factors=warm_factors, progress=progress
        )
    except UserError:  # too few plays; the file tells that apart from one that is lost
        save_scale(workspace, split, model, fingerprint, None)
        raise
    scale = pairs.scale()
    save_scale(workspace, split, model, fingerprint, scale)
    return scale
