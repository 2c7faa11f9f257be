"""The command line: a thin shell over the library, one verb per stage."""

from __future__ import annotations


def main() -> None:
    """Entry point of `unheard`."""
    from unheard.cli.app import app

    app()
