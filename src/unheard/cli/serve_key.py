"""The `serve-key` command: keys with which music players open the server."""

from __future__ import annotations

from typing import Annotated, cast, get_args

import typer

from unheard.cli import console
from unheard.cli.console import WorkspaceOption
from unheard.errors import UserError
from unheard.workspace import Workspace


def serve_key(
    workspace: WorkspaceOption,
    name: Annotated[
        str | None, typer.Argument(help="Name of a new key, such as that of a device.", show_default=False)
    ] = None,
    remove: Annotated[str | None, typer.Option(help="Remove the key of this name.", show_default=False)] = None,
    scope: Annotated[
        str, typer.Option(help="What the key may do: read, listen (also play, star and keep lists), or admin (all).")
    ] = "listen",
    salted: Annotated[
        bool, typer.Option("--salted", help="Store the key itself, for players that only send salted hashes of it.")
    ] = False,
) -> None:
    """Make a key for a music player or a program, list the keys, or remove one.

    A key is printed once: only its hash is stored. A running server knows of a change at once.
    """
    from unheard.serve.keys import Scope, make_key, read_keys, remove_key

    if scope not in get_args(Scope):
        raise UserError(f"--scope {scope!r:.40}: expected one of {', '.join(get_args(Scope))}")
    opened = Workspace.open(workspace)
    if remove is not None:
        remove_key(opened, remove)
        console.say(f"removed the key {remove}")
    if name is not None:
        secret = make_key(opened, name, scope=cast("Scope", scope), salted=salted)
        console.say(f"key {name}: give it to the player as API key, or as password of the user {name}")
        typer.echo(secret)
    if name is None and remove is None:
        keys = read_keys(opened)
        for key_name, key in keys.items():
            typer.echo(f"{key_name}\t{key.scope}\t{'salted' if key.salted else 'hash'}\t{key.made}")
        if not keys:
            console.say("no keys yet; `unheard serve-key NAME` makes one")
