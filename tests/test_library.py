"""Tests of the library: order, transactions, and errors of SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from unheard.errors import LockedError, MissingStageError, Reason, UserError
from unheard.library import ADDED_COLUMNS, Failure, Library, Track, open_library
from unheard.system_errors import explain_sqlite


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


def test_removing_duplicates_does_not_read_every_failure(tmp_path: Path) -> None:
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


def test_a_sound_library_has_no_damage(tmp_path: Path) -> None:
    with Library(tmp_path / "l.sqlite") as library:
        assert library.damage() == []


def test_opening_before_the_scan_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingStageError, match="unheard scan -w"):
        open_library(tmp_path / "library.sqlite")


def test_a_read_only_library_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only disk; no file is created in the folder."""
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


def test_a_locked_library_is_distinguished_from_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    with Library(path) as writer, Library(path) as other, writer.transaction():
        other._db.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(LockedError, match="database is locked; another process writes to it; wait") as caught:
            other.transaction().__enter__()
    assert "restore" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_damaged_library_is_to_be_restored(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(b"no library at all, though it is longer than the header of SQLite, which has 100 bytes" * 20)
    with pytest.raises(UserError, match="file is not a database; restore it from a copy") as caught:
        Library(path)
    assert not isinstance(caught.value, LockedError)


def test_an_error_caused_by_a_bug_has_no_advice(tmp_path: Path) -> None:
    """A violated constraint or a wrong number of parameters is no fault of the file, so no advice is given."""
    with Library(tmp_path / "library.sqlite") as library:
        with pytest.raises(sqlite3.IntegrityError), library.transaction():
            library._db.execute("INSERT INTO file_failures (path, reason) VALUES ('a', NULL)")
        with pytest.raises(sqlite3.ProgrammingError), library.sqlite_errors():
            library._db.execute("SELECT ?", ())
        with library.transaction():  # the failed one was rolled back
            library.put_track(Track("a"))


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (sqlite3.SQLITE_BUSY_RECOVERY, "wait until it has finished"),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, "wait until it has finished"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "writable for this user"),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, "writable for this user"),
        (sqlite3.SQLITE_FULL, "make room and run the same command again"),
        (sqlite3.SQLITE_IOERR_READ, "check the disk"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "restore it from a copy"),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
        (sqlite3.SQLITE_MISUSE, None),
        (sqlite3.SQLITE_RANGE, None),
        (sqlite3.SQLITE_TOOBIG, None),
    ],
)
def test_advice_goes_by_the_code_of_sqlite(code: int, advice: str | None) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    explained = explain_sqlite(error, "library.sqlite")
    assert (explained is None) == (advice is None)
    assert advice is None or advice in str(explained)


def test_columns_of_later_versions_are_added(tmp_path: Path) -> None:
    """A library without them is as one of an earlier version: its tracks stay, the columns are empty."""
    with Library(tmp_path / "l.sqlite") as library:
        library.put_track(Track("a", "/m/a.ogg", "A", gone_since="2024-05-06"))
        for column in (*ADDED_COLUMNS, "checksum"):
            library._db.execute(f"ALTER TABLE tracks DROP COLUMN {column}")
    with Library(tmp_path / "l.sqlite") as library:
        assert library.tracks().items == (Track("a", "/m/a.ogg", "A"),)
