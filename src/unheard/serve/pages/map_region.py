"""The tracks of a region of the map, as a list to export or to make a playlist from."""

from __future__ import annotations

from typing import Annotated, get_args

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from unheard.arrays import Doubles
from unheard.errors import UserError
from unheard.recommend.map_regions import inside, nearest_to_middle, walk
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.map import current_map, kinds
from unheard.serve.pages.playlist_query import MAX_SEEDS, PlaylistQuery
from unheard.serve.pages.text import address
from unheard.serve.pages.views import show_row
from unheard.serve.schema import MAX_RESULTS, Which

router = APIRouter()

MAX_CORNERS = 200
KIND_OF: dict[str, str] = {"cold": "new", "warm": "known", "all": "all"}


@router.get("/map/region")
def region(
    request: Request,
    snapshot: CurrentSnapshot,
    shape: Annotated[str, Query(max_length=4000)],
    which: Which = "all",
) -> Response:
    """List the tracks inside a polygon, in the order of a walk; `shape` is x,y x,y ... in units of the map."""
    track_map = current_map(snapshot)
    found = inside(track_map.points, read_shape(shape))
    if which != "all":
        found &= np.array([(kind == "warm") == (which == "warm") for kind in kinds(snapshot)], np.bool_)
    rows = np.flatnonzero(found)
    n_inside = len(rows)
    if n_inside > MAX_RESULTS:
        rows = rows[nearest_to_middle(track_map.points[rows], MAX_RESULTS)]
    rows = rows[walk(track_map.points[rows])]
    ids = snapshot.catalogue.tracks.ids.take(rows)
    return page(
        request,
        "region.html",
        here="/map",
        tracks=[show_row(snapshot, int(row)) for row in rows],
        n_inside=n_inside,
        which=which,
        choices=[
            (value, KIND_OF[value], address("/map/region", shape=shape, which=value)) for value in get_args(Which)
        ],
        seeds=PlaylistQuery(seeds=tuple(_spread(ids))).link,
        n_seeds=len(_spread(ids)),
        back=address("/map") + f"#at={_view(read_shape(shape))}",
    )


def read_shape(text: str) -> Doubles:
    """Parse a polygon (corner, 2); UserError for one with fewer than 3 corners or with other text."""
    try:
        corners = np.array([[float(part) for part in corner.split(",")] for corner in text.split()])
    except ValueError:
        corners = np.zeros((0, 2))
    usable = corners.ndim == 2 and corners.shape[1:] == (2,) and 3 <= len(corners) <= MAX_CORNERS
    if not usable or not (np.isfinite(corners).all() and np.abs(corners).max() < 1e3):
        raise UserError(f"shape {text!r:.60}: expected 3 to {MAX_CORNERS} corners as x,y; draw the region again")
    return corners


def _spread(ids: tuple[str, ...] | list[str]) -> list[str]:
    """Return at most MAX_SEEDS of the ids, evenly."""
    if len(ids) <= MAX_SEEDS:
        return list(ids)
    chosen: NDArray[np.intp] = np.linspace(0, len(ids) - 1, MAX_SEEDS).round().astype(np.intp)
    return [ids[i] for i in chosen]


def _view(corners: Doubles) -> str:
    """Return the middle and the zoom at which a shape fills the map, as the address of the map writes them."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y = (low + high) / 2
    zoom = float(np.clip(2 / max(float((high - low).max()), 1e-6), 0.6, 200))
    return f"{x:.4f},{y:.4f},{zoom:.3f}"
