"""The `serve` command: serve a workspace's pages and HTTP API."""

from __future__ import annotations

import gc
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from unheard.cli import console, logs
from unheard.cli.console import SplitOption, WorkspaceOption
from unheard.errors import UserError
from unheard.workspace import Workspace

GRACE_S = 10  # for requests in flight while the server stops


def serve(
    workspace: WorkspaceOption,
    host: Annotated[
        str, typer.Option(help="Address to listen on; needs a token if others can reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File whose first line is the token that users of the server need.", show_default=False),
    ] = None,
    music_root: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder that scans and imports started from a browser may read (repeatable). Default: your home "
            "folder and mounted drives, if only this machine can reach the server; else none.",
            show_default=False,
        ),
    ] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log every request: address, route, status and time, no query.")
    ] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Number of processes that answer requests, for many at the same time.")
    ] = 1,
    split: SplitOption = None,
    model: Annotated[str | None, typer.Option("--model", help="The model to use. Default: the trained one.")] = None,
) -> None:
    """Serve pages and an HTTP API. Only this machine can reach them unless --host says otherwise.

    A new or empty folder becomes a workspace: its page lets you choose your music and your playlists.
    """
    gc.disable()  # nothing that imports make is garbage
    from unheard.serve.app import make_app
    from unheard.serve.config import ServeConfig, personal_folders, read_token
    from unheard.serve.connections import listener
    from unheard.serve.cookies import cookie_secret
    from unheard.serve.processes import serve_in_processes

    gc.freeze()
    gc.enable()
    config = ServeConfig(
        workspace=workspace,
        host=host,
        port=port,
        token=None if token_file is None else read_token(token_file),
        split=split,
        model=model,
        music_roots=tuple(music_root or ()),
    )
    if config.is_loopback and not music_root:
        config = replace(config, music_roots=personal_folders())
    _check_port(host, port)
    if not (workspace / "workspace.json").exists():
        Workspace.init(workspace)
        console.say(f"{workspace}: made a new workspace; choose your music in a browser")
    opened = Workspace.open(workspace)  # one that cannot be read is refused before any process is started
    if config.token is not None:
        config = replace(config, cookie_secret=cookie_secret(opened))
    logs.configure(console.log_format(), access=access_log)
    console.say(f"unheard is at http://{f'[{host}]' if ':' in host else host}:{port}/ (Ctrl-C stops it)")
    if processes > 1:
        serve_in_processes(config, processes, grace_s=GRACE_S)
        return
    with suppress(KeyboardInterrupt):
        listener(make_app(config), host=host, port=port, grace_s=GRACE_S).run()


def _check_port(host: str, port: int) -> None:
    """Raise UserError for an address that cannot be listened on, before the workspace is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        raise UserError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --port") from error
