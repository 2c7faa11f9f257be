"""Tests of the index file: what changed since it was written, other vectors, damage, and a kill while it is made."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.index.worlds import clustered, playlists
from unheard.arrays import Floats
from unheard.index.build_index import build
from unheard.index.row_vectors import Vectors
from unheard.index.stored_index import Hashes, Index, open_index, save_index

N, D = 3000, 16
RNG = np.random.default_rng(0)
TRACKS = clustered(N, D, RNG)
QUERIES = playlists(TRACKS, 40, RNG)
KEYS = RNG.permutation(N).astype(np.uint64) * np.uint64(2**40)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "i.safetensors"
    vectors = Vectors(TRACKS)
    save_index(path, build(vectors, QUERIES[:20], np.random.default_rng(1)), KEYS, vectors.digests)
    return path


def opened(path: Path, tracks: Floats, keys: Hashes) -> Index | None:
    return open_index(path, Vectors(tracks), keys, Vectors(tracks).digests)


def nearest(index: Index, query: Floats, k: int) -> list[int]:
    """Return the rows of the `k` nearest with all lists read, ascending."""
    rows = index.nearest(query, k, index.allowed(np.ones(index.n_rows, np.bool_)), share=1.0)
    return [int(row) for row in rows]


def test_it_is_mapped_and_up_to_date(stored: Path) -> None:
    index = opened(stored, TRACKS, KEYS)
    assert index is not None
    assert not index.file.vectors.flags.writeable
    assert not len(index.added)
    assert not index.is_outdated
    np.testing.assert_array_equal(index.rows, index.file.positions)


def test_an_index_that_was_measured_at_other_depths_is_not_used(stored: Path, tmp_path: Path) -> None:
    index = opened(stored, TRACKS, KEYS)
    assert index is not None
    path = tmp_path / "earlier.safetensors"
    save_index(path, replace(index.file, shares=index.file.shares[:-1]), KEYS, Vectors(TRACKS).digests)
    assert opened(path, TRACKS, KEYS) is None


def test_removed_tracks_are_never_found_and_new_ones_are(stored: Path) -> None:
    """Rows follow the order of the present ids, not that of the index."""
    query = QUERIES[30]
    best = np.argsort(-(TRACKS @ query))[:5]
    kept = np.setdiff1d(np.arange(N), best[:3])
    new = 2 * TRACKS[best[:1]]  # its product with the query is twice the largest
    order = np.random.default_rng(5).permutation(len(kept) + 1)
    tracks, keys = np.concatenate([TRACKS[kept], new])[order], np.concatenate([KEYS[kept], [np.uint64(7)]])[order]
    index = opened(stored, tracks, keys)
    assert index is not None
    assert index.added.tolist() == [int(np.flatnonzero(keys == 7)[0])]
    assert (index.rows < 0).sum() == 3
    found = nearest(index, query, 10)
    assert set(found) >= set(np.argsort(-(tracks @ query))[:5].tolist())
    assert len(found) == len(set(found))
    nothing = index.allowed(np.zeros(len(keys), np.bool_))
    assert not len(index.nearest(query, 10, nothing, share=1.0))


def test_a_track_with_another_vector_is_found_where_it_is_now(stored: Path) -> None:
    tracks = TRACKS.copy()
    tracks[11] = 3 * QUERIES[31]
    index = opened(stored, tracks, KEYS)
    assert index is not None
    assert index.added.tolist() == [11]
    assert 11 in nearest(index, QUERIES[31], 3)
    assert 11 not in nearest(index, -QUERIES[31], 3)


def test_it_is_made_again_after_a_hundredth_has_changed_and_not_used_after_a_twentieth(stored: Path) -> None:
    for share, usable, outdated in ((0.005, True, False), (0.02, True, True), (0.06, False, True)):
        tracks = TRACKS.copy()
        tracks[: int(share * N)] *= 2
        index = opened(stored, tracks, KEYS)
        assert (index is not None) == usable
        assert index is None or index.is_outdated == outdated


def test_an_index_of_other_vectors_is_not_used(stored: Path) -> None:
    assert opened(stored, clustered(N, D, np.random.default_rng(9)), KEYS) is None
    assert opened(stored, clustered(N, D + 1, np.random.default_rng(9)), KEYS) is None
    assert opened(stored, TRACKS, KEYS + np.uint64(1)) is None


def test_a_damaged_or_missing_file_is_no_index(stored: Path, tmp_path: Path) -> None:
    assert opened(tmp_path / "none.safetensors", TRACKS, KEYS) is None
    damaged = tmp_path / "damaged.safetensors"
    for content in (b"", b"not an artefact", stored.read_bytes()[:5000]):
        damaged.write_bytes(content)
        assert opened(damaged, TRACKS, KEYS) is None


def test_a_process_that_is_killed_while_it_makes_an_index_leaves_the_previous_one(stored: Path, tmp_path: Path) -> None:
    path = tmp_path / "i.safetensors"
    path.write_bytes(stored.read_bytes())
    code = f"""
import os, pathlib, numpy as np
from unheard import artefacts
from unheard.index.build_index import build
from unheard.index.stored_index import save_index
from unheard.index.row_vectors import Vectors
path, whole = pathlib.Path({str(path)!r}), artefacts.save_file
def half(tensors, file, **options):
    whole(tensors, file, **options)
    os.truncate(file, 1000)
    os._exit(9)
artefacts.save_file = half
x, keys = np.ones((50, {D}), np.float32), np.arange(50, dtype=np.uint64)
save_index(path, build(Vectors(x), x[:3], np.random.default_rng(0)), keys, Vectors(x).digests)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 9
    index = opened(path, TRACKS, KEYS)
    assert index is not None
    assert nearest(index, QUERIES[0], 10)


def test_digests_depend_on_every_number_and_on_the_centre() -> None:
    x = TRACKS[:50]
    digests = Vectors(x).digests
    assert len(set(digests.tolist())) == 50
    changed = x.copy()
    changed[3, 5] = np.nextafter(changed[3, 5], np.float32(9))
    np.testing.assert_array_equal(np.flatnonzero(Vectors(changed).digests != digests), [3])
    assert (Vectors(x, np.full(D, 0.1, np.float32), np.ones(50, np.float32)).digests != digests).all()
