"""Training arrays of one split, read once and shared by all models. Test tracks are never read.

A track takes part when it has an input (features or audio), a use in the split and a known factor: warm factors of
train tracks, fold-ins of validation tracks. Factors, features, artists and plays of other tracks are not in any array
here, so they cannot influence what a model learns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Floats, Indices, Mask, Rows
from unheard.errors import UserError
from unheard.factors.store import Factors, load_factors, load_split_factors
from unheard.features.table import encoder_kind, is_encoder, split_and_model
from unheard.ids import IdMap
from unheard.inference.artists import ArtistTable, artist_names, artist_table
from unheard.inference.ranker_features import (
    FeatureBlock,
    FeatureScaler,
    fit_scaler,
    read_features,
    scaled_features,
)
from unheard.library import Library
from unheard.models.ranker_recipe import RankerRecipe
from unheard.plays import read_plays
from unheard.splits import Split, Use
from unheard.training.neighbour_playlists import neighbour_playlists
from unheard.workspace import Workspace

TargetKind = Literal["warm", "full"]
MIN_TRAIN_TRACKS = 4


@dataclass(frozen=True)
class TrackArrays:
    """Arrays of n tracks of one use.

    ids           track ids
    factors       (n, d) float32 targets
    plays         (m, n) float32 CSR over the playlists of the data set; every stored entry is 1
    features      (n, f) float32, standardised over the train tracks; f is 0 for networks, which read audio or vectors
    artist_names  (n,) main artists, "" for none
    artists       (n,) numbers of the main artists; a track without an artist has a number of its own
    """

    ids: IdMap
    factors: Floats
    plays: csr_matrix
    features: Floats
    artist_names: Sequence[str]
    artists: Rows

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Indices) -> TrackArrays:
        """Return the arrays of the tracks at `indices`, in their order."""
        return TrackArrays(
            IdMap(self.ids.take(indices)),
            self.factors[indices],
            self.plays[:, indices],
            self.features[indices],
            [self.artist_names[index] for index in indices],
            self.artists[indices],
        )

    @staticmethod
    def of_factors(factors: Floats) -> TrackArrays:
        """Return tracks with factors alone: no playlist, no feature, no artist."""
        n = len(factors)
        return TrackArrays(
            IdMap(str(row) for row in range(n)),
            factors,
            csr_matrix((0, n), dtype=np.float32),
            np.zeros((n, 0), np.float32),
            [""] * n,
            np.arange(n),
        )


@dataclass(frozen=True)
class TrainingData:
    """Train and validation tracks, and the playlists that hold them.

    playlist_ids      m playlists
    playlist_factors  (m, d) float32, zero for a playlist without a factor
    scalers           kinds of features and how each is standardised, in the order of the columns
    n_artist_features how many of the feature columns, the last ones, are artist features
    artist_scale      by which the artists' mean factors in those columns are divided
    factors_config    how the factors were made (`factors.store.Factors.config`)
    """

    train: TrackArrays
    validation: TrackArrays
    playlist_ids: IdMap
    playlist_factors: Floats
    scalers: Sequence[FeatureScaler] = ()
    n_artist_features: int = 0
    artist_scale: float = 1.0
    factors_config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        """Number of latent factors."""
        return int(self.train.factors.shape[1])

    @property
    def n_content_features(self) -> int:
        """Number of feature columns that describe the track itself, before the artist features."""
        return int(self.train.features.shape[1]) - self.n_artist_features

    @cached_property
    def mean_factor(self) -> Floats:
        """Mean factor of the train tracks, (d,)."""
        mean: Floats = self.train.factors.mean(axis=0)
        return mean

    @cached_property
    def artist_table(self) -> ArtistTable:
        """Sums of the train tracks' centred factors by artist."""
        return artist_table(self.train.factors - self.mean_factor, self.train.artist_names)

    def with_artist_features(self) -> TrainingData:
        """Return a view whose features end with the d + 1 artist features of `inference/artists.py`."""
        table = self.artist_table
        train = table.columns_without_self(self.train.artist_names, self.train.factors - self.mean_factor)
        validation = table.columns(self.validation.artist_names)
        return replace(
            self,
            train=replace(self.train, features=np.concatenate([self.train.features, train], axis=1)),
            validation=replace(
                self.validation, features=np.concatenate([self.validation.features, validation], axis=1)
            ),
            n_artist_features=train.shape[1],
            artist_scale=table.scale,
        )

    def with_train_tracks(self, indices: Indices) -> TrainingData:
        """Return a view with the train tracks at `indices` alone."""
        return replace(self, train=self.train.take(indices))

    def validating_on_train(self) -> TrainingData:
        """Return a view whose validation tracks are the train tracks, for a split without validation tracks."""
        return replace(self, validation=self.train)

    @staticmethod
    def of_factors(train: Floats, validation: Floats) -> TrainingData:
        """Return data for losses that read factors (n, d) alone."""
        none = np.zeros((0, train.shape[1]), np.float32)
        return TrainingData(TrackArrays.of_factors(train), TrackArrays.of_factors(validation), IdMap([]), none)


