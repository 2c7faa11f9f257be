"""The command line of unheard, one command per stage; commands parse options and call the library."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run `unheard`."""
    from unheard.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names that the encoding of a log lacks are no reason to stop
            stream.reconfigure(errors="backslashreplace")
    app()
