"""Tests that training calibrates a model with its own embedding space, which changes only lists with warm tracks."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from unheard.cli.app import app
from unheard.errors import MissingStageError, UserError
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.inference.predictions import load_predictions
from unheard.models.ranker_recipe import Member, RankerRecipe
from unheard.models.rankers.reduced_rank import ReducedRank
from unheard.models.rankers.ridge import Ridge
from unheard.recommend.calibrate import calibrate
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.models import make_recommender
from unheard.recommend.recommenders import EmbeddingRecommender
from unheard.recommend.scales import load_scale, scale_path
from unheard.splits import UseName, load_split, load_splits, write_splits
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

RECIPE = RankerRecipe("two", "", ("statistics",), (Member(Ridge()), Member(ReducedRank())))


@pytest.fixture(scope="module")
def fitted(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("calibrate") / "w"
    shutil.copytree(workspace.root, root)
    mine = Workspace.open(root)
    fit_rankers(mine, RECIPE, load_split(mine, "artists"))
    return mine


def embedding_recommender(workspace: Workspace, catalogue: Catalogue, model: str = "two") -> EmbeddingRecommender:
    found = make_recommender(workspace, catalogue, model)
    assert isinstance(found, EmbeddingRecommender)
    return found


def test_calibration_changes_only_lists_with_warm_tracks(fitted: Workspace) -> None:
    catalogue = load_catalogue(fitted, "artists")
    before = embedding_recommender(fitted, catalogue)
    assert before.warm_cold is None
    scale = calibrate(fitted, "artists", "two")
    assert scale is not None
    after, playlists = embedding_recommender(fitted, catalogue), np.arange(10)
    cold, everything = catalogue.candidates("cold", new=True), catalogue.candidates("all", new=True)
    np.testing.assert_array_equal(after.scores(playlists, cold), before.scores(playlists, cold))
    of_all = after.scores(playlists, everything)
    warm = np.isin(everything, catalogue.candidates("warm", new=False))
    truth = catalogue.warm.playlists[playlists] @ catalogue.warm.tracks[everything[warm]].T
    np.testing.assert_allclose(of_all[:, warm], truth, rtol=1e-4, atol=1e-5)
    predicted = before.scores(playlists, everything[~warm]).astype(np.float64)
    np.testing.assert_allclose(of_all[:, ~warm], scale.slope * predicted + scale.offset, rtol=1e-5)
    np.testing.assert_array_equal(after.similarities(cold, cold), before.similarities(cold, cold))


def test_the_scale_is_fitted_once_per_training(fitted: Workspace) -> None:
    first = calibrate(fitted, "artists", "two")
    path = scale_path(fitted, "artists", "two")
    before = path.stat().st_mtime_ns
    assert calibrate(fitted, "artists", "two") == first
    assert path.stat().st_mtime_ns == before
    catalogue, fingerprint = load_catalogue(fitted, "artists"), load_predictions(fitted, "artists", "two").fingerprint
    kept = path.read_text()
    for damaged in ("", "[]", "{}", json.dumps({"fingerprint": fingerprint, "slope": -1.0, "offset": 0.0}), kept[:-9]):
        path.write_text(damaged)
        with pytest.raises(UserError, match=r"scale\.json: damaged .*; delete it and run `unheard train"):
            load_scale(fitted, "artists", "two", fingerprint)
        with pytest.raises(UserError, match=r"scale\.json: damaged"):
            embedding_recommender(fitted, catalogue)
        assert calibrate(fitted, "artists", "two") == first  # what `unheard train` does
        assert path.read_text() == kept
    fit_rankers(
        fitted, replace(RECIPE, members=RECIPE.members[:1]), load_split(fitted, "artists")
    )  # another model of that name
    assert embedding_recommender(fitted, catalogue).warm_cold is None
    fit_rankers(fitted, RECIPE, load_split(fitted, "artists"))
    assert embedding_recommender(fitted, catalogue).warm_cold is not None


def test_training_calibrates(fitted: Workspace) -> None:
    ran = CliRunner().invoke(app, ["train", "-w", str(fitted.root), "--split", "artists", "reduced-rank"])
    assert ran.exit_code == 0, ran.output
    assert scale_path(fitted, "artists", "reduced-rank").is_file()
    assert "not calibrated" not in ran.output


def test_train_reports_missing_validation_plays(fitted: Workspace) -> None:
    splits = load_splits(fitted)
    use: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6, 7), "test": (8, 9)}
    write_splits(fitted.splits_path, {**splits, "artists": replace(splits["artists"], use=use)})
    compute_factors(fitted, "artists", AlsConfig(dim=6, iterations=4))
    ran = CliRunner().invoke(app, ["train", "-w", str(fitted.root), "--split", "artists", "artist-shrinkage"])
    assert ran.exit_code == 0, ran.output
    assert "not calibrated" in ran.output
    stored = json.loads(scale_path(fitted, "artists", "artist-shrinkage").read_text())
    assert stored["slope"] is None  # not the same as a file that is lost


def test_an_unknown_model_raises(fitted: Workspace) -> None:
    with pytest.raises(MissingStageError, match="has not been trained"):
        calibrate(fitted, "artists", "nobody")
