"""Tests that all arrays of a catalogue are aligned to the rows of the library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import music_world as toy
from tests.features.stored import put_features
from unheard.errors import MissingStageError, UserError
from unheard.factors.stage import compute_factors
from unheard.factors.store import load_factors
from unheard.library import Library, Track
from unheard.plays import Play, Plays, replace_playlists
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.spectrograms.statistics import MFCC_STATISTICS
from unheard.splits import Use, load_split, write_splits
from unheard.workspace import Workspace


def test_candidates_by_use(catalogue: Catalogue) -> None:
    def ids(rows: np.ndarray) -> set[str]:
        return set(catalogue.tracks.ids.take(rows))

    cold = ids(catalogue.candidates("cold", new=False))
    assert cold == {f"t{a:02d}-{n}" for a in range(40) if a % 10 in (8, 9) for n in range(7)} | {"unplayed", "silent"}
    assert ids(catalogue.candidates("cold", new=True)) == cold | {"new-0", "new-1"}
    warm = catalogue.candidates("warm", new=True)
    assert (catalogue.use[warm] == Use.TRAIN).all()
    assert (np.bincount(catalogue.plays.indices, minlength=len(catalogue))[warm] > 0).all()
    assert len(catalogue.candidates("all", new=True)) == len(catalogue)
    assert len(catalogue.candidates("all", new=False)) == (catalogue.use != Use.NEW).sum()


def test_unknown_ids_raise(catalogue: Catalogue) -> None:
    with pytest.raises(UserError, match="no playlist 'p999'"):
        catalogue.playlist_row("p999")
    with pytest.raises(UserError, match="no track 'x'"):
        catalogue.track_row("x")


def test_plays_of_one_use(catalogue: Catalogue) -> None:
    test = catalogue.plays_of(Use.TEST)
    dense = catalogue.plays.toarray() * (catalogue.use == Use.TEST)
    np.testing.assert_array_equal(test.toarray(), dense)
    assert test.nnz == (dense > 0).sum()


def test_train_plays_end_at_the_cutoff(workspace: Workspace) -> None:
    catalogue = load_catalogue(workspace, "time")
    assert 0 < catalogue.train_plays.nnz < catalogue.plays_of(Use.TRAIN).nnz


def test_validation_plays_end_at_the_cutoff(tmp_path: Path, catalogue: Catalogue) -> None:
    every_play = catalogue.plays_of(Use.VAL)
    assert (catalogue.validation_plays != every_play).nnz == 0  # no cutoff, so all of them
    workspace = toy.build(tmp_path / "w")
    cut = replace(load_split(workspace, "artists"), cutoff_timestamp=1000.0)
    write_splits(workspace.splits_path, {"artists": cut})
    compute_factors(workspace, "artists", toy.ALS)
    found = load_catalogue(workspace, "artists").validation_plays
    assert 0 < found.nnz < every_play.nnz
    assert found.multiply(every_play).nnz == found.nnz


def test_main_artists(catalogue: Catalogue) -> None:
    artists = catalogue.main_artist
    assert artists[catalogue.track_row("new-0")] == artists[catalogue.track_row("t03-6")]
    assert artists[catalogue.track_row("new-1")] not in artists[: catalogue.track_row("new-1")]


def test_rows_without_factors_are_zero_and_unknown(tmp_path: Path) -> None:
    workspace = toy.build(tmp_path / "w")
    with Library(workspace.library_path) as library, library.transaction():
        library.put_track(Track("a-first", title="Sorts first", artists=("X",)))
        library.remove_track("t00-0")
        replace_playlists(workspace, Plays.of([Play("a-new", "t05-1", 0), Play("p00", "t05-1", 0, weight=0.0)]))
    catalogue, factors = load_catalogue(workspace, "artists"), load_factors(workspace, "artists")
    late = catalogue.track_row("a-first")
    assert late == 0
    assert not catalogue.warm.known[late]
    assert not catalogue.warm.tracks[late].any()
    assert catalogue.use[late] == Use.NEW
    for name in ("t00-1", "t38-6"):
        row = factors.track_ids.row(name)
        np.testing.assert_array_equal(catalogue.warm.tracks[catalogue.track_row(name)], factors.tracks[row])
    assert not catalogue.warm.playlists[catalogue.playlist_row("a-new")].any()
    known = catalogue.warm.playlists[catalogue.playlist_row("p17")]
    np.testing.assert_array_equal(known, factors.playlists[factors.playlist_ids.row("p17")])
    assert catalogue.plays[catalogue.playlist_row("p00")].nnz == 0  # a weight of zero is no play


def test_centre_is_the_mean_of_train_tracks_alone(catalogue: Catalogue) -> None:
    train = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    np.testing.assert_allclose(catalogue.warm.centre, catalogue.warm.tracks[train].mean(axis=0), rtol=1e-4, atol=1e-6)


def test_content_is_the_kind_of_features_that_more_tracks_have(tmp_path: Path, catalogue: Catalogue) -> None:
    assert not catalogue.content.known[catalogue.track_row("silent")]
    assert catalogue.content.known.sum() == len(catalogue) - 1
    np.testing.assert_array_equal(catalogue.timbre.values, catalogue.content.values[:, MFCC_STATISTICS])
    workspace = toy.build(tmp_path / "w")
    vectors = [(name, np.full(4, row, np.float32)) for row, name in enumerate(catalogue.tracks.ids)]
    put_features(workspace, "vectors", vectors)
    of_user = load_catalogue(workspace, "artists")
    assert of_user.content.values.shape == of_user.timbre.values.shape == (len(catalogue), 4)
    assert of_user.content.values[7, 0] == 7


def test_missing_stages_name_their_command(tmp_path: Path) -> None:
    workspace = toy.build(tmp_path / "w")
    workspace.factors_path("full").unlink()
    load_catalogue(workspace, "artists")
    with pytest.raises(MissingStageError, match="unheard factors"):
        load_catalogue(workspace, "artists", need_full=True)
    workspace.library_path.unlink()
    with pytest.raises(MissingStageError, match="unheard scan"):
        load_catalogue(workspace, "artists")
