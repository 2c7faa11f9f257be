"""Bounds for connections, before a request reaches the application: sizes, times and numbers.

uvicorn's parser (httptools) reads a header of any length for any time. This subclass of its protocol adds:

    a head, trailer or line of a chunked body     at most MAX_HEAD_BYTES
    a head                                        within HEAD_S of its first byte, and of the connection for the first
    a body                                        at least BODY_BYTES in every BODY_S
    a response                                    a client that takes nothing of it for TAKE_S is disconnected
    requests sent before their turn               at most MAX_PIPELINED
    connections                                   MAX_CONNECTIONS, fewer if the process may open few files
    connections of one address                    MAX_PER_ADDRESS; the loopback, where proxies are, has no such limit

At a limit of connections, the one that has waited longest without a request makes room for a new one. A client that
opens connections and sends nothing therefore keeps nobody out.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httptools
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

with suppress(ModuleNotFoundError):  # on Windows
    import resource

MAX_HEAD_BYTES = 65_536
MAX_PIPELINED = 16
MAX_CONNECTIONS, MAX_PER_ADDRESS = 512, 64
FILES_OF_OTHERS = 64  # descriptors that connections leave to the library, to uploads and to jobs
MIN_CONNECTIONS = 16
BACKLOG = 128  # connections that the kernel keeps while the server is busy
CHECK_EVERY_S = 1.0
NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Patience:
    """How long a connection waits for its client, in seconds; `body_bytes` have to arrive in every `body_s`."""

    head_s: float = 15.0
    body_s: float = 30.0
    body_bytes: int = 65_536
    take_s: float = 60.0
    idle_s: int = 5


PATIENCE = Patience()


class TooMuchError(Exception):
    """A client sent more than it may; `status` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `due` is the time at which it is overdue, None while the client owes nothing."""

    patience = PATIENCE
    max_connections = MAX_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.quiet_bytes = 0  # received since the last byte of a body or the last complete message
        self.head_bytes = 0
        self.body_bytes = 0
        self.take_by: float | None = None
        self.due: float | None = self.loop.time() + self.patience.head_s
        self.timer = self.loop.call_later(CHECK_EVERY_S, self._check)
        if not self._make_room():
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        self.timer.cancel()
        self.pipeline.clear()  # otherwise the requests that wait for their turn would be answered to nobody
        super().connection_lost(exc)

    # ------------------------------------------------------------------------------------------------------- sizes

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self.quiet_bytes += len(data)
        try:
            self.parser.feed_data(data)
            if self.quiet_bytes > MAX_HEAD_BYTES:
                raise TooMuchError(431)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # answered as any request; there are no other protocols
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, TooMuchError) else 400)
        except TooMuchError as error:
            self._refuse(error.status)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.head_bytes = 0
        self.due = self.loop.time() + self.patience.head_s

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, n_bytes: int) -> None:
        self.head_bytes += n_bytes + 4  # of separators, so that many short headers count too
        if self.head_bytes > MAX_HEAD_BYTES:
            raise TooMuchError(431)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            raise TooMuchError(429)
        self._expect_body()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.quiet_bytes = 0
        self.body_bytes += len(body)
        if self.body_bytes >= self.patience.body_bytes and not self.cycle.response_complete:
            self._expect_body()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.quiet_bytes, self.due = 0, None
        super().on_message_complete()

    def _expect_body(self) -> None:
        self.quiet_bytes = self.body_bytes = 0
        self.due = self.loop.time() + self.patience.body_s

    # ------------------------------------------------------------------------------------------------------- times

    def pause_writing(self) -> None:
        super().pause_writing()
        self.take_by = self.loop.time() + self.patience.take_s

    def resume_writing(self) -> None:
        super().resume_writing()
        self.take_by = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline:  # the client owes a new request, or to go away
            self.due = self.loop.time() + self.patience.idle_s + CHECK_EVERY_S

    def _check(self) -> None:
        """Close a connection that is overdue; one that does not take what it is sent is cut off."""
        now = self.loop.time()
        self.timer = self.loop.call_later(CHECK_EVERY_S, self._check)
        if self.flow.read_paused and self.due is not None:  # the server is slow, not the client
            self.due += CHECK_EVERY_S
        if self.transport.is_closing() and self.take_by is None:
            self.take_by = now + self.patience.take_s
        if self.take_by is not None and now >= self.take_by:
            self._cut_off()
        elif self.due is not None and now >= self.due and not self.transport.is_closing():
            self._refuse(408)

    def _cut_off(self) -> None:
        """End the connection at once; what was not sent is dropped, also by the kernel."""
        with suppress(OSError):
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()

    def _refuse(self, status: int) -> None:
        """Answer with a status if no response has begun, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            head = (STATUS_LINE[status], b"connection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.write(b"".join(head))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    # ----------------------------------------------------------------------------------------------------- numbers

    def _make_room(self) -> bool:
        """Return whether one more connection may stay; end one that waits for its client if that makes it possible."""
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self]
        if len(others) >= self.max_connections:
            return _end_longest_wait(others)
        if len(others) < MAX_PER_ADDRESS or is_loopback(self.address):
            return True
        same = [one for one in others if one.address == self.address]
        return len(same) < MAX_PER_ADDRESS or _end_longest_wait(same)

    @property
    def is_waiting(self) -> bool:
        """Whether no request of this connection is being answered."""
        return self.cycle is None or self.cycle.response_complete


def _end_longest_wait(connections: list[BoundedProtocol]) -> bool:
    waiting = [one for one in connections if one.is_waiting and one.due is not None]
    if not waiting:
        return False
    longest = min(waiting, key=lambda one: one.due or 0.0)
    longest.connections.discard(longest)  # now, and not when the loop tells that it is gone
    longest.transport.abort()
    return True


def is_loopback(address: str) -> bool:
    """Return whether an address is one of this machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return not address  # a socket of the file system


def connection_limit() -> int:
    """Return how many connections the server accepts: fewer than the files that it may open."""
    if "resource" not in globals():
        return MAX_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, soft - FILES_OF_OTHERS))


class Listener(uvicorn.Server):
    """uvicorn's server; `stopping` is called when it begins to stop, so that streams of events end by themselves."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: Any = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


def listener(
    app: FastAPI, *, host: str = "127.0.0.1", port: int = 0, grace_s: int | None = None, patience: Patience = PATIENCE
) -> Listener:
    """Return a server of an application, with bounded connections.

    grace_s  how long requests in flight may take when the server stops; None: for ever
    """
    limits = {"patience": patience, "max_connections": connection_limit()}
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=type("Bounded", (BoundedProtocol,), limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=patience.idle_s,
        timeout_graceful_shutdown=grace_s,
    )
    return Listener(config, app.state.server.stopping.set)
