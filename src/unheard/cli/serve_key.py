"""The `serve-key` command: keys with which music players open the server."""

from __future__ import annotations

from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import WorkspaceOption
from unheard.workspace import Workspace


def serve_key(
    workspace: WorkspaceOption,
    name: Annotated[
        str | None, typer.Argument(help="Name of a new key, such as that of a device.", show_default=False)
    ] = None,
    remove: Annotated[str | None, typer.Option(help="Remove the key of this name.", show_default=False)] = None,
) -> None:
    """Make a key for a music player, list the keys, or remove one.

    A key opens the Subsonic API of `unheard serve` and nothing else. A running server knows of a change at once.
    """
    from unheard.serve.keys import make_key, read_keys, remove_key

    opened = Workspace.open(workspace)
    if remove is not None:
        remove_key(opened, remove)
        console.say(f"removed the key {remove}")
    if name is not None:
        made = make_key(opened, name)
        console.say(f"key {name}: give it to the player as API key, or as password of the user {name}")
        typer.echo(made.secret)
    if name is None and remove is None:
        keys = read_keys(opened)
        for key_name, key in keys.items():
            typer.echo(f"{key_name}\t{key.secret}\t{key.made}")
        if not keys:
            console.say("no keys yet; `unheard serve-key NAME` makes one")
