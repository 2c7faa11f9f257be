"""The page of one track: its sound, and its nearest unheard and heard tracks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fastapi import APIRouter, Request, Response

from unheard.serve import queries
from unheard.serve.http_caching import REUSABLE
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.media import MEL_WIDTH, stored_spectrogram
from unheard.serve.pages.views import ResultView, TrackView, results
from unheard.serve.schema import Options, Ranked, Which
from unheard.serve.snapshot import Snapshot
from unheard.spectrograms.filterbank import hz_to_mel
from unheard.workspace import Settings

router = APIRouter()

N_NEAREST = 10
MEL_HEIGHT = 200
MARKED_HZ = ((200, "200 Hz"), (1000, "1 kHz"), (4000, "4 kHz"))

NOBODY, KEPT_BACK = "that nobody has played yet", "kept from the models as if nobody had played them"


@router.get("/track", dependencies=[REUSABLE])
def track(request: Request, snapshot: CurrentSnapshot, id: str) -> Response:  # noqa: A002 - in the address
    """One track."""
    known = queries.track(snapshot, id)
    row = queries.row_of(snapshot, id)
    return page(
        request,
        "track.html",
        shown=TrackView(known),
        artists=known.artists,
        has_audio=stored_spectrogram(snapshot, row, most_frames=1) is not None,
        mel=mel_axes(snapshot.default.workspace.settings),
        confidence=snapshot.cached(("confidence", row), lambda: snapshot.default.confidence(id)),
        lists=nearest_lists(snapshot, lambda options: queries.similar(snapshot, id, options)),
        model=snapshot.default.model,
    )


def nearest_lists(snapshot: Snapshot, similar: Callable[[Options], Ranked]) -> list[tuple[str, str, list[ResultView]]]:
    """Return title, explanation and neighbours of two lists, cold tracks and warm ones; `similar` finds neighbours."""
    kept_back = KEPT_BACK if snapshot.browse_index.cold_tracks_have_plays else NOBODY
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
