"""Tests that plays count in production without a new training, and nowhere else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from typer.testing import CliRunner

from tests.builders import music_world as world
from unheard import artefacts
from unheard.cli.app import app
from unheard.errors import UserError
from unheard.evaluate.evaluate import evaluate
from unheard.factors.als import fold_in
from unheard.factors.stage import compute_factors
from unheard.factors.store import load_factors
from unheard.models.ranker_recipe import Member, RankerRecipe
from unheard.models.rankers.reduced_rank import ReducedRank
from unheard.models.rankers.ridge import Ridge
from unheard.plays import Play, Plays, read_plays, replace_playlists
from unheard.recommend.calibrate import calibrate
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.changed_playlists import mapped_embeddings
from unheard.recommend.cold_to_warm import estimates_of, with_plays
from unheard.recommend.first_plays import (
    KIND,
    Kappas,
    chosen_kappas,
    current_factors,
    estimates_path,
    load_estimates,
    with_first_plays,
)
from unheard.recommend.models import make_recommender
from unheard.recommend.recommenders import EmbeddingRecommender, FactorRecommender, Recommender
from unheard.session import Session
from unheard.splits import LIVE, Use, load_split, renew_live
from unheard.training.rankers.fit import fit_rankers
from unheard.workspace import Workspace

RECIPE = RankerRecipe("two", "", ("statistics",), (Member(Ridge()), Member(ReducedRank())))
MORE = {"newcomer": ["t00-0", "t00-1", "new-0"], "p05": ["unplayed"]}  # one new playlist, one that gets a track


@pytest.fixture(scope="module")
def fitted(music_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The toy world with the split `live` and a model on it and on `artists`; tests only read it."""
    mine = Workspace.open(shutil.copytree(music_world, tmp_path_factory.mktemp("first") / "w"))
    renew_live(mine)
    compute_factors(mine, None, world.ALS)
    for split in (LIVE, "artists"):
        fit_rankers(mine, RECIPE, load_split(mine, split))
        assert calibrate(mine, split, "two") is not None
    return mine


@pytest.fixture
def own(fitted: Workspace, tmp_path: Path) -> Workspace:
    return Workspace.open(shutil.copytree(fitted.root, tmp_path / "w"))


def import_more(workspace: Workspace, more: dict[str, list[str]] = MORE) -> None:
    """Add tracks to playlists."""
    rows = list(read_plays(workspace))
    last = {row.playlist_id: row.position for row in rows}
    for playlist, tracks in more.items():
        first = last.get(playlist, -1) + 1
        rows += [Play(playlist, track, first + number) for number, track in enumerate(tracks)]
    replace_playlists(workspace, Plays.of(rows))


def stages(workspace: Workspace) -> dict[Path, tuple[int, bytes]]:
    """Return time and content of all files of splits, factors and models."""
    files = [workspace.splits_path, *(p for part in ("factors", "models") for p in (workspace.root / part).rglob("*"))]
    return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files if file.is_file()}


def production(workspace: Workspace, catalogue: Catalogue, model: str = "two") -> EmbeddingRecommender:
    found = with_first_plays(workspace, catalogue, make_recommender(workspace, catalogue, model))
    assert isinstance(found, EmbeddingRecommender)
    return found


def predicted_by(recommender: Recommender) -> np.ndarray:
    assert isinstance(recommender, EmbeddingRecommender)
    assert recommender.factors.predicted is not None
    return recommender.factors.predicted


# ------------------------------------------------------------------------------------------------------------- formula


def test_an_estimate_by_hand() -> None:
    """One factor: X = (1, 2), S = X'X + kappa * 5 = 10, a play of the second playlist, alpha = 1, prior 0.2.

    residual = 2 * (1 - 2 * 0.2) = 1.2; offset = 2 * 1.2 / (10 + 1 * 4) = 0.1714...
    """
    x, prior = np.array([[1.0], [2.0]], np.float32), np.array([[0.2], [0.2]], np.float32)
    shown = csr_matrix(np.array([[0, 0], [1, 0]], np.float32))
    found = with_plays(prior, x, shown, kappa=1.0, alpha=1.0)
    assert found.ravel().tolist() == pytest.approx([0.2 + 2.4 / 14, 0.2])


