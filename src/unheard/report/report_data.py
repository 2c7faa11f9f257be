"""Read everything that the report shows from a workspace, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from unheard.arrays import Floats, Indices, Rows
from unheard.errors import MissingStageError, Reason, UserError, quoted
from unheard.evaluate.results import recipe_and_seed
from unheard.features.current import current_features
from unheard.features.table import VECTORS
from unheard.library import Failure, Tracks, open_library
from unheard.plays import count_plays
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.models import BASELINES, ORACLE, make_recommender, trained_models, without_part
from unheard.report.audio_excerpt import Excerpt, Levels, read_excerpt, sample_levels
from unheard.report.model_lists import Hubs, SideBySide, default_seeds, find_hubs, side_by_side
from unheard.report.stored_results import StoredExperiment, StoredResults, read_experiments, read_results
from unheard.report.trained_networks import Convolutions, History, convolutions, histories
from unheard.spectrograms.store import MelStore, open_store, stored_ids
from unheard.splits import EVALUATION_SPLITS, Split, Use, load_splits
from unheard.workspace import Workspace

Listeners = Literal["simulated"]


@dataclass(frozen=True)
class SplitSize:
    """Numbers of tracks and of main artists of a split, by use."""

    name: str
    tracks: dict[Use, int]
    artists: dict[Use, int]


@dataclass(frozen=True)
class LibrarySummary:
    """Contents of the workspace; `playlists_per_track` (n,) counts the playlists that contain each track."""

    counts: dict[str, int]
    n_artists: int
    hours: float
    failures: list[tuple[Reason, list[Failure]]]
    splits: list[SplitSize]
    playlists_per_track: Indices


@dataclass(frozen=True)
class ReportData:
    """A workspace under one split, as the report shows it."""

    workspace: Workspace
    catalogue: Catalogue
    simulated: bool
    library: LibrarySummary
    models: tuple[str, ...]
    results: StoredResults | None
    experiments: tuple[StoredExperiment, ...]
    seeds: tuple[SideBySide, ...]
    hubs: Hubs | None
    excerpt: Excerpt | None
    levels: Levels | None
    histories: tuple[History, ...]
    convolutions: tuple[Convolutions, ...]

    @property
    def train_factors(self) -> Floats:
        """Warm factors of the train tracks with plays, (n, d)."""
        catalogue = self.catalogue
        found: Floats = catalogue.warm.tracks[(catalogue.use == Use.TRAIN) & catalogue.warm.known]
        return found


def load_report_data(
    workspace: Workspace,
    split: str | None = None,
    *,
    models: Sequence[str] = (),
    seed_tracks: Sequence[str] = (),
    listeners: Listeners | None = None,
    progress: Progress = silent,
) -> ReportData:
    """Read a workspace.

    models       models to show lists, histories and filters of; empty: every trained recipe (lists of its first seed)
    seed_tracks  track ids whose neighbours are listed; empty: two test tracks with many plays, of different artists
    listeners    "simulated" adds a notice that the playlists are simulated

    UserError for unknown names, MissingStageError if there is no split or there are no factors.
    """
    full = workspace.factors_path("full").is_file()
    catalogue = load_catalogue(workspace, split, prefer=EVALUATION_SPLITS, need_full=full)
    if not (catalogue.warm.known & (catalogue.use == Use.TRAIN)).any():
        raise MissingStageError(
            f"{workspace.root}: no train track has a factor", f"unheard factors -w {quoted(workspace.root)}"
        )
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library) if stored_ids(workspace, library) else None
        n_vectors = len(current_features(workspace, library.tracks(), VECTORS).ids)
        summary = _library_summary(
            workspace,
            catalogue,
            library.counts() | asdict(count_plays(workspace)) | {"vectors": n_vectors},
            library.failures(),
        )
    name = catalogue.split.name
    trained = trained_models(workspace, name)
    chosen = _chosen(models, trained)
    rows = [catalogue.track_row(track) for track in dict.fromkeys(seed_tracks)] or default_seeds(catalogue)
    from unheard.inference.update_predictions import update_predictions  # imports torch

    for model in {without_part(name) for name in chosen} & set(trained):
        # For tracks that were scanned or changed after the training.
        update_predictions(workspace, name, model, progress, leave=catalogue.warm_track_ids)
    wanted = [*([ORACLE] if full else []), *(model for model in chosen if model != ORACLE)]
    recommenders = []
    for model in wanted:
        recommenders.append(make_recommender(workspace, catalogue, model))
        progress("reading models", len(recommenders), len(wanted))
    of_training = list(dict.fromkeys(without_part(model) for model in models))
    of_interest = list(dict.fromkeys([*rows, *range(len(catalogue))]))
    return ReportData(
        workspace=workspace,
        catalogue=catalogue,
        simulated=listeners == "simulated" or workspace.is_demo,
        library=summary,
        models=tuple(chosen),
        results=read_results(workspace, name),
        experiments=read_experiments(workspace),
        seeds=tuple(side_by_side(catalogue, recommenders, row) for row in rows),
        hubs=find_hubs(catalogue, [*recommenders, make_recommender(workspace, catalogue, "random")]),
        excerpt=read_excerpt(catalogue.tracks, of_interest, store, workspace.settings),
        levels=_levels(store, catalogue),
        histories=histories(workspace, name, of_training),
        convolutions=convolutions(
            workspace, name, of_training or trained, store, [catalogue.tracks.ids[row] for row in of_interest]
        ),
    )


def _chosen(models: Sequence[str], trained: Sequence[str]) -> list[str]:
    """Return the requested models, or the first seed of every recipe."""
    for model in models:
        if model not in (*BASELINES, ORACLE) and without_part(model) not in trained:
            known = ", ".join([*trained, *BASELINES, ORACLE])
            raise UserError(f"no model {model!r}; choose one of {known}, or train it")
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
    return sample_levels(store, rows[rows >= 0], rng=np.random.default_rng(0))


def _library_summary(
    workspace: Workspace, catalogue: Catalogue, counts: dict[str, int], failures: Sequence[Failure]
) -> LibrarySummary:
    by_reason = Counter(failure.reason for failure in failures)
    tracks, artist = catalogue.tracks, catalogue.main_artist
    return LibrarySummary(
        counts=counts,
        n_artists=len(np.unique(artist)),
        hours=sum(track.duration_s for track in tracks.items) / 3600,
        failures=[(reason, [f for f in failures if f.reason == reason]) for reason, _ in by_reason.most_common()],
        splits=[_size(split, tracks, artist) for split in load_splits(workspace).values()],
        playlists_per_track=np.diff(catalogue.plays.tocsc().indptr).astype(np.int64),
    )


def _size(split: Split, tracks: Tracks, artist: Rows) -> SplitSize:
    uses = split.uses(tracks.ids)
    return SplitSize(
        split.name,
        {use: int((uses == use).sum()) for use in Use},
        {use: len(np.unique(artist[uses == use])) for use in Use},
    )
