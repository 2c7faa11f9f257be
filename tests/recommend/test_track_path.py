"""Paths between two tracks: the smoothest one of all, with the ends, the length and the artists that were asked for."""

from __future__ import annotations

from itertools import pairwise, product
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.track_path import layers_of, path_between, smoothest, waypoints
from unheard.session import Session
from unheard.workspace import Workspace


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def energy(directions: NDArray[np.float32], path: tuple[int, ...] | list[int]) -> float:
    return float(sum(1 - float(directions[a].astype(np.float64) @ directions[b]) for a, b in pairwise(path)))


def some_catalogue(artists: list[int], songs: list[int] | None = None) -> Catalogue:
    """Rows with artists and songs: all that a path reads of a catalogue."""
    ids = [f"t{row}" for row in range(len(artists))]

    class Tracks(list[Any]):
        pass

    tracks = Tracks(SimpleNamespace(label=name) for name in ids)
    tracks.ids = ids  # type: ignore[attr-defined]
    song = np.arange(len(artists)) if songs is None else np.array(songs)
    return cast("Catalogue", SimpleNamespace(tracks=tracks, main_artist=np.array(artists, np.int32), song=song))


@pytest.mark.parametrize("seed", range(20))
def test_no_other_choice_from_the_layers_is_smoother(seed: int) -> None:
    """Against all products of the layers, without those that repeat an artist."""
    rng = np.random.default_rng(seed)
    directions = unit(rng.standard_normal((14, 3)))
    artists = rng.integers(0, 5, 14).astype(np.int32)
    points = waypoints(directions[0], directions[1], 5)[1:-1]
    layers = [np.array([0]), *layers_of(directions, np.arange(2, 14), points, width=4, seed=seed), np.array([1])]
    assert sorted(row for layer in layers for row in layer) == list(range(14))
    every = [tuple(map(int, path)) for path in product(*layers)]
    allowed = [path for path in every if all(artists[a] != artists[b] for a, b in pairwise(path))]
    found = smoothest(directions, layers, artists)
    if allowed:
        assert energy(directions, found) == pytest.approx(min(energy(directions, path) for path in allowed))
        assert tuple(found) in allowed
    else:  # an artist has to follow itself, as seldom as possible
        repeats = [sum(artists[a] == artists[b] for a, b in pairwise(path)) for path in every]
        assert sum(artists[a] == artists[b] for a, b in pairwise(found)) == min(repeats)


def test_waypoints_are_equal_steps_of_a_great_circle() -> None:
    a, b = unit(np.array([[1.0, 0, 0], [0, 1, 0]]))
    points = waypoints(a, b, 4)
    thirds = np.arange(4) * np.pi / 6
    np.testing.assert_allclose(points, np.stack([np.cos(thirds), np.sin(thirds), 0 * thirds], axis=1), atol=1e-6)
    np.testing.assert_array_equal(waypoints(a, -a, 4), [a, a, -a, -a])


def test_a_path_follows_tracks_along_an_arc() -> None:
    """100 tracks on a quarter circle, and 400 somewhere else: every step of 11 tracks is about a tenth of the arc."""
    rng = np.random.default_rng(1)
    turn = rng.permutation(np.linspace(0, np.pi / 2, 100))
    arc = np.zeros((100, 8))
    arc[:, 0], arc[:, 1] = np.cos(turn), np.sin(turn)
    directions = unit(np.concatenate([arc + 0.01 * rng.standard_normal(arc.shape), rng.standard_normal((400, 8))]))
    catalogue = some_catalogue(list(range(500)))
    start, end = int(turn.argmin()), int(turn.argmax())
    path = path_between(catalogue, directions, start, end, n=11, candidates=np.arange(500))
    rows = [step.row for step in path]
    assert (rows[0], rows[-1], len(set(rows))) == (start, end, 11)
    assert all(row < 100 for row in rows)
    assert sorted(turn[rows]) == list(turn[rows])
    assert min(step.similarity for step in path if step.similarity is not None) > np.cos(0.2)
    assert path[0].similarity is None


def test_songs_are_not_repeated_and_candidates_are_kept_to() -> None:
    rng = np.random.default_rng(2)
    directions = unit(rng.standard_normal((60, 4)))
    directions[59] = 0
    songs = [row // 2 for row in range(60)]
    catalogue = some_catalogue([row % 7 for row in range(60)], songs)
    candidates = np.arange(10, 60)
    path = [step.row for step in path_between(catalogue, directions, 12, 40, n=9, candidates=candidates)]
    assert len(path) == len({songs[row] for row in path}) == 9
    assert set(path) <= set(candidates.tolist()) - {59}
    assert all(catalogue.main_artist[a] != catalogue.main_artist[b] for a, b in pairwise(path))


def test_a_small_library_gives_a_short_path() -> None:
    directions = unit(np.eye(4))
    path = path_between(some_catalogue([0, 1, 2, 3]), directions, 0, 1, n=10, candidates=np.arange(4))
    assert len(path) == 4
    assert [
        step.row for step in path_between(some_catalogue([0, 0]), directions, 0, 1, n=2, candidates=np.arange(2))
    ] == [
        0,
        1,
    ]


def test_what_has_no_path_is_refused() -> None:
    directions = unit(np.eye(3))
    directions[2] = 0
    catalogue = some_catalogue([0, 1, 2])
    for start, end, n, reason in (
        (0, 0, 5, "same track"),
        (0, 2, 5, "t2 has no embedding"),
        (0, 1, 1, "n 1"),
        (0, 1, 101, "n 101"),
    ):
        with pytest.raises(UserError, match=reason):
            path_between(catalogue, directions, start, end, n=n, candidates=np.arange(3))


def test_the_session_returns_a_path_of_its_model(workspace: Workspace) -> None:
    session = Session(workspace.root, split="artists", model="toy")
    path = session.path("t00-0", "t20-3", n=8)
    assert [path[0].track_id, path[-1].track_id, len(path)] == ["t00-0", "t20-3", 8]
    artists = [session.catalogue.main_artist[step.row] for step in path]
    assert all(a != b for a, b in pairwise(artists))
    cold = session.path("t00-0", "t20-3", n=6, candidates="cold")
    allowed = set(session.catalogue.candidates("cold", new=True).tolist())
    assert {step.row for step in cold[1:-1]} <= allowed
    direct = float(session.directions[path[0].row] @ session.directions[path[-1].row])
    assert min(step.similarity for step in path if step.similarity is not None) > direct
