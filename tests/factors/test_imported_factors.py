"""Tests of factors imported from the user's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.factors.test_stage import CONFIG, make_workspace, some_plays, track
from unheard.errors import TableError, UserError
from unheard.factors.als import fold_in
from unheard.factors.imported_factors import read_factors
from unheard.factors.stage import compute_factors, mask_columns
from unheard.factors.store import load_factors
from unheard.ids import IdMap
from unheard.library import Library
from unheard.plays import read_plays

ABC = IdMap("abc")


def write(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def own_factors(path: Path, names: list[str], *, dim: int = 5, id_column: str = "track_id") -> tuple[Path, np.ndarray]:
    vectors = np.random.default_rng(7).normal(size=(len(names), dim)).astype(np.float32)
    write(path, **{id_column: names, "vector": list(vectors)})
    return path, vectors


def test_factors_are_aligned_to_the_library(tmp_path: Path) -> None:
    file = write(tmp_path / "f.parquet", track_id=["c", "x", "a", "y"], vector=[[3.0, 4], [9, 9], [1, 2], [9, 9]])
    found = read_factors(file, ABC, id_column="track_id")
    np.testing.assert_array_equal(found.vectors, [[1, 2], [0, 0], [3, 4]])
    assert found.known.tolist() == [True, False, True]
    assert found.n_unknown_ids == 2
    assert found.vectors.dtype == np.float32


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.int16(), 2)])
def test_lists_of_any_number_type_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    file = write(tmp_path / "f.parquet", track_id=pa.array([1, 2]), vector=pa.array([[1, 2], [3, 4]], kind))
    np.testing.assert_array_equal(read_factors(file, IdMap("12"), id_column="track_id").vectors, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a"], "vector": [[1.0]]}, "no column 'track_id', found id, vector"),
        ({"track_id": ["a"], "factors": [[1.0]]}, "no column 'vector'"),
        ({"track_id": ["a", "b", "a"], "vector": [[1.0]] * 3}, "row 3: track_id 'a' is also in row 1"),
        ({"track_id": ["a", "b"], "vector": [[1.0, 2], [1.0]]}, "row 2: vector of 'b' has 1 numbers, the first has 2"),
        ({"track_id": ["a", "b"], "vector": [[1.0], None]}, "row 2: vector of 'b' has 0 numbers"),
        ({"track_id": ["a", "b"], "vector": [[1.0], [np.nan]]}, "row 2: vector of 'b' has NaN or infinity"),
        ({"track_id": ["x"], "vector": [[1.0]]}, r"none of its 1 ids \(such as 'x'\) is in the library"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    file = write(tmp_path / "f.parquet", **columns)
    with pytest.raises(TableError, match=message) as caught:
        read_factors(file, ABC, id_column="track_id")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.parquet").write_bytes(b"track_id,vector\n")
    for name in ("f.parquet", "missing.parquet"):
        with pytest.raises(TableError, match=r"not a parquet file|no such file"):
            read_factors(tmp_path / name, ABC, id_column="track_id")


def test_imported_tracks_are_kept_and_playlists_folded_in_from_train_plays(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", some_plays())
    file, vectors = own_factors(tmp_path / "f.parquet", [*(track(n) for n in range(25)), "x"])
    lines = compute_factors(workspace, "tracks", CONFIG, imported=file)
    assert lines[0] == f"{file}: 25 tracks of the library, 1 unknown ids ignored"
    with Library(workspace.library_path) as library:
        plays = read_plays(workspace).for_tracks(library.tracks().ids).matrix
    aligned = np.zeros((30, 5), np.float32)
    aligned[:25] = vectors[:25]
    train = np.arange(30) < 18
    for name, mask in (("tracks", train), ("full", np.ones(30, np.bool_))):
        found = load_factors(workspace, name)
        np.testing.assert_array_equal(found.tracks[:25], aligned[:25])
        wanted = fold_in(aligned * mask[:, None], mask_columns(plays, mask), CONFIG)
        np.testing.assert_array_equal(found.playlists, wanted)
        lacking = fold_in(wanted, plays.T.tocsr()[25:], CONFIG)  # tracks that are not in the file are folded in
        np.testing.assert_array_equal(found.tracks[25:], lacking)
        np.testing.assert_array_equal(found.known, np.r_[np.ones(25, np.bool_), lacking.any(axis=1)])
        assert (found.config["source"], found.config["dim"]) == ("imported", 5)


def test_imported_playlists_are_kept_and_others_folded_in(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", some_plays())
    file, _ = own_factors(tmp_path / "f.parquet", [track(n) for n in range(30)])
    compute_factors(workspace, "tracks", CONFIG, imported=file)
    folded = load_factors(workspace, "tracks").playlists
    own, vectors = own_factors(tmp_path / "p.parquet", ["p03", "p01", "nobody"], id_column="playlist_id")
    lines = compute_factors(workspace, "tracks", CONFIG, imported=file, imported_playlists=own)
    assert lines[1] == f"{own}: 2 playlists of the library, 1 unknown ids ignored"
    found = load_factors(workspace, "tracks")
    np.testing.assert_array_equal(found.playlists[[3, 1]], vectors[:2])
    np.testing.assert_array_equal(np.delete(found.playlists, [1, 3], 0), np.delete(folded, [1, 3], 0))


def test_imported_tracks_need_no_plays(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", [])
    file, vectors = own_factors(tmp_path / "f.parquet", [track(n) for n in range(30)])
    compute_factors(workspace, None, CONFIG, imported=file)
    found = load_factors(workspace, "time")
    np.testing.assert_array_equal(found.tracks, vectors)
    assert found.playlists.shape == (0, 5)


def test_playlists_are_named_by_a_column_of_their_own(tmp_path: Path) -> None:
    file = write(tmp_path / "p.parquet", track_id=["a"], vector=[[1.0]])
    with pytest.raises(TableError, match="no column 'playlist_id'"):
        read_factors(file, ABC, id_column="playlist_id")
    np.savez(tmp_path / "p.npz", playlist_id=["b", "b"], vector=np.ones((2, 3)))
    with pytest.raises(TableError, match="row 2: playlist_id 'b' is also in row 1"):
        read_factors(tmp_path / "p.npz", ABC, id_column="playlist_id")


def test_two_spaces_do_not_mix(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", some_plays())
    file, _ = own_factors(tmp_path / "f.parquet", [track(0)])
    own, _ = own_factors(tmp_path / "p.parquet", ["p03"], dim=4, id_column="playlist_id")
    with pytest.raises(TableError, match=r"has 4 values a vector, .* has 5"):
        compute_factors(workspace, "tracks", CONFIG, imported=file, imported_playlists=own)
    with pytest.raises(UserError, match="import both"):
        compute_factors(workspace, "tracks", CONFIG, imported_playlists=own)
