"""Answer HEAD requests as GET without the body (RFC 9110, section 9.3.2): media players and monitors send them."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

IS_HEAD = "unheard.is_head"  # in the scope of a request that is answered without its body
EVENT_STREAM = "/events"  # the response to its GET would not end


class HeadRequests:
    """ASGI middleware that answers HEAD on every route that answers GET."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].endswith(EVENT_STREAM):
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET", IS_HEAD: True}, receive, send_without_body)
