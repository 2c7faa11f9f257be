"""The catalogue as a validation_catalogue: validation tracks stand where test tracks will."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unheard.recommend.catalogue import Catalogue
from unheard.splits import Use


def validation_catalogue(catalogue: Catalogue) -> Catalogue:
    """Validation tracks are the test tracks, with the plays that may tune; the real test tracks are out of sight.

    Out of sight means NEW: they are no candidates of a measurement, and none of their plays is there. Recommenders have
    to be made from the catalogue itself, because here nothing is left to validate with.
    """
    use = catalogue.use.copy()
    use[catalogue.use == Use.TEST] = Use.NEW
    use[catalogue.use == Use.VAL] = Use.TEST
    plays = (catalogue.train_plays + catalogue.validation_plays).tocsr()
    plays.sort_indices()
    known = catalogue.warm.known & (catalogue.use != Use.TEST)
    warm = replace(catalogue.warm, known=known, tracks=np.where(known[:, None], catalogue.warm.tracks, 0))
    return replace(catalogue, plays=plays, use=use, warm=warm, full=None)
