"""Recommend music nobody has played yet.

    import unheard

    music = unheard.open("W")                                    # a workspace made by the command line
    ids, scores = music.recommend(playlist="p0001", n=10)        # new tracks for a playlist
    ids, scores = music.similar("new.mp3", candidates="all")     # neighbours of a file nobody has played
    vectors = music.embed(["new.mp3"])                           # its predicted latent factors, (1, dim) float32

The names in `__all__` are the public API; docs/python.md explains it. Modules are imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unheard.errors import AudioError, LockedError, MissingStageError, TableError, UnheardError, UserError
    from unheard.recommend.filters import Filters
    from unheard.recommend.options import ListOptions
    from unheard.recommend.recommend import Recommendation
    from unheard.session import Session

    __version__: str

__all__ = [
    "AudioError",
    "Filters",
    "ListOptions",
    "LockedError",
    "MissingStageError",
    "Recommendation",
    "Session",
    "TableError",
    "UnheardError",
    "UserError",
    "__version__",
    "open",
]
_MODULES = {
    "AudioError": "errors",
    "Filters": "recommend.filters",
    "ListOptions": "recommend.options",
    "LockedError": "errors",
    "MissingStageError": "errors",
    "Recommendation": "recommend.recommend",
    "Session": "session",
    "TableError": "errors",
    "UnheardError": "errors",
    "UserError": "errors",
}


def open(  # noqa: A001 - called as unheard.open(...)
    workspace: str | PathLike[str], *, split: str | None = None, model: str | None = None, seed: int = 0
) -> Session:
    """Open a workspace for recommendations. Nothing is written and nothing is predicted.

    split  name of a split; None: `live` if a model is trained on it, else another split with a trained model
    model  a trained model, a baseline or "oracle"; None: the default recipe's model, else another trained one
    seed   breaks ties

    Raise UserError for an unknown name, and MissingStageError, with the command to run, for a missing stage.
    """
    from unheard.session import Session

    return Session(workspace, split=split, model=model, seed=seed)


if not TYPE_CHECKING:  # with __getattr__, a type checker would accept any attribute

    def __getattr__(name: str) -> object:
        """Import a name of the public API when it is first used (PEP 562)."""
        if name == "__version__":
            from importlib.metadata import version

            found: object = version("unheard")
        elif name in _MODULES:
            found = getattr(import_module(f"unheard.{_MODULES[name]}"), name)
        else:
            raise AttributeError(f"module 'unheard' has no attribute {name!r}")
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
