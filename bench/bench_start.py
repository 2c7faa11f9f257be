"""Measure how long starts take: the help, the import, and the first page of a server.

    python bench/bench_start.py WORKSPACE

Medians of five, with compiled modules, as an installed package has them. Aim: `unheard --help` below 0.3 s, `import
unheard` below 0.1 s beside Python alone, the first page of `unheard serve` below 2 s on the workspace of the demo.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

TIMES = 5
LIMIT_S = 120.0
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    given = parser.parse_args()
    alone = median(lambda: run("-c", "pass"))
    rows = {
        "unheard --help": median(lambda: run("-m", "unheard", "--help")),
        "import unheard, beside Python alone": median(lambda: run("-c", "import unheard")) - alone,
        "first page of unheard serve": median(lambda: first_page(given.workspace)),
    }
    print("| what | seconds |\n|---|---:|")
    for what, seconds in rows.items():
        print(f"| {what} | {seconds:.2f} |")


def median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(TIMES))


def run(*words: str) -> float:
    """Return how long Python takes with some arguments, in seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    return time.perf_counter() - began


def first_page(workspace: Path) -> float:
    """Return the seconds from the start of a server to its first page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "unheard", "serve", "-w", str(workspace), "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT) as server:
        try:
            while time.perf_counter() - began < LIMIT_S:
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}/", timeout=LIMIT_S).status_code == httpx.codes.OK:
                        return time.perf_counter() - began
            raise SystemExit(f"no page after {LIMIT_S:g} s")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