def test_with_plays_of_all_playlists_it_is_the_als_factor_whatever_the_prior() -> None:
    """The more plays, the nearer to the fold-in, at a small kappa."""
    rng = np.random.default_rng(0)
    x, prior = rng.standard_normal((60, 4)).astype(np.float32), rng.standard_normal((4, 4)).astype(np.float32)
    shown = csr_matrix((np.arange(60)[:, None] < np.array([0, 2, 20, 60])).astype(np.float32))
    config = replace(world.ALS, dim=4, regularization=1e-6 * float(np.trace(x.T @ x)) / 4)
    truth = fold_in(x, shown.T.tocsr(), config)
    found = with_plays(prior, x, shown, kappa=1e-6, alpha=config.alpha)
    distance = np.linalg.norm(found - truth, axis=1) / np.linalg.norm(prior - truth, axis=1)
    assert distance[0] == 1
    assert list(distance) == sorted(distance, reverse=True)
    assert distance[-1] < 1e-4


# ---------------------------------------------------------------------------------------------------------- production


def test_without_plays_it_is_the_prediction_and_with_plays_the_estimate(fitted: Workspace) -> None:
    catalogue = load_catalogue(fitted, LIVE)
    raw, found = make_recommender(fitted, catalogue, "two"), production(fitted, catalogue)
    stored = load_estimates(fitted, LIVE, "two")
    assert stored is not None
    rows = np.flatnonzero(catalogue.played)
    assert {Use.TRAIN, Use.VAL} == set(catalogue.use[rows])
    np.testing.assert_array_equal(found.factors.tracks[~catalogue.played], predicted_by(raw)[~catalogue.played])
    prior = estimates_of(catalogue, predicted_by(raw), rows).prior(stored.kappas.artist)
    truth = with_plays(
        prior, catalogue.warm.playlists, catalogue.plays[:, rows], kappa=stored.kappas.plays, alpha=world.ALS.alpha
    )
    np.testing.assert_allclose(found.factors.tracks[rows], truth, atol=1e-6)
    cold, some = catalogue.candidates("cold", new=True), np.arange(5)
    np.testing.assert_array_equal(found.scores(some, cold), raw.scores(some, cold))
    everything = found.scores(some, catalogue.candidates("all", new=True))
    played = np.isin(catalogue.candidates("all", new=True), rows)
    np.testing.assert_allclose(everything[:, played], catalogue.warm.playlists[some] @ truth.T, rtol=1e-4, atol=1e-5)


def test_if_nothing_changed_nothing_is_computed_and_a_recomputation_is_equal(fitted: Workspace) -> None:
    catalogue = load_catalogue(fitted, LIVE)
    assert not catalogue.changed_playlists.any()
    stored = load_estimates(fitted, LIVE, "two")
    assert stored is not None
    predicted = predicted_by(make_recommender(fitted, catalogue, "two"))
    kept = current_factors(catalogue, predicted, stored.kappas, stored)
    anew = current_factors(catalogue, predicted, stored.kappas)
    assert not kept.computed.any()
    assert anew.computed.all()
    np.testing.assert_array_equal(kept.tracks, anew.tracks)
    factors = load_factors(fitted, LIVE)
    np.testing.assert_array_equal(kept.playlists, factors.playlists[factors.playlist_ids.rows(catalogue.playlists)])


def test_only_what_changed_is_computed_and_equals_a_recomputation(own: Workspace) -> None:
    """The other estimates differ from a recomputation by the share of the changed playlists in X'X alone."""
    import_more(own)
    catalogue = load_catalogue(own, LIVE)
    changed = set(catalogue.playlists.take(np.flatnonzero(catalogue.changed_playlists)))
    assert changed == set(MORE)
    predicted, stored = predicted_by(make_recommender(own, catalogue, "two")), load_estimates(own, LIVE, "two")
    assert stored is not None
    found = current_factors(catalogue, predicted, stored.kappas, stored)
    in_changed = np.unique(catalogue.plays[np.flatnonzero(catalogue.changed_playlists)].indices)
    np.testing.assert_array_equal(found.rows[found.computed], in_changed)
    anew = current_factors(catalogue, predicted, stored.kappas)
    np.testing.assert_allclose(found.tracks[in_changed], anew.tracks[in_changed], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found.playlists, anew.playlists)
    assert np.abs(found.tracks - anew.tracks).max() < 0.01 * np.abs(anew.tracks).max()


def test_a_changed_playlist_is_one_als_step_from_its_tracks(own: Workspace) -> None:
    before = load_catalogue(own, LIVE)
    import_more(own, {"newcomer": ["t00-0", "t01-1", "t02-2"]})
    catalogue = load_catalogue(own, LIVE)
    row = catalogue.playlists.row("newcomer")
    train = np.where((catalogue.use == Use.TRAIN)[:, None], catalogue.warm.tracks, 0).astype(np.float32)
    truth = fold_in(train, catalogue.train_plays[[row]], world.ALS)
    np.testing.assert_allclose(catalogue.warm.playlists[[row]], truth, atol=1e-6)
    rows = catalogue.playlists.rows(before.playlists)
    np.testing.assert_array_equal(catalogue.warm.playlists[rows], before.warm.playlists)
    np.testing.assert_array_equal(catalogue.warm.tracks, before.warm.tracks)


