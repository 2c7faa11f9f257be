"""Static files of the pages: style sheets, scripts, icons.

Pages use addresses with a digest of all files, /static/<digest>/style.css, which a browser may store without limit.
Scripts import each other by relative addresses, so they have the same digest. The plain address /static/style.css
returns the same file, with revalidation.
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
    """Return the path under which pages address static files, /static/<digest>."""
    digest = hashlib.sha256()
    for path in sorted(ROOT.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"/static/{digest.hexdigest()[:DIGITS]}"


class Immutable(StaticFiles):
    """Static files under a path that changes with their content."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = IMMUTABLE
        return response
