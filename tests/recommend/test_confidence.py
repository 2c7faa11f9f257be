"""Tests of confidence against its definition, and that noise has a lower confidence than new music."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import unheard
from unheard import session
from unheard.recommend import confidence as module
from unheard.recommend.catalogue import Catalogue, Content
from unheard.recommend.confidence import LOW_CONFIDENCE, K, confidence_model, distance_to_kth, kth_smallest
from unheard.recommend.models import make_recommender
from unheard.recommend.recommend import recommend, similar
from unheard.splits import Use
from unheard.workspace import Workspace


def slowly(catalogue: Catalogue, row: int) -> float:
    """Return the confidence of a track by the definition, one pair at a time."""
    known = [
        r
        for r in range(len(catalogue))
        if catalogue.use[r] == Use.TRAIN and catalogue.warm.known[r] and catalogue.content.known[r]
    ]
    values = catalogue.content.values.astype(np.float64)
    deviation = values[known].std(axis=0)

    def kth(a: int) -> float:
        return sorted(float(np.linalg.norm((values[a] - values[b]) / deviation)) for b in known if b != a)[K - 1]

    own = kth(row)
    return sum(kth(other) >= own for other in known) / len(known)


def test_confidence_is_the_share_of_train_tracks_that_are_as_far_away(catalogue: Catalogue) -> None:
    found = confidence_model(catalogue)
    assert found is not None
    rows = np.array([catalogue.track_row(name) for name in ("t08-0", "t19-3", "new-1", "unplayed")])
    np.testing.assert_allclose(found.of_tracks(rows), [slowly(catalogue, int(row)) for row in rows], atol=0.01)
    np.testing.assert_array_equal(found.of_content(catalogue.content.values[rows]), found.of_tracks(rows))


def test_confidence_is_1_for_warm_tracks_and_0_without_features(catalogue: Catalogue) -> None:
    found = confidence_model(catalogue)
    assert found is not None
    confidence = found.of_tracks(np.arange(len(catalogue), dtype=np.int32))
    warm = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    assert (confidence[warm] == 1).all()
    assert confidence[catalogue.track_row("silent")] == 0
    assert ((confidence >= 0) & (confidence <= 1)).all()


def test_noise_has_low_confidence_and_new_music_has_not(catalogue: Catalogue) -> None:
    found = confidence_model(catalogue)
    assert found is not None
    rng = np.random.default_rng(0)
    values = catalogue.content.values
    spread = values.std(axis=0)
    outliers = values.mean(axis=0) + 4 * spread * rng.standard_normal((20, values.shape[1]))
    assert (found.of_content(outliers.astype(np.float32)) < LOW_CONFIDENCE).all()
    cold = catalogue.candidates("cold", new=False)
    cold = cold[catalogue.content.known[cold]]
    assert (found.of_tracks(cold) < LOW_CONFIDENCE).mean() < 1 / 3


def test_a_confidence_does_not_depend_on_other_tracks(catalogue: Catalogue) -> None:
    found = confidence_model(catalogue)
    assert found is not None
    rows = catalogue.candidates("cold", new=True)
    together = found.of_tracks(rows)
    np.testing.assert_array_equal([found.of_tracks(rows[i : i + 1])[0] for i in range(len(rows))], together)


def test_constant_features_are_ignored(catalogue: Catalogue) -> None:
    values = catalogue.content.values.copy()
    values[:, 0] = 7
    flat = confidence_model(replace(catalogue, content=Content(values, catalogue.content.known)))
    values = values.copy()
    without = confidence_model(replace(catalogue, content=Content(values[:, 1:], catalogue.content.known)))
    assert flat is not None
    assert without is not None
    rows = catalogue.candidates("cold", new=True)
    np.testing.assert_array_equal(flat.of_tracks(rows), without.of_tracks(rows))


def test_a_sample_of_train_tracks_gives_similar_confidence(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = confidence_model(catalogue)
    monkeypatch.setattr(module, "MAX_SAMPLE", 100)
    part = confidence_model(catalogue)
    assert whole is not None
    assert part is not None
    assert len(part.train_distances) == 100 < len(whole.train_distances)
    rows = catalogue.candidates("cold", new=True)
    assert np.abs(whole.of_tracks(rows) - part.of_tracks(rows)).max() < 0.15


def test_the_kth_distance_leaves_the_track_itself_out() -> None:
    line = np.arange(8, dtype=np.float32)[:, None]
    np.testing.assert_allclose(distance_to_kth(line, line, own_rows=np.arange(8)), [5, 4, 3, 3, 3, 3, 4, 5])
    np.testing.assert_allclose(distance_to_kth(np.array([[0.0]], np.float32), line), [4])


def test_too_few_train_tracks_give_no_model(catalogue: Catalogue) -> None:
    has_content = np.zeros(len(catalogue), np.bool_)
    has_content[np.flatnonzero((catalogue.use == Use.TRAIN) & catalogue.warm.known)[:K]] = True
    assert confidence_model(replace(catalogue, content=Content(catalogue.content.values, has_content))) is None


def test_results_have_their_confidence(workspace: Workspace, catalogue: Catalogue) -> None:
    toy, found = make_recommender(workspace, catalogue, "toy"), confidence_model(catalogue)
    assert found is not None
    for results in (
        recommend(catalogue, toy, playlist=3, confidence_model=found),
        recommend(catalogue, toy, likes=[3, 50], confidence_model=found),
        recommend(catalogue, toy, playlist=catalogue.playlist_row("fresh"), confidence_model=found),
        similar(catalogue, toy, 3, confidence_model=found),
    ):
        expected = found.of_tracks(np.array([item.row for item in results]))
        np.testing.assert_array_equal([item.confidence for item in results], expected)
    assert recommend(catalogue, toy, playlist=3)[0].confidence is None


def test_ids_and_scores_do_not_depend_on_explanations(workspace: Workspace) -> None:
    here = unheard.open(workspace.root, model="toy")
    explained = here.neighbours(here.catalogue.tracks.ids[3])
    ids, scores = here.similar(here.catalogue.tracks.ids[3])
    assert ids == [item.track_id for item in explained]
    np.testing.assert_array_equal(scores, np.array([item.score for item in explained], np.float32))


def test_measuring_every_track_may_be_stopped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CONFIDENCE_BATCH", 7)
    here = unheard.open(workspace.root, model="toy")
    found = here._confidence_model
    assert found is not None
    asked = iter([False, False, True])
    here.measure_confidence(stopped=lambda: next(asked))
    missing = np.isnan(found._cache)
    assert not missing[:14].any()
    assert missing[14:].any()
    here.measure_confidence()
    assert not np.isnan(found._cache).any()


@pytest.mark.parametrize("n", [5, 399, 400, 450, 5000])
def test_the_kth_smallest_is_that_of_a_sort(n: int) -> None:
    rng = np.random.default_rng(n)
    for values in (rng.standard_normal((7, n), np.float32), rng.integers(3, size=(7, n)).astype(np.float32)):
        values[0, n // 2 :] = np.inf
        for k in (1, 5):
            np.testing.assert_array_equal(kth_smallest(values, k), np.sort(values, axis=1)[:, k - 1])
