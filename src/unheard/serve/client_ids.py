"""Ids of the Subsonic API: strings that stay the same while the library grows, and are safe in any address.

    tr-...   a track: its id if that is safe in an address, else "tx-" and the id in base64url (RFC 4648, section 5)
    al-...   an album: a hash of its artist and name (serve/album_index.py)
    ar-...   an artist: a hash of the name, without case, accents and punctuation
    pl-...   a saved playlist: its id
    im-...   an imported playlist: its id in base64url

So an id says what it is the id of, and cover art has the id of what it belongs to.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from unheard.artist_names import loose
from unheard.bounded_text import cached_short

TRACK, ENCODED_TRACK, ALBUM, ARTIST, SAVED, IMPORTED = "tr-", "tx-", "al-", "ar-", "pl-", "im-"
SAFE = re.compile(r"[A-Za-z0-9._~-]{1,120}")
ID_BYTES = 8
CACHED_NAMES = 50_000


def of_track(track_id: str) -> str:
    """Return the id of a track for clients."""
    return TRACK + track_id if SAFE.fullmatch(track_id) else ENCODED_TRACK + _encoded(track_id)


def track_of(given: str) -> str | None:
    """Return the id of the track that a client means; None if it means none."""
    if given.startswith(TRACK):
        return given.removeprefix(TRACK)
    return _decoded(given.removeprefix(ENCODED_TRACK)) if given.startswith(ENCODED_TRACK) else None


def of_album(album_id: str) -> str:
    """Return the id of an album for clients."""
    return ALBUM + album_id


@cached_short(CACHED_NAMES)
def of_artist(name: str) -> str:
    """Return the id of an artist for clients; names that differ in case, accents or punctuation have the same."""
    key = loose(name) or name
    return ARTIST + hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=ID_BYTES).hexdigest()


def of_imported(playlist_id: str) -> str:
    """Return the id of an imported playlist for clients."""
    return IMPORTED + _encoded(playlist_id)


def imported_of(given: str) -> str | None:
    """Return the id of the imported playlist that a client means; None if it means none."""
    return _decoded(given.removeprefix(IMPORTED)) if given.startswith(IMPORTED) else None


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def _decoded(text: str) -> str | None:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return data.decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        return None
