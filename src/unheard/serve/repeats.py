"""Pages and lists that somebody asked for a moment ago are not made again while the workspace stays as it is.

Only for addresses whose answer is a function of the address and of what is loaded.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unheard.serve.remembered import Response
from unheard.serve.state import Served

SAME = frozenset(
    {"/track", "/tracks", "/artists", "/playlist", "/playlists", "/api/tracks", "/api/artists", "/api/playlists"}
)
SAME_BELOW = ("/api/tracks", "/api/artists", "/api/playlists", "/api/recommend/")
FILES = "/audio"
LONGEST_KEY = 2_000
LARGEST = 300_000  # bytes


class Repeats:
    """ASGI middleware; stands behind the guard, so that only who may ask gets an answer."""

    def __init__(self, app: ASGIApp, served: Served) -> None:
        self.app, self.served = app, served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.served.is_loaded or not _is_same(scope):
            await self.app(scope, receive, send)
            return
        loaded = self.served.loaded()
        key = (scope["path"], scope["query_string"])
        kept = loaded.responses.get(key)
        if kept is not None:
            await send({"type": "http.response.start", "status": 200, "headers": list(kept.headers)})
            await send({"type": "http.response.body", "body": kept.body})
            return
        began: Message = {}
        body: list[bytes] = []

        async def send_and_keep(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = {**message, "headers": list(message["headers"])}
            elif message["type"] == "http.response.body":
                body.append(message.get("body", b""))
                whole = not message.get("more_body", False)
                if whole and began.get("status") == 200 and sum(map(len, body)) <= LARGEST:
                    loaded.responses.put(key, Response(began["headers"], b"".join(body)))
            await send(message)

        await self.app(scope, receive, send_and_keep)


def _is_same(scope: Scope) -> bool:
    """Whether the answer depends on nothing but the address and what is loaded."""
    if scope["type"] != "http" or scope["method"] != "GET" or len(scope["query_string"]) > LONGEST_KEY:
        return False
    path = scope["path"]
    return path in SAME or (path.startswith(SAME_BELOW) and not path.endswith(FILES))
