"""How long to be patient with Spotify: what is asked again, and when to give up.

A refused request (429) may always be repeated, after the seconds that Spotify names. A failing server (5xx) or a broken
connection is asked again only for requests that can be repeated without harm: a second POST could make a second
playlist.
"""

from __future__ import annotations

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Retry

from unheard.errors import UnheardError

REFUSED = 429
FAILING = (500, 502, 503, 504)
TRIES_AGAIN = 3
BACKOFF = 0.3
MOST_WAIT_S = 60


def patient_session() -> requests.Session:
    """A session that repeats what may be repeated."""
    session = requests.Session()
    patience = Patience(total=TRIES_AGAIN, backoff_factor=BACKOFF, allowed_methods=("GET", "PUT"))
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=patience))
    return session


class Patience(Retry):
    """Repeats every refused request, and failing ones of the allowed methods."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - urllib3's signature
        return status_code == REFUSED or (status_code in FAILING and method in (self.allowed_methods or ()))

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """The seconds to wait; UnheardError if they are too many to sit through."""
        asked = response.headers.get("Retry-After", "").strip()
        if not asked.isdecimal():
            return None
        if int(asked) > MOST_WAIT_S:
            raise UnheardError(f"Spotify asks to wait {asked} seconds; run the same command again then")
        return float(asked)
