"""The command line of unheard, one command per stage; commands parse options and call the library."""

from __future__ import annotations


def main() -> None:
    """Run `unheard`."""
    from unheard.cli.app import app

    app()