def test_als_has_converged_to_the_step_that_is_used(fitted: Workspace) -> None:
    """Folding in playlists that have not changed gives nearly their fitted factors."""
    catalogue = load_catalogue(fitted, LIVE)
    train = np.where((catalogue.use == Use.TRAIN)[:, None], catalogue.warm.tracks, 0).astype(np.float32)
    rows = np.flatnonzero(catalogue.warm.playlists.any(axis=1))
    step, stored = fold_in(train, catalogue.train_plays[rows], world.ALS), catalogue.warm.playlists[rows]
    cosines = (step * stored).sum(axis=1) / np.linalg.norm(step, axis=1) / np.linalg.norm(stored, axis=1)
    assert np.median(cosines) > 0.95


def test_plays_change_lists_and_no_stage_runs(own: Workspace) -> None:
    before, files = Session(own.root, split=LIVE, model="two"), stages(own)
    old = before.recommend(playlist="p05", candidates="all", n=20)
    assert "unplayed" in before.recommend(playlist="p05", candidates="cold", n=50)[0]
    import_more(own)
    after = Session(own.root, split=LIVE, model="two")
    new = after.recommend(playlist="p05", candidates="all", n=20)
    assert old[0] != new[0] or not np.array_equal(old[1], new[1])
    assert "unplayed" not in after.recommend(playlist="p01", candidates="cold", n=50)[0]
    assert len(after.recommend(playlist="newcomer", candidates="cold", n=2)[0]) == 2
    assert len(np.unique(after.recommend(playlist="newcomer", candidates="all", n=20)[1])) > 10
    assert stages(own) == files


def test_a_track_moves_towards_the_playlists_that_play_it(own: Workspace) -> None:
    """`unplayed` is added to playlists one after the other: its scores for them rise, and more than for others."""
    players = [f"p{number:02d}" for number in range(40, 52)]
    scores = []
    for n in (0, 1, 4, 12):
        copy = Workspace.open(shutil.copytree(own.root, own.root.parent / f"w{n}"))
        import_more(copy, {name: ["unplayed"] for name in players[:n]})
        catalogue = load_catalogue(copy, LIVE)
        found = production(copy, catalogue).factors
        all_scores = found.scores(np.arange(len(catalogue.playlists)), np.array([catalogue.track_row("unplayed")]))
        mine = np.isin(list(catalogue.playlists), players)
        scores.append((float(all_scores[mine].mean()), float(all_scores[~mine].mean())))
    assert [own_score for own_score, _ in scores] == sorted(own_score for own_score, _ in scores)
    assert scores[-1][0] - scores[0][0] > scores[-1][1] - scores[0][1]


def test_models_without_predictions_are_not_changed(own: Workspace) -> None:
    import_more(own)
    catalogue = load_catalogue(own, LIVE, need_full=True)
    for name in ("random", "popularity", "sound", "oracle", "item-knn-cosine"):
        made = make_recommender(own, catalogue, name)
        assert with_first_plays(own, catalogue, made) is made
    baseline = with_first_plays(own, catalogue, make_recommender(own, catalogue, "ridge"))  # with default kappas
    assert isinstance(baseline, FactorRecommender)
    assert not np.array_equal(baseline.tracks, make_recommender(own, catalogue, "ridge").tracks)  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------------------------------- evaluation


def test_evaluation_does_not_change(own: Workspace) -> None:
    """Neither estimates in a model's folder nor plays that came later reach a split that holds plays out."""
    catalogue = load_catalogue(own, "artists")
    assert not catalogue.changed_playlists.any()
    made = make_recommender(own, catalogue, "two")
    assert with_first_plays(own, catalogue, made) is made
    before = evaluate(own, "artists", models=["two", "toy"], seed=0)
    shutil.copyfile(estimates_path(own, LIVE, "two"), estimates_path(own, "artists", "two"))
    after = evaluate(own, "artists", models=["two", "toy"], seed=0)
    assert repr(before) == repr(after)
    import_more(own)
    later = load_catalogue(own, "artists")
    assert not later.changed_playlists.any()
    rows = later.playlists.rows(catalogue.playlists)
    np.testing.assert_array_equal(later.warm.playlists[rows], catalogue.warm.playlists)
    assert not later.warm.playlists[later.playlist_row("newcomer")].any()
    assert with_first_plays(own, later, made) is made


