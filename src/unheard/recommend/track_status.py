"""Say in one word what people should know about each track: new, known, held out by an experiment, or gone.

    new         nobody has played it: it is in no playlist and in no history
    known       somebody has played it
    test        somebody has played it, but an experiment split holds its plays out, or they came after the split
    validation  somebody has played it, but an experiment split uses its plays only to choose settings
    gone        the last scan did not find its file

The split `live` is for use and not an experiment, so its tracks are new or known, whatever their use in it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unheard.recommend.catalogue import Catalogue
from unheard.splits import Use

Status = Literal["new", "known", "test", "validation", "gone"]
NAMES: dict[Status, str] = {
    "new": "new",
    "known": "known",
    "test": "test track",
    "validation": "validation track",
    "gone": "file gone",
}
STATUSES = tuple(NAMES)


def status_codes(catalogue: Catalogue) -> NDArray[np.int8]:
    """Return the status of each track, (n,), as an index into STATUSES."""
    use, found = catalogue.use, np.full(len(catalogue), STATUSES.index("known"), np.int8)
    if not catalogue.is_live:
        found[(use == Use.TEST) | (use == Use.NEW)] = STATUSES.index("test")
        found[use == Use.VAL] = STATUSES.index("validation")
    found[~catalogue.played] = STATUSES.index("new")
    found[catalogue.is_gone] = STATUSES.index("gone")
    return found


def statuses(catalogue: Catalogue) -> list[Status]:
    """Return the status of each track, by row."""
    return [STATUSES[code] for code in status_codes(catalogue).tolist()]


def name_of_cold(catalogue: Catalogue) -> str:
    """Return what a list of cold candidates contains: "new tracks", or "test tracks" of an experiment."""
    return "new tracks" if catalogue.is_live else "test tracks"
