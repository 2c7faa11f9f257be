"""Stars and ratings: what players see is independent of each other, and what lists use follows from both."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unheard.ratings
import unheard.thumbs
from unheard.errors import UserError
from unheard.ratings import DISLIKED, MIN_LIKED, Feedback, rate, read_ratings, star
from unheard.thumbs import set_thumb, thumb_of
from unheard.workspace import Workspace

TRACK = "track:a"
NUMBERS = count()  # of workspaces
STEPS = st.one_of(st.booleans(), st.integers(0, 5))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w")


def feedback(workspace: Workspace, item: str = TRACK) -> tuple[bool, int]:
    found = read_ratings(workspace).get(item, Feedback())
    return bool(found.starred), found.rating


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=8))
def test_stars_and_ratings_against_two_variables(workspace: Workspace, steps: list[bool | int]) -> None:
    """A star and a rating are independent, but that a rating of 1 takes the star, and a star takes a rating of 1."""
    for path in (workspace.thumbs_path, workspace.ratings_path):
        path.unlink(missing_ok=True)
    starred, rating = False, 0
    for step in steps:
        if isinstance(step, bool):
            star(workspace, [TRACK], starred=step)
            rating = 0 if step and rating == DISLIKED else rating
            starred = step
        else:
            rate(workspace, TRACK, step)
            starred = starred and step != DISLIKED
            rating = step
        assert feedback(workspace) == (starred, rating)
        thumb = "up" if starred or rating >= MIN_LIKED else "down" if rating == DISLIKED else None
        assert thumb_of(workspace, "a") == thumb


def test_thumbs_of_the_page_are_stars_of_players(workspace: Workspace) -> None:
    set_thumb(workspace, "a", "up")
    assert feedback(workspace) == (True, 0)
    rate(workspace, TRACK, 5)
    assert feedback(workspace) == (True, 5)
    set_thumb(workspace, "a", None)
    assert feedback(workspace) == (False, 5)
    set_thumb(workspace, "a", "down")
    rate(workspace, TRACK, 3)
    assert thumb_of(workspace, "a") == "down"  # 3 says nothing
    star(workspace, [TRACK], starred=True)
    assert thumb_of(workspace, "a") == "up"


def test_albums_and_artists_change_no_thumb(workspace: Workspace) -> None:
    for item in ("album:x", "artist:ar-1"):
        star(workspace, [item], starred=True)
        rate(workspace, item, 1)
        assert feedback(workspace, item) == (True, 1)
    assert not workspace.thumbs_path.exists()
    star(workspace, ["album:x"], starred=False)
    rate(workspace, "album:x", 0)
    assert set(read_ratings(workspace)) == {"artist:ar-1"}


@pytest.mark.parametrize("rating", [-1, 6])
def test_ratings_are_0_to_5(workspace: Workspace, rating: int) -> None:
    with pytest.raises(UserError, match="expected 1 to 5"):
        rate(workspace, TRACK, rating)


@pytest.mark.parametrize("text", ["", "[]", '{"format": "unheard ratings", "version": 9, "items": {}}', "\x00"])
def test_a_damaged_file_is_named(workspace: Workspace, text: str) -> None:
    workspace.ratings_path.write_text(text)
    with pytest.raises(UserError, match=r"ratings\.json: damaged"):
        read_ratings(workspace)
    with pytest.raises(UserError, match="damaged"):
        star(workspace, [TRACK], starred=True)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ratings=st.lists(st.integers(0, 5), min_size=6, max_size=6), starred=st.booleans(), thumb=st.booleans())
def test_many_stars_at_once_are_those_of_one_after_the_other(
    workspace: Workspace, tmp_path: Path, ratings: list[int], starred: bool, thumb: bool
) -> None:
    other = Workspace.init(tmp_path / f"w{next(NUMBERS)}")
    items = [f"track:{number}" for number in range(6)] + ["album:x", "artist:y"]
    for one in (workspace, other):
        for path in (one.thumbs_path, one.ratings_path):
            path.unlink(missing_ok=True)
        set_thumb(one, "5", "up" if thumb else "down")
        for item, rating in zip(items, ratings, strict=False):
            rate(one, item, rating)
    star(workspace, items, starred=starred)
    for item in items:
        star(other, [item], starred=starred)
    assert [feedback(workspace, item) for item in items] == [feedback(other, item) for item in items]
    assert [thumb_of(workspace, str(n)) for n in range(6)] == [thumb_of(other, str(n)) for n in range(6)]


def test_many_stars_write_each_file_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    for module in (unheard.ratings, unheard.thumbs):
        for name in ("write_json", "write_text"):
            if hasattr(module, name):
                whole = getattr(module, name)

                def counted(path: Path, *rest: object, whole: Callable[..., None] = whole, **more: object) -> None:
                    written.append(path)
                    whole(path, *rest, **more)

                monkeypatch.setattr(module, name, counted)
    star(workspace, [f"track:{number}" for number in range(2000)], starred=True)
    assert written == [workspace.ratings_path, workspace.thumbs_path]
    assert thumb_of(workspace, "1999") == "up"
