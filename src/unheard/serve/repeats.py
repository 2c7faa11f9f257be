"""Whole answers are kept while the workspace stays as it is, and given again to the same request.

Only answers of routes that declare `REUSABLE` (see caching.py): they depend on the address and on the loaded workspace
alone. Stands behind the guard, so only a client with access gets them.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unheard.serve.caching import is_reusable
from unheard.serve.remembered import Response
from unheard.serve.state import Served

LONGEST_KEY = 2_000
LARGEST = 300_000  # bytes


class Repeats:
    """ASGI middleware that answers a repeated request from memory."""

    def __init__(self, app: ASGIApp, served: Served) -> None:
        self.app, self.served = app, served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = scope["type"] == "http" and scope["method"] == "GET" and len(scope["query_string"]) <= LONGEST_KEY
        if not plain or not self.served.is_loaded:
            await self.app(scope, receive, send)
            return
        loaded = self.served.loaded()
        key = (scope["path"], scope["query_string"])
        kept = loaded.responses.get(key)
        if kept is not None:
            await send({"type": "http.response.start", "status": 200, "headers": list(kept.headers)})
            await send({"type": "http.response.body", "body": kept.body})
            return
        scope.setdefault("state", {})
        began: Message = {}
        body: list[bytes] = []

        async def send_and_keep(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = {**message, "headers": list(message["headers"])}
            elif message["type"] == "http.response.body" and began["status"] == 200 and is_reusable(scope):
                body.append(message.get("body", b""))
                whole = not message.get("more_body", False)
                if whole and sum(map(len, body)) <= LARGEST:
                    loaded.responses.put(key, Response(began["headers"], b"".join(body)))
            await send(message)

        await self.app(scope, receive, send_and_keep)
