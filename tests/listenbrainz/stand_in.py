"""A stand-in for the ListenBrainz API over real HTTP: it refuses what the published description does not allow.

Source: https://listenbrainz.readthedocs.io/en/latest/users/api/ (core, playlists, metadata, rate limiting), and
https://musicbrainz.org/doc/jspf for playlists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from tests.builders.http_stand_in import served

JSON = dict[str, Any]
TOKEN, USER = "0a1b2c", "a person"
EXTENSION = "https://musicbrainz.org/doc/jspf#playlist"
RECORDING = re.compile(r"https://musicbrainz\.org/recording/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
AGENT = re.compile(r"[\w-]+/[\w.]+ \( \S+ \)")
BROKEN = 0  # a status: the connection is closed without an answer, after the request was carried out
MAX_COUNT = 1000


@dataclass
class Seen:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


@dataclass
class StandIn:
    """The server's state, and the requests it has seen.

    per_page  listens of a page, if the request does not ask for fewer
    refuse    statuses with headers to answer first, by the number of the request that is still to come, 0 for the next
    """

    listens: list[JSON] = field(default_factory=list)
    playlists: dict[str, JSON] = field(default_factory=dict)
    feedback: list[JSON] = field(default_factory=list)
    recordings: dict[tuple[str, str], JSON] = field(default_factory=dict)
    per_page: int = MAX_COUNT
    refuse: dict[int, tuple[int, dict[str, str]]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    def listen(self, at: int, title: str, artist: str = "Artist 9", **more: Any) -> None:
        """Add a listen."""
        about = {"artist_name": artist, "track_name": title, "additional_info": more}
        made = {"listened_at": at, "recording_msid": f"msid-{artist}-{title}", "track_metadata": about}
        self.listens.append(made | {"user_name": USER, "inserted_at": at})

    def asked(self, method: str, path: str = "") -> list[Seen]:
        return [seen for seen in self.seen if seen.method == method and seen.path.startswith(path)]

    def tracks(self, mbid: str) -> list[str]:
        """Return the recordings of a playlist."""
        return [track["identifier"] for track in self.playlists[mbid]["track"]]

    def answer(self, seen: Seen) -> tuple[int, JSON]:
        """Return the status and the JSON of a request."""
        try:
            return 200, self._answer(seen)
        except LookupError as error:
            return 404, {"code": 404, "error": f"Cannot find {error}"}
        except ValueError as error:
            return 400, {"code": 400, "error": str(error)}

    def _answer(self, seen: Seen) -> JSON:
        match seen.method, seen.path.strip("/").split("/"):
            case "GET", ["1", "validate-token"]:
                return {"code": 200, "message": "Token valid.", "valid": True, "user_name": USER}
            case "GET", ["1", "user", name, "listens"]:
                return self._listens(name, seen.query)
            case "GET", ["1", "feedback", "user", name, "get-feedback"]:
                return self._feedback(name, seen.query)
            case "GET", ["1", "user", name, "playlists"]:
                return self._playlists(name, int(seen.query["count"]), int(seen.query["offset"]))
            case "GET", ["1", "metadata", "lookup"]:
                key = (seen.query["artist_name"].casefold(), seen.query["recording_name"].casefold())
                return self.recordings.get(key, {})
            case "GET", ["1", "playlist", mbid]:
                return {"playlist": self.playlists[check_uuid(mbid)]}
            case "POST", ["1", "playlist", "create"]:
                return self._create(seen.body)
            case "POST", ["1", "playlist", "edit", mbid]:
                check_playlist(seen.body)
                self.playlists[check_uuid(mbid)] |= seen.body["playlist"]
                return {"status": "ok"}
            case "POST", ["1", "playlist", mbid, "item", "add", offset]:
                check_playlist(seen.body)
                require(len(seen.body["playlist"]["track"]) <= 100, "You may only add max 100 recordings per call.")
                tracks = self.playlists[check_uuid(mbid)]["track"]
                tracks[int(offset) : int(offset)] = seen.body["playlist"]["track"]
                return {"status": "ok"}
            case "POST", ["1", "playlist", mbid, "item", "delete"]:
                index, count = seen.body["index"], seen.body["count"]
                require(type(index) is int is type(count) and index >= 0 < count, "index and count")
                del self.playlists[check_uuid(mbid)]["track"][index : index + count]
                return {"status": "ok"}
        raise LookupError(seen.path)

    def _listens(self, name: str, query: dict[str, str]) -> JSON:
        if unquote(name) != USER:
            raise LookupError(f"user: {name}")
        require(set(query) <= {"count", "max_ts", "min_ts"}, "unknown parameters")
        require(not {"max_ts", "min_ts"} <= set(query), "You may only specify max_ts or min_ts, not both.")
        count, max_ts = int(query.get("count", 25)), int(query.get("max_ts", 2**62))
        require(0 < count <= MAX_COUNT, "count")
        found = sorted(
            (one for one in self.listens if one["listened_at"] < max_ts), key=lambda one: -one["listened_at"]
        )
        page = found[: min(count, self.per_page)]
        return {"payload": {"count": len(page), "user_id": USER, "listens": page}}

    def love(self, track: JSON, score: int, mbid: str = "") -> None:
        """Love (1) or hate (-1) a recording, or take that back (0)."""
        key = f"msid-{track['artist_name']}-{track['track_name']}"
        self.feedback = [one for one in self.feedback if one["recording_msid"] != key]
        if score:
            about = {**track, "release_name": "", "mbid_mapping": {"recording_mbid": mbid} if mbid else None}
            made = {"created": 1, "user_id": USER, "recording_msid": key, "recording_mbid": mbid or None}
            self.feedback.append({**made, "score": score, "track_metadata": about})

    def _feedback(self, name: str, query: dict[str, str]) -> JSON:
        if unquote(name) != USER:
            raise LookupError(f"user: {name}")
        require(set(query) <= {"score", "count", "offset", "metadata"}, "unknown parameters")
        require(query.get("metadata", "false") in ("true", "false"), "metadata")
        offset = int(query.get("offset", 0))
        page = self.feedback[offset : offset + min(int(query.get("count", 25)), self.per_page)]
        if query.get("metadata") != "true":
            page = [{key: value for key, value in one.items() if key != "track_metadata"} for one in page]
        return {"feedback": page, "count": len(page), "total_count": len(self.feedback), "offset": offset}

    def _playlists(self, name: str, count: int, offset: int) -> JSON:
        if unquote(name) != USER:
            raise LookupError(f"user: {name}")
        listed = [{"playlist": one | {"track": []}} for one in self.playlists.values()]
        return {
            "playlists": listed[offset : offset + count],
            "playlist_count": len(listed),
            "offset": offset,
            "count": count,
        }

    def _create(self, body: JSON) -> JSON:
        check_playlist(body)
        made = body["playlist"]
        require(bool(made.get("title")), "JSPF playlist must contain a title element with the title of the playlist.")
        require("public" in made["extension"][EXTENSION], "public field must be given.")
        mbid = str(UUID(int=len(self.playlists) + 1))
        self.playlists[mbid] = made | {"identifier": f"https://listenbrainz.org/playlist/{mbid}", "creator": USER}
        return {"status": "ok", "playlist_mbid": mbid}


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def check_uuid(text: str) -> str:
    return str(UUID(text))


def check_playlist(body: JSON) -> None:
    """Raise ValueError for what is no JSPF playlist, or one that ListenBrainz refuses."""
    require(isinstance(body, dict) and set(body) == {"playlist"}, "JSPF playlist requires 'playlist' element")
    playlist = body["playlist"]
    known = {"title", "creator", "annotation", "info", "identifier", "date", "extension", "track"}
    require(set(playlist) <= known, f"no elements of JSPF: {set(playlist) - known}")
    require(isinstance(playlist.get("title", "x"), str) and playlist.get("title", "x") != "", "title")
    require(isinstance(playlist.get("annotation", ""), str), "annotation")
    require(type(playlist.get("extension", {}).get(EXTENSION, {}).get("public", True)) is bool, "public")
    for track in playlist.get("track", []):
        require(RECORDING.fullmatch(track["identifier"]) is not None, "identifier")


@contextmanager
def running(server_state: StandIn) -> Iterator[StandIn]:
    """Run the server on a free port; its address is `url`."""
    with served(_handler(server_state)) as server_state.url:
        yield server_state


def _handler(state: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Log nothing."""

        def handle_any(self) -> None:
            address = urlsplit(self.path)
            query = {
                name: values[0] for name, values in parse_qs(address.query, strict_parsing=bool(address.query)).items()
            }
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen = Seen(self.command, address.path, query, json.loads(data) if data else None)
            state.seen.append(seen)
            status, headers = state.refuse.pop(0, (200, {}))
            state.refuse = {number - 1: value for number, value in state.refuse.items()}
            if AGENT.fullmatch(self.headers["User-Agent"]) is None:
                self.send(400, {"error": "User-Agent"}, {})
            elif data and self.headers["Content-Type"] != "application/json":
                self.send(400, {"error": "Content-Type"}, {})
            elif status not in (200, BROKEN):
                self.send(status, {"code": status, "error": "not now"}, headers)
            elif self.headers["Authorization"] not in (f"Token {TOKEN}", *([None] if self.command == "GET" else [])):
                self.send(401, {"code": 401, "error": "Invalid authorization token."}, {})
            else:
                code, value = state.answer(seen)
                if status == BROKEN:
                    self.close_connection = True
                else:
                    self.send(code, value, headers)

        do_GET = do_POST = handle_any  # noqa: N815 - the library's names

        def send(self, status: int, value: JSON, headers: dict[str, str]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(body)), **state.headers, **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

    return Handler
