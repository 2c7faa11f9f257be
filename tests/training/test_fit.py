"""Fitting ranker recipes in a workspace: what is read, what is kept, what is placed, and what must not flow in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders.sound_world import World, make_world
from unheard.errors import UserError
from unheard.factors.store import save_factors
from unheard.library import Library, Play, open_library
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe, ranker_recipe_from
from unheard.models.recipe import recipe_names
from unheard.splits import Split
from unheard.training.fit import fit
from unheard.training.placing import Placer
from unheard.training.predict import hears_files, load_embedder, load_predictions, update_predictions
from unheard.training.ranker_checkpoint import load_ranker
from unheard.training.tune import tune, write_recipe

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
        library.replace_playlists(plays)
    factors = replace(made.factors, playlists=direction.astype(np.float32))
    for name in ("artists", "full"):
        save_factors(made.workspace, name, factors)
    return World(made.workspace, made.split, factors)


def weights(path: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in load_ranker(path).arrays.items()}


def test_a_blend_is_fitted_kept_and_places_every_track(world: World) -> None:
    path = fit(world.workspace, recipe(), world.split)
    found = load_predictions(world.workspace, "artists", "small")
    assert found.places is not None
    assert found.playlists is not None
    assert found.places.shape[1] == found.playlists.shape[1] == 2 * 8 + world.factors.dim
    assert len(found.ids) == len(world.ids)
    assert found.factors.shape == world.factors.tracks.shape
    told = json.loads(path.with_name("fit.json").read_text())
    assert sum(member["weight"] for member in told["members"]) == pytest.approx(1)
    assert [member["head"] for member in told["members"]] == [0, 0, 1]  # the ridge alone speaks the warm space
    assert not path.with_name("fitting.safetensors").exists()


def test_new_tracks_are_ranked_by_their_sound(world: World) -> None:
    fit(world.workspace, recipe(), world.split)
    found = load_predictions(world.workspace, "artists", "small")
    assert found.places is not None
    assert found.playlists is not None
    test = world.rows("test")
    with open_library(world.workspace.library_path) as library:
        playlists, plays = library.plays(world.ids)
    held = plays[playlists.rows(world.factors.playlist_ids)][:, test].toarray() > 0
    scores = found.playlists @ found.places[test].T
    asked = held.any(axis=1) & ~held.all(axis=1)
    higher = [(s[h][:, None] > s[~h][None, :]).mean() for s, h in zip(scores[asked], held[asked], strict=True)]
    assert np.mean(higher) > 0.75


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_name(world: World) -> None:
    first = weights(fit(world.workspace, recipe(), world.split))
    again = weights(fit(world.workspace, recipe(), world.split, force=True))
    other = fit(world.workspace, recipe(), world.split, seed=1)
    assert first == again
    assert other.parent.name == "small@1"
    assert weights(other) != first


def test_nothing_is_fitted_twice_until_something_changes(world: World) -> None:
    path = fit(world.workspace, recipe(), world.split)
    before = path.stat().st_mtime_ns
    fit(world.workspace, recipe(), world.split)
    assert path.stat().st_mtime_ns == before
    with open_library(world.workspace.library_path) as library, library.transaction():
        train = world.ids[int(world.rows("train")[0])]
        library.replace_playlists([Play("p0", train, 0)])
    fit(world.workspace, recipe(), world.split)
    assert path.stat().st_mtime_ns != before


def test_a_killed_fit_goes_on_where_it_was_to_the_same_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights(fit(world.workspace, recipe("whole"), world.split))

    def stop(what: str, done: int, _total: int) -> None:
        if what == "ridge":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(world.workspace, recipe("killed"), world.split, progress=stop)
    running = world.workspace.model_dir("artists", "killed") / "fitting.safetensors"
    assert len(load_ranker_members(running)) == 2
    seen: list[str] = []
    path = fit(world.workspace, recipe("killed"), world.split, progress=lambda what, *_: seen.append(what))
    assert "two towers" not in seen
    assert weights(path) == whole


def load_ranker_members(path: Path) -> list[Any]:
    from unheard import artefacts

    return list(artefacts.load(path, "ranker").config["members"])


def test_test_tracks_flow_nowhere(world: World) -> None:
    """Other plays, factors and descriptions of test tracks give the same bytes."""
    before = weights(fit(world.workspace, recipe("one"), world.split))
    test = world.rows("test")
    rng = np.random.default_rng(3)
    shuffled = world.factors.tracks.copy()
    shuffled[test] = rng.permutation(shuffled[test])
    save_factors(world.workspace, "artists", replace(world.factors, tracks=shuffled))
    with open_library(world.workspace.library_path) as library, library.transaction():
        for name in library.plays(world.ids)[0]:
            kept = [t for t in library.playlist(name) if world.ids.row(t) not in set(test)]
            new = [world.ids[int(row)] for row in rng.choice(test, 3, replace=False)]
            library.replace_playlists([Play(name, track, place) for place, track in enumerate([*kept, *new])])
        noise = [(world.ids[int(row)], rng.normal(size=4).astype(np.float32)) for row in test]
        width = library.vectors("statistics")[1].shape[1]
        library.put_vectors("statistics", [(name, np.resize(vector, width)) for name, vector in noise])
    assert weights(fit(world.workspace, recipe("two"), world.split)) == before


def test_tracks_that_came_since_are_placed(world: World) -> None:
    fit(world.workspace, recipe(), world.split)
    with open_library(world.workspace.library_path) as library, library.transaction():
        ids, vectors = library.vectors("statistics")
        first = library.tracks()[0]
        library.put_track(replace(first, track_id="zz new", path=""))
        library.put_vectors("statistics", [("zz new", vectors[0])])
    assert update_predictions(world.workspace, "artists", "small") == len(ids) + 1
    assert update_predictions(world.workspace, "artists", "small") == 0
    found = load_predictions(world.workspace, "artists", "small")
    np.testing.assert_allclose(found.factors[found.ids.row("zz new")], found.factors[0], atol=1e-5)


def test_a_predictor_places_as_the_artefact_does(world: World) -> None:
    fit(world.workspace, recipe(), world.split)
    found = load_predictions(world.workspace, "artists", "small")
    placer = load_embedder(world.workspace, "artists", "small")
    assert isinstance(placer, Placer)
    with open_library(world.workspace.library_path) as library:
        ids, vectors = library.vectors("statistics")
    rows = world.rows("test")
    places, factors = placer.place({"statistics": (vectors[rows], np.ones(len(rows), bool))}, [""] * len(rows))
    assert list(ids) == list(found.ids)
    assert found.places is not None
    np.testing.assert_allclose(places, found.places[rows], atol=1e-5)
    np.testing.assert_allclose(factors, found.factors[rows], atol=1e-5)


def test_train_tracks_stand_where_plays_put_them(world: World) -> None:
    fit(world.workspace, recipe("regression", {"ridge": {}}), world.split)
    found = load_predictions(world.workspace, "artists", "regression")
    train = world.rows("train")
    assert found.places is not None
    true, placed = world.factors.tracks[train].ravel(), found.places[train].ravel()
    assert np.corrcoef(true, placed)[0, 1] == pytest.approx(1)


def test_it_works_without_validation_tracks(world: World) -> None:
    split = Split("artists", dict(world.split.fold), {"train": (0, 1, 2, 3), "val": (), "test": (4,)})
    fit(world.workspace, recipe(), split)
    told = json.loads((world.workspace.model_dir("artists", "small") / "fit.json").read_text())
    assert told["ndcg"] is None
    assert [member["weight"] for member in told["members"]] == pytest.approx([0.25, 0.25, 0.5])


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
        ({"member": [{"ridge": {}}], "descriptions": ["smell"]}, "expected one of 'statistics'"),
        ({"member": [{"ridge": {}}], "descriptions": []}, "expected at least one"),
        ({"member": [{"ridge": {}}], "name": "oracle"}, "'oracle' is a baseline"),
        ({"member": [{"ridge": {}}], "name": "a:b"}, "no @ or :"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ranker_recipe_from({"name": "x", "about": "", **values}, "x.toml")


def test_a_workspace_without_descriptions_says_so(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w")
    with pytest.raises(UserError, match="reads musicnn, and no track has any"):
        fit(world.workspace, recipe(descriptions=["musicnn"]), world.split)


def test_vectors_alone_are_enough(world: World) -> None:
    with open_library(world.workspace.library_path) as library, library.transaction():
        ids, vectors = library.vectors("statistics")
        library.put_vectors("user", zip(ids, vectors[:, :40], strict=True))
        library._db.execute("DELETE FROM vectors WHERE kind = 'statistics'")
        library._db.execute("DELETE FROM spectrograms")
    fit(world.workspace, recipe(), world.split)
    assert len(load_predictions(world.workspace, "artists", "small").ids) == len(world.ids)


def test_damaged_files_are_named(world: World) -> None:
    path = fit(world.workspace, recipe("regression", {"ridge": {}}), world.split)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="not an unheard artefact"):
        load_ranker(path)


def test_the_library_is_only_read(world: World) -> None:
    with Library(world.workspace.library_path) as library:
        before = library.counts()
    fit(world.workspace, recipe(), world.split)
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
    fit(world.workspace, read, world.split)


def test_tuning_says_what_it_cannot_do(world: World) -> None:
    with pytest.raises(UserError, match="no two towers to tune"):
        tune(world.workspace, recipe("r", {"ridge": {}}), world.split, minutes=0)
    blind = Split("artists", dict(world.split.fold), {"train": (0, 1, 2, 3), "val": (), "test": (4,)})
    with pytest.raises(UserError, match="no validation track that anybody plays"):
        tune(world.workspace, recipe(), blind, minutes=0)


def test_a_fit_that_was_cut_short_is_finished_later(world: World) -> None:
    whole = weights(fit(world.workspace, recipe("whole"), world.split))
    path = fit(world.workspace, recipe("short"), world.split, max_minutes=0.0)
    told = json.loads(path.with_name("fit.json").read_text())
    assert [member["kind"] for member in told["members"]] == ["two-tower", "ridge"]  # a head for the factors
    assert [member["weight"] for member in told["members"]] == [1, 0]
    assert len(load_predictions(world.workspace, "artists", "short").ids) == len(world.ids)
    assert weights(fit(world.workspace, recipe("short"), world.split)) == whole


def test_train_tracks_are_placed_without_their_own_factor(world: World) -> None:
    with open_library(world.workspace.library_path) as library, library.transaction():
        for row, track in enumerate(library.tracks().items):
            library.put_track(replace(track, artists=(f"artist {row % 7}",)))
    alone = recipe("alone", {"artist": True, "two-tower": TOWER})
    path = fit(world.workspace, alone, world.split)
    found, checkpoint = load_predictions(world.workspace, "artists", "alone"), load_ranker(path)
    assert found.places is not None
    kept = checkpoint.arrays["member0.tracks"]
    scale = checkpoint.config["members"][0]["weight"] / checkpoint.config["members"][0]["deviation"]
    rows = found.ids.rows(checkpoint.ids["train"])
    np.testing.assert_allclose(found.places[rows], kept * np.float32(scale), rtol=1e-5)
    playlists = checkpoint.arrays["member0.playlists"]
    with open_library(world.workspace.library_path) as library:
        names, plays = library.plays(checkpoint.ids["train"])
    sums = plays[names.rows(checkpoint.ids["playlist"])] @ kept
    there = np.linalg.norm(sums, axis=1) > 0
    np.testing.assert_allclose(playlists[there], (sums / np.linalg.norm(sums, axis=1, keepdims=True))[there], atol=1e-5)


def test_other_vectors_than_it_was_fitted_on_are_refused(world: World) -> None:
    fit(world.workspace, recipe(), world.split)
    with open_library(world.workspace.library_path) as library, library.transaction():
        ids, vectors = library.vectors("statistics")
        library.put_vectors("statistics", zip(ids, vectors[:, :-2].copy(), strict=True))
    with pytest.raises(UserError, match=r"statistics: expected \d+ numbers a track .* found \d+; train again"):
        update_predictions(world.workspace, "artists", "small")


def test_vectors_cannot_be_heard(world: World) -> None:
    with open_library(world.workspace.library_path) as library, library.transaction():
        ids, vectors = library.vectors("statistics")
        library.put_vectors("user", zip(ids, vectors[:, :40].copy(), strict=True))
    fit(world.workspace, recipe("by-vectors", {"ridge": {}}, descriptions=["vectors"]), world.split)
    assert not hears_files(world.workspace, "artists", "by-vectors")
    with pytest.raises(UserError, match="reads vectors, not audio"):
        load_embedder(world.workspace, "artists", "by-vectors").from_files([Path("song.mp3")])
