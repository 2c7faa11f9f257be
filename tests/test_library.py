"""The library keeps what it is given, in the order of ids, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from unheard.errors import MissingStageError, Reason, UserError
from unheard.library import Failure, Library, Track, open_library


def test_tracks_come_back_by_id(tmp_path: Path) -> None:
    b = Track(
        "b", "/music/b.ogg", "B", ("Zoë", "Ünal"), "Album", "ISRC1", "mbid", "2020-01-02", "rock", 12.5, 10, 11, "h"
    )
    with Library(tmp_path / "l.sqlite") as library:
        with library.transaction():
            library.put_track(b)
            library.put_track(Track("a"))
        tracks = library.tracks()
    assert tracks.items == (Track("a"), b)
    assert list(tracks.ids) == ["a", "b"]
    assert b.label == "Zoë, Ünal - B"
    assert Track("x").label == "x"


def test_a_track_that_works_is_no_failure_any_more(tmp_path: Path) -> None:
    with Library(tmp_path / "l.sqlite") as library:
        library.put_failure(Failure("/m/a.ogg", Reason.TRUNCATED, "half", "a", 3, 4))
        assert library.failures() == [Failure("/m/a.ogg", Reason.TRUNCATED, "half", "a", 3, 4)]
        library.put_track(Track("a", "/m/a.ogg"))
        assert library.failures() == []


def test_forgetting_copies_does_not_read_every_failure(tmp_path: Path) -> None:
    """Steps of SQLite's virtual machine: as many among 5,000 failures as among 50."""

    def steps(n: int) -> int:
        n_steps = 0

        def count() -> int:
            nonlocal n_steps
            n_steps += 1
            return 0

        with Library(tmp_path / f"{n}.sqlite") as library:
            with library.transaction():
                for row in range(n):
                    library.put_failure(Failure(f"/m/{row}", Reason.DUPLICATE, "", duplicate_of=f"t{row // 2}"))
                library.put_failure(Failure("/m/broken", Reason.TRUNCATED, ""))
            library._db.set_progress_handler(count, 1)
            library.remove_duplicates("t7")
            library._db.set_progress_handler(None, 1)
            assert {f.path for f in library.failures()}.isdisjoint({"/m/14", "/m/15"})
            library.remove_duplicates("")
            assert len(library.failures()) == n - 1
        return n_steps

    assert steps(5000) == steps(50)


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with Library(tmp_path / "l.sqlite") as library:
        with pytest.raises(RuntimeError), library.transaction():
            library.put_track(Track("a"))
            raise RuntimeError
        assert len(library.tracks()) == 0


def test_a_sound_library_has_no_integrity_problem(tmp_path: Path) -> None:
    with Library(tmp_path / "l.sqlite") as library:
        assert library.integrity_problem() is None


def test_opening_before_the_scan_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingStageError, match="unheard scan -w"):
        open_library(tmp_path / "library.sqlite")


def test_a_library_that_may_not_be_written_to_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that is mounted read-only; nothing is made beside it."""
    path = tmp_path / "library.sqlite"
    with Library(path) as library, library.transaction():
        library.put_track(Track("a", title="A"))
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("os.access", lambda *_: False)
    with Library(path) as library:
        assert [track.title for track in library.tracks().items] == ["A"]
        assert sorted(tmp_path.iterdir()) == before
        with pytest.raises(UserError, match=r"library\.sqlite: .*readonly.*have to be writable"), library.transaction():
            library.put_track(Track("b"))
