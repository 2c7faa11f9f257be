"""Measure models on tracks that were not used for training: every task, with chance, oracle and intervals.

One protocol for all models: the same queries, candidates, ties and bootstrap resamples. The tasks are defined in
similar_task.py, playlist_overlap_task.py, recommend_task.py and factors_task.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unheard.arrays import Rows
from unheard.errors import UserError
from unheard.evaluate.factors_task import factor_queries, measure_factors
from unheard.evaluate.measure import Figure, Measure
from unheard.evaluate.playlist_overlap_task import PlaylistTask, measure_playlist_overlap, prepare_playlist_overlap
from unheard.evaluate.recommend_task import RecommendTask, measure_recommend, prepare_recommend
from unheard.evaluate.results import Results, recipe_and_seed, results_of
from unheard.evaluate.similar_task import SimilarTask, measure_similar, prepare_similar
from unheard.metrics.intervals import Resamples
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Candidates, Catalogue, load_catalogue
from unheard.recommend.csv_lists import playlists_with_tests, tests_with_plays
from unheard.recommend.models import BASELINES, FACTORS, ORACLE, make_recommender, trained_models, without_part
from unheard.recommend.recommenders import (
    EmbeddingRecommender,
    FactorRecommender,
    OracleRecommender,
    PopularityRecommender,
    Recommender,
)
from unheard.splits import EVALUATION_SPLITS, Use, artist_seen, library_groups
from unheard.workspace import Workspace

NEEDS_CONTENT = ("content-neighbours", "ridge")
IN_PARTS = "time"  # also reported in two parts: test tracks of artists with and without train tracks


@dataclass(frozen=True)
class Tasks:
    """Everything that is measured on one catalogue, prepared once for all models."""

    catalogue: Catalogue
    similar: tuple[SimilarTask, ...]
    playlist_overlap: PlaylistTask
    recommend: tuple[RecommendTask, ...]
    factors: Resamples


def evaluate(
    workspace: Workspace,
    split_name: str | None = None,
    *,
    models: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Results:
    """Measure `models` on one split (None: the default split).

    models   names; the name of a recipe stands for all its seeds. None: every baseline, every trained model, the oracle
    seed     of random ties, of the model `random` and of the bootstrap

    The split `time` is also reported in two parts, test tracks of artists with and without train tracks
    (`time-artist-seen` and `time-artist-unseen` in the rows), each with its own candidates.

    UserError for an unknown model, and for a split without test tracks in playlists.
    """
    catalogue = load_catalogue(workspace, split_name, prefer=EVALUATION_SPLITS, need_full=True)
    split = catalogue.split.name
    check_measurable(catalogue)
    names = model_names(workspace, catalogue, models)
    from unheard.inference.update_predictions import update_predictions  # imports torch

    for name in {without_part(name) for name in names} & set(trained_models(workspace, split)):
        # For tracks that were scanned or changed after the training.
        update_predictions(workspace, split, name, progress, leave=catalogue.warm_track_ids)
    recommenders = {name: make_recommender(workspace, catalogue, name, seed=seed) for name in names}
    oracle = make_recommender(workspace, catalogue, ORACLE, seed=seed)
    results = _measure_all(split, catalogue, recommenders, oracle, seed=seed, progress=progress)
    if split != IN_PARTS:
        return results
    for name, part in _parts(catalogue, library_groups(workspace, catalogue.tracks)).items():
        if len(tests_with_plays(part)) and len(playlists_with_tests(part)):
            results += _measure_all(f"{split}-{name}", part, recommenders, oracle, seed=seed, progress=progress)
    return results


def model_names(workspace: Workspace, catalogue: Catalogue, models: Sequence[str] | None) -> list[str]:
    """Return the models to measure: baselines, trained models and the oracle; or `models`, with all seeds."""
    trained = trained_models(workspace, catalogue.split.name)
    if models is None:
        has_audio = bool(((catalogue.use == Use.TRAIN) & catalogue.warm.known & catalogue.content.known).any())
        usable = [name for name in BASELINES if has_audio or name not in NEEDS_CONTENT]
        return [*usable, *trained, ORACLE]
    names: list[str] = []
    for wanted in models:
        part = FACTORS if wanted.endswith(FACTORS) else ""
        seeds = [recipe_and_seed(name) for name in trained]
        of_seeds = [f"{wanted}@{seed}" if seed else wanted for recipe, seed in seeds if f"{recipe}{part}" == wanted]
        names += of_seeds or [wanted]
    return list(dict.fromkeys(names))


def prepare(catalogue: Catalogue, *, seed: int) -> Tasks:
    """Return the queries, the truth and the resamples of every task."""
    queries, playlists = tests_with_plays(catalogue), playlists_with_tests(catalogue)
    by_artist = Resamples.draw(catalogue.main_artist[queries], rng=np.random.default_rng([seed, 1]))
    by_playlist = Resamples.draw(playlists, rng=np.random.default_rng([seed, 2]))
    folded_in = Resamples.draw(catalogue.main_artist[factor_queries(catalogue)], rng=np.random.default_rng([seed, 3]))
    neighbours: tuple[Candidates, ...] = ("cold", "warm")
    rankings: tuple[Candidates, ...] = ("cold", "all")
    return Tasks(
        catalogue,
        tuple(prepare_similar(catalogue, which, by_artist, seed=seed) for which in neighbours),
        prepare_playlist_overlap(catalogue, by_playlist, seed=seed),
        tuple(prepare_recommend(catalogue, which, by_playlist, seed=seed) for which in rankings),
        folded_in,
    )


def measure(tasks: Tasks, recommender: Recommender) -> dict[Figure, Measure]:
    """Return every figure that is defined for a model; popularity is not measured on tracks without plays."""
    warm_only = isinstance(recommender, PopularityRecommender)
    found: list[Measure] = []
    for similar in tasks.similar:
        if similar.which == "warm" or not warm_only:
            found += measure_similar(similar, recommender)
    if not warm_only:
        found += measure_playlist_overlap(tasks.playlist_overlap, recommender)
    for recommend in tasks.recommend:
        if recommend.which == "all" or not warm_only:
            found += measure_recommend(recommend, recommender)
    factors = recommender
    if isinstance(recommender, OracleRecommender):
        factors = recommender.warm
    elif isinstance(recommender, EmbeddingRecommender):
        factors = recommender.factors
    if isinstance(factors, FactorRecommender):
        found += measure_factors(tasks.catalogue, factors, tasks.factors)
    return {measure.figure: measure for measure in found if measure.n}


def _measure_all(
    split: str,
    catalogue: Catalogue,
    recommenders: dict[str, Recommender],
    oracle: Recommender,
    *,
    seed: int,
    progress: Progress,
) -> Results:
    progress(f"measuring {split}", 0, len(recommenders))
    tasks = prepare(catalogue, seed=seed)
    ceiling = measure(tasks, oracle)
    measured = {}
    for done, (name, recommender) in enumerate(recommenders.items(), start=1):
        measured[name] = ceiling if name == ORACLE else measure(tasks, recommender)
        progress(f"measuring {split}", done, len(recommenders))
    return results_of(split, measured, oracle=ceiling, seed=seed)


def _parts(catalogue: Catalogue, groups: Rows) -> dict[str, Catalogue]:
    """Return the catalogue with a part of its test tracks; the others become validation tracks."""
    seen, test = artist_seen(catalogue.use, groups), catalogue.use == Use.TEST
    keep = {"artist-seen": seen, "artist-unseen": ~seen}
    return {
        name: replace(catalogue, use=np.where(test & ~part, np.int8(Use.VAL), catalogue.use))
        for name, part in keep.items()
    }


def check_measurable(catalogue: Catalogue) -> None:
    """Raise UserError for a split without test tracks in playlists."""
    if not len(playlists_with_tests(catalogue)):
        raise UserError(
            f"split {catalogue.split.name!r} has no test track that is in a playlist, so nothing can be measured; "
            "evaluate another split (`unheard evaluate --split tracks`) or import more playlists"
        )
