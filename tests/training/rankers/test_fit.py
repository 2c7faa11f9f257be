"""Fitting ranker recipes in a workspace: what is read, what is kept, which tracks get embeddings."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders.sound_world import World, make_world
from tests.features.stored import get_features, put_features
from unheard.errors import UserError
from unheard.factors.store import save_factors
from unheard.inference.load import load_encoder
from unheard.inference.predictions import can_encode_files, load_predictions
from unheard.inference.ranker_checkpoint import load_ranker
from unheard.inference.ranker_encoder import RankerEncoder
from unheard.inference.update_predictions import update_predictions
from unheard.library import Library, open_library
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe, ranker_recipe_from
from unheard.models.recipe import recipe_names
from unheard.plays import Play, Plays, read_plays, replace_playlists
from unheard.splits import Split
from unheard.training.rankers.fit import fit_rankers
from unheard.training.tune import tune, write_recipe

pytestmark = pytest.mark.slow

TOWER = {"steps": 30, "checks": 3, "playlists": 64, "tower": {"width": 16}, "output": 8}


def recipe(name: str = "small", *members: dict[str, Any], **values: Any) -> RankerRecipe:
    """Two towers that know artists and a ridge, unless other members are given."""
    those = list(members) or [{"artist": True, "times": 2, "two-tower": TOWER}, {"ridge": {}}]
    return ranker_recipe_from({"name": name, "about": "", "member": those, **values}, name)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Playlists of tracks that sound alike, so that plays can be guessed from sound."""
    made = make_world(tmp_path / "w")
    rng = np.random.default_rng(1)
    direction = rng.normal(size=(len(made.ids), made.factors.dim))
    nearest = np.argsort(-(direction @ made.factors.tracks.T), axis=1)[:, :12]
    plays = [
        Play(f"p{row}", made.ids[int(track)], place)
        for row, some in enumerate(nearest)
        for place, track in enumerate(some)
    ]
    with open_library(made.workspace.library_path) as library, library.transaction():
        replace_playlists(made.workspace, Plays.of(plays))
    factors = replace(made.factors, playlists=direction.astype(np.float32))
    for name in ("artists", "full"):
        save_factors(made.workspace, name, factors)
    return World(made.workspace, made.split, factors)


def weights(path: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_ranker(path).arrays.items()}


def test_a_blend_is_fitted_kept_and_places_every_track(world: World) -> None:
    path = fit_rankers(world.workspace, recipe(), world.split)
    found = load_predictions(world.workspace, "artists", "small")
    assert found.track_embeddings is not None
    assert found.playlist_embeddings is not None
    assert found.track_embeddings.shape[1] == found.playlist_embeddings.shape[1] == 2 * 8 + world.factors.dim
    assert len(found.ids) == len(world.ids)
    assert found.factors.shape == world.factors.tracks.shape
    fit = json.loads(path.with_name("fit.json").read_text())
    assert sum(member["weight"] for member in fit["members"]) == pytest.approx(1)
    assert [member["head"] for member in fit["members"]] == [0, 0, 1]  # only the ridge predicts warm factors
    assert not path.with_name("fitting.safetensors").exists()


def test_new_tracks_are_ranked_by_their_sound(world: World) -> None:
    fit_rankers(world.workspace, recipe(), world.split)
    found = load_predictions(world.workspace, "artists", "small")
    assert found.track_embeddings is not None
    assert found.playlist_embeddings is not None
    test = world.rows("test")
    plays = read_plays(world.workspace).for_tracks(world.ids)
    held = plays.matrix[plays.playlist_ids.rows(world.factors.playlist_ids)][:, test].toarray() > 0
    scores = found.playlist_embeddings @ found.track_embeddings[test].T
    asked = held.any(axis=1) & ~held.all(axis=1)
    higher = [(s[h][:, None] > s[~h][None, :]).mean() for s, h in zip(scores[asked], held[asked], strict=True)]
    assert np.mean(higher) > 0.75


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_name(world: World) -> None:
    first = weights(fit_rankers(world.workspace, recipe(), world.split))
    again = weights(fit_rankers(world.workspace, recipe(), world.split, force=True))
    other = fit_rankers(world.workspace, recipe(), world.split, seed=1)
    assert first == again
    assert other.parent.name == "small@1"
    assert weights(other) != first


