"""Static files of the pages: style sheets, scripts, icons.

Pages name them by an address with a digest of all of them, /static/<digest>/style.css, which a browser may keep for
ever. Scripts import each other by relative addresses, so they stay under the same digest. The plain address
/static/style.css gives the same file, and is revalidated.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from unheard.serve.http_caching import IMMUTABLE

ROOT = Path(__file__).with_name("static")
DIGITS = 12


@cache
def versioned() -> str:
    """Return the folder that pages refer to, /static/<digest>."""
    digest = hashlib.sha256()
    for path in sorted(ROOT.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"/static/{digest.hexdigest()[:DIGITS]}"


class Immutable(StaticFiles):
    """Static files under an address that changes with their content."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = IMMUTABLE
        return response
