"""One user's Spotify account: log in, search, write playlists. Only this file speaks spotipy.

Credentials are spotipy's: an application's id, secret and redirect address in the environment. The user's token is kept
in the user's cache folder and renewed by spotipy. UNHEARD_SPOTIFY_API names another server that answers like Spotify.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unheard.errors import UnheardError, UserError
from unheard.recommend.export import one_line
from unheard.spotify.matching import Song

CREDENTIALS = ("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET", "SPOTIPY_REDIRECT_URI")
OTHER_SERVER = "UNHEARD_SPOTIFY_API"
SCOPES = ("playlist-modify-private", "playlist-modify-public", "playlist-read-private")
DASHBOARD = "https://developer.spotify.com/dashboard"
TIMEOUT_S = 20
MOST_FOUND = 10  # results of one search, and
PAGE = 50  # playlists of one page, and
CHUNK = 100  # tracks of one request: the most that Spotify allows


def token_path() -> Path:
    """Where the user's token is kept."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(folder) if folder else Path.home() / ".cache") / "unheard" / "spotify-token.json"


def connect(*, say: Callable[[str], None]) -> Account:
    """Log in; `say` tells the user which page to open if there is no token yet.

    UserError if spotipy or a credential is missing, or if Spotify refuses them.
    """
    try:
        from spotipy import Spotify, SpotifyOAuth
        from spotipy.cache_handler import CacheFileHandler
    except ImportError as error:
        raise UserError("playlists on Spotify need spotipy; pip install 'unheard[spotify]'") from error
    from unheard.spotify.retries import patient_session

    missing = [name for name in CREDENTIALS if not (text := os.environ.get(name, "").strip()) or not text.isascii()]
    if missing:
        raise UserError(
            f"not set in the environment, or not ASCII: {', '.join(missing)}; make an application at {DASHBOARD} "
            "with the redirect address http://127.0.0.1:8888/callback, and set all three from it"
        )
    for library in ("spotipy", "urllib3"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # what they log is raised, too
    path = token_path()
    session = patient_session()
    with _problems(path):
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
            if not sys.stdin.isatty():
                raise UserError("not logged in to Spotify; run the command once in a terminal with a browser")
            say(f"allow unheard to write playlists: {login.get_authorize_url()}")
        return Account(client, path)


class Account:
    """A logged-in user. Every method raises one-line errors: UserError for what the user can mend."""

    def __init__(self, client: Any, path: Path) -> None:
        self._client, self._path = client, path
        self.user_id = self._id_in(client.current_user)

    def search(self, query: str, *, market: str | None = None) -> list[Song]:
        """Songs that can be played in the market (None: the user's), most likely first."""
        answer = self._ask(self._client.search, query, limit=MOST_FOUND, type="track", market=market)
        items = (answer.get("tracks") or {}).get("items") or []
        return [_song(item) for item in items if item and item.get("uri") and item.get("is_playable") is not False]

    def playlists(self) -> dict[str, str]:
        """Id of each playlist that the user owns, by name; of several of one name the first, which is the newest."""
        found: dict[str, str] = {}
        page = self._ask(self._client.current_user_playlists, limit=PAGE)
        while True:
            for item in filter(None, page.get("items") or []):
                if (item.get("owner") or {}).get("id") == self.user_id:
                    found.setdefault(one_line(str(item.get("name"))), str(item.get("id")))
            if not page.get("next"):
                return found
            page = self._ask(self._client.next, page)

    def create(self, name: str, *, description: str, public: bool) -> str:
        """Make an empty playlist; returns its id."""
        return self._id_in(self._client.current_user_playlist_create, name, public=public, description=description)

    def describe(self, playlist: str, *, description: str, public: bool) -> None:
        """Change what a playlist says of itself; `public` shows it, but never hides what the user has shown."""
        self._ask(self._client.playlist_change_details, playlist, description=description, public=public or None)

    def replace(self, playlist: str, uris: Sequence[str]) -> None:
        """Put these tracks in the place of all that are in a playlist."""
        self._ask(self._client.playlist_replace_items, playlist, list(uris[:CHUNK]))
        for start in range(CHUNK, len(uris), CHUNK):
            self._ask(self._client.playlist_add_items, playlist, list(uris[start : start + CHUNK]))

    def _id_in(self, call: Callable[..., Any], *words: Any, **options: Any) -> str:
        """The id in the answer to one request."""
        found = self._ask(call, *words, **options).get("id")
        if not found:
            raise UnheardError(f"{call.__name__}: Spotify's answer has no id; try again later")
        return str(found)

    def _ask(self, call: Callable[..., Any], *words: Any, **options: Any) -> dict[str, Any]:
        """One request; an answer that is no JSON object counts as empty."""
        with _problems(self._path):
            answer = call(*words, **options)
        return answer if isinstance(answer, dict) else {}


def _song(item: dict[str, Any]) -> Song:
    artists = tuple(str(artist["name"]) for artist in item.get("artists") or [] if artist and artist.get("name"))
    isrc = (item.get("external_ids") or {}).get("isrc") or ""
    return Song(str(item["uri"]), str(item.get("name") or ""), artists, str(isrc))


@contextmanager
def _problems(token: Path) -> Iterator[None]:
    """What spotipy, the network and the disk raise, as one line."""
    import requests
    from spotipy import SpotifyException, SpotifyOauthError

    try:
        yield
    except SpotifyOauthError as error:
        raise UserError(
            f"Spotify refuses the login ({error}); check {', '.join(CREDENTIALS)} or delete {token}"
        ) from error
    except SpotifyException as error:
        raise _told(error.http_status, str(error.reason or error.msg), token) from error
    except requests.RequestException as error:
        raise UnheardError(
            f"Spotify cannot be reached ({type(error).__name__}); check the network, try again"
        ) from error
    except OSError as error:
        raise UserError(
            f"{error.filename or 'the login'}: {error.strerror or error}; it is needed to log in"
        ) from error


def _told(status: int, message: str, token: Path) -> UnheardError:
    """The error for a status that Spotify answered with."""
    what = f"Spotify answers {status}: {one_line(message)}"
    match status:
        case 401:
            return UserError(f"{what}; the login has ended, delete {token} and run again")
        case 403:
            return UserError(f"{what}; add this user to the application at {DASHBOARD}, whose owner needs Premium")
        case 429 | 500 | 502 | 503 | 504:
            return UnheardError(f"{what}; try again later")
    return UnheardError(what)
