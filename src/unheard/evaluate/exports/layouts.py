"""Export a split of a workspace into a new folder, in one of the layouts of FORMATS."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from unheard.atomic_files import new_folder
from unheard.errors import UserError
from unheard.evaluate.evaluate import check_measurable, model_names
from unheard.evaluate.exports.coldrec import write_acarec, write_coldrec
from unheard.evaluate.exports.ranx import write_ranx
from unheard.evaluate.exports.recbole import write_recbole
from unheard.plays import read_plays
from unheard.recommend.catalogue import load_catalogue
from unheard.recommend.models import make_recommender
from unheard.splits import EVALUATION_SPLITS
from unheard.workspace import Workspace

Format = Literal["recbole", "coldrec", "acarec", "ranx"]
FORMATS: tuple[Format, ...] = get_args(Format)


def export_split(
    workspace: Workspace,
    folder: Path,
    layout: Format,
    *,
    split: str | None = None,
    models: Sequence[str] | None = None,
    n: int = 1000,
    seed: int = 0,
) -> str:
    """Write the files of a layout into `folder`, which must be new or empty; return the name of the split.

    models  whose lists are written, only for `ranx`; None: every baseline, every trained model, the oracle
    n       length of a list, only for `ranx`
    seed    of the plays that are held out (`coldrec`, `acarec`), and of random ties (`ranx`)

    The folder appears when it is complete. UserError for a folder that is not empty, or a split without test plays.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: exists already; name a new folder, or delete this one")
    catalogue = load_catalogue(workspace, split, prefer=EVALUATION_SPLITS, need_full=layout == "ranx")
    check_measurable(catalogue)
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
    with new_folder(folder) as partial:
        if layout == "ranx":
            names = model_names(workspace, catalogue, models)
            recommenders = {name: make_recommender(workspace, catalogue, name, seed=seed) for name in names}
            write_ranx(partial, catalogue, recommenders, n=n, seed=seed)
        else:
            plays = read_plays(workspace)
            if layout == "recbole":
                write_recbole(partial, folder.name, catalogue, plays)
            else:
                write = write_coldrec if layout == "coldrec" else write_acarec
                write(partial, folder.name, catalogue, plays, seed=seed)
    return catalogue.split.name
