"""unheard recommends music nobody has played yet.

In Python:

    import unheard

    music = unheard.open("W")                                    # a workspace made by the commands or by Python
    ids, scores = music.recommend(playlist="p0001", n=10)        # unheard tracks for a playlist
    ids, scores = music.similar("new.mp3", candidates="all")     # neighbours of a file nobody has played
    vectors = music.embed(["new.mp3"])                           # its latent factors, (1, dim) float32
"""

from __future__ import annotations

from importlib.metadata import version
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unheard.session import Session

__all__ = ["__version__", "open"]
__version__ = version("unheard")


def open(  # noqa: A001 - reads as what it does: unheard.open(...)
    workspace: str | PathLike[str], *, split: str | None = None, model: str | None = None
) -> Session:
    """Open a workspace to recommend from.

    split: name of the split (default: artists if there, else tracks); model: a trained model or a baseline (default:
    the default recipe's model, else the newest trained one). Raises UserError with the command that is missing.
    """
    from pathlib import Path

    from unheard.session import Session

    return Session(Path(workspace), split=split, model=model)
