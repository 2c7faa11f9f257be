"""Search the settings of a two-tower ranker on validation tracks, within a budget of minutes.

Random search (Bergstra & Bengio 2012): settings are drawn one after the other, and each is fitted with the same seed.
The first trial is the recipe itself, so the result is never worse on the validation tracks. The more trials on the same
few tracks, the more optimistic is the figure of the best. Test tracks are never read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unheard.atomic_files import write_text
from unheard.errors import UserError
from unheard.inference.device import pick_device
from unheard.inference.ranker_encoder import embed_rows
from unheard.library import open_library
from unheard.models.ranker_recipe import RankerRecipe
from unheard.models.rankers.two_tower import TwoTower
from unheard.progress import Progress, silent
from unheard.splits import Split
from unheard.training.dataset import load_ranker_data
from unheard.training.rankers.fit_functions import FITS
from unheard.training.rankers.validation import ndcg, validation_playlists
from unheard.workspace import Workspace

TEMPERATURES = (0.05, 0.1, 0.2)
HELD_OUT = (0.3, 0.5, 0.7)
POPULARITY = (0.0, 0.5)
ARTIST_DROPOUT = (0.3, 0.5, 0.7)
WIDTHS = (256, 512, 1024)
DROPOUT = (0.3, 0.5, 0.6)


@dataclass(frozen=True)
class Trial:
    """One setting and its nDCG@20 on validation tracks."""

    settings: Mapping[str, Any]
    ndcg: float
    seconds: float


def tune(
    workspace: Workspace,
    recipe: RankerRecipe,
    split: Split,
    *,
    minutes: float,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> tuple[RankerRecipe, list[Trial]]:
    """Return the recipe with the best settings found for its two towers, and every trial in order.

    The first member with two towers is tuned, by its own ranking; the recipe itself is always tried. UserError for a
    recipe without two towers, and for a split in which no playlist holds a validation track.
    """
    index = next((i for i, member in enumerate(recipe.members) if isinstance(member.ranker, TwoTower)), None)
    if index is None:
        raise UserError(f"{recipe.name}: there are no two towers to tune; name a recipe with [member.two-tower]")
    with open_library(workspace.library_path) as library:
        data = load_ranker_data(workspace, library, recipe, split)
    data = data.with_artist_features() if recipe.members[index].artist else data
    queries, chosen = validation_playlists(data), pick_device(device)
    if not len(queries):
        raise UserError(f"split {split.name!r} has no validation track in any playlist; tune on another split")
    rng, started = np.random.default_rng(seed), time.monotonic()
    trials: list[Trial] = []
    best: TwoTower = recipe.members[index].ranker
    while not trials or time.monotonic() - started < 60 * minutes:
        config = drawn(recipe.members[index].ranker, rng) if trials else recipe.members[index].ranker
        began = time.monotonic()
        ranker = FITS[TwoTower](data, config, seed=seed, device=chosen)
        embeddings = embed_rows(ranker.tower, data.validation.features)
        quality = ndcg(ranker.playlists, embeddings, data, queries)
        if trials and quality > max(trial.ndcg for trial in trials):
            best = config
        trials.append(Trial(searched(config), quality, time.monotonic() - began))
        progress("tuning, seconds", min(round(time.monotonic() - started), round(60 * minutes)), round(60 * minutes))
    members = tuple(replace(member, ranker=best) if i == index else member for i, member in enumerate(recipe.members))
    return replace(recipe, name=f"{recipe.name}-tuned", members=members), trials


def drawn(config: TwoTower, rng: np.random.Generator) -> TwoTower:
    """Return the configuration with other settings, drawn at random."""

    def one(of: tuple[float, ...]) -> float:
        return float(of[rng.integers(len(of))])

    tower = replace(config.tower, width=int(one(WIDTHS)), dropout=one(DROPOUT), input_dropout=one(DROPOUT))
    return replace(
        config,
        tower=tower,
        temperature=one(TEMPERATURES),
        held_out=one(HELD_OUT),
        popularity=one(POPULARITY),
        artist_dropout=one(ARTIST_DROPOUT),
        across_artists=bool(rng.integers(2)),
    )


def searched(config: TwoTower) -> dict[str, Any]:
    """Return the settings that are searched."""
    return {
        "temperature": config.temperature,
        "held_out": config.held_out,
        "popularity": config.popularity,
        "artist_dropout": config.artist_dropout,
        "across_artists": config.across_artists,
        "width": config.tower.width,
        "dropout": config.tower.dropout,
        "input_dropout": config.tower.input_dropout,
    }


def write_recipe(path: Path, recipe: RankerRecipe) -> None:
    """Write a TOML file that `train` reads."""
    plain = recipe.as_dict()
    lines = [f"{key} = {_toml(plain[key])}" for key in ("name", "about", "features") if key in plain]
    for member in plain["member"]:
        lines += ["", "[[member]]", *_table("member", member)]
    write_text(path, "\n".join(lines) + "\n")


def _table(name: str, values: Mapping[str, Any]) -> list[str]:
    """Return the lines of a table: plain values first, then tables."""
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += ["", f"[{name}.{key}]", *_table(f"{name}.{key}", value)]
    return lines


def _toml(value: Any) -> str:
    """Return a TOML value; JSON spells text, numbers, booleans and lists of those in the same way."""
    return json.dumps(value)
