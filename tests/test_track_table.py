"""Tracks in columns are the tracks that they were made of."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from unheard.ids import IdMap, StoredIds
from unheard.library import Track, Tracks
from unheard.track_table import TrackTable, stored_tracks

texts = st.sampled_from(["", "a", "é東", "\udc80", "a; b"])
tracks = st.builds(
    Track,
    track_id=st.text(st.sampled_from("ab東1"), min_size=1, max_size=3),
    path=texts,
    title=texts,
    artists=st.lists(texts, max_size=3).map(tuple),
    album=texts,
    genre=texts,
    duration_s=st.floats(0, 1e6),
    size=st.integers(0, 2**50),
    mtime_ns=st.integers(0, 2**62),
    gone_since=st.sampled_from(["", "2026-01-01"]),
)
libraries = st.lists(tracks, max_size=8, unique_by=lambda track: track.track_id).map(
    lambda some: tuple(sorted(some, key=lambda track: track.track_id))
)


@given(libraries)
def test_rows_are_the_tracks(library: tuple[Track, ...]) -> None:
    table = TrackTable(library)
    assert tuple(table) == tuple(table[row] for row in range(len(table))) == table[:] == library
    stored = stored_tracks(Tracks(library))
    assert tuple(stored.items) == library
    assert stored.ids == Tracks(library).ids
    assert stored_tracks(stored) is stored


def test_every_field_of_a_track_is_a_column() -> None:
    of_texts = {name: f"{name} é" for name, kind in Track.__annotations__.items() if kind == "str"}
    of_numbers = {name: 7 for name, kind in Track.__annotations__.items() if kind in ("int", "float")}
    full = Track(**of_texts, **of_numbers, artists=("x", "y"))  # type: ignore[arg-type]
    assert TrackTable([full])[0] == full


@given(st.lists(st.text(st.sampled_from("abé東\U0001f3b5"), max_size=3), unique=True, max_size=12))
def test_stored_ids_are_ids(names: list[str]) -> None:
    stored, plain = StoredIds(names), IdMap(names)
    assert stored == plain
    assert plain == stored
    assert hash(stored) == hash(plain)
    asked = [*names, "unknown", ""]
    assert [name in stored for name in asked] == [name in plain for name in asked]
    assert stored.rows(asked, missing=-1).tolist() == plain.rows(asked, missing=-1).tolist()
    assert stored.rows(names).tolist() == [stored.row(name) for name in names] == list(range(len(names)))
    assert stored.take(range(len(names))) == list(stored) == names


def test_ids_with_the_same_checksum_are_different_ids() -> None:
    one, other = "plumless", "buckeroo"
    assert zlib.crc32(one.encode()) == zlib.crc32(other.encode())
    assert StoredIds([one, "x", other]).rows([one, other]).tolist() == [0, 2]
    assert other not in StoredIds(["x", one])
