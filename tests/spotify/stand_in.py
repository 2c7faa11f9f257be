"""A stand-in for Spotify's Web API and accounts service over real HTTP, with Spotify's limits and errors.

Searches are as loose as Spotify's: every song that shares a word with the title is returned, songs that share more
words with title and artist first.
"""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.builders.http_stand_in import served

CLIENT = ("client-id", "client-secret")
REFRESH = "refresh-token"
CODE = "code-of-the-login"
ME = "listener"
JSON = dict[str, Any]


@dataclass
class Seen:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


@dataclass
class StandIn:
    """The server's state and the requests it has seen. `refuse` has error answers to give first, by (method, path)."""

    songs: list[JSON] = field(default_factory=list)
    playlists: list[JSON | None] = field(default_factory=list)
    token: str = "valid-token"
    refuse: dict[tuple[str, str], list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    def add_song(self, title: str, *artists: str, isrc: str = "", **more: Any) -> str:
        """Add a song to the catalogue; return its URI."""
        uri = f"spotify:track:song{len(self.songs)}"
        names = [{"name": name} for name in artists]
        self.songs.append({"uri": uri, "name": title, "artists": names, "external_ids": {"isrc": isrc}} | more)
        return uri

    def add_playlist(
        self, name: str, *, owner: str = ME, uris: tuple[str, ...] = (), description: str | None = None
    ) -> JSON:
        made: JSON = {"id": f"playlist{len(self.playlists)}", "name": name, "owner": {"id": owner}, "uris": list(uris)}
        made |= {"public": False, "description": description}
        self.playlists.append(made)
        return made

    def mine(self) -> dict[str, JSON]:
        """Return the user's own playlists by name; fail if a name occurs twice."""
        own = [item for item in self.playlists if item and item["owner"]["id"] == ME]
        by_name = {item["name"]: item for item in own}
        assert len(own) == len(by_name)
        return by_name

    def asked(self, method: str, path: str = "") -> list[Seen]:
        return [seen for seen in self.seen if seen.method == method and seen.path.startswith(path)]

    # ------------------------------------------------------------------------------------------------- answers

    def answer(self, seen: Seen) -> tuple[int, Any]:
        match seen.method, seen.path:
            case "GET", "/v1/me/":
                return 200, {"id": ME}
            case "GET", "/v1/search":
                return self._search(seen.query)
            case "GET", "/v1/me/playlists":
                return self._page(int(seen.query.get("limit", 20)), int(seen.query.get("offset", 0)))
            case "POST", "/v1/me/playlists":
                wrong = _wrong_details(seen.body)
                return (400, wrong) if wrong else (201, self._create(seen.body))
        if found := re.fullmatch(r"/v1/playlists/(\w+)(/items)?", seen.path):
            return self._change(seen, found[1], items=bool(found[2]))
        return 404, _error(404, "no such service")

    def _search(self, query: dict[str, str]) -> tuple[int, Any]:
        text, limit = query["q"], int(query.get("limit", 5))
        if len(text) > 100 or not 1 <= limit <= 10 or query["type"] != "track":
            return 400, _error(400, f"cannot search {len(text)} characters, limit {limit}")
        if found := re.fullmatch(r"isrc:(\w+)", text):
            hits = [song for song in self.songs if song["external_ids"].get("isrc") == found[1]]
        else:
            title, _, artist = text.removeprefix("track:").partition(" artist:")
            near = [(_words(song["name"]), _words(song["artists"][0]["name"]), song) for song in self.songs]
            hits = [song for name, _, song in near if name & _words(title)]
            alike = {id(song): len(name & _words(title)) + len(who & _words(artist)) for name, who, song in near}
            hits.sort(key=lambda song: -alike[id(song)])
        return 200, {"tracks": {"items": [None, *hits][: limit + 1]}}

    def _page(self, limit: int, offset: int) -> tuple[int, Any]:
        if not 1 <= limit <= 50:
            return 400, _error(400, "Invalid limit")
        items = [item and {key: item[key] for key in ("id", "name", "owner", "description")} for item in self.playlists]
        more = {"limit": limit, "offset": offset + limit}
        following = f"{self.url}/v1/me/playlists?{urlencode(more)}" if len(items) > offset + limit else None
        return 200, {"items": items[offset : offset + limit], "next": following}

    def _create(self, body: JSON) -> JSON:
        made = self.add_playlist(body["name"])
        made |= {"public": body["public"], "description": body["description"]}
        return made

    def _change(self, seen: Seen, playlist: str, *, items: bool) -> tuple[int, Any]:
        found = next((item for item in self.playlists if item and item["id"] == playlist), None)
        if found is None or found["owner"]["id"] != ME:
            return 403, _error(403, "You cannot change this playlist")
        if not items:
            wrong = _wrong_details({"name": found["name"]} | seen.body)
            found |= {} if wrong else seen.body
            return (400, wrong) if wrong else (200, None)
        uris = seen.body["uris"] if seen.method == "PUT" else seen.body
        if len(uris) > 100 or not all(uri.startswith("spotify:track:") for uri in uris):
            return 400, _error(400, "You can add a maximum of 100 tracks per request.")
        found["uris"] = uris if seen.method == "PUT" else found["uris"] + uris
        return 200, {"snapshot_id": "s"}


def _words(text: str) -> set[str]:
    """Return the words of a text without accents and case."""
    return set(re.findall(r"\w+", unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()))


def _wrong_details(body: JSON) -> JSON | None:
    """Return Spotify's error for a name or description that it refuses, or None."""
    name, description = body.get("name", ""), body.get("description", "")
    fine = 0 < len(name) <= 100 and len(description) <= 300 and not re.search(r"[\r\n]", name + description)
    return None if fine else _error(400, "Error parsing JSON.")


def _error(status: int, message: str) -> JSON:
    return {"error": {"status": status, "message": message}}


@contextmanager
def running(spotify: StandIn) -> Iterator[StandIn]:
    """Run the server on a free port; its address is `spotify.url`."""
    with served(_handler(spotify)) as spotify.url:
        yield spotify


def _handler(spotify: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Log nothing."""

        def handle_any(self) -> None:
            address = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
            text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if address.path == "/authorize":
                where = urlencode({"code": CODE, "state": query["state"]})
                self.send(302, None, {"Location": f"{query['redirect_uri']}?{where}"})
            elif address.path == "/api/token":
                self.grant({name: values[0] for name, values in parse_qs(text).items()})
            else:
                self.serve(Seen(self.command, address.path, query, json.loads(text) if text else None))

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the library's names

        def grant(self, form: dict[str, str]) -> None:
            spotify.seen.append(Seen("POST", "/api/token", {}, form))
            basic = base64.b64encode(":".join(CLIENT).encode()).decode()
            given = form.get("refresh_token") == REFRESH or form.get("code") == CODE
            if self.headers["Authorization"] != f"Basic {basic}" or not given:
                self.send(400, {"error": "invalid_grant", "error_description": "Refresh token revoked"})
            else:
                fresh = {"access_token": spotify.token, "token_type": "Bearer", "expires_in": 3600}
                self.send(200, fresh | ({"refresh_token": REFRESH} if "code" in form else {}))

        def serve(self, seen: Seen) -> None:
            spotify.seen.append(seen)
            refusals = spotify.refuse.get((seen.method, seen.path), [])
            if refusals:
                status, headers = refusals.pop(0)
                self.send(status, _error(status, "not now"), headers)
            elif self.headers["Authorization"] != f"Bearer {spotify.token}":
                self.send(401, _error(401, "The access token expired"))
            else:
                self.send(*spotify.answer(seen))

        def send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            body = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

    return Handler
