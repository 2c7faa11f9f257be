"""The map of the catalogue: positions of tracks, their true neighbours, and the map as a small picture."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from numpy.typing import NDArray

from unheard.recommend.options import ListOptions
from unheard.recommend.track_map import TrackMap
from unheard.serve import queries
from unheard.serve.jobs import State
from unheard.serve.jobs.requests import MapRequest
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.media import picture
from unheard.serve.pages.pictures import COLD_STOPS, WARM_STOPS
from unheard.serve.pages.png import palette_png
from unheard.serve.pages.views import TrackView, show, show_row
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import server_state

MAX_TRACKS = 200_000  # of a map that pages show unasked
router = APIRouter()

N_NEAREST = 10
FIRST_FOUND = 8
PICTURE_WIDTH, PICTURE_HEIGHT = 640, 300
SHADES = 16  # of each colour in the picture
DOT = 60.0  # radius of a track in the picture in pixels, times the square root of the number of tracks
AXES = ((0, 1, 0.96, PICTURE_WIDTH), (1, -1, 0.94, PICTURE_HEIGHT))  # column, direction, share of the size, size
FULL = 2**16 - 1  # positions are sent as 16-bit numbers


@router.get("/map")
def map_page(request: Request, snapshot: CurrentSnapshot, id: str = "", q: str = "") -> Response:  # noqa: A002 - in the address
    """Show the map; `id` is the track to start at."""
    track_map = current_map(snapshot)
    row = queries.row_of(snapshot, id) if id else None
    return page(
        request,
        "map.html",
        q=q,
        found=found_tracks(snapshot, q),
        row=row,
        near=nearest(snapshot, row) if row is not None else None,
        n=len(snapshot.catalogue),
        method=track_map.method,
        points=f"/map/points?of={track_map.digest}-{track_map.method}",
        model=snapshot.default.model,
        job=drawing(request),
    )


@router.get("/map/points")
def points(snapshot: CurrentSnapshot) -> Response:
    """Return x and y of every track by row, 16 bits each, little-endian; then one byte each, 1 for cold."""
    track_map = current_map(snapshot)
    positions = np.rint((track_map.points + 1) / 2 * FULL).astype("<u2")
    cold = np.array([kind != "warm" for kind in kinds(snapshot)], np.uint8)
    return picture(positions.tobytes() + cold.tobytes(), "application/octet-stream")


@router.get("/map/near")
def near(request: Request, snapshot: CurrentSnapshot, row: int = -1, id: str = "") -> Response:  # noqa: A002
    """Return a track, given by row or id, and its nearest tracks as a fragment of the page."""
    if id:
        row = queries.row_of(snapshot, id)
    if not 0 <= row < len(snapshot.catalogue):
        raise queries.NotFoundError(f"There is no track in row {row}.")
    return page(request, "near.html", near=nearest(snapshot, row))


@router.get("/map/found")
def found(request: Request, snapshot: CurrentSnapshot, q: str = "") -> Response:
    """Return the tracks that match some words as a fragment of the page."""
    return page(request, "found.html", q=q.strip(), found=found_tracks(snapshot, q))


@router.post("/map/draw")
def draw(request: Request, snapshot: CurrentSnapshot) -> Response:
    """Start a job that draws the t-SNE map."""
    if drawing(request) is None:
        job_request = MapRequest(verb="map", split=snapshot.catalogue.split.name, model=snapshot.default.model)
        server_state(request).jobs.add(job_request)
    return RedirectResponse("/map", 303)


@router.get("/pictures/map")
def small(snapshot: CurrentSnapshot) -> Response:
    """Return the map as a picture."""
    track_map = current_map(snapshot)
    key = ("map picture", track_map.digest, track_map.method)
    return picture(
        snapshot.cached(key, lambda: density(track_map.points, np.array([kind != "warm" for kind in kinds(snapshot)])))
    )


def current_map(snapshot: Snapshot) -> TrackMap:
    """Return the stored map, or a quick one if there is none."""
    path = snapshot.default.workspace.map_path(snapshot.catalogue.split.name, snapshot.default.model)
    try:
        drawn_at = path.stat().st_mtime_ns
    except OSError:
        drawn_at = 0
    return snapshot.cached(("track_map", drawn_at), snapshot.default.track_map)


def has_map(snapshot: Snapshot) -> bool:
    """Return whether the model has a space that can be drawn, and not so many tracks that drawing takes minutes."""
    return snapshot.default.has_space and 0 < len(snapshot.catalogue) <= MAX_TRACKS


def kinds(snapshot: Snapshot) -> list[str]:
    """Return warm for known tracks and cold for the others, by row."""
    index = snapshot.browse_index

    def computed() -> list[str]:
        is_known = index.has_status("known") | index.has_status("gone")
        return ["warm" if known else "cold" for known in is_known.tolist()]

    return snapshot.table("kinds", computed)


def found_tracks(snapshot: Snapshot, words: str) -> list[TrackView]:
    """Return the first tracks that match some words."""
    return show(queries.search(snapshot, words, limit=FIRST_FOUND).items) if words.strip() else []


def nearest(snapshot: Snapshot, row: int) -> dict[str, object]:
    """Return a track and its nearest tracks in the space of the map, with rows and cosines."""
    shown = show_row(snapshot, row)
    session = snapshot.default
    options = ListOptions(n=N_NEAREST, max_per_artist=None)
    key = ("near", row, session.disliked)
    ids, cosines = snapshot.cached(key, lambda: session.near_on_map(shown.track_id, options=options))
    rows = [queries.row_of(snapshot, track_id) for track_id in ids]
    items = [(near, show_row(snapshot, near), float(cosine)) for near, cosine in zip(rows, cosines, strict=True)]
    return {"row": row, "shown": shown, "items": items}


def drawing(request: Request) -> str | None:
    """Return the id of the job that draws a map, if there is one."""
    jobs = server_state(request).jobs.all()
    return next((job.job_id for job in jobs if job.verb == "map" and job.state in (State.QUEUED, State.RUNNING)), None)


def density(points: NDArray[np.float32], cold: NDArray[np.bool_]) -> bytes:
    """Return a PNG of the densities of cold and warm tracks, in one colour each, added."""
    radius = int(np.clip(DOT / np.sqrt(max(1, len(points))), 1, 5))
    x, y = ((0.5 + sign * share * points[:, axis] / 2) * size for axis, sign, share, size in AXES)
    down, right = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    dot = np.clip(1.25 - np.hypot(down, right) / (radius + 0.5), 0, 1)
    levels = []
    for chosen in (cold, ~cold):
        light = np.zeros((PICTURE_HEIGHT, PICTURE_WIDTH))
        for dy, dx, weight in zip(down.ravel(), right.ravel(), dot.ravel(), strict=True):
            rows = np.clip(y[chosen].astype(int) + dy, 0, PICTURE_HEIGHT - 1)
            np.add.at(light, (rows, np.clip(x[chosen].astype(int) + dx, 0, PICTURE_WIDTH - 1)), weight)
        full = max(1.0, float(np.percentile(light[light > 0], 90))) if light.any() else 1.0
        levels.append(np.rint(np.clip(light / full, 0, 1) ** 0.7 * (SHADES - 1)).astype(int))
    return palette_png((levels[0] * SHADES + levels[1]).astype(np.uint8), _sums_of_colours())


def _sums_of_colours() -> NDArray[np.uint8]:
    """Return the sums of all shades of blue and of amber, (SHADES * SHADES, 3)."""
    share = np.arange(SHADES)[:, None] / (SHADES - 1)
    night = np.array(COLD_STOPS[0])
    blue, amber = (share * (np.array(stops[3]) - night) for stops in (COLD_STOPS, WARM_STOPS))
    sums: NDArray[np.uint8] = np.clip(night + blue[:, None] + amber[None, :], 0, 255).astype(np.uint8)
    return sums.reshape(-1, 3)