# -------------------------------------------------------------------------------------------------------------- stored


def test_estimates_are_of_one_training_and_damaged_ones_are_refused(own: Workspace) -> None:
    stored, path = load_estimates(own, LIVE, "two"), estimates_path(own, LIVE, "two")
    assert stored is not None
    assert 0 < stored.kappas.plays < np.inf
    calibrate(own, LIVE, "two")
    kept = path.read_bytes()
    found = artefacts.load(path, KIND)
    for changes in ({"fingerprint": "other"}, {"plays": -1.0}, {"plays": None}):
        artefacts.save(path, KIND, config={**found.config, **changes}, arrays=found.arrays, ids=found.ids)
        assert load_estimates(own, LIVE, "two") is None
        production(own, load_catalogue(own, LIVE))
    for damaged in (b"", kept[:-20], b"{}"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"estimates\.safetensors: .*; delete it and run"):
            load_estimates(own, LIVE, "two")
    path.unlink()
    assert load_estimates(own, LIVE, "two") is None
    calibrate(own, LIVE, "two")
    assert path.read_bytes() == kept


def test_with_few_validation_tracks_the_kappas_are_the_defaults(fitted: Workspace) -> None:
    catalogue = load_catalogue(fitted, LIVE)
    predicted = predicted_by(make_recommender(fitted, catalogue, "two"))
    val = np.flatnonzero(catalogue.use == Use.VAL)
    use = catalogue.use.copy()
    use[val[29:]] = Use.TRAIN
    assert chosen_kappas(replace(catalogue, use=use), predicted) == Kappas()


# ------------------------------------------------------------------------------------------------------------- the map


def test_embeddings_that_are_linear_are_found_exactly() -> None:
    rng = np.random.default_rng(0)
    plays = csr_matrix((rng.random((80, 50)) < 0.2).astype(np.float32))
    tracks = rng.standard_normal((50, 5)).astype(np.float32)
    factors = rng.standard_normal((80, 3)).astype(np.float32)
    means = (plays.toarray() @ tracks) / np.maximum(plays.toarray().sum(axis=1, keepdims=True), 1)
    true = (factors @ rng.standard_normal((3, 5)) + means @ rng.standard_normal((5, 5)) + 1).astype(np.float32)
    changed = np.arange(80) < 4
    learned = np.where(changed[:, None], np.float32(0), true)
    found = mapped_embeddings(learned, changed, factors, tracks, before=plays, now=plays)
    np.testing.assert_array_equal(found[~changed], true[~changed])
    assert np.abs(found[changed] - true[changed]).max() < 0.1 * np.abs(true).max()
    nothing = np.zeros_like(true)
    np.testing.assert_array_equal(
        mapped_embeddings(nothing, changed, factors, tracks, before=plays, now=plays), nothing
    )


def test_mapped_embeddings_rank_as_the_learned_ones(own: Workspace) -> None:
    """A playlist is imported again under another name: its list of new tracks stays nearly the same."""
    own_tracks = read_plays(own).tracks_of("p07")
    import_more(own, {"twin": own_tracks})
    catalogue = load_catalogue(own, LIVE)
    found = production(own, catalogue)
    rows = np.array([catalogue.playlist_row("p07"), catalogue.playlist_row("twin")])
    learned, mapped = found.ranking.scores(rows, np.arange(len(catalogue)))
    assert np.corrcoef(learned, mapped)[0, 1] > 0.95


# ------------------------------------------------------------------------------------------------------------ commands


def test_import_then_recommend(own: Workspace, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        ran = CliRunner().invoke(app, [*words, "-w", str(own.root)])
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    lists = ("recommend", "--split", LIVE, "--model", "two", "--playlist", "summer", "--candidates", "all", "-n", "8")
    files, table = stages(own), tmp_path / "new.csv"
    found = []
    for tracks in (["t00-0", "t00-1", "t00-2"], ["t00-0", "t00-1", "t00-2", "t20-0", "new-1", "t21-3"]):
        table.write_text("playlist_id,track_id\n" + "".join(f"summer,{track}\n" for track in tracks))
        run("import", str(table))
        found.append(run(*lists, "--json"))
    assert found[0] != found[1]
    in_list = {item["track_id"] for item in json.loads(found[1])}
    assert len(in_list) == 8
    assert not in_list & {"t20-0", "new-1", "t21-3"}
    assert stages(own) == files
