"""The page of a track: metadata, audio, and its nearest new and known tracks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fastapi import APIRouter, Request, Response

from unheard.recommend.track_status import name_of_cold
from unheard.serve import queries
from unheard.serve.http_caching import REUSABLE
from unheard.serve.pages.album_pages import album_of
from unheard.serve.pages.covers import SIZES, cover_of
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.media import MEL_WIDTH, stored_spectrogram
from unheard.serve.pages.views import ResultView, TrackView, results
from unheard.serve.schema import ListParameters, Ranked, Which
from unheard.serve.snapshot import Snapshot
from unheard.spectrograms.filterbank import hz_to_mel
from unheard.thumbs import thumb_of
from unheard.workspace import Settings

router = APIRouter()

N_NEAREST = 10
MEL_HEIGHT = 200
LABELLED_HZ = ((200, "200 Hz"), (1000, "1 kHz"), (4000, "4 kHz"))

WITHOUT_PLAYS = "Tracks that nobody has played."
HELD_OUT = "Tracks whose plays the experiment split {!r} holds out, and tracks without plays."


@router.get("/track", dependencies=[REUSABLE])
def track(request: Request, snapshot: CurrentSnapshot, id: str) -> Response:  # noqa: A002 - in the address
    """Show a track."""
    known = queries.track(snapshot, id)
    row = queries.row_of(snapshot, id)
    return page(
        request,
        "track.html",
        shown=TrackView(known),
        album=album_of(snapshot, TrackView(known)),
        has_cover=cover_of(snapshot, id, SIZES[0]) is not None,
        thumb=thumb_of(snapshot.default.workspace, id),
        artists=known.artists,
        has_audio=stored_spectrogram(snapshot, row, max_frames=1) is not None,
        mel=mel_axes(snapshot.default.workspace.settings),
        confidence=snapshot.cached(("confidence", row), lambda: snapshot.default.confidence(id)),
        lists=nearest_lists(snapshot, lambda options: queries.similar(snapshot, id, options)),
        model=snapshot.default.model,
    )


def nearest_lists(
    snapshot: Snapshot, similar: Callable[[ListParameters], Ranked]
) -> list[tuple[str, str, list[ResultView]]]:
    """Return title, explanation and neighbours of two lists, cold tracks and warm ones; `similar` finds neighbours."""
    catalogue = snapshot.catalogue
    about = WITHOUT_PLAYS if catalogue.is_live else HELD_OUT.format(catalogue.split.name)
    lists: tuple[tuple[str, str, Which], ...] = (
        (f"Nearest {name_of_cold(catalogue)}", f"{about} Their embeddings are predicted from audio.", "cold"),
        ("Nearest known tracks", "Tracks with plays.", "warm"),
    )
    return [
        (title, about, results(similar(ListParameters(n=N_NEAREST, candidates=which)))) for title, about, which in lists
    ]


def mel_axes(settings: Settings) -> dict[str, object]:
    """Return the size of the mel picture and the heights of some frequencies in it."""
    top_hz = settings.sample_rate / 2
    top, *heights = hz_to_mel(np.array([top_hz, *(hz for hz, _ in LABELLED_HZ)], np.float64))
    bands = [
        (round(MEL_HEIGHT * (1 - float(height / top))), name)
        for height, (hz, name) in zip(heights, LABELLED_HZ, strict=True)
        if hz < top_hz
    ]
    return {"width": MEL_WIDTH, "height": MEL_HEIGHT, "bands": bands}
