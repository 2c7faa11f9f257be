"""The parameters of one request: those of the address and of the form that was posted, as strings."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from unheard.serve.subsonic.errors import Code, SubsonicError

MAX_DIGITS = 18  # of a number; more would be no time and no count
MAX_FIELDS, MAX_LENGTH = 20_000, 2000  # of a request: its parameters, and characters of each


class Parameters:
    """Values by name; a name may have several."""

    def __init__(self, query: bytes, form: bytes = b"") -> None:
        self._values: dict[str, list[str]] = {}
        for encoded in (query, form):
            for name, value in _fields(encoded):
                self._values.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """Return the last value of a parameter."""
        return self._values.get(name, [default])[-1]

    def required(self, name: str) -> str:
        """Return the value of a parameter that must be there and not be empty."""
        if not (value := self.text(name)):
            raise SubsonicError(Code.MISSING_PARAMETER, f"required parameter is missing: {name}")
        return value

    def every(self, name: str) -> Sequence[str]:
        """Return all values of a parameter, in the order in which they were sent."""
        return self._values.get(name, [])

    def number(self, name: str, default: int, *, low: int = 0, high: int = 10**MAX_DIGITS) -> int:
        """Return a whole number, moved into the range from `low` to `high`."""
        if not (value := self.text(name).strip()):
            return default
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS):
            raise SubsonicError(Code.GENERIC, f"{name}: expected a whole number, found {value[:40]!r}")
        return min(max(int(value), low), high)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a value that is true or false."""
        value = self.text(name).strip().lower()
        return default if value not in ("true", "false", "1", "0") else value in ("true", "1")


def _fields(encoded: bytes) -> list[tuple[str, str]]:
    """Return names and values; SubsonicError if there are too many, or one is too long."""
    try:
        found = parse_qsl(
            encoded.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise SubsonicError(Code.GENERIC, f"expected at most {MAX_FIELDS} parameters") from error
    if any(len(part) > MAX_LENGTH for pair in found for part in pair):
        raise SubsonicError(Code.GENERIC, f"expected parameters of at most {MAX_LENGTH} characters")
    return found
