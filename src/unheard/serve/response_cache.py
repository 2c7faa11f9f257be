"""Middleware that answers repeated requests from memory for as long as the snapshot stays the same.

It stores only responses of routes that declare `REUSABLE` (http_caching.py): they depend on nothing but the address,
the snapshot, and the thumbs and saved playlists, whose version is part of the key. It runs behind the access control of
security.py, so only authorized clients get stored responses.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unheard.saved_playlists import kept_version
from unheard.serve.cache import StoredResponse
from unheard.serve.http_caching import is_reusable
from unheard.serve.state import ServerState

MAX_QUERY_BYTES = 2_000
MAX_BODY_BYTES = 300_000


class ResponseCache:
    """ASGI middleware that stores reusable responses in the current snapshot."""

    def __init__(self, app: ASGIApp, server: ServerState) -> None:
        self.app, self.server = app, server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_get = scope["type"] == "http" and scope["method"] == "GET" and len(scope["query_string"]) <= MAX_QUERY_BYTES
        if not is_get or not self.server.has_snapshot:
            await self.app(scope, receive, send)
            return
        snapshot = self.server.snapshot()
        key = (scope["path"], scope["query_string"], kept_version(self.server.workspace))
        stored = snapshot.responses.get(key)
        if stored is not None:
            await send({"type": "http.response.start", "status": 200, "headers": list(stored.headers)})
            await send({"type": "http.response.body", "body": stored.body})
            return
        scope.setdefault("state", {})
        start: Message = {}
        body: list[bytes] = []

        async def send_and_store(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = {**message, "headers": list(message["headers"])}
            elif message["type"] == "http.response.body" and start["status"] == 200 and is_reusable(scope):
                body.append(message.get("body", b""))
                is_complete = not message.get("more_body", False)
                if is_complete and sum(map(len, body)) <= MAX_BODY_BYTES:
                    snapshot.responses.put(key, StoredResponse(start["headers"], b"".join(body)))
            await send(message)

        await self.app(scope, receive, send_and_store)
