"""Test which paths are sources, and tables of tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unheard.errors import TableError, UserError
from unheard.scan.sources import Sources, find_sources


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(found: Sources, root: Path) -> list[str]:
    return [Path(candidate.path).relative_to(root).as_posix() for candidate in found.audio]


def table(root: Path, text: str) -> Path:
    path = root / "tracks.csv"
    path.write_text(text)
    return path


def vectors(path: Path) -> Path:
    pq.write_table(pa.table({"track_id": ["a"], "vector": [[1.0]]}), path)
    return path


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    touch(
        tmp_path, "b/z.ogg", "a/2.FLAC", "a/10.mp3", "a.wav", "cover.jpg", "a/.hidden.ogg", ".trash/x.ogg", "a/._y.mp3"
    )
    found = find_sources([tmp_path])
    assert names(found, tmp_path) == ["a.wav", "a/10.mp3", "a/2.FLAC", "b/z.ogg"]
    assert found.folders == [str(tmp_path)]
    assert names(find_sources([tmp_path], exclude=["*.mp3", "b/*"]), tmp_path) == ["a.wav", "a/2.FLAC"]
    assert names(find_sources([tmp_path], exclude=["a"]), tmp_path) == ["a.wav", "b/z.ogg"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.ogg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert names(find_sources([tmp_path]), tmp_path) == ["a/x.ogg"]


def test_a_table_says_what_a_folder_is(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.ogg", "other.ogg")
    table(tmp_path, "track_id,path,artist,isrc\nt1,x/1.ogg,A feat. B,gb-aye-0601498\nt2,../y.mp3,,\n")
    found = find_sources([tmp_path])
    first, second = found.audio
    assert first.path == str(tmp_path / "x/1.ogg")
    assert first.table_track is not None
    assert (first.table_track.artists, first.table_track.isrc) == (("A", "B"), "GBAYE0601498")
    assert second.path == str(tmp_path.parent / "y.mp3")
    assert not found.folders


def test_tables_come_before_folders_and_files_once(tmp_path: Path) -> None:
    touch(tmp_path, "m/1.ogg", "m/2.ogg")
    path = table(tmp_path, "track_id,path\nt,m/2.ogg\n")
    found = find_sources([tmp_path / "m", path])
    assert [(c.path, bool(c.table_track)) for c in found.audio] == [
        (str(tmp_path / "m/2.ogg"), True),
        (str(tmp_path / "m/1.ogg"), False),
    ]


def test_vectors_stand_in_for_paths(tmp_path: Path) -> None:
    path = table(tmp_path, "track_id,title\na,A\nb,B\n")
    with pytest.raises(TableError, match="no column 'path', found track_id, title"):
        find_sources([path])
    path.write_text("track_id,path\na,\n")
    with pytest.raises(TableError, match="no row has a path"):
        find_sources([path])
    beside = vectors(tmp_path / "vectors.parquet")
    path.write_text("track_id,title\na,A\nb,B\n")
    found = find_sources([path])
    assert found.vectors == [beside]
    assert [track.title for _, track in found.without_path] == ["A", "B"]
    beside.unlink()
    np.savez(tmp_path / "mine.npz", track_id=["a"], vector=[[1.0]])
    found = find_sources([path, tmp_path / "mine.npz"])
    assert found.vectors == [tmp_path / "mine.npz"]
    assert len(found.without_path) == 2


def test_paths_are_used_when_there_are_some(tmp_path: Path) -> None:
    """Vectors beside a table with audio are read only if they are named."""
    beside = vectors(tmp_path / "vectors.parquet")
    path = table(tmp_path, "track_id,path\na,a.ogg\nb,\n")
    assert not find_sources([path]).vectors
    assert find_sources([path, beside]).vectors == [beside]


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("track_id,path\na,x.ogg\nb,y.ogg\na,z.ogg\n", 4, "'a' is also in row 2"),
        ("track_id,path\n,x.ogg\n", 2, "track_id is empty"),
        ("track_id,path\n", None, "no rows"),
        ("id,path\n1,x.ogg\n", None, "no column 'track_id', found id, path"),
    ],
)
def test_bad_tables(text: str, row: int | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=message) as caught:
        find_sources([table(tmp_path, text)])
    assert caught.value.row == row


def test_an_id_in_two_tables(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("track_id,path\na,x.ogg\n")
    (tmp_path / "two.csv").write_text("track_id,path\na,y.ogg\n")
    with pytest.raises(TableError, match=r"one\.csv, row 2"):
        find_sources([tmp_path / "one.csv", tmp_path / "two.csv"])


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        find_sources([tmp_path / "none"])
