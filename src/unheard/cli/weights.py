"""The `weights` command: list and convert pretrained weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unheard.cli import console


def weights(
    name: Annotated[str | None, typer.Argument(help="xception, choi or musicnn.", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Argument(help="File published by its authors. Default: Keras downloads Xception.", show_default=False),
    ] = None,
) -> None:
    """List the pretrained networks that recipes can start from, or convert the weights of one into the cache."""
    from unheard.models.pretrained import ORIGINS, cache_path, convert

    if name is not None:
        console.out.print(convert(name, file), soft_wrap=True, markup=False)
        return
    paths = {model: cache_path(model) for model in ORIGINS}
    rows = [
        [model, "yes" if paths[model].is_file() else "no", origin.licence, origin.what, paths[model]]
        for model, origin in ORIGINS.items()
    ]
    console.out.print(console.table("Pretrained weights", ["model", "there", "licence", "what", "path"], rows))
    for model, origin in ORIGINS.items():
        if not paths[model].is_file():
            console.say(f"{model}: get {origin.where}, then run `{origin.command}`")