def test_nothing_is_fitted_twice_until_something_changes(world: World) -> None:
    path = fit_rankers(world.workspace, recipe(), world.split)
    before = path.stat().st_mtime_ns
    fit_rankers(world.workspace, recipe(), world.split)
    assert path.stat().st_mtime_ns == before
    with open_library(world.workspace.library_path) as library, library.transaction():
        train = world.ids[int(world.rows("train")[0])]
        replace_playlists(world.workspace, Plays.of([Play("p0", train, 0)]))
    fit_rankers(world.workspace, recipe(), world.split)
    assert path.stat().st_mtime_ns != before


def test_a_killed_fit_goes_on_where_it_was_to_the_same_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights(fit_rankers(world.workspace, recipe("whole"), world.split))

    def stop(what: str, done: int, _total: int) -> None:
        if what == "ridge":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_rankers(world.workspace, recipe("killed"), world.split, progress=stop)
    running = world.workspace.model_dir("artists", "killed") / "fitting.safetensors"
    assert len(load_ranker_members(running)) == 2
    seen: list[str] = []
    path = fit_rankers(world.workspace, recipe("killed"), world.split, progress=lambda what, *_: seen.append(what))
    assert "two towers" not in seen
    assert weights(path) == whole


def load_ranker_members(path: Path) -> list[Any]:
    from unheard import artefacts

    return list(artefacts.load(path, "ranker").config["members"])


def test_test_tracks_flow_nowhere(world: World) -> None:
    """Other plays, factors and features of test tracks give the same bytes."""
    before = weights(fit_rankers(world.workspace, recipe("one"), world.split))
    test = world.rows("test")
    rng = np.random.default_rng(3)
    shuffled = world.factors.tracks.copy()
    shuffled[test] = rng.permutation(shuffled[test])
    save_factors(world.workspace, "artists", replace(world.factors, tracks=shuffled))
    with open_library(world.workspace.library_path) as library, library.transaction():
        plays = read_plays(world.workspace)
        for name in plays.playlist_ids:
            kept = [t for t in plays.tracks_of(name) if world.ids.row(t) not in set(test)]
            new = [world.ids[int(row)] for row in rng.choice(test, 3, replace=False)]
            replace_playlists(
                world.workspace, Plays.of([Play(name, track, place) for place, track in enumerate([*kept, *new])])
            )
        noise = [(world.ids[int(row)], rng.normal(size=4).astype(np.float32)) for row in test]
    width = get_features(world.workspace, "statistics").values.shape[1]
    put_features(world.workspace, "statistics", [(name, np.resize(vector, width)) for name, vector in noise])
    assert weights(fit_rankers(world.workspace, recipe("two"), world.split)) == before


def test_tracks_that_came_since_get_embeddings(world: World) -> None:
    fit_rankers(world.workspace, recipe(), world.split)
    with open_library(world.workspace.library_path) as library, library.transaction():
        first = library.tracks()[0]
        library.put_track(replace(first, track_id="zz new", path=""))
    ids = get_features(world.workspace, "statistics").ids
    put_features(world.workspace, "statistics", [("zz new", get_features(world.workspace, "statistics").values[0])])
    assert update_predictions(world.workspace, "artists", "small") == len(ids) + 1
    assert update_predictions(world.workspace, "artists", "small") == 0
    found = load_predictions(world.workspace, "artists", "small")
    np.testing.assert_allclose(found.factors[found.ids.row("zz new")], found.factors[0], atol=1e-5)


def test_a_predictor_places_as_the_artefact_does(world: World) -> None:
    fit_rankers(world.workspace, recipe(), world.split)
    found = load_predictions(world.workspace, "artists", "small")
    encoder = load_encoder(world.workspace, "artists", "small")
    assert isinstance(encoder, RankerEncoder)
    statistics = get_features(world.workspace, "statistics")
    ids, rows = statistics.ids, world.rows("test")
    features = {"statistics": (statistics.values[rows], np.ones(len(rows), bool))}
    embeddings, factors = encoder.encode(features, [""] * len(rows))
    assert list(ids) == list(found.ids)
    assert found.track_embeddings is not None
    np.testing.assert_allclose(embeddings, found.track_embeddings[rows], atol=1e-5)
    np.testing.assert_allclose(factors, found.factors[rows], atol=1e-5)


