"""Measure what bounded connections cost: requests a second beside uvicorn's own protocol, interleaved.

    python bench/bench_connections.py --rounds 7 --requests 3000

Both servers answer /api/health/live of one empty workspace, each in a process of its own; a client sends requests on
one connection, and then each on a connection of its own."""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvicorn

from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig
from unheard.serve.connections import listener
from unheard.workspace import Workspace

REQUEST = b"GET /api/health/live HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n"
KINDS = ("plain", "bounded")


def serve(kind: str, root: Path, port: int) -> None:
    """Run a server until the process is killed."""
    app = make_app(ServeConfig(workspace=root))
    if kind == "bounded":
        listener(app, port=port).run()
    else:
        uvicorn.run(app, port=port, http="httptools", log_level="warning", access_log=False)


def connect(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def on_one_connection(port: int, n: int) -> float:
    """Return requests a second."""
    with connect(port) as connection:
        began = time.perf_counter()
        for _ in range(n):
            connection.sendall(REQUEST + b"\r\n")
            while not connection.recv(65536).endswith(b"}"):  # head and body are written one after the other
                pass
        return n / (time.perf_counter() - began)


def on_new_connections(port: int, n: int) -> float:
    """Return requests a second, each on a connection of its own."""
    began = time.perf_counter()
    for _ in range(n):
        with connect(port) as connection:
            connection.sendall(REQUEST + b"Connection: close\r\n\r\n")
            while connection.recv(65536):
                pass
    return n / (time.perf_counter() - began)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], Path(options.serve[1]), int(options.serve[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Workspace.init(Path(folder) / "w").root
        ports = {kind: free_port() for kind in KINDS}
        servers = [
            subprocess.Popen([sys.executable, __file__, "--serve", kind, str(root), str(port)])
            for kind, port in ports.items()
        ]
        try:
            for port in ports.values():
                wait_for(port)
            for name, measure in (("one connection", on_one_connection), ("new connections", on_new_connections)):
                rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
                for _ in range(options.rounds):
                    for kind, port in ports.items():
                        rates[kind].append(measure(port, options.requests))
                ratios = [bounded / plain for plain, bounded in zip(rates["plain"], rates["bounded"], strict=True)]
                medians = ", ".join(f"{kind} {statistics.median(rates[kind]):,.0f}/s" for kind in KINDS)
                spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
                print(f"{name}: {medians}; ratio {statistics.median(ratios):.3f} ({spread})")
        finally:
            for server in servers:
                server.kill()
                server.wait()


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            on_one_connection(port, 1)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(port)


if __name__ == "__main__":
    main()
