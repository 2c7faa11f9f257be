"""Features of a trained network: its embeddings, stale when it is trained again, and refused where they would leak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders.sound_world import World, add_track, give_playlists, give_vectors, make_world, toy
from tests.features.stored import get_features
from tests.ingest.sounds import song, write
from unheard.errors import MissingStageError, UserError
from unheard.factors.store import save_factors
from unheard.features.extraction import extract_file
from unheard.features.extractor import FeatureExtractor, MelExtractor
from unheard.features.table import check_kinds, encoder_kind, how_to_make, is_encoder, load_extractor, split_and_model
from unheard.features.update import update_features
from unheard.inference.load import load_encoder, load_network_encoder
from unheard.inference.network_encoder import NetworkEncoder
from unheard.inference.ranker_features import read_features
from unheard.library import open_library
from unheard.models.ranker_recipe import ranker_recipe_from
from unheard.models.recipe import recipe_from
from unheard.spectrograms.files import mel_of_file
from unheard.spectrograms.store import open_store
from unheard.splits.exchange import write_splits
from unheard.training.networks.train_network import train_network
from unheard.training.rankers.fit import fit_rankers

pytestmark = pytest.mark.slow

KIND = encoder_kind("artists", "encoder")


def _world(root: Path, model: str) -> World:
    """A trained toy, cut short, in a workspace with a stored split."""
    world = give_playlists(make_world(root, n_tracks=30))
    write_splits(world.workspace.splits_path, {world.split.name: world.split})
    _train(world, model, epochs=2)
    return world


def _train(world: World, model: str, *, epochs: int) -> None:
    short = replace(toy(model), stages=tuple(replace(stage, epochs=epochs) for stage in toy(model).stages))
    train_network(world.workspace, short, world.split, seed=0)


def _counts(world: World, kind: str = KIND) -> tuple[int, int]:
    (report,) = update_features(world.workspace, [kind])
    return report.extracted, report.unchanged


def test_kinds_of_networks() -> None:
    assert KIND == "encoder@artists@encoder"
    assert split_and_model("encoder@artists@encoder@3") == ("artists", "encoder@3")  # a model with a seed
    assert is_encoder("encoder@artists@encoder@3")
    assert not any(is_encoder(kind) for kind in ("encoder", "encoder@artists", "encoder@@a", "musicnn@artists@a"))
    check_kinds([KIND], "the recipe's features")
    with pytest.raises(UserError, match=r"no features 'encoder'; use one of .*encoder@SPLIT@MODEL"):
        check_kinds(["encoder"], "--kind")
    assert how_to_make(KIND, "W") == "run `unheard features -w W --kind encoder@artists@encoder`"


@pytest.mark.parametrize(("model", "width"), [("encoder", 8), ("cnn1d", 6)])
def test_features_are_the_embeddings_of_the_first_stage(tmp_path: Path, model: str, width: int) -> None:
    """A network of one stage gives its predicted factors."""
    world = _world(tmp_path / "w", model)
    kind = encoder_kind("artists", model)
    extractor = load_extractor(kind, world.workspace)
    assert isinstance(extractor, FeatureExtractor)
    assert isinstance(extractor, MelExtractor)
    assert _counts(world, kind) == (30, 0)
    encoder = load_network_encoder(world.workspace, "artists", model)
    assert isinstance(encoder, NetworkEncoder)
    with open_library(world.workspace.library_path) as library:
        store = open_store(world.workspace, library)
    found = get_features(world.workspace, kind)
    assert found.ids == store.ids
    assert found.values.shape == (30, width) == (30, extractor.dim)
    np.testing.assert_allclose(found.values, encoder.embed_store(store, np.arange(30)), atol=1e-6)


def test_only_new_and_stale_vectors_are_extracted(tmp_path: Path) -> None:
    world = _world(tmp_path / "w", "encoder")
    assert _counts(world) == (30, 0)
    assert _counts(world) == (0, 30)
    first = get_features(world.workspace, KIND).values.copy()
    rng = np.random.default_rng(1)
    with open_library(world.workspace.library_path) as library:
        for name in ("t004", "zz-new"):
            add_track(world.workspace, library, name, rng.normal(size=4).astype(np.float32) * 3, rng)
        with library.transaction():
            library.remove_track("t007")
    assert len(get_features(world.workspace, KIND).ids) == 28
    assert _counts(world) == (2, 28)
    second = get_features(world.workspace, KIND).values.copy()
    assert np.array_equal(second[:4], first[:4])
    assert not np.allclose(second[4], first[4])
    assert np.array_equal(second[7], first[8])
    _train(world, "encoder", epochs=3)
    assert not len(get_features(world.workspace, KIND).ids)
    assert _counts(world) == (30, 0)
    assert not np.array_equal(get_features(world.workspace, KIND).values[:4], second[:4])


def test_a_ranker_reads_them_and_encodes_files_with_them(tmp_path: Path) -> None:
    world = _world(tmp_path / "w", "encoder")
    recipe = ranker_recipe_from(
        {"name": "on-encoder", "about": "toy", "features": [KIND], "member": [{"ridge": {}}]}, "on-encoder"
    )
    with (
        open_library(world.workspace.library_path) as library,
        pytest.raises(UserError, match="the recipe reads encoder@artists@encoder, and no track has any"),
    ):
        read_features(world.workspace, library, [KIND])
    update_features(world.workspace, [KIND])
    fit_rankers(world.workspace, recipe, world.split)
    path = write(tmp_path / "new.wav", song(1, 2.0))
    network = load_network_encoder(world.workspace, "artists", "encoder")
    settings = world.workspace.settings
    vector = extract_file(path, [KIND], settings, workspace=world.workspace)[KIND]
    np.testing.assert_allclose(vector, network.embed_mels([mel_of_file(path, settings)])[0], atol=1e-6)
    assert load_encoder(world.workspace, "artists", "on-encoder").from_files([path]).shape == (1, 6)

    other = replace(world.split, name="tracks")
    with pytest.raises(UserError, match=r"may be test tracks of split 'tracks'; use encoder@tracks@encoder"):
        fit_rankers(world.workspace, recipe, other)


def test_a_network_reads_no_encoder(tmp_path: Path) -> None:
    world = _world(tmp_path / "w", "mlp")
    plain = {"name": "stacked", "about": "toy", "stage": [{"input": KIND, "dense": {"layers": [4]}, "mse": {}}]}
    with pytest.raises(UserError, match="input 'encoder@artists@encoder' is for rankers"):
        train_network(world.workspace, recipe_from(plain, "stacked"), world.split)


def test_models_that_cannot_be_used(tmp_path: Path) -> None:
    world = _world(tmp_path / "w", "cnn")
    with pytest.raises(MissingStageError, match=r"no trained network; run `unheard train .*--split artists encoder`"):
        update_features(world.workspace, [KIND])
    short = replace(toy("cnn"), stages=tuple(replace(stage, epochs=1) for stage in toy("cnn").stages))
    train_network(world.workspace, short, world.split, targets="full")
    with pytest.raises(UserError, match="'cnn-full' was trained on factors of all plays"):
        update_features(world.workspace, [encoder_kind("artists", "cnn-full")])
    known = replace(world.factors, config={**world.factors.config, "split_digest": world.split.digest})
    save_factors(world.workspace, "artists", known)
    train_network(world.workspace, short, world.split, force=True)
    kind = encoder_kind("artists", "cnn")
    assert _counts(world, kind) == (30, 0)
    other = replace(world.split, use={"train": (4, 1, 2), "val": (3,), "test": (0,)})
    write_splits(world.workspace.splits_path, {"artists": other})
    with pytest.raises(MissingStageError, match="trained before the split 'artists' was changed; run `unheard train"):
        update_features(world.workspace, [kind])


def test_a_network_that_reads_other_features_is_refused(tmp_path: Path) -> None:
    world = give_playlists(make_world(tmp_path / "w", n_tracks=30))
    write_splits(world.workspace.splits_path, {world.split.name: world.split})
    give_vectors(world)
    _train(world, "mlp", epochs=1)
    with pytest.raises(UserError, match="'mlp' reads vectors; features are extracted by models that read patches"):
        update_features(world.workspace, [encoder_kind("artists", "mlp")])
