"""Say how far the lists of a library can be trusted: measure the model on validation tracks, if there are enough.

The validation tracks of the split `live` are a tenth of the played artists. They are no train tracks, but they chose
settings and weights of the model, so the figure is a little too high. `unheard evaluate` measures without that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unheard.evaluate.measure import Measure
from unheard.evaluate.recommend_task import measure_recommend, prepare_recommend
from unheard.go.data_size import MIN_TO_MEASURE
from unheard.metrics.intervals import Resamples, percentile_interval
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.recommenders import EmbeddingRecommender, Recommender
from unheard.recommend.sound import SOUND
from unheard.splits import Use

K = 20


@dataclass(frozen=True)
class Trust:
    """A sentence for people, and the figures behind it if anything was measured."""

    sentence: str
    recall: float | None = None
    chance: float | None = None
    n_playlists: int = 0
    n_tracks: int = 0


def trust(catalogue: Catalogue, recommender: Recommender, notice: str, *, seed: int = 0) -> Trust:
    """Measure recall@20 on the validation tracks, unless there are too few playlists or tracks.

    notice  why the model is `sound`, "" for a trained model (`Session.notice`)
    """
    if notice or recommender.name == SOUND:
        return Trust(f"{notice or 'lists are ranked by sound and artist'}, and how good they are cannot be measured")
    hidden = replace(catalogue, use=np.where(catalogue.use == Use.VAL, np.int8(Use.TEST), np.int8(Use.TRAIN)))
    playlists, n_tracks = playlists_with_tests(hidden), int((hidden.use == Use.TEST).sum())
    if len(playlists) < MIN_TO_MEASURE or n_tracks < MIN_TO_MEASURE:
        return Trust(
            f"{len(playlists)} playlists with {n_tracks} hidden tracks are too few to measure how good the lists are"
        )
    if isinstance(recommender, EmbeddingRecommender):
        recommender = replace(recommender, warm_cold=None)
    task = prepare_recommend(hidden, "cold", Resamples.draw(playlists, rng=np.random.default_rng([seed, 2])), seed=seed)
    recall = next(m for m in measure_recommend(task, recommender) if m.figure.metric == "recall" and m.figure.k == K)
    return Trust(_sentence(recall, n_tracks), recall.value, recall.chance, recall.n, n_tracks)


def _sentence(recall: Measure, n_tracks: int) -> str:
    found = None if recall.replicates is None else percentile_interval(recall.replicates)
    interval = "" if found is None else f" [{found[0]:.2f}, {found[1]:.2f}]"
    verdict = (
        "no better than chance; do not trust the lists"
        if recall.value < 1.2 * recall.chance
        else (f"{recall.value / recall.chance:.1f} times as many as at random")
    )
    return (
        f"of {n_tracks} hidden tracks by artists that the model had not seen, the first {K} places hold "
        f"{recall.value:.0%}{interval} of those that belong to a playlist, {verdict} ({recall.n} playlists)"
    )