def load_ranker_data(workspace: Workspace, library: Library, recipe: RankerRecipe, split: Split) -> TrainingData:
    """Read features and training arrays for a ranker recipe, without artist features; errors as below."""
    for kind in recipe.features or ():
        if is_encoder(kind) and split_and_model(kind)[0] != split.name:
            raise UserError(
                f"recipe {recipe.name!r}: {kind} was trained on tracks that may be test tracks of split "
                f"{split.name!r}; use {encoder_kind(split.name, split_and_model(kind)[1])}"
            )
    ids, blocks = read_features(workspace, library, recipe.features)
    return load_training_data(workspace, library, split, ids, blocks=blocks)


def load_training_data(
    workspace: Workspace,
    library: Library,
    split: Split,
    ids: IdMap,
    *,
    blocks: Sequence[FeatureBlock] = (),
    targets: TargetKind = "warm",
    playlists: Literal["factors", "played"] = "factors",
) -> TrainingData:
    """Read factors, plays and artists of the train and validation tracks among `ids`.

    Where factors were imported and nothing else, playlists are those of neighbour_playlists.py.

    blocks     features of the tracks `ids`, one block for each kind
    targets    "warm": factors of train plays; "full": factors of all plays, which include test plays
    playlists  rows of the plays. "factors": the playlists of the factors; "played": those that hold a train or a
               validation track, so that not even their number depends on other tracks

    MissingStageError without factors; UserError with fewer than `MIN_TRAIN_TRACKS` train tracks.
    """
    factors = load_split_factors(workspace, split) if targets == "warm" else load_factors(workspace, "full")
    uses, in_factors = split.uses(ids), factors.track_ids.rows(ids, missing=-1)
    known = (in_factors >= 0) & factors.known[in_factors]
    train, validation = np.flatnonzero((uses == Use.TRAIN) & known), np.flatnonzero((uses == Use.VAL) & known)
    if len(train) < MIN_TRAIN_TRACKS:
        raise UserError(
            f"{workspace.root}: split {split.name!r} has {len(train)} train tracks with both sound and plays, "
            f"expected at least {MIN_TRAIN_TRACKS}; import more playlists of these tracks"
        )
    scalers = [fit_scaler(block, train) for block in blocks]
    names = artist_names(library, ids)
    artists = _numbers_of(names)
    playlist_ids, plays = _plays_of(workspace, IdMap(ids.take(np.concatenate([train, validation]))), split)
    playlist_factors = None
    if not plays.nnz and not len(factors.playlist_ids):  # imported factors, without playlists
        playlist_ids, plays, playlist_factors = neighbour_playlists(
            IdMap(ids.take(train)), factors.tracks[in_factors[train]], factors.tracks[in_factors[validation]]
        )
    elif playlists == "factors":
        playlist_ids, plays = factors.playlist_ids, _aligned(playlist_ids, plays, factors.playlist_ids)
    else:
        played = np.flatnonzero(np.diff(plays.indptr))
        playlist_ids, plays = IdMap(playlist_ids.take(played)), plays[played]

    def arrays_of(rows: Indices, columns: slice) -> TrackArrays:
        values = {block.kind: (block.values[rows], block.known[rows]) for block in blocks}
        return TrackArrays(
            IdMap(ids.take(rows)),
            factors.tracks[in_factors[rows]],
            plays[:, columns],
            scaled_features(values, scalers) if scalers else np.zeros((len(rows), 0), np.float32),
            [names[row] for row in rows],
            artists[rows],
        )

    return TrainingData(
        arrays_of(train, slice(0, len(train))),
        arrays_of(validation, slice(len(train), None)),
        playlist_ids,
        _playlist_factors(factors, playlist_ids) if playlist_factors is None else playlist_factors,
        scalers,
        factors_config=factors.config,
    )


def _numbers_of(names: Sequence[str]) -> Rows:
    """Number artists in alphabetical order; a track without an artist gets a number of its own."""
    alone = [name or f"\0{row}" for row, name in enumerate(names)]
    numbers: Rows = np.unique(alone, return_inverse=True)[1].reshape(-1).astype(np.int32)
    return numbers


def _plays_of(workspace: Workspace, tracks: IdMap, split: Split) -> tuple[IdMap, csr_matrix]:
    """Return playlist ids and binary plays (m, tracks) from before the split's cutoff."""
    plays = read_plays(workspace).for_tracks(tracks).before(split.cutoff_timestamp).binary()
    return plays.playlist_ids, plays.matrix


def _aligned(playlist_ids: IdMap, plays: csr_matrix, wanted: IdMap) -> csr_matrix:
    """Return the rows of `plays` in the order of `wanted`; a playlist without plays has an empty row."""
    rows = playlist_ids.rows(wanted, missing=-1)
    there: Mask = rows >= 0
    entries = (np.ones(there.sum(), np.float32), (np.flatnonzero(there), rows[there]))
    aligned = (csr_matrix(entries, shape=(len(wanted), plays.shape[0])) @ plays).tocsr()
    aligned.sort_indices()
    return aligned


def _playlist_factors(factors: Factors, playlist_ids: IdMap) -> Floats:
    rows = factors.playlist_ids.rows(playlist_ids, missing=-1)
    found, known = np.zeros((len(rows), factors.dim), np.float32), rows >= 0
    found[known] = factors.playlists[rows[known]]
    return found
