"""A client that needs little time of its own, for measuring a server on the same cores."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

RECONNECTS = 2


class Connection:
    """One connection that is opened again when the server has closed it while it was idle."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def answer(self, address: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request; return status and body of its answer."""
        method = "POST" if body else "GET"
        head = f"{method} {address} HTTP/1.1\r\nHost: {self._there.netloc}\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: application/json\r\n\r\n"
        for attempt in range(RECONNECTS):
            is_new = self._writer is None
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(self._there.hostname, self._there.port)
            try:
                self._writer.write(head.encode() + body)
                assert self._reader is not None
                return await _answer_of(self._reader)
            except (OSError, asyncio.IncompleteReadError):
                self._writer.close()
                self._writer = None
                if is_new or attempt:
                    raise
        raise AssertionError

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


async def _answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    lengths = [int(line.partition(b":")[2]) for line in head if line.lower().startswith(b"content-length:")]
    return int(head[0].split()[1]), await reader.readexactly(lengths[0])
