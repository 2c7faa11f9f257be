"""The commands `backup` and `restore`: a workspace as one file or folder, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import WorkspaceOption
from unheard.errors import UserError, quoted
from unheard.workspace import Workspace


def backup(
    workspace: WorkspaceOption,
    out: Annotated[Path, typer.Argument(help="A file that ends in .tar.zst, or a new folder.", show_default=False)],
    without_spectrograms: Annotated[
        bool,
        typer.Option("--without-spectrograms", help="Leave out what `unheard scan` makes again from the audio."),
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Read the copy back and compare every file.")] = False,
) -> None:
    """Copy a workspace into one file or folder, while other commands may run.

    Music is not copied.
    """
    from unheard.backup.archive import back_up

    opened = Workspace.open(workspace)
    with console.progress_bars() as progress:
        made = back_up(opened, out, spectrograms=not without_spectrograms, verify=verify, progress=progress)
    verified = ", read back and compared" if verify else ""
    console.say(f"{out}: {len(made.files)} files, {made.n_bytes / 2**20:.1f} MiB{verified}")


def restore(
    copy: Annotated[Path, typer.Argument(help="What `unheard backup` wrote.", show_default=False)],
    workspace: WorkspaceOption,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check the copy, and write nothing.")] = False,
) -> None:
    """Make a workspace from a copy, after every file was compared with its hash.

    The workspace folder must be new or empty.
    """
    from unheard.backup import archive
    from unheard.serve.keys import read_keys

    with console.progress_bars() as progress:
        if dry_run:
            found = archive.check(copy, progress=progress)
        else:
            found = archive.restore(copy, workspace, progress=progress)
    what = "is whole" if dry_run else f"restored as {workspace}"
    console.say(f"{copy}: of {found.at}, {len(found.files)} files; {what}")
    if dry_run:
        return
    try:
        names = ", ".join(read_keys(Workspace.open(workspace)))
    except UserError as error:  # a damaged file of keys, which was copied as it was; the rest is restored
        console.say(str(error))
        names = ""
    if names:
        remove = f"unheard serve-key -w {quoted(workspace)} --remove NAME"
        console.say(f"keys of players and programs in it: {names}; `{remove}` removes one")
    if not found.spectrograms:
        console.say(f"spectrograms were left out; to make them again, run: unheard scan -w {quoted(workspace)} MUSIC")
