"""Send a file, or the range of it that a client wants, without the threads that compute answers.

Starlette reads files in the threads in which pages are computed: a few listeners on slow disks would make pages wait.
Here reading has threads of its own. A HEAD request reads nothing. Of several ranges in one request, which no player
asks for, the whole file is sent (RFC 9110, section 14.2, allows that).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import BinaryIO

from anyio import CapacityLimiter, create_task_group, to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from unheard.serve.head_requests import IS_HEAD

CHUNK_BYTES = 262_144
READERS = 4  # threads


class SentFile(FileResponse):
    """Starlette's response for a file: its headers, ranges and conditions."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head that starlette makes, then the bytes that it announces."""
        several = b"," in dict(scope["headers"]).get(b"range", b"")
        headers = [(name, value) for name, value in scope["headers"] if not (several and name == b"range")]
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await super().__call__({**scope, "method": "HEAD", "headers": headers}, receive, keep)
        start = messages[0]
        has_file = start["status"] in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
        if scope.get(IS_HEAD) or scope["method"] == "HEAD" or not has_file:
            for message in messages:
                await send(message)
            return
        sent = Headers(raw=start["headers"])
        first = int(sent["content-range"].removeprefix("bytes ").partition("-")[0]) if "content-range" in sent else 0
        with await to_thread.run_sync(self._opened, first, limiter=_readers(scope)) as file:
            async with create_task_group() as tasks:

                async def end_when_the_client_leaves() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    tasks.cancel_scope.cancel()

                tasks.start_soon(end_when_the_client_leaves)
                await send(start)
                await self._send_bytes(file, int(sent["content-length"]), send, _readers(scope))
                tasks.cancel_scope.cancel()

    def _opened(self, first: int) -> BinaryIO:
        file = open(self.path, "rb")  # noqa: PTH123, SIM115 - starlette allows any path; the caller closes it
        file.seek(first)
        return file

    async def _send_bytes(self, file: BinaryIO, n_bytes: int, send: Send, readers: CapacityLimiter) -> None:
        while n_bytes:
            chunk = await to_thread.run_sync(file.read, min(CHUNK_BYTES, n_bytes), limiter=readers)
            if not chunk:
                raise OSError(f"{self.path}: became shorter while it was sent")
            n_bytes -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": n_bytes > 0})
        # An empty file has no chunk that could be the last.
        if self.headers.get("content-length") == "0":
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _readers(scope: Scope) -> CapacityLimiter:
    """Return the limiter of an application's reading threads, which is made inside its event loop."""
    state = scope["app"].state
    if not hasattr(state, "readers"):
        state.readers = CapacityLimiter(READERS)
    readers: CapacityLimiter = state.readers
    return readers
