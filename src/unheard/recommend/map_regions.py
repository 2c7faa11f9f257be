"""Name the regions of a map by genre or artist, and find the tracks of a region in an order for listening.

A name is put where its tracks are dense and are many of all tracks there. The densities d of its tracks and a of all
tracks are histograms of GRID x GRID cells, smoothed by a Gaussian; the place is the maximum of d^2 / a. Up to
MAX_PLACES places of one name are used, if each has enough of its tracks around it. Names of scattered tracks have no
place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Mask, Reals, Rows
from unheard.artist_names import loose
from unheard.library import Track
from unheard.recommend.filters import BETWEEN_GENRES
from unheard.recommend.track_map import Plane

GRID = 64
SMOOTHING = 1.6  # standard deviation in cells
MAX_NAMES = 80  # the most frequent ones
MAX_PLACES = 2  # of one name
MIN_TRACKS = 3
RADIUS = 0.15  # around a place, in units of the map
MIN_SHARE_OF_NAME = 0.2  # of the tracks with the name, within the radius
LIFT = 2.0  # a name is at least so much more frequent within the radius than on the whole map,
SHARE_ENOUGH = 0.5  # or has this share of the tracks there
TOP = 0.95  # share of the tracks of a place that its name is above
MIN_TAGGED = 0.2  # share of tracks with a genre, from which on genres name the regions


@dataclass(frozen=True)
class RegionName:
    """A name at the top of a region of the map, with the number of tracks in it that have the name."""

    name: str
    x: float
    y: float
    n_tracks: int


@dataclass(frozen=True)
class TrackNames:
    """Names of tracks: `names` as they are shown, the most frequent first; `of_track` the numbers of each track's."""

    names: tuple[str, ...]
    of_track: tuple[tuple[int, ...], ...]

    def first(self) -> NDArray[np.int32]:
        """Return the number of the most frequent name of each track, (n,); -1 without a name."""
        return np.array([min(numbers, default=-1) for numbers in self.of_track], np.int32)


def genre_names(tracks: Iterable[Track]) -> TrackNames:
    """Return the genres of the tags, each in its most frequent spelling."""
    return _named([[part.strip() for part in BETWEEN_GENRES.split(track.genre)] for track in tracks])


def artist_names(tracks: Iterable[Track]) -> TrackNames:
    """Return the first artist of each track."""
    return _named([list(track.artists[:1]) for track in tracks])


def region_names(tracks: Collection[Track], points: Plane) -> list[RegionName]:
    """Return names of regions, those with most tracks first: genres, or artists where few tracks have a genre."""
    names = genre_names(tracks)
    tagged = sum(bool(numbers) for numbers in names.of_track)
    return place_names(names if tagged >= MIN_TAGGED * len(tracks) else artist_names(tracks), points)


def place_names(names: TrackNames, points: Plane) -> list[RegionName]:
    """Return the places of names, those with most tracks first."""
    rows_of: dict[int, list[int]] = {}
    for row, numbers in enumerate(names.of_track):
        for number in numbers:
            rows_of.setdefault(number, []).append(row)
    everything = _density(points)
    found: list[RegionName] = []
    for number in range(min(MAX_NAMES, len(names.names))):
        rows = np.array(rows_of[number])
        if len(rows) >= MIN_TRACKS:
            found += _places(names.names[number], points[rows], points, everything)
    return sorted(found, key=lambda one: -one.n_tracks)


def inside(points: Plane, polygon: Reals) -> Mask:
    """Return which points (n, 2) are inside a polygon (corner, 2), (n,).

    A ray from a point inside to the right crosses the polygon an odd number of times.
    """
    x, y = points[:, 0].astype(np.float64), points[:, 1].astype(np.float64)
    found = np.zeros(len(points), np.bool_)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            found ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return found


def nearest_to_middle(points: Plane, n: int) -> Rows:
    """Return the indices of the `n` points that are nearest to the mean of all, ascending."""
    far = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    return np.sort(np.argsort(far, kind="stable")[:n])


def walk(points: Plane) -> Rows:
    """Return an order of points in which each is followed by the nearest one that is left, from the leftmost on."""
    left = list(range(len(points)))
    order: list[int] = []
    here = min(left, key=lambda i: (points[i, 0], i), default=0)
    while left:
        left.remove(here)
        order.append(here)
        if left:
            here = left[int(((points[left] - points[here]) ** 2).sum(axis=1).argmin())]
    return np.array(order, np.int64)


def _named(of_track: Sequence[Sequence[str]]) -> TrackNames:
    spellings: dict[str, Counter[str]] = {}
    for names in of_track:
        for name in names:
            if loose(name):
                spellings.setdefault(loose(name), Counter())[name] += 1
    order = sorted(spellings, key=lambda key: (-spellings[key].total(), key))
    number = {key: i for i, key in enumerate(order)}
    return TrackNames(
        tuple(spellings[key].most_common(1)[0][0] for key in order),
        tuple(tuple(sorted({number[loose(name)] for name in names if loose(name)})) for names in of_track),
    )


def _density(points: Plane) -> NDArray[np.float64]:
    """Return the smoothed histogram of points, (x, y)."""
    from scipy.ndimage import gaussian_filter  # slow to import

    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=GRID, range=((-1, 1), (-1, 1)))
    smooth: NDArray[np.float64] = gaussian_filter(counts, SMOOTHING, mode="constant")
    return smooth


def _places(name: str, own: Plane, points: Plane, everything: NDArray[np.float64]) -> list[RegionName]:
    density = _density(own)
    score = density**2 / np.maximum(everything, 1e-9)
    centres = (np.arange(GRID) + 0.5) / GRID * 2 - 1
    found = []
    for _ in range(MAX_PLACES):
        column, row = np.unravel_index(int(score.argmax()), score.shape)
        peak = np.array([centres[column], centres[row]])
        around = own[_within(own, peak)]
        share_needed = min(SHARE_ENOUGH, LIFT * len(own) / len(points))
        enough = max(MIN_TRACKS, MIN_SHARE_OF_NAME * len(own), share_needed * _within(points, peak).sum())
        if len(around) < enough:
            break
        x, y = np.median(around[:, 0]), np.quantile(around[:, 1], TOP)
        found.append(RegionName(name, float(x), float(y), len(around)))
        far = np.hypot(centres[:, None] - peak[0], centres[None, :] - peak[1]) > 3 * RADIUS
        score = score * far
    return found


def _within(points: Plane, middle: NDArray[np.float64]) -> Mask:
    near: Mask = ((points - middle) ** 2).sum(axis=1) <= RADIUS**2
    return near
