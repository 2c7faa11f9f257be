"""The `map` command: compute a two-dimensional map of the catalogue."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.console import SplitOption, WorkspaceOption
from unheard.cli.recommend import ModelOption


def draw_map(
    workspace: WorkspaceOption,
    split: SplitOption = None,
    model: ModelOption = None,
    method: Annotated[
        Literal["tsne", "pca"], typer.Option("--method", help="Method of projection to two dimensions.")
    ] = "tsne",
) -> None:
    """Compute a map of the catalogue for `unheard serve`: tracks with similar predicted factors are close."""
    import unheard

    session = unheard.open(workspace, split=split, model=model)
    session.update_predictions(warm=True)
    path = session.draw_map(method=method)
    console.say(f"drew {len(session.catalogue)} tracks: {path}")
