"""Tests of names of regions against made maps, and of regions against hand-worked shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from unheard.library import Track
from unheard.recommend.map_regions import genre_names, inside, nearest_to_middle, region_names, walk

CENTRES = {"House": (-0.6, 0.5), "Swing": (0.5, 0.4), "Waltz": (0.1, -0.6)}


def world(genres: dict[str, str]) -> tuple[list[Track], NDArray[np.float32]]:
    """Thirty tracks around each centre, whose tag is looked up by the name of the centre; artists as numbers."""
    rng = np.random.default_rng(0)
    tracks, points = [], []
    for name, centre in CENTRES.items():
        for i in range(30):
            tracks.append(Track(f"{name}{i}", title=str(i), artists=(f"The {name}s",), genre=genres.get(name, "")))
            points.append(np.array(centre) + 0.04 * rng.standard_normal(2))
    return tracks, np.array(points, np.float32)


def test_a_genre_is_named_above_its_tracks() -> None:
    found = region_names(*world({name: name for name in CENTRES}))
    assert {one.name for one in found} == set(CENTRES)
    for one in found:
        x, y = CENTRES[one.name]
        assert one.x == pytest.approx(x, abs=0.04)
        assert y < one.y < y + 0.15
        assert one.n_tracks == 30


def test_scattered_tracks_are_no_region() -> None:
    """Every third track of each region is Pop as well, which is nowhere dense enough."""
    tracks, points = world({name: name for name in CENTRES})
    tagged = [Track(t.track_id, genre=f"{t.genre}; Pop" if i % 4 == 0 else t.genre) for i, t in enumerate(tracks)]
    assert "Pop" not in {one.name for one in region_names(tagged, points)}


def test_artists_name_regions_without_genres() -> None:
    tracks, points = world({})
    assert {one.name for one in region_names(tracks, points)} == {f"The {name}s" for name in CENTRES}


def test_small_maps_have_no_names() -> None:
    assert region_names([], np.zeros((0, 2), np.float32)) == []
    assert region_names([Track("a", genre="Pop")], np.zeros((1, 2), np.float32)) == []


def test_genres_have_their_most_frequent_spelling() -> None:
    tags = ["hip hop; Jazz", "Hip-Hop", "Hip-Hop", "", "jazz"]
    names = genre_names([Track(str(i), genre=tag) for i, tag in enumerate(tags)])
    assert names.names == ("Hip-Hop", "Jazz")
    assert names.of_track == ((0, 1), (0,), (0,), (), (1,))
    assert names.first().tolist() == [0, 0, 0, -1, 1]


def test_inside_an_l_shape() -> None:
    """The square from 0 to 2 without its upper right quarter."""
    corners = np.array([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]], np.float64)
    points = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5], [-0.5, 0.5], [2.5, 0.5]], np.float32)
    assert inside(points, corners).tolist() == [True, True, True, False, False, False]


@given(st.integers(0, 2**32 - 1))
def test_inside_a_convex_shape_is_left_of_every_edge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = rng.uniform(-1, 1, (40, 2)).astype(np.float32)
    left = np.ones(40, np.bool_)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        left &= (b[0] - a[0]) * (points[:, 1] - a[1]) - (b[1] - a[1]) * (points[:, 0] - a[0]) > 0
    np.testing.assert_array_equal(inside(points, corners), left)


def test_a_walk_goes_on_to_the_nearest_track_that_is_left() -> None:
    points = np.array([[0.5, 0], [0, 0], [0.9, 0], [0.1, 0], [0.2, 0.1]], np.float32)
    assert walk(points).tolist() == [1, 3, 4, 0, 2]
    assert walk(points[:0]).tolist() == []


def test_the_middle_of_a_region() -> None:
    points = np.array([[0, 0], [1, 0], [0.5, 0.1], [0.5, -0.1]], np.float32)
    assert nearest_to_middle(points, 2).tolist() == [2, 3]
