"""Stars and ratings of 1 to 5, as music players give them to tracks, albums and artists, stored in W/ratings.json.

    {"format": "unheard ratings", "version": 1, "items": {"<item>": {"rating": 4, "starred": "2026-11-27T..."}}}

An item is "track:", "album:" or "artist:" with an id; `rating` 0 is no rating, `starred` "" is no star.

Of tracks, the thumb (thumbs.py) is what lists and fits use, so stars and ratings change it:

    starred, or rated 4 or 5   thumb up
    rated 1                    thumb down, and no star
    rated 2 or 3               no thumb of its own; one that the page gave stays

A star of a track is its thumb up, unless that comes from a rating alone. So a thumb of the page is a star in players,
and taking either back takes back both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from unheard.atomic_files import read_json, write_json
from unheard.errors import UserError
from unheard.file_lock import one_writer
from unheard.thumbs import NO_FILE, Thumb, Version, file_version, read_thumbs, set_thumbs
from unheard.workspace import Workspace

FORMAT, VERSION = "unheard ratings", 1
TRACK, ALBUM, ARTIST = "track:", "album:", "artist:"
MIN_LIKED, DISLIKED, MAX_RATING = 4, 1, 5


@dataclass(frozen=True)
class Feedback:
    """A rating (0: none) and the time of a star in ISO 8601 (empty: none)."""

    rating: int = 0
    starred: str = ""


NONE = Feedback()


def read_ratings(workspace: Workspace) -> dict[str, Feedback]:
    """Return the feedback of each item that has a rating or a star; UserError for a damaged file."""
    found = dict(_read(workspace.ratings_path, file_version(workspace.ratings_path)))
    thumbs = {one.track_id: one for one in read_thumbs(workspace)}
    for item, feedback in list(found.items()):
        thumb = thumbs.get(item.removeprefix(TRACK)) if item.startswith(TRACK) else None
        if item.startswith(TRACK) and feedback.starred and (thumb is None or thumb.thumb != "up"):
            found[item] = Feedback(feedback.rating)  # the page took the thumb back
    for one in thumbs.values():
        feedback = found.get(TRACK + one.track_id, NONE)
        if one.thumb == "up" and not feedback.starred and feedback.rating < MIN_LIKED:
            found[TRACK + one.track_id] = Feedback(feedback.rating, one.at)
    return {item: feedback for item, feedback in found.items() if feedback != NONE}


def star(workspace: Workspace, items: Iterable[str], *, starred: bool) -> None:
    """Star items, or take their stars back."""
    change_feedback(workspace, stars=dict.fromkeys(items, starred))


def rate(workspace: Workspace, item: str, rating: int) -> None:
    """Rate an item; 0 takes the rating back. UserError for a number outside 0 to 5."""
    change_feedback(workspace, ratings={item: rating})


def change_feedback(
    workspace: Workspace, *, ratings: Mapping[str, int] | None = None, stars: Mapping[str, bool] | None = None
) -> None:
    """Rate items, then star them or take stars back; each file is written at most once. UserError as of `rate`."""
    ratings, stars = ratings or {}, stars or {}
    for rating in ratings.values():
        if not 0 <= rating <= MAX_RATING:
            raise UserError(f"rating {rating}: expected 1 to {MAX_RATING}, or 0 for none")
    now = datetime.now(tz=UTC).isoformat(timespec="seconds")
    with one_writer(workspace.root):
        known = read_ratings(workspace)
        changes = {}
        for item in dict.fromkeys([*ratings, *stars]):
            before = after = known.get(item, NONE)
            if item in ratings:
                after = _rated(item, before, ratings[item])
            if item in stars:
                after = _starred(item, after, now if stars[item] else "")
            if item in ratings or after != before:
                changes[item] = (before, after)
        if changes:
            _change(workspace, changes)


def _rated(item: str, before: Feedback, rating: int) -> Feedback:
    return Feedback(rating, "" if rating == DISLIKED and item.startswith(TRACK) else before.starred)


def _starred(item: str, before: Feedback, now: str) -> Feedback:
    """Return feedback with a star, whose time stays if there is one already; `now` is "" for none."""
    if bool(before.starred) == bool(now):
        return before
    return Feedback(0 if now and before.rating == DISLIKED and item.startswith(TRACK) else before.rating, now)


def _change(workspace: Workspace, changes: Mapping[str, tuple[Feedback, Feedback]]) -> None:
    """Store the feedback after each change, and the thumbs that it asks for."""
    stored = dict(_read(workspace.ratings_path, file_version(workspace.ratings_path)))
    for item, (_, after) in changes.items():
        stored.pop(item, None)
        if after != NONE:
            stored[item] = after
    items = {name: asdict(feedback) for name, feedback in stored.items()}
    write_json(workspace.ratings_path, {"format": FORMAT, "version": VERSION, "items": items}, indent=1)
    current = {one.track_id: one.thumb for one in read_thumbs(workspace)}
    wanted: dict[str, Thumb | None] = {}
    for item, (before, after) in changes.items():
        track_id = item.removeprefix(TRACK)
        has, asked = current.get(track_id), _thumb(after)
        given_by_page = asked is None and has != _thumb(before)
        if item.startswith(TRACK) and asked != has and not given_by_page:
            wanted[track_id] = asked
    if wanted:
        set_thumbs(workspace, wanted)


def _thumb(feedback: Feedback) -> Thumb | None:
    """Return the thumb that feedback about a track asks for."""
    if feedback.starred or feedback.rating >= MIN_LIKED:
        return "up"
    return "down" if feedback.rating == DISLIKED else None


@lru_cache(maxsize=8)
def _read(path: Path, version: Version) -> Mapping[str, Feedback]:
    """Return what is stored; `version` makes the cached result that of the current file."""
    if version == NO_FILE:
        return {}
    try:
        values = read_json(path, format=FORMAT, version=VERSION)
        return {str(item): Feedback(int(one["rating"]), str(one["starred"])) for item, one in values["items"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); restore it from a copy, or delete it") from error
