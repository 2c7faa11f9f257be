"""A small workspace made directly: tracks whose factors are a linear function of what their spectrograms show.

Each track has four hidden numbers. They raise or lower four groups of mel bands, and times a fixed matrix they are its
factors. So factors can be learned from sound, and a model that has learned nothing predicts their mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.features.stored import put_features
from unheard.factors.store import Factors, load_factors, save_factors
from unheard.ids import IdMap
from unheard.library import Library, Track, open_library
from unheard.models.recipe import Recipe, recipe_from
from unheard.plays import Play, Plays, read_plays, replace_playlists
from unheard.spectrograms.store import ENCODINGS, mel_writer
from unheard.splits import Split
from unheard.workspace import Settings, Workspace, write_marker

SETTINGS = Settings(patch_frames=16)
DIM = 6
HIDDEN = 4


@dataclass(frozen=True)
class World:
    workspace: Workspace
    split: Split
    factors: Factors

    @property
    def ids(self) -> IdMap:
        return self.factors.track_ids

    def rows(self, use: str) -> NDArray[np.int64]:
        """Rows of the tracks with this use."""
        number = {"train": 0, "val": 1, "test": 2}[use]
        return np.flatnonzero(self.split.uses(self.ids) == number)


def make_world(root: Path, *, n_tracks: int = 60, seed: int = 0, settings: Settings = SETTINGS) -> World:
    """60 % of the tracks train, 20 % validate, 20 % test; every track is in a playlist of its own."""
    rng = np.random.default_rng(seed)
    write_marker(root, settings, "sound-world")  # the same id in every world, so that tests can compare bytes
    workspace = Workspace.open(root)
    ids = [f"t{number:03d}" for number in range(n_tracks)]
    hidden = rng.normal(size=(n_tracks, HIDDEN)).astype(np.float32)
    with Library(workspace.library_path) as library:
        for track_id, track_hidden in zip(ids, hidden, strict=True):
            add_track(workspace, library, track_id, track_hidden, rng)
        with library.transaction():
            replace_playlists(
                workspace, Plays.of([Play(f"p{place}", track_id, 0) for place, track_id in enumerate(ids)])
            )
    mixing = rng.normal(size=(HIDDEN, DIM)).astype(np.float32)
    offset = rng.normal(size=DIM).astype(np.float32)
    factors = Factors(
        IdMap(ids),
        IdMap(f"p{place}" for place in range(n_tracks)),
        hidden @ mixing + offset,
        np.ones(n_tracks, bool),
        rng.normal(size=(n_tracks, DIM)).astype(np.float32),
        {"source": "made up", "dim": DIM},
    )
    split = Split(
        "artists", {t: place % 5 for place, t in enumerate(ids)}, {"train": (0, 1, 2), "val": (3,), "test": (4,)}
    )
    save_factors(workspace, split.name, factors)
    save_factors(workspace, "full", factors)
    return World(workspace, split, factors)


def add_track(
    workspace: Workspace, library: Library, track_id: str, hidden: NDArray[np.float32], rng: np.random.Generator
) -> None:
    """One track: spectrogram, and noisy linear images of the hidden numbers as statistics."""
    n_mels = workspace.settings.n_mels
    profile = np.repeat(hidden, n_mels // HIDDEN) * 6 - 30  # (mel,) decibels
    mel_db = profile + rng.normal(size=(int(rng.integers(10, 50)), n_mels)) * 4  # some shorter than a patch
    statistics = np.concatenate([hidden * 3 + 5, rng.normal(size=3) * 0.1]).astype(np.float32)
    track = Track(track_id, path=f"{track_id}.flac", content_hash=hidden.tobytes().hex())
    with library.transaction(), mel_writer(workspace) as writer:
        library.put_track(track)
        stored = ENCODINGS[workspace.settings.front_end].encode(mel_db.astype(np.float32))
        writer.append(track_id, stored, track.source_hash)
    put_features(workspace, "statistics", [(track_id, statistics)])


def give_vectors(world: World) -> None:
    """User vectors beside the spectrograms: a rotation of the factors."""
    rng = np.random.default_rng(9)
    vectors = (world.factors.tracks @ rng.normal(size=(DIM, 10))).astype(np.float32)
    put_features(world.workspace, "vectors", zip(world.ids, vectors, strict=True))


def spoil_test(world: World) -> None:
    """Shuffle and corrupt what is known about test tracks: their factors, whether they are known, their plays."""
    rng, test = np.random.default_rng(5), world.rows("test")
    for name in ("artists", "full"):
        before = load_factors(world.workspace, name)
        tracks, known = before.tracks.copy(), before.known.copy()
        tracks[test] = rng.permutation(tracks[test]) * -50 + 7
        known[test[:3]] = False
        save_factors(world.workspace, name, replace(before, tracks=tracks, known=known))
    with open_library(world.workspace.library_path) as library, library.transaction():
        replace_playlists(
            world.workspace, Plays.of([Play(f"p{row}", world.ids[int(rng.choice(test))], 0, 99.0) for row in test])
        )


ENCODER: dict[str, Any] = {
    "channels": [6, 8], "attention": 4, "dense": [16], "time_masks": 1, "mask_frames": 4, "mel_masks": 1,
    "mask_bands": 8, "unit_length": True,
}  # fmt: skip
PATCH_NETWORK: dict[str, Any] = {"cnn": {"channels": [4, 6], "pools": [[8, 2], [2, 4]], "dense": [16]}}
FAST_ADAM = {"learning_rate": 5e-3}
HEARD_IN_BAGS: dict[str, Any] = {"cnn": None, "encoder": ENCODER, "bag": 2}


def recipe(name: str, *stages: dict[str, Any]) -> Recipe:
    """A recipe from plain data."""
    return recipe_from({"name": name, "about": "toy", "stage": list(stages)}, name)


def regression(**changes: Any) -> dict[str, Any]:
    """A last stage."""
    plain = {"input": "patches", **PATCH_NETWORK, "mse": {}, "adam": FAST_ADAM, "batch_size": 16, "epochs": 6}
    return {"patches_per_track": 4, **plain, **changes}


def embedding(**changes: Any) -> dict[str, Any]:
    """A first stage of two."""
    return regression(**{"output": 8, "triplet-semi-hard": {"nearest": 6, "buffer": 4}, "mse": None, **changes})


def dense_regression(**changes: Any) -> dict[str, Any]:
    """A last stage on vectors."""
    return regression(**{"cnn": None, "dense": {"layers": [32]}, "patches_per_track": 1, "epochs": 40, **changes})


def toy(kind: str) -> Recipe:
    """A small recipe of each kind that ships."""
    second = without_none(dense_regression(input="previous", patience=10))
    loss: dict[str, Any]
    match kind:
        case "cnn":
            stages = [regression()]
        case "cnn1d":
            slim: dict[str, Any] = {"channels": [8, 8], "pools": [2, 2], "dense": [16], "summary": "moments"}
            stages = [regression(cnn=None, cnn1d=slim)]
        case "triplet":
            stages = [embedding(), second]
        case "triplet-offline":
            offline = {"nearest": 6, "farthest": 12}
            stages = [embedding(**{"triplet-semi-hard": None, "triplet-offline": offline}), second]
        case "encoder":  # everything that has a state: bags, masks, a memory
            loss = {"contrastive": {"partners": 8, "memory": 24}, "triplet-semi-hard": None}
            stages = [embedding(**HEARD_IN_BAGS, **loss, epochs=25, patience=25), {**second, "mse": None, "cosine": {}}]
        case "encoder-playlists":
            loss = {"contrastive-playlists": {"negatives": 8, "memory": 24}, "triplet-semi-hard": None}
            stages = [embedding(**HEARD_IN_BAGS, **loss), {**second, "mse": None, "score": {}}]
        case "multi-similarity":
            loss = {"multi-similarity": {"nearest": 6, "buffer": 4}, "triplet-semi-hard": None}
            stages = [embedding(**loss), second]
        case "bag-of-tones":
            stages = [dense_regression(input="bag-of-tones", tones=24)]
        case "mlp":
            stages = [dense_regression(input="content")]
        case _:
            net: dict[str, Any] = {"layers": [16], "dropout": 0.2}
            stages = [embedding(cnn=None, dense=net, input="content", epochs=15), second]
    return recipe(kind, *(without_none(stage) for stage in stages))


def without_none(stage: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stage.items() if value is not None}


def give_playlists(world: World, *, n_playlists: int = 80, length: int = 8) -> World:
    """Playlists of tracks whose factors point the same way, train and test tracks mixed, and the playlists' factors:
    the mean factor of their train tracks. Tracks are by an artist of three tracks each."""
    rng = np.random.default_rng(21)
    centred = world.factors.tracks - world.factors.tracks.mean(axis=0)
    wishes = rng.normal(size=(n_playlists, DIM)).astype(np.float32)
    listed = np.argsort(-(wishes @ centred.T), axis=1)[:, :length]
    train = np.isin(listed, world.rows("train"))
    means = [
        centred[row[known]].mean(axis=0) if known.any() else 0 * centred[0]
        for row, known in zip(listed, train, strict=True)
    ]
    names = [f"q{place:03d}" for place in range(n_playlists)]
    factors = replace(world.factors, playlist_ids=IdMap(names), playlists=np.stack(means).astype(np.float32))
    for name in ("artists", "full"):
        save_factors(world.workspace, name, factors)
    with open_library(world.workspace.library_path) as library, library.transaction():
        tracks = library.tracks()
        for row, track in enumerate(tracks.items):
            library.put_track(replace(track, artists=(f"artist {row // 3}",)))
        replace_playlists(
            world.workspace,
            Plays.of(
                [
                    Play(name, world.ids[row], at)
                    for name, rows in zip(names, listed, strict=True)
                    for at, row in enumerate(rows)
                ]
            ),
        )
    return replace(world, factors=factors)


def spoil_test_plays(world: World) -> None:
    """Put every test track of a playlist in the place of another one; train and validation tracks stay."""
    rng, test = np.random.default_rng(6), world.ids.take(world.rows("test"))
    plays, spoilt = read_plays(world.workspace), []
    for name in plays.playlist_ids:
        kept = [track for track in plays.tracks_of(name) if track not in test]
        others = rng.choice(test, int(rng.integers(0, 4)), replace=False)
        spoilt += [Play(name, str(track), at) for at, track in enumerate([*kept, *others])]
    replace_playlists(world.workspace, Plays.of(spoilt))
