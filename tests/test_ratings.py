"""Stars and ratings: what players see is independent of each other, and what lists use follows from both."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unheard.ratings
import unheard.thumbs
from unheard.errors import UserError
from unheard.ratings import DISLIKED, MIN_LIKED, Feedback, change_feedback, rate, read_ratings, star
from unheard.thumbs import Thumb, file_version, set_thumb, thumb_of
from unheard.workspace import Workspace

TRACK = "track:a"
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


ITEMS = st.sampled_from(["track:a", "track:b", "track:c", "album:a", "artist:b"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    thumbs=st.dictionaries(st.sampled_from("abc"), st.sampled_from(["up", "down"])),
    begun=st.dictionaries(ITEMS, st.integers(0, 5)),
    ratings=st.dictionaries(ITEMS, st.integers(0, 5)),
    stars=st.dictionaries(ITEMS, st.booleans()),
)
def test_many_at_once_are_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory,
    thumbs: dict[str, Thumb],
    begun: dict[str, int],
    ratings: dict[str, int],
    stars: dict[str, bool],
) -> None:
    many, one_by_one = (Workspace.init(tmp_path_factory.mktemp("w") / name) for name in "ab")
    for workspace in (many, one_by_one):
        for track_id, thumb in thumbs.items():
            set_thumb(workspace, track_id, thumb)
        for item, rating in begun.items():
            rate(workspace, item, rating)
    change_feedback(many, ratings=ratings, stars=stars)
    for item, rating in ratings.items():
        rate(one_by_one, item, rating)
    for item, starred in stars.items():
        star(one_by_one, [item], starred=starred)
    for track_id in "abc":
        assert thumb_of(many, track_id) == thumb_of(one_by_one, track_id)
    for item in ("track:a", "track:b", "track:c", "album:a", "artist:b"):
        assert feedback(many, item) == feedback(one_by_one, item)


def test_a_number_that_is_no_rating_changes_nothing(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="rating 6"):
        change_feedback(workspace, ratings={TRACK: 5, "track:b": 6})
    assert read_ratings(workspace) == {}


def test_a_file_with_inode_size_and_time_of_before_is_another(tmp_path: Path) -> None:
    """As when a copy of a workspace replaces it."""
    path = tmp_path / "ratings.json"
    path.write_text("a")
    before, state = file_version(path), path.stat()
    while path.stat().st_ctime_ns == state.st_ctime_ns:  # the clock of files has steps of milliseconds
        path.write_text("b")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_size, path.stat().st_mtime_ns) == (
        state.st_ino,
        state.st_size,
        state.st_mtime_ns,
    )
    assert file_version(path) != before
