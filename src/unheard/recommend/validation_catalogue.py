"""Make a catalogue for measurements on validation tracks, in which they take the role of test tracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unheard.recommend.catalogue import Catalogue
from unheard.splits import Use


def validation_catalogue(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue in which validation tracks are the test tracks, with their plays before the cutoff.

    Test tracks become NEW tracks without plays, so they are no candidates of a measurement. Make recommenders from the
    original catalogue, because this one has no validation tracks.
    """
    use = catalogue.use.copy()
    use[catalogue.use == Use.TEST] = Use.NEW
    use[catalogue.use == Use.VAL] = Use.TEST
    plays = (catalogue.train_plays + catalogue.validation_plays).tocsr()
    plays.sort_indices()
    known = catalogue.warm.known & (catalogue.use != Use.TEST)
    warm = replace(catalogue.warm, known=known, tracks=np.where(known[:, None], catalogue.warm.tracks, 0))
    return replace(catalogue, plays=plays, use=use, warm=warm, full=None)
