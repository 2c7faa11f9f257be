"""Errors of SQLite as responses: a lock is temporary, a damaged file is not, anything else is a bug."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from unheard.serve.errors import of_exception


@pytest.mark.parametrize(
    ("code", "status", "error_code", "says"),
    [
        (sqlite3.SQLITE_BUSY, 503, "busy", "wait until it has finished"),
        (sqlite3.SQLITE_CORRUPT, 500, "library_unreadable", "restore it from a copy"),
        (sqlite3.SQLITE_CONSTRAINT, 500, "internal_error", "log"),
    ],
)
def test_an_error_of_sqlite_gets_its_own_code(code: int, status: int, error_code: str, says: str) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    found = of_exception(error)
    detail: Any = found.detail
    assert (found.status_code, detail["error_code"]) == (status, error_code)
    assert says in detail["message"]
