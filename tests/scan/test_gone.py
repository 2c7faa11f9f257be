"""Test that tracks whose files are gone are kept and marked, come back whole, and are forgotten only on request."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.features.stored import get_features
from tests.ingest.sounds import song, write
from unheard.errors import UserError
from unheard.library import Library, Track
from unheard.scan.forget import forget
from unheard.scan.scan import ScanReport, scan
from unheard.spectrograms.store import open_store
from unheard.workspace import Workspace


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gone")
    write(root / "music/one/a.flac", song(1, 2.0))
    write(root / "music/one/b.ogg", song(2, 2.0))
    write(root / "music/two/c.wav", song(3, 2.0))
    scan(Workspace.init(root / "w"), [root / "music"], jobs=1)
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy at the same place: paths in the library are absolute."""
    shutil.copytree(template, tmp_path / "kept")
    yield template
    shutil.rmtree(template)
    shutil.copytree(tmp_path / "kept", template)


def tracks(root: Path) -> dict[str, Track]:
    with Library(Workspace.open(root / "w").library_path) as library:
        return {Path(track.path).name: track for track in library.tracks().items}


def rescan(root: Path, *folders: str) -> ScanReport:
    return scan(Workspace.open(root / "w"), [root / folder for folder in folders or ("music",)], jobs=1)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def test_a_deleted_file_is_marked_and_comes_back_whole(root: Path) -> None:
    before = tracks(root)
    (root / "music/one/a.flac").rename(root / "aside.flac")
    assert rescan(root) == ScanReport(unchanged=2, gone=1)
    assert {name: track.gone_since for name, track in tracks(root).items()} == {
        "a.flac": today(),
        "b.ogg": "",
        "c.wav": "",
    }
    assert rescan(root) == ScanReport(unchanged=2, gone=1)
    (root / "aside.flac").rename(root / "music/one/a.flac")
    assert rescan(root) == ScanReport(updated=1, unchanged=2)
    assert {name: replace(track, ctime_ns=0) for name, track in tracks(root).items()} == {
        name: replace(track, ctime_ns=0) for name, track in before.items()
    }


def test_a_file_that_comes_back_elsewhere_is_whole_again(root: Path) -> None:
    before = tracks(root)["a.flac"]
    (root / "music/one/a.flac").rename(root / "aside.flac")
    rescan(root)
    (root / "aside.flac").rename(root / "music/two/z.flac")
    assert rescan(root) == ScanReport(updated=1, unchanged=2)
    after = tracks(root)["z.flac"]
    assert (after.track_id, after.gone_since) == (before.track_id, "")


def test_only_tracks_of_the_scanned_folder_are_marked(root: Path) -> None:
    (root / "music/one/a.flac").unlink()
    (root / "music/two/c.wav").rename(root / "music/two/d.wav")
    assert rescan(root, "music/two") == ScanReport(updated=1)
    assert not any(track.gone_since for track in tracks(root).values())


def test_an_empty_folder_is_refused(root: Path) -> None:
    shutil.rmtree(root / "music")
    (root / "music").mkdir()
    with pytest.raises(UserError, match=r"no audio in it, but 3 tracks .* mount the disk .*unheard forget"):
        rescan(root)
    assert not any(track.gone_since for track in tracks(root).values())
    (root / "music").rmdir()
    with pytest.raises(UserError, match="no such file or folder"):
        rescan(root)


def test_forgetting(root: Path) -> None:
    workspace = Workspace.open(root / "w")
    (root / "music/one/a.flac").unlink()
    shutil.copy(root / "music/one/b.ogg", root / "music/one/copy of b.ogg")
    rescan(root)
    (root / "music/one/b.ogg").unlink()
    (root / "music/one/copy of b.ogg").unlink()
    a, b, c = (tracks(root)[name] for name in ("a.flac", "b.ogg", "c.wav"))
    with pytest.raises(UserError, match="its file is there"):
        forget(workspace, [a.track_id, c.track_id])
    with pytest.raises(UserError, match="no track 'x'"):
        forget(workspace, ["x"])
    with pytest.raises(UserError, match="nothing to forget"):
        forget(workspace)
    assert [track.track_id for track in forget(workspace, gone=True, dry_run=True)] == [a.track_id]
    assert len(tracks(root)) == 3
    assert [track.track_id for track in forget(workspace, gone=True)] == [a.track_id]
    assert forget(workspace, below=root / "music/two") == []
    assert forget(workspace, below=root / "music/one") == [b]
    assert set(tracks(root)) == {"c.wav"}
    with Library(workspace.library_path) as library:
        assert library.failures() == []
        assert list(open_store(workspace, library).ids) == [c.track_id]
        for kind in ("statistics", "signature", "acoustic-fingerprint"):
            assert list(get_features(workspace, kind).ids) == [c.track_id]


def test_a_forgotten_file_gets_its_id_again(root: Path) -> None:
    before = tracks(root)["a.flac"]
    (root / "music/one/a.flac").rename(root / "aside.flac")
    rescan(root)
    forget(Workspace.open(root / "w"), [before.track_id])
    (root / "aside.flac").rename(root / "music/one/a.flac")
    assert rescan(root).added == 1
    assert tracks(root)["a.flac"].track_id == before.track_id
