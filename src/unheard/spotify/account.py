"""Log in to a user's Spotify account, search songs and write playlists. Only this module calls spotipy.

Credentials are spotipy's: an application's id, secret and redirect address in the environment. The user's token is kept
in the user's cache folder and renewed by spotipy. UNHEARD_SPOTIFY_API is the address of another server with the same
API, for tests.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unheard.errors import UnheardError, UserError
from unheard.recommend.export import one_line
from unheard.spotify.song_matching import Song

CREDENTIALS = ("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET", "SPOTIPY_REDIRECT_URI")
OTHER_SERVER = "UNHEARD_SPOTIFY_API"
SCOPES = ("playlist-modify-private", "playlist-modify-public", "playlist-read-private")
DASHBOARD = "https://developer.spotify.com/dashboard"
TIMEOUT_S = 20
# The largest numbers that Spotify allows.
SEARCH_RESULTS = 10  # in one search
PLAYLISTS_PER_PAGE = 50
TRACKS_PER_REQUEST = 100


@dataclass(frozen=True)
class OwnedPlaylist:
    """A playlist that the user owns; the name is one line."""

    playlist_id: str
    name: str
    description: str


def token_path() -> Path:
    """Return the path of the user's token."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(folder) if folder else Path.home() / ".cache") / "unheard" / "spotify-token.json"


def connect(*, say: Callable[[str], None] | None, command: str = "the command") -> Account:
    """Log in; without a token, `say` is called with the address of the page that the user must open.

    say      None: never ask the user, as in a command that a timer runs
    command  that a user who is not logged in runs in a terminal

    Raise UserError if spotipy or a credential is missing, or if Spotify refuses the login.
    """
    try:
        from spotipy import Spotify, SpotifyOAuth
        from spotipy.cache_handler import CacheFileHandler
    except ImportError as error:
        raise UserError("playlists on Spotify need spotipy; pip install 'unheard[spotify]'") from error
    from unheard.spotify.retries import retrying_session

    missing = [name for name in CREDENTIALS if not (text := os.environ.get(name, "").strip()) or not text.isascii()]
    if missing:
        raise UserError(
            f"not set in the environment, or not ASCII: {', '.join(missing)}; make an application at {DASHBOARD} "
            "with the redirect address http://127.0.0.1:8888/callback, and set all three from it"
        )
    for library in ("spotipy", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # they also raise what they log
    path = token_path()
    session = retrying_session()
    with _readable_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        login = SpotifyOAuth(
            scope=SCOPES,
            state=secrets.token_urlsafe(16),
            cache_handler=CacheFileHandler(cache_path=str(path)),
            requests_session=session,
            requests_timeout=TIMEOUT_S,
        )
        client = Spotify(auth_manager=login, requests_session=session, requests_timeout=TIMEOUT_S)
        if server := os.environ.get(OTHER_SERVER, "").rstrip("/"):
            login.OAUTH_AUTHORIZE_URL, login.OAUTH_TOKEN_URL = f"{server}/authorize", f"{server}/api/token"
            client.prefix = f"{server}/v1/"
        if login.validate_token(login.cache_handler.get_cached_token()) is None:
            if say is None or not sys.stdin.isatty():
                raise UserError(f"not logged in to Spotify; run {command} once in a terminal with a browser")
            say(f"allow unheard to write playlists: {login.get_authorize_url()}")
        return Account(client, path)


class Account:
    """The account of a logged-in user.

    Every method raises one-line errors: UserError for problems that the user can solve, UnheardError for others.
    """

    def __init__(self, client: Any, path: Path) -> None:
        self._client, self._path = client, path
        self.user_id = self._request_id(client.current_user)

    def search(self, query: str, *, market: str | None = None) -> list[Song]:
        """Return songs that can be played in the market (None: the user's), best match first."""
        answer = self._request(self._client.search, query, limit=SEARCH_RESULTS, type="track", market=market)
        items = (answer.get("tracks") or {}).get("items") or []
        return [_song(item) for item in items if item and item.get("uri") and item.get("is_playable") is not False]

    def playlists(self) -> list[OwnedPlaylist]:
        """Return the playlists that the user owns, the newest first."""
        found = []
        page = self._request(self._client.current_user_playlists, limit=PLAYLISTS_PER_PAGE)
        while True:
            for item in filter(None, page.get("items") or []):
                if (item.get("owner") or {}).get("id") == self.user_id:
                    texts = (str(item.get(key) or "") for key in ("name", "description"))
                    found.append(OwnedPlaylist(str(item.get("id")), *map(one_line, texts)))
            if not page.get("next"):
                return found
            page = self._request(self._client.next, page)

    def create(self, name: str, *, description: str, public: bool) -> str:
        """Make an empty playlist; return its id."""
        return self._request_id(self._client.current_user_playlist_create, name, public=public, description=description)

    def change(self, playlist: str, *, name: str, description: str, public: bool) -> None:
        """Change name and description; `public` makes a playlist public, but False leaves its visibility unchanged."""
        details = {"name": name, "description": description, "public": public or None}
        self._request(self._client.playlist_change_details, playlist, **details)

    def replace(self, playlist: str, uris: Sequence[str]) -> None:
        """Replace all tracks of a playlist."""
        size = TRACKS_PER_REQUEST
        self._request(self._client.playlist_replace_items, playlist, list(uris[:size]))
        for start in range(size, len(uris), size):
            self._request(self._client.playlist_add_items, playlist, list(uris[start : start + size]))

    def _request_id(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> str:
        """Make a request and return the id in its answer."""
        answer = self._request(call, *arguments, **options)
        if not answer.get("id"):
            raise UnheardError(f"{call.__name__}: Spotify's answer has no id; try again later")
        return str(answer["id"])

    def _request(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        """Make a request and return its answer; an answer that is not a JSON object counts as empty."""
        with _readable_errors(self._path):
            answer = call(*arguments, **options)
        return answer if isinstance(answer, dict) else {}


def _song(item: dict[str, Any]) -> Song:
    artists = tuple(str(artist["name"]) for artist in item.get("artists") or [] if artist and artist.get("name"))
    isrc = (item.get("external_ids") or {}).get("isrc") or ""
    return Song(str(item["uri"]), str(item.get("name") or ""), artists, str(isrc))


@contextmanager
def _readable_errors(token: Path) -> Iterator[None]:
    """Turn exceptions of spotipy, the network and the disk into one-line errors."""
    import requests
    from spotipy import SpotifyException, SpotifyOauthError

    try:
        yield
    except SpotifyOauthError as error:
        raise UserError(
            f"Spotify refuses the login ({error}); check {', '.join(CREDENTIALS)} or delete {token}"
        ) from error
    except SpotifyException as error:
        raise _status_error(error.http_status, str(error.reason or error.msg), token) from error
    except requests.RequestException as error:
        raise UnheardError(
            f"Spotify cannot be reached ({type(error).__name__}); check the network, try again"
        ) from error
    except OSError as error:
        raise UserError(
            f"{error.filename or 'the login'}: {error.strerror or error}; the login is kept there, so make it writable"
        ) from error


def _status_error(status: int, message: str, token: Path) -> UnheardError:
    """Return the error for an HTTP status of Spotify's answer."""
    what = f"Spotify answers {status}: {one_line(message)}"
    match status:
        case 401:
            return UserError(f"{what}; the login has ended, delete {token} and run again")
        case 403:
            return UserError(f"{what}; add this user to the application at {DASHBOARD}, whose owner needs Premium")
        case 429 | 500 | 502 | 503 | 504:
            return UnheardError(f"{what}; try again later")
    return UnheardError(what)
