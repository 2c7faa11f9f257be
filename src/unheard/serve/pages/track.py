"""The page of one track: its sound, and its nearest unheard and heard tracks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fastapi import APIRouter, Request, Response

from unheard.serve import answers
from unheard.serve.caching import REUSABLE
from unheard.serve.pages.frame import Now, page
from unheard.serve.pages.media import MEL_WIDTH, heard
from unheard.serve.pages.views import Shown, ShownResult, results
from unheard.serve.schema import Options, Ranked, Which
from unheard.serve.state import Loaded
from unheard.spectrograms.filterbank import hz_to_mel
from unheard.workspace import Settings

router = APIRouter()

N_NEAREST = 10
MEL_HEIGHT = 200
MARKED_HZ = ((200, "200 Hz"), (1000, "1 kHz"), (4000, "4 kHz"))

NOBODY, KEPT_BACK = "that nobody has played yet", "kept from the models as if nobody had played them"


@router.get("/track", dependencies=[REUSABLE])
def track(request: Request, now: Now, id: str) -> Response:  # noqa: A002 - in the address
    """One track."""
    known = answers.track(now, id)
    row = answers.row_of(now, id)
    return page(
        request,
        "track.html",
        shown=Shown(known),
        artists=known.artists,
        heard=heard(now, row, most_frames=1) is not None,
        mel=mel_axes(now.default.workspace.settings),
        confidence=now.once(("confidence", row), lambda: now.default.confidence(id)),
        lists=nearest_lists(now, lambda options: answers.similar(now, id, options)),
        model=now.default.model,
    )


def nearest_lists(now: Loaded, similar: Callable[[Options], Ranked]) -> list[tuple[str, str, list[ShownResult]]]:
    """Return title, explanation and neighbours of two lists, cold tracks and warm ones; `similar` finds neighbours."""
    kept_back = KEPT_BACK if now.shelves.unheard_were_played else NOBODY
    lists: tuple[tuple[str, str, Which], ...] = (
        ("Nearest unheard", f"Tracks {kept_back}, placed without a play.", "cold"),
        ("Nearest heard", "Tracks that people know.", "warm"),
    )
    return [(title, about, results(similar(Options(n=N_NEAREST, candidates=which)))) for title, about, which in lists]


def mel_axes(settings: Settings) -> dict[str, object]:
    """Size of the mel picture, and where some frequencies are in it."""
    top_hz = settings.sample_rate / 2
    top, *places = hz_to_mel(np.array([top_hz, *(hz for hz, _ in MARKED_HZ)], np.float64))
    bands = [
        (round(MEL_HEIGHT * (1 - float(place / top))), name)
        for place, (hz, name) in zip(places, MARKED_HZ, strict=True)
        if hz < top_hz
    ]
    return {"width": MEL_WIDTH, "height": MEL_HEIGHT, "bands": bands}
