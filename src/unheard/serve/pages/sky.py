"""The map of the catalogue: where tracks are drawn, who their true neighbours are, and the map as a small picture."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.recommend.track_map import TrackMap
from unheard.serve import answers
from unheard.serve.jobs import State
from unheard.serve.jobs.wishes import MapWish
from unheard.serve.pages.frame import Now, page
from unheard.serve.pages.media import picture
from unheard.serve.pages.pictures import COLD_STOPS, WARM_STOPS
from unheard.serve.pages.png import palette_png
from unheard.serve.pages.views import Shown, show_row
from unheard.serve.state import Loaded, served

router = APIRouter()

N_NEAREST = 10
FIRST_FOUND = 8
PICTURE_WIDTH, PICTURE_HEIGHT = 640, 300
SHADES = 16  # of each colour in the picture
BLOT = 60.0  # radius of a track in the picture, in pixels, times the root of their number
AXES = ((0, 1, 0.96, PICTURE_WIDTH), (1, -1, 0.94, PICTURE_HEIGHT))  # column, direction, share of the size, size
FULL = 2**16 - 1  # positions are sent as 16-bit numbers


@router.get("/map")
def sky(request: Request, now: Now, id: str = "", q: str = "") -> Response:  # noqa: A002 - in the address
    """The page; `id` is the track to begin at."""
    atlas = current_map(now)
    row = answers.row_of(now, id) if id else None
    found = answers.search(now, q, limit=FIRST_FOUND).items if q.strip() else ()
    return page(
        request,
        "map.html",
        q=q,
        found=[Shown(one) for one in found],
        row=row,
        near=nearest(now, row) if row is not None else None,
        n=len(now.catalogue),
        method=atlas.method,
        points=f"/map/points?of={atlas.digest}-{atlas.method}",
        model=now.default.model,
        job=drawing(request),
    )


@router.get("/map/points")
def points(now: Now) -> Response:
    """Of every track in the library's order: x and y, 16 bits each, little end first; then a byte each, 1 for cold."""
    atlas = current_map(now)
    places = np.rint((atlas.points + 1) / 2 * FULL).astype("<u2")
    cold = np.array([kind != "warm" for kind in kinds(now)], np.uint8)
    return picture(places.tobytes() + cold.tobytes(), "application/octet-stream")


@router.get("/map/near")
def near(request: Request, now: Now, row: int) -> Response:
    """The true neighbours of a track, as a part of the page."""
    if not 0 <= row < len(now.catalogue):
        raise answers.NotFoundError(f"There is no track number {row}.")
    return page(request, "near.html", near=nearest(now, row))


@router.post("/map/draw")
def draw(request: Request, now: Now) -> Response:
    """Have the finer map drawn, beside the work that goes on."""
    if drawing(request) is None:
        wish = MapWish(verb="map", split=now.catalogue.split.name, model=now.default.model)
        served(request).jobs.add(wish)
    return RedirectResponse("/map", 303)


@router.get("/pictures/map")
def small(now: Now) -> Response:
    """The map as a picture."""
    atlas = current_map(now)
    key = ("map picture", atlas.digest, atlas.method)
    return picture(now.once(key, lambda: density(atlas.points, np.array([kind != "warm" for kind in kinds(now)]))))


def current_map(now: Loaded) -> TrackMap:
    """The map as it is on disk now."""
    path = now.default.workspace.map_path(now.catalogue.split.name, now.default.model)
    try:
        drawn_at = path.stat().st_mtime_ns
    except OSError:
        drawn_at = 0
    return now.once(("atlas", drawn_at), now.default.track_map)


def has_map(now: Loaded) -> bool:
    """Whether the model has a space that can be drawn."""
    try:
        return bool(len(current_map(now).points))
    except UserError:
        return False


def kinds(now: Loaded) -> list[str]:
    shelves = now.shelves
    return now.once("kinds", lambda: [shelves.kind(row) for row in range(len(now.catalogue))])


def nearest(now: Loaded, row: int) -> dict[str, object]:
    """A track and its nearest tracks in the whole space: the rows that the map draws, and their cosines."""
    shown = show_row(now, row)
    session = now.default
    ids, cosines = now.once(("near", row), lambda: session.similar(shown.track_id, n=N_NEAREST, max_per_artist=None))
    rows = [answers.row_of(now, track_id) for track_id in ids]
    items = [(near, show_row(now, near), float(cosine)) for near, cosine in zip(rows, cosines, strict=True)]
    return {"row": row, "shown": shown, "items": items}


def drawing(request: Request) -> str | None:
    """The job that draws a map now, if there is one."""
    jobs = served(request).jobs.all()
    return next((job.job_id for job in jobs if job.verb == "map" and job.state in (State.QUEUED, State.RUNNING)), None)


def density(points: NDArray[np.float32], cold: NDArray[np.bool_]) -> bytes:
    """A PNG of how many cold and warm tracks lie where; each has its colour, and lights add."""
    radius = int(np.clip(BLOT / np.sqrt(max(1, len(points))), 1, 5))
    x, y = ((0.5 + sign * share * points[:, axis] / 2) * size for axis, sign, share, size in AXES)
    down, right = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    blot = np.clip(1.25 - np.hypot(down, right) / (radius + 0.5), 0, 1)
    levels = []
    for chosen in (cold, ~cold):
        light = np.zeros((PICTURE_HEIGHT, PICTURE_WIDTH))
        for dy, dx, weight in zip(down.ravel(), right.ravel(), blot.ravel(), strict=True):
            rows = np.clip(y[chosen].astype(int) + dy, 0, PICTURE_HEIGHT - 1)
            np.add.at(light, (rows, np.clip(x[chosen].astype(int) + dx, 0, PICTURE_WIDTH - 1)), weight)
        full = max(1.0, float(np.percentile(light[light > 0], 90))) if light.any() else 1.0
        levels.append(np.rint(np.clip(light / full, 0, 1) ** 0.7 * (SHADES - 1)).astype(int))
    return palette_png((levels[0] * SHADES + levels[1]).astype(np.uint8), _two_lights())


def _two_lights() -> NDArray[np.uint8]:
    """(SHADES * SHADES, 3): blue light of so many shades on amber light of so many."""
    share = np.arange(SHADES)[:, None] / (SHADES - 1)
    night = np.array(COLD_STOPS[0])
    blue, amber = (share * (np.array(stops[3]) - night) for stops in (COLD_STOPS, WARM_STOPS))
    lights: NDArray[np.uint8] = np.clip(night + blue[:, None] + amber[None, :], 0, 255).astype(np.uint8)
    return lights.reshape(-1, 3)
