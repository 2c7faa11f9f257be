"""Retry requests to Spotify.

A request over the rate limit (429) is always repeated, after the seconds that Spotify names. After a server error (5xx)
or a broken connection only GET and PUT are repeated: a second POST could make a second playlist.
"""

from __future__ import annotations

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Retry

from unheard.errors import UnheardError

RATE_LIMITED = 429
SERVER_ERRORS = (500, 502, 503, 504)
MAX_RETRIES = 3
BACKOFF = 0.3
MAX_WAIT_S = 60


def retrying_session() -> requests.Session:
    """Return a session that retries requests that can be repeated safely."""
    session = requests.Session()
    policy = RetryPolicy(total=MAX_RETRIES, backoff_factor=BACKOFF, allowed_methods=("GET", "PUT"))
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=policy))
    return session


class RetryPolicy(Retry):
    """Retries every rate-limited request, and after server errors those of the allowed methods."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - urllib3's signature
        return status_code == RATE_LIMITED or (status_code in SERVER_ERRORS and method in (self.allowed_methods or ()))

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds to wait; raise UnheardError if they are more than a minute."""
        wait_s = response.headers.get("Retry-After", "").strip()
        if not (wait_s.isascii() and wait_s.isdecimal()):
            return None
        if float(wait_s) > MAX_WAIT_S:
            raise UnheardError(f"Spotify asks to wait {wait_s} seconds; run the same command again then")
        return float(wait_s)
