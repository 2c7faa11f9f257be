"""Tests of recommenders by their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import music_world as toy
from unheard import artefacts
from unheard.errors import MissingStageError, UserError
from unheard.inference.predictions import KIND, predictions, predictions_path
from unheard.models.recipe import RESERVED_NAMES
from unheard.recommend.catalogue import Catalogue, Content, load_catalogue
from unheard.recommend.models import ORACLE, UNTRAINED, make_recommender, trained_models
from unheard.recommend.recommenders import FactorRecommender, OracleRecommender, PopularityRecommender
from unheard.splits import Use
from unheard.workspace import Workspace


def factor_recommender(workspace: Workspace, catalogue: Catalogue, name: str) -> FactorRecommender:
    found = make_recommender(workspace, catalogue, name)
    assert isinstance(found, FactorRecommender)
    return found


def test_trained_models_are_found(workspace: Workspace) -> None:
    assert trained_models(workspace, "artists") == ["toy", "toy@1", "toy@2"]
    assert trained_models(workspace, "tracks") == []


def test_the_error_for_an_unknown_model_lists_the_known_ones(workspace: Workspace, catalogue: Catalogue) -> None:
    with pytest.raises(UserError, match=r"no model 'toi'.*random.*oracle.*item-knn-cosine.*content-boosted.*toy@2"):
        make_recommender(workspace, catalogue, "toi")
    with pytest.raises(UserError, match="trained on 'tracks': none yet"):
        make_recommender(workspace, load_catalogue(workspace, "tracks"), "toi")


def test_the_error_for_a_model_of_another_split_names_the_split(workspace: Workspace) -> None:
    with pytest.raises(
        MissingStageError, match=r"'toy' is not trained on split 'tracks', only on 'artists': toy.*train"
    ):
        make_recommender(workspace, load_catalogue(workspace, "tracks"), "toy")


def test_names_of_untrained_models_are_reserved(workspace: Workspace, catalogue: Catalogue) -> None:
    assert {*UNTRAINED, ORACLE} == RESERVED_NAMES
    for name in UNTRAINED:
        assert make_recommender(workspace, catalogue, name).name == name


def test_the_oracle_needs_the_full_factors(workspace: Workspace) -> None:
    with pytest.raises(MissingStageError, match="unheard factors"):
        make_recommender(workspace, load_catalogue(workspace, "artists"), ORACLE)


def test_train_tracks_have_true_factors_and_others_predicted_ones(workspace: Workspace, catalogue: Catalogue) -> None:
    found = factor_recommender(workspace, catalogue, "toy")
    train = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    np.testing.assert_array_equal(found.tracks[train], catalogue.warm.tracks[train])
    ids, predicted = predictions(workspace, "artists", "toy")
    for name in ("t07-1", "t08-0", "t19-6", "new-1", "unplayed"):
        np.testing.assert_array_equal(found.tracks[catalogue.track_row(name)], predicted[ids.row(name)])


def test_a_track_without_a_prediction_has_the_mean_factor(workspace: Workspace, catalogue: Catalogue) -> None:
    silent, unpredicted = catalogue.track_row("silent"), catalogue.track_row("t09-0")
    others = catalogue.candidates("warm", new=False)
    for name, row in [("ridge", silent), ("content-neighbours", silent), ("toy", unpredicted)]:
        found = factor_recommender(workspace, catalogue, name)
        np.testing.assert_array_equal(found.tracks[row], catalogue.warm.centre)
        assert not found.similarities(np.array([row]), others).any()


def test_artist_mean_of_unseen_artists_is_the_mean_without_direction(
    workspace: Workspace, catalogue: Catalogue
) -> None:
    found = factor_recommender(workspace, catalogue, "artist-mean")
    cold = catalogue.candidates("cold", new=False)
    assert not found.similarities(cold, cold).any()
    with_artists = load_catalogue(workspace, "tracks")
    found = factor_recommender(workspace, with_artists, "artist-mean")
    cold = with_artists.candidates("cold", new=False)
    assert found.similarities(cold, cold).std() > 0.1


def test_the_oracle_scores_with_fold_ins_and_compares_with_full_factors(
    workspace: Workspace, catalogue: Catalogue
) -> None:
    oracle = make_recommender(workspace, catalogue, ORACLE)
    assert isinstance(oracle, OracleRecommender)
    assert catalogue.full is not None
    cold, playlists = catalogue.candidates("cold", new=False), np.arange(5)
    truth = catalogue.warm.playlists[:5] @ catalogue.warm.tracks[cold].T
    played = catalogue.warm.known[cold]
    np.testing.assert_allclose(oracle.scores(playlists, cold)[:, played], truth[:, played], rtol=1e-4, atol=1e-5)
    centred = (catalogue.full.tracks - catalogue.full.centre)[cold[played]]
    directions = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    near = oracle.similarities(cold[played], cold[played])
    np.testing.assert_allclose(near, directions @ directions.T, rtol=1e-4, atol=1e-5)


def test_popularity_counts_playlists_of_train_tracks(workspace: Workspace, catalogue: Catalogue) -> None:
    found = make_recommender(workspace, catalogue, "popularity")
    assert isinstance(found, PopularityRecommender)
    for row in (0, 3, 70):
        held_by = int((catalogue.plays[:, [row]].toarray() > 0).sum())
        assert found.counts[row] == (held_by if catalogue.use[row] == Use.TRAIN else 0)


def test_factors_that_were_computed_again_are_noticed(tmp_path: Path) -> None:
    workspace = toy.build(tmp_path / "w")
    catalogue = load_catalogue(workspace, "artists")
    artefacts.save(
        predictions_path(workspace, "artists", "narrow"),
        KIND,
        config={},
        arrays={"factors": np.zeros((1, 3), np.float32)},
        ids={"track": type(catalogue.tracks.ids)(["t00-0"])},
    )
    with pytest.raises(UserError, match=r"the factors of split .artists. were computed again.*train"):
        make_recommender(workspace, catalogue, "narrow")


def test_content_baselines_need_features(workspace: Workspace, catalogue: Catalogue) -> None:
    nothing = Content(np.zeros((len(catalogue), 0), np.float32), np.zeros(len(catalogue), np.bool_))
    deaf = replace(catalogue, content=nothing, timbre=nothing)
    for name in ("ridge", "content-neighbours"):
        with pytest.raises(UserError, match="no train track has both features and plays"):
            make_recommender(workspace, deaf, name)