def test_ridge_embeds_train_tracks_at_their_warm_factors(world: World) -> None:
    fit_rankers(world.workspace, recipe("regression", {"ridge": {}}), world.split)
    found = load_predictions(world.workspace, "artists", "regression")
    train = world.rows("train")
    assert found.track_embeddings is not None
    true, embeddings = world.factors.tracks[train].ravel(), found.track_embeddings[train].ravel()
    assert np.corrcoef(true, embeddings)[0, 1] == pytest.approx(1)


def test_it_works_without_validation_tracks(world: World) -> None:
    split = Split("artists", dict(world.split.fold), {"train": (0, 1, 2, 3), "val": (), "test": (4,)})
    fit_rankers(world.workspace, recipe(), split)
    fit = json.loads((world.workspace.model_dir("artists", "small") / "fit.json").read_text())
    assert fit["ndcg"] is None
    assert [member["weight"] for member in fit["members"]] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("name", [n for n in recipe_names() if isinstance(load_any_recipe(n), RankerRecipe)])
def test_every_shipped_recipe_survives_its_own_file(name: str) -> None:
    found = load_any_recipe(name)
    assert isinstance(found, RankerRecipe)
    assert found.name == name
    assert ranker_recipe_from(found.as_dict(), name) == found


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"member": []}, r"expected one or more \[\[member\]\] tables"),
        ({"member": [{}]}, "expected one of .*found 0; choose one ranker"),
        ({"member": [{"shrinkage": {}}]}, "artist: expected true for shrinkage"),
        ({"member": [{"ridge": {}, "gar": {}}]}, "found 2; choose one ranker"),
        ({"member": [{"ridge": {}, "tims": 2}]}, "unknown key 'tims'"),
        ({"member": [{"two-tower": {"temperature": 0}}]}, "temperature: expected more than 0"),
        ({"member": [{"two-tower": {"tower": {"dropout": 1.5}}}]}, "tower, dropout: expected a number from 0"),
        ({"member": [{"ridge": {}}], "features": []}, "expected at least one"),
        ({"member": [{"ridge": {}}], "name": "oracle"}, "'oracle' is a baseline"),
        ({"member": [{"ridge": {}}], "name": "a:b"}, "no @ or :"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ranker_recipe_from({"name": "x", "about": "", **values}, "x.toml")


def test_a_workspace_without_features_says_so(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w")
    with pytest.raises(UserError, match=r"no features 'smell'; use one of statistics, .*chroma"):
        fit_rankers(world.workspace, recipe(features=["smell"]), world.split)
    with pytest.raises(UserError, match="reads musicnn, and no track has any"):
        fit_rankers(world.workspace, recipe(features=["musicnn"]), world.split)


def test_vectors_alone_are_enough(world: World) -> None:
    statistics = get_features(world.workspace, "statistics")
    put_features(world.workspace, "vectors", zip(statistics.ids, statistics.values[:, :40], strict=True))
    shutil.rmtree(world.workspace.features_dir / "statistics")
    shutil.rmtree(world.workspace.mels_path)
    fit_rankers(world.workspace, recipe(), world.split)
    assert len(load_predictions(world.workspace, "artists", "small").ids) == len(world.ids)


def test_damaged_files_are_named(world: World) -> None:
    path = fit_rankers(world.workspace, recipe("regression", {"ridge": {}}), world.split)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="not an unheard artefact"):
        load_ranker(path)


def test_the_library_is_only_read(world: World) -> None:
    with Library(world.workspace.library_path) as library:
        before = library.counts()
    fit_rankers(world.workspace, recipe(), world.split)
    with Library(world.workspace.library_path) as library:
        assert library.counts() == before


def test_tuning_never_loses_to_the_recipe_and_writes_one_that_trains(world: World, tmp_path: Path) -> None:
    found, trials = tune(world.workspace, recipe(), world.split, minutes=0.02)
    assert trials[0].settings["width"] == 16  # the recipe itself comes first
    assert len(trials) > 1
    write_recipe(tmp_path / "tuned.toml", found)
    read = load_any_recipe(str(tmp_path / "tuned.toml"))
    assert read == found
    assert isinstance(read, RankerRecipe)
    best = max(trials, key=lambda trial: trial.ndcg)
    tuned = read.members[0].ranker
    assert (tuned.temperature, tuned.tower.width) == (best.settings["temperature"], best.settings["width"])
    fit_rankers(world.workspace, read, world.split)


def test_tuning_says_what_it_cannot_do(world: World) -> None:
    with pytest.raises(UserError, match="no two towers to tune"):
        tune(world.workspace, recipe("r", {"ridge": {}}), world.split, minutes=0)
    blind = Split("artists", dict(world.split.fold), {"train": (0, 1, 2, 3), "val": (), "test": (4,)})
    with pytest.raises(UserError, match="no validation track in any playlist"):
        tune(world.workspace, recipe(), blind, minutes=0)


def test_a_fit_that_was_cut_short_is_finished_later(world: World) -> None:
    whole = weights(fit_rankers(world.workspace, recipe("whole"), world.split))
    path = fit_rankers(world.workspace, recipe("short"), world.split, max_minutes=0.0)
    fit = json.loads(path.with_name("fit.json").read_text())
    assert [member["kind"] for member in fit["members"]] == ["two-tower", "ridge"]  # a head for the factors
    assert [member["weight"] for member in fit["members"]] == [1, 0]
    assert len(load_predictions(world.workspace, "artists", "short").ids) == len(world.ids)
    assert weights(fit_rankers(world.workspace, recipe("short"), world.split)) == whole


def test_train_tracks_are_placed_without_their_own_factor(world: World) -> None:
    with open_library(world.workspace.library_path) as library, library.transaction():
        for row, track in enumerate(library.tracks().items):
            library.put_track(replace(track, artists=(f"artist {row % 7}",)))
    alone = recipe("alone", {"artist": True, "two-tower": TOWER})
    path = fit_rankers(world.workspace, alone, world.split)
    found, checkpoint = load_predictions(world.workspace, "artists", "alone"), load_ranker(path)
    assert found.track_embeddings is not None
    kept = checkpoint.arrays["member0.tracks"]
    scale = checkpoint.config["members"][0]["weight"] / checkpoint.config["members"][0]["deviation"]
    rows = found.ids.rows(checkpoint.ids["train"])
    np.testing.assert_allclose(found.track_embeddings[rows], kept * np.float32(scale), rtol=1e-5)
    playlists = checkpoint.arrays["member0.playlists"]
    plays = read_plays(world.workspace).for_tracks(checkpoint.ids["train"])
    names = plays.playlist_ids
    sums = plays.matrix[names.rows(checkpoint.ids["playlist"])] @ kept
    there = np.linalg.norm(sums, axis=1) > 0
    np.testing.assert_allclose(playlists[there], (sums / np.linalg.norm(sums, axis=1, keepdims=True))[there], atol=1e-5)


def test_other_vectors_than_it_was_fitted_on_are_refused(world: World) -> None:
    fit_rankers(world.workspace, recipe(), world.split)
    statistics = get_features(world.workspace, "statistics")
    put_features(world.workspace, "statistics", zip(statistics.ids, statistics.values[:, :-2], strict=True))
    with pytest.raises(UserError, match=r"statistics: expected \d+ numbers a track .* found \d+; train again"):
        update_predictions(world.workspace, "artists", "small")


def test_vectors_cannot_be_heard(world: World) -> None:
    statistics = get_features(world.workspace, "statistics")
    put_features(world.workspace, "vectors", zip(statistics.ids, statistics.values[:, :40], strict=True))
    fit_rankers(world.workspace, recipe("by-vectors", {"ridge": {}}, features=["vectors"]), world.split)
    assert not can_encode_files(world.workspace, "artists", "by-vectors")
    with pytest.raises(UserError, match="reads vectors, not audio"):
        load_encoder(world.workspace, "artists", "by-vectors").from_files([Path("song.mp3")])
