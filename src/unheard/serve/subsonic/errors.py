"""Errors of the Subsonic API: a code of the specification and a message, in a response with status 200."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Codes of the specification, https://opensubsonic.netlify.app/docs/responses/error/."""

    GENERIC = 0
    MISSING_PARAMETER = 10
    OLD_CLIENT = 20
    OLD_SERVER = 30
    WRONG_LOGIN = 40
    NO_TOKENS = 41
    UNSUPPORTED_LOGIN = 42
    CONFLICTING_LOGIN = 43
    WRONG_API_KEY = 44
    NOT_ALLOWED = 50
    NOT_FOUND = 70


class SubsonicError(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
