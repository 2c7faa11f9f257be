"""Everything that the page tells, read from a workspace once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unheard.errors import MissingStageError, Reason, UserError
from unheard.evaluate.results import recipe_and_seed
from unheard.library import Failure, Tracks, open_library
from unheard.progress import Progress, silent
from unheard.recommend.build import BASELINES, ORACLE, make_recommender, trained_models, without_part
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.report.hearing import Levels, Sound, hear, hear_levels
from unheard.report.inside import Convolutions, History, convolutions, histories
from unheard.report.listening import Hubs, SideBySide, default_seeds, find_hubs, side_by_side
from unheard.report.measured import Experiment, Measured, read_experiments, read_measured
from unheard.spectrograms.store import MelStore, open_store
from unheard.splits import Split, Use, load_splits
from unheard.training.predict import update_predictions
from unheard.workspace import Workspace

Listeners = Literal["simulated"]


@dataclass(frozen=True)
class SplitSize:
    """How many tracks, and how many main artists, a split gives to each use."""

    name: str
    tracks: dict[Use, int]
    artists: dict[Use, int]


@dataclass(frozen=True)
class Holdings:
    """What is in the workspace. `playlists_per_track` (n,) counts the playlists that hold each track."""

    counts: dict[str, int]
    n_artists: int
    hours: float
    failures: list[tuple[Reason, list[Failure]]]
    splits: list[SplitSize]
    playlists_per_track: NDArray[np.int64]


@dataclass(frozen=True)
class Collected:
    """A workspace under one split, as the page shows it."""

    workspace: Workspace
    catalogue: Catalogue
    simulated: bool
    holdings: Holdings
    models: tuple[str, ...]
    measured: Measured | None
    experiments: tuple[Experiment, ...]
    seeds: tuple[SideBySide, ...]
    hubs: Hubs | None
    sound: Sound | None
    levels: Levels | None
    histories: tuple[History, ...]
    convolutions: tuple[Convolutions, ...]

    @property
    def train_factors(self) -> NDArray[np.float32]:
        """Warm factors of the train tracks that have some, (n, d)."""
        catalogue = self.catalogue
        found: NDArray[np.float32] = catalogue.warm.tracks[(catalogue.use == Use.TRAIN) & catalogue.warm.known]
        return found


def collect(
    workspace: Workspace,
    split: str | None = None,
    *,
    models: Sequence[str] = (),
    seed_tracks: Sequence[str] = (),
    listeners: Listeners | None = None,
    progress: Progress = silent,
) -> Collected:
    """Read a workspace.

    models       whose lists, histories and filters are shown; none: every trained recipe (its first seed's lists)
    seed_tracks  track ids whose neighbours are listed; none: two well played test tracks of different artists
    listeners    "simulated" says on the page that nobody has made the playlists

    UserError for unknown names, MissingStageError while there is no split or no factors.
    """
    full = workspace.factors_path("full").is_file()
    catalogue = load_catalogue(workspace, split, need_full=full)
    if not (catalogue.warm.known & (catalogue.use == Use.TRAIN)).any():
        raise MissingStageError(
            f"{workspace.root}: no train track has a factor", f"unheard factors -w {workspace.root}"
        )
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library) if len(library.spectrograms()[0]) else None
        holdings = _holdings(workspace, catalogue, library.counts(), library.failures())
    name = catalogue.split.name
    trained = trained_models(workspace, name)
    chosen = _chosen(models, trained)
    rows = [catalogue.track_row(track) for track in dict.fromkeys(seed_tracks)] or default_seeds(catalogue)
    for model in {without_part(name) for name in chosen} & set(trained):
        # Tracks that were scanned, or changed, since.
        update_predictions(workspace, name, model, progress, leave=catalogue.truly_placed)
    wanted = [*([ORACLE] if full else []), *(model for model in chosen if model != ORACLE)]
    recommenders = []
    for model in wanted:
        recommenders.append(make_recommender(workspace, catalogue, model))
        progress("reading models", len(recommenders), len(wanted))
    of_training = list(dict.fromkeys(without_part(model) for model in models))
    of_interest = list(dict.fromkeys([*rows, *range(len(catalogue))]))
    return Collected(
        workspace=workspace,
        catalogue=catalogue,
        simulated=listeners == "simulated" or workspace.is_demo,
        holdings=holdings,
        models=tuple(chosen),
        measured=read_measured(workspace, name),
        experiments=read_experiments(workspace),
        seeds=tuple(side_by_side(catalogue, recommenders, row) for row in rows),
        hubs=find_hubs(catalogue, [*recommenders, make_recommender(workspace, catalogue, "random")]),
        sound=hear(catalogue.tracks, of_interest, store, workspace.settings),
        levels=_levels(store, catalogue),
        histories=histories(workspace, name, of_training),
        convolutions=convolutions(
            workspace, name, of_training or trained, store, [catalogue.tracks.ids[row] for row in of_interest]
        ),
    )


def _chosen(models: Sequence[str], trained: Sequence[str]) -> list[str]:
    """The models asked for, or every recipe's first seed."""
    for model in models:
        if model not in (*BASELINES, ORACLE) and without_part(model) not in trained:
            known = ", ".join([*trained, *BASELINES, ORACLE])
            raise UserError(f"no model {model!r}; choose of {known}, or train it")
    if models:
        return list(dict.fromkeys(models))
    first: dict[str, str] = {}
    for model in sorted(trained, key=recipe_and_seed):
        first.setdefault(recipe_and_seed(model)[0], model)
    return list(first.values())


def _levels(store: MelStore | None, catalogue: Catalogue) -> Levels | None:
    if store is None:
        return None
    train = (catalogue.tracks.ids[int(row)] for row in np.flatnonzero(catalogue.use == Use.TRAIN))
    rows = store.ids.rows(train, missing=-1)
    return hear_levels(store, rows[rows >= 0], rng=np.random.default_rng(0))


def _holdings(
    workspace: Workspace, catalogue: Catalogue, counts: dict[str, int], failures: Sequence[Failure]
) -> Holdings:
    by_reason = Counter(failure.reason for failure in failures)
    tracks, artist = catalogue.tracks, catalogue.main_artist
    return Holdings(
        counts=counts,
        n_artists=len(np.unique(artist)),
        hours=sum(track.duration_s for track in tracks.items) / 3600,
        failures=[(reason, [f for f in failures if f.reason == reason]) for reason, _ in by_reason.most_common()],
        splits=[_size(split, tracks, artist) for split in load_splits(workspace).values()],
        playlists_per_track=np.diff(catalogue.plays.tocsc().indptr).astype(np.int64),
    )


def _size(split: Split, tracks: Tracks, artist: NDArray[np.int32]) -> SplitSize:
    uses = split.uses(tracks.ids)
    return SplitSize(
        split.name,
        {use: int((uses == use).sum()) for use in Use},
        {use: len(np.unique(artist[uses == use])) for use in Use},
    )
