"""Logs on stderr: lines for people, or one JSON object a line for programs (`unheard --log-format json ...`).

    {"time": "2026-11-27T08:00:00.000+00:00", "level": "info", "logger": "unheard.access", "message": ..., ...}

Progress has the fields progress, done and total; a request those of serve/metrics.py; an error that ends the command
the field exit_code.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

Format = Literal["text", "json"]
REPEAT_S = 30.0
MAX_KNOWN = 1000


def json_line(level: str, message: str, *, at_s: float | None = None, **fields: Any) -> str:
    """Return one record."""
    at = datetime.fromtimestamp(time.time() if at_s is None else at_s, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": at, "level": level, "message": message, **fields}, ensure_ascii=False, default=str)


class JsonFormatter(logging.Formatter):
    """A record of `logging` as JSON; a mapping of arguments becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        fields: dict[str, object] = {"logger": record.name}
        if isinstance(record.args, Mapping):
            fields |= record.args
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json_line(record.levelname.lower(), record.getMessage(), at_s=record.created, **fields)


class Repeated(logging.Filter):
    """Drops a warning or an error that was logged less than REPEAT_S ago: what fails every second fills no disk."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is logged."""
        if record.levelno < logging.WARNING:
            return True
        key = record.name, record.getMessage()
        if record.created - self._seen.get(key, -REPEAT_S) < REPEAT_S:
            return False
        if len(self._seen) >= MAX_KNOWN:
            self._seen.clear()
        self._seen[key] = record.created
        return True


def configure(log_format: Format, *, access: bool = False) -> None:
    """Send all logs to stderr. `access`: requests too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(Repeated())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("unheard.access").setLevel(logging.INFO if access else logging.WARNING)
