"""Laws of every ranker, on a world in which the sound tells everything."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from tests.training.rankers.toy import (
    World,
    auc,
    embeddings_of,
    make_world,
    with_features,
    without_features,
    without_validation,
)
from unheard.models.rankers.build import build
from unheard.models.rankers.clcrec import ClcRec
from unheard.models.rankers.content_softmax import ContentSoftmax
from unheard.models.rankers.content_user import ContentUser
from unheard.models.rankers.deepmusic import DeepMusic
from unheard.models.rankers.descent import Descent
from unheard.models.rankers.dropoutnet import DropoutNet
from unheard.models.rankers.gar import Gar
from unheard.models.rankers.kernel_ridge import KernelRidge
from unheard.models.rankers.ranker_tables import RANKER_TABLES
from unheard.models.rankers.reduced_rank import ReducedRank
from unheard.models.rankers.ridge import Ridge
from unheard.models.rankers.shrinkage import Shrinkage
from unheard.models.rankers.tower import TowerConfig
from unheard.models.rankers.two_tower import TwoTower
from unheard.training.dataset import TrainingData
from unheard.training.rankers.fit_functions import FITS
from unheard.training.rankers.ranker import Ranker
from unheard.training.rankers.validation import ndcg, validation_playlists

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
TOWER = TowerConfig(width=32, dropout=0.1, input_dropout=0.1)
DESCENT = Descent(learning_rate=5e-3, batch_size=128, steps_per_check=25, checks=6, patience=3)
SMALL: dict[str, Any] = {"tower": TOWER, "descent": DESCENT}
RANKERS: dict[str, Any] = {
    "clcrec": ClcRec(**SMALL, output=8, negatives=64),
    "content-softmax": ContentSoftmax(**SMALL, output=8, tracks=100),
    "content-user": ContentUser(**SMALL, output=8, negatives=64),
    "deepmusic-mse": DeepMusic(**SMALL),
    "deepmusic-wpe": DeepMusic(**SMALL, loss="wpe"),
    "deepmusic-cosine": DeepMusic(**SMALL, loss="cosine"),
    "deepmusic-score": DeepMusic(**SMALL, loss="score"),
    "dropoutnet": DropoutNet(**SMALL, output=8),
    "gar": Gar(**SMALL, recommender=replace(TOWER, input_dropout=0.0), output=8),
    "kernel-ridge": KernelRidge(features=300),
    "reduced-rank": ReducedRank(),
    "ridge": Ridge(),
    "two-tower": TwoTower(tower=TOWER, output=8, steps=60, checks=3, playlists=64),
}
DRAWS_NOTHING = {"ridge", "reduced-rank"}


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module", params=sorted(RANKERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ranker(world: World, name: str) -> Ranker:
    return fit(world.data, RANKERS[name])


def fit(data: TrainingData, config: Any, *, seed: int = 0) -> Ranker:
    return FITS[type(config)](data, config, seed=seed, device=CPU)


def same(one: Ranker, other: Ranker) -> bool:
    """Byte for byte."""
    weights, others = one.tower.state_dict(), other.tower.state_dict()
    assert weights.keys() == others.keys()
    alike = all(torch.equal(weights[key], others[key]) for key in weights)
    tracks = [None if r.tracks is None else r.tracks.tobytes() for r in (one, other)]
    return alike and one.playlists.tobytes() == other.playlists.tobytes() and tracks[0] == tracks[1]


def once(config: Any) -> Any:
    """The configuration with nothing left to choose."""
    match config:
        case Ridge() | KernelRidge():
            return replace(config, penalties=(0.1,))
        case ReducedRank():
            return replace(config, penalties=(0.1,), ranks=(3,))
        case TwoTower():
            return replace(config, checks=1)
        case _:
            return replace(config, descent=replace(config.descent, checks=1))


def test_every_ranker_is_here() -> None:
    """But for shrinkage, which needs artists and has tests of its own."""
    assert set(RANKER_TABLES.values()) == set(FITS)
    assert {type(config) for config in RANKERS.values()} == set(FITS) - {Shrinkage}


def test_new_tracks_are_ranked_far_above_chance(world: World, ranker: Ranker) -> None:
    assert auc(ranker.playlists @ embeddings_of(ranker, world.test_features).T, world.test_plays) > 0.8


def test_shapes_and_types(world: World, ranker: Ranker) -> None:
    m, width = ranker.playlists.shape
    assert m == world.data.train.plays.shape[0]
    assert ranker.playlists.dtype == np.float32
    assert not ranker.tower.training
    assert {value.device for value in ranker.tower.state_dict().values()} == {CPU}
    assert embeddings_of(ranker, world.test_features).shape == (len(world.test_features), width)
    if ranker.tracks is not None:
        assert ranker.tracks.shape == (len(world.data.train), width)
        assert ranker.tracks.dtype == np.float32
    assert ranker.history


def test_playlists_without_plays_are_zero(world: World, ranker: Ranker) -> None:
    silent = np.diff(world.data.train.plays.indptr) == 0
    assert silent.sum() == 2
    assert not ranker.playlists[silent].any()
    assert ranker.playlists[~silent].any(axis=1).all()


def test_known_tracks_are_placed_among_their_playlists(world: World, ranker: Ranker) -> None:
    data = world.data
    known = embeddings_of(ranker, data.train.features) if ranker.tracks is None else ranker.tracks
    assert auc(ranker.playlists @ known.T, data.train.plays) > 0.8


def test_the_best_of_the_history_is_kept(world: World, ranker: Ranker) -> None:
    data = world.data
    kept = ndcg(ranker.playlists, embeddings_of(ranker, data.validation.features), data, validation_playlists(data))
    assert kept == pytest.approx(max(entry["ndcg"] for entry in ranker.history), abs=0.01)  # float32 against float64


def test_the_same_seed_gives_the_same_bytes(world: World, name: str, ranker: Ranker) -> None:
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    assert same(fit(world.data, RANKERS[name]), ranker)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert same(fit(world.data, RANKERS[name], seed=1), ranker) == (name in DRAWS_NOTHING)


def test_validation_tracks_choose_and_do_nothing_else(world: World, name: str) -> None:
    rng, config, data = np.random.default_rng(1), once(RANKERS[name]), world.data
    features = rng.normal(size=data.validation.features.shape).astype(np.float32)
    plays = csr_matrix((rng.random(data.validation.plays.shape) < 0.2).astype(np.float32))
    spoiled = replace(data, validation=replace(data.validation, features=features, plays=plays))
    assert same(fit(spoiled, config), fit(data, config))


def test_without_validation_tracks(world: World, name: str) -> None:
    ranker = fit(without_validation(world.data), RANKERS[name])
    assert auc(ranker.playlists @ embeddings_of(ranker, world.test_features).T, world.test_plays) > 0.75


def test_what_it_learns_from_stays_as_it_was(world: World, name: str) -> None:
    data, before = world.data, copy.deepcopy(world.data)
    fit(data, once(RANKERS[name]))
    assert data.playlist_factors.tobytes() == before.playlist_factors.tobytes()
    for part, old in ((data.train, before.train), (data.validation, before.validation)):
        for key in ("features", "artists", "factors"):
            assert getattr(part, key).tobytes() == getattr(old, key).tobytes()
        assert (part.plays != old.plays).nnz == 0


def test_one_playlist(name: str) -> None:
    world = make_world(n_playlists=3)  # two of the three hold no train track
    data = world.data
    only = replace(
        data,
        train=replace(data.train, plays=data.train.plays[:1]),
        validation=replace(data.validation, plays=data.validation.plays[:1]),
        playlist_factors=data.playlist_factors[:1],
    )
    ranker = fit(only, RANKERS[name])
    assert ranker.playlists.shape[0] == 1
    assert np.isfinite(ranker.playlists).all()
    assert np.isfinite(embeddings_of(ranker, world.test_features)).all()


def test_duplicate_tracks_constant_columns_and_more_columns_than_tracks(world: World, name: str) -> None:
    data = world.data
    train, validation = (np.pad(part.features, ((0, 0), (0, 200))) for part in (data.train, data.validation))
    train[1::2] = train[::2]
    ranker = fit(with_features(data, train, validation), once(RANKERS[name]))
    found = embeddings_of(ranker, train)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[1::2], found[::2], rtol=1e-5, atol=1e-6)


def test_nothing_to_tell_tracks_apart(world: World, name: str) -> None:
    data = world.data
    ranker = fit(without_features(data), once(RANKERS[name]))
    found = embeddings_of(ranker, np.zeros_like(world.test_features))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, np.broadcast_to(found[0], found.shape), rtol=1e-5, atol=1e-6)


def test_stored_weights_go_into_a_new_module(world: World, name: str, ranker: Ranker) -> None:
    config, data = RANKERS[name], world.data
    module = build(
        config,
        inputs=data.train.features.shape[1],
        n_artist=0,
        outputs=ranker.playlists.shape[1],
        factors=data.train.factors.shape[1],
    )
    module.load_state_dict(ranker.tower.state_dict())
    again = replace(ranker, tower=module.eval())
    assert embeddings_of(again, world.test_features).tobytes() == embeddings_of(ranker, world.test_features).tobytes()


def test_progress_is_told(world: World, name: str) -> None:
    seen: list[tuple[str, int, int]] = []
    config = once(RANKERS[name])
    FITS[type(config)](world.data, config, seed=0, device=CPU, progress=lambda *step: seen.append(step))
    assert seen[-1][1] == seen[-1][2]
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
