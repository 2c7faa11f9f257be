"""Embeddings of a trained model: as the predictor gives them, kept while nothing changed, and never of a leak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders.sound_world import World, add_track, give_playlists, make_world, toy
from tests.features.stored import get_features
from unheard.errors import MissingStageError, UserError
from unheard.factors.store import save_factors
from unheard.inference.embedding_features import embeddings_of, embeddings_path
from unheard.inference.load import load_network_encoder
from unheard.inference.network_encoder import NetworkEncoder
from unheard.library import open_library
from unheard.spectrograms.store import open_store
from unheard.splits.exchange import write_splits
from unheard.training.networks.train_network import train_network


def _world(root: Path, kind: str, *, seed: int = 0) -> World:
    """A trained toy, cut short, in a workspace that knows its split."""
    world = give_playlists(make_world(root, n_tracks=30))
    write_splits(world.workspace.splits_path, {world.split.name: world.split})
    _train(world, kind, epochs=2, seed=seed)
    return world


def _train(world: World, kind: str, *, epochs: int, seed: int = 0) -> None:
    short = replace(toy(kind), stages=tuple(replace(stage, epochs=epochs) for stage in toy(kind).stages))
    train_network(world.workspace, short, world.split, seed=seed)


@pytest.mark.parametrize(("kind", "width"), [("encoder", 8), ("cnn1d", 6)])
def test_embeddings_of_sound(tmp_path: Path, kind: str, width: int) -> None:
    """Of a model of one stage, its factors."""
    world = _world(tmp_path / "w", kind)
    ids, embeddings = embeddings_of(world.workspace, "artists", kind)
    predictor = load_network_encoder(world.workspace, "artists", kind)
    assert isinstance(predictor, NetworkEncoder)
    with open_library(world.workspace.library_path) as library:
        store = open_store(world.workspace, library)
    assert ids == store.ids
    assert embeddings.shape == (30, width)
    np.testing.assert_allclose(embeddings, predictor.embed_store(store, np.arange(30)), atol=1e-6)


def test_embeddings_of_vectors(tmp_path: Path) -> None:
    world = _world(tmp_path / "w", "triplet-content")
    ids, embeddings = embeddings_of(world.workspace, "artists", "triplet-content")
    predictor = load_network_encoder(world.workspace, "artists", "triplet-content")
    assert isinstance(predictor, NetworkEncoder)
    stored = get_features(world.workspace, "statistics")
    statistics = stored.values
    assert ids == stored.ids
    np.testing.assert_allclose(embeddings, predictor.embed_content(statistics), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(predictor.embed_content(statistics[:1]) - embeddings[0]), 0, atol=1e-6)


def test_only_new_tracks_are_embedded(tmp_path: Path) -> None:
    world = _world(tmp_path / "w", "encoder")
    totals: list[int] = []

    def note(what: str, done: int, total: int) -> None:
        if what == "embedding tracks" and done == total:
            totals.append(total)

    def again() -> np.ndarray:
        return embeddings_of(world.workspace, "artists", "encoder", progress=note)[1]

    first = again()
    assert np.array_equal(again(), first)
    assert totals == [30]
    rng = np.random.default_rng(1)
    with open_library(world.workspace.library_path) as library:
        for name in ("t004", "zz-new"):
            add_track(world.workspace, library, name, rng.normal(size=4).astype(np.float32) * 3, rng)
        with library.transaction():
            library.remove_track("t007")
    second = again()
    assert totals == [30, 2]
    assert np.array_equal(second[:4], first[:4])
    assert not np.allclose(second[4], first[4])
    assert np.array_equal(second[7], first[8])
    _train(world, "encoder", epochs=3)
    assert not np.array_equal(again()[:4], second[:4])
    assert totals == [30, 2, 30]


def test_models_that_have_none_or_know_too_much(tmp_path: Path) -> None:
    world = _world(tmp_path / "w", "mlp")
    with pytest.raises(MissingStageError, match=r"no model with embeddings; run `unheard train .*--split artists cnn`"):
        embeddings_of(world.workspace, "artists", "cnn")
    train_network(world.workspace, toy("mlp"), world.split, targets="full")
    with pytest.raises(UserError, match="'mlp-full' was trained on factors of all plays"):
        embeddings_of(world.workspace, "artists", "mlp-full")
    known = replace(world.factors, config={**world.factors.config, "split_digest": world.split.digest})
    save_factors(world.workspace, "artists", known)
    train_network(world.workspace, toy("mlp"), world.split, force=True)
    embeddings_of(world.workspace, "artists", "mlp")
    other = replace(world.split, use={"train": (4, 1, 2), "val": (3,), "test": (0,)})
    write_splits(world.workspace.splits_path, {"artists": other})
    with pytest.raises(MissingStageError, match="trained before the split 'artists' was changed; run `unheard train"):
        embeddings_of(world.workspace, "artists", "mlp")
    assert embeddings_path(world.workspace, "artists", "mlp").is_file()
