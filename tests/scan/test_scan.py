"""Test scans of real files: stored tracks, failures, and second scans."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.features.stored import get_features
from tests.ingest.sounds import cut, song, write
from unheard.errors import Reason, UnheardError, UserError
from unheard.ingest.decoders import decoder_versions
from unheard.library import Library, Track
from unheard.scan import scan as scanning
from unheard.scan.audio_extraction import ExtractedAudio, extract_audio
from unheard.scan.scan import ScanReport, scan
from unheard.spectrograms.files import mel_of_file
from unheard.spectrograms.statistics import statistics
from unheard.spectrograms.store import open_store
from unheard.workspace import Settings, Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder `saved` of music and a workspace that scanned it when it was one folder up."""
    root = tmp_path_factory.mktemp("template")
    for seed, name in enumerate(("a.flac", "b.ogg", "c/d.wav")):
        write(root / "music" / name, song(seed, 2.0))
    scan(Workspace.init(root / "scanned"), [root / "music"], jobs=1)
    for name in ("music", "scanned"):
        shutil.copytree(root / name, root / "saved" / name)  # with the files' times
    return root


def restored(root: Path, name: str) -> Path:
    shutil.rmtree(root / name)
    return Path(shutil.copytree(root / "saved" / name, root / name))


@pytest.fixture
def music(template: Path) -> Path:
    """Return a folder of three tracks: a.flac, b.ogg, c/d.wav."""
    return restored(template, "music")


@pytest.fixture
def scanned(template: Path) -> Workspace:
    """Return a workspace that has scanned them."""
    return Workspace.open(restored(template, "scanned"))


def rescan(workspace: Workspace, *sources: Path, jobs: int = 1, force: bool = False) -> ScanReport:
    return scan(workspace, sources, jobs=jobs, force=force)


def by_name(workspace: Workspace) -> dict[str, Track]:
    with Library(workspace.library_path) as library:
        return {Path(track.path).name: track for track in library.tracks().items}


def failures(workspace: Workspace) -> dict[str, tuple[Reason, str]]:
    with Library(workspace.library_path) as library:
        return {Path(f.path).name: (f.reason, f.duplicate_of) for f in library.failures()}


def contents(workspace: Workspace, skip: Sequence[str] = ()) -> dict[str, list[tuple]]:
    """Return every row of the library, and every vector."""
    db = sqlite3.connect(workspace.library_path)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
    rows = {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables}
    db.close()
    rows["digests"] = [row for row in rows["digests"] if row[0] != "owner"]  # each workspace has its own
    for kind in ("statistics", "signature", "acoustic-fingerprint"):
        found = get_features(workspace, kind)
        rows[kind] = [(name, values.tobytes()) for name, values in zip(found.ids, found.values, strict=True)]
    return rows


def mel_bytes(workspace: Workspace) -> list[bytes]:
    """Return the frames and the index of every shard."""
    return [path.read_bytes() for path in sorted(workspace.mels_path.iterdir()) if path.suffix != ".lock"]


# --------------------------------------------------------------------------------------------------- one scan


def test_a_folder(workspace: Workspace, music: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    report = scan(workspace, [music], jobs=2, progress=lambda *step: steps.append(step))
    assert report == ScanReport(added=3, audio_s=report.audio_s)
    assert report.audio_s == pytest.approx(6.0, abs=0.01)
    assert steps == [("decoding", n, 3) for n in (1, 2, 3)]
    tracks = by_name(workspace)
    assert [track.title for track in tracks.values() if track.title == "d"] == ["d"]
    for name, track in tracks.items():
        assert track.track_id == track.content_hash[:16]
        assert Path(track.path).is_absolute()
        assert track.duration_s == pytest.approx(2.0, abs=0.01), name
    with Library(workspace.library_path) as library:
        store = open_store(workspace, library)
    kinds = {kind: get_features(workspace, kind) for kind in ("statistics", "signature", "vectors")}
    for track in tracks.values():
        row = store.ids.row(track.track_id)
        encoded = mel_of_file(Path(track.path), workspace.settings)
        np.testing.assert_array_equal(store.track_db(row), store.encoding.decode(encoded))
        ids, matrix = kinds["statistics"].ids, kinds["statistics"].values
        np.testing.assert_allclose(
            matrix[ids.row(track.track_id)], statistics(store.track_db(row)), rtol=1e-3, atol=2e-3
        )
    assert kinds["signature"].values.shape == (3, 257)
    assert len(kinds["vectors"].ids) == 0


def test_the_store_does_not_depend_on_workers(music: Path, tmp_path: Path) -> None:
    write(music / "long.wav", song(9, 30.0))  # finishes last, but is not last
    cut(music / "long.wav", music / "half.wav")
    stores = []
    for jobs in (1, 3):
        workspace = Workspace.init(tmp_path / f"w{jobs}")
        rescan(workspace, music, jobs=jobs)
        stores.append((mel_bytes(workspace), contents(workspace)))
    assert stores[0] == stores[1]


def test_parity_stores_whole_patches(music: Path, tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "p", Settings("parity"))
    assert rescan(workspace, music).added == 3
    with Library(workspace.library_path) as library:
        assert set(open_store(workspace, library).n_frames.tolist()) == {256}


def test_every_failure_is_listed_once(workspace: Workspace, music: Path) -> None:
    (music / "empty.mp3").touch()
    (music / "text.mp3").write_text("no music " * 100)
    cut(music / "c/d.wav", music / "half.wav")
    write(music / "silent.wav", np.zeros((88_200, 2), np.float32))
    write(music / "short.wav", song(1, 0.5))
    (music / "random.ogg").write_bytes(np.random.default_rng(0).bytes(5000))
    shutil.copy(music / "a.flac", music / "z copy.flac")
    report = rescan(workspace, music, jobs=2)
    assert (report.added, report.failed) == (3, 7)
    kept = by_name(workspace)["a.flac"].track_id
    expected = {
        "empty.mp3": (Reason.EMPTY, ""),
        "text.mp3": (Reason.NOT_AUDIO, ""),
        "half.wav": (Reason.TRUNCATED, ""),
        "silent.wav": (Reason.SILENT, ""),
        "short.wav": (Reason.TOO_SHORT, ""),
        "random.ogg": (Reason.UNREADABLE, ""),
        "z copy.flac": (Reason.DUPLICATE, kept),
    }
    assert failures(workspace) == expected
    again = rescan(workspace, music)
    assert (again.unchanged, again.known_failures, again.failed, again.added) == (3, 7, 0, 0)
    assert failures(workspace) == expected
    forced = rescan(workspace, music, force=True)
    assert (forced.changed, forced.failed) == (3, 7)
    assert failures(workspace) == expected


def test_copies_of_a_broken_file_are_broken_in_the_same_way(workspace: Workspace, music: Path) -> None:
    cut(music / "a.flac", music / "half.flac")
    shutil.copy(music / "half.flac", music / "half again.flac")
    rescan(workspace, music, jobs=2)
    assert {name: reason for name, (reason, _) in failures(workspace).items()} == {
        "half.flac": Reason.TRUNCATED,
        "half again.flac": Reason.TRUNCATED,
    }


def extract_or_die(path: Path, settings: Settings, *rest: Any) -> ExtractedAudio:
    """A decoder that kills its process at one file and hangs at another."""
    if path.name == "b.ogg":
        os.kill(os.getpid(), signal.SIGSEGV)
    if path.name == "hang.wav":
        threading.Event().wait()
    return extract_audio(path, settings, *rest[1:])


def test_a_decoder_that_crashes_or_hangs_costs_one_file(
    workspace: Workspace, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(music / "hang.wav", song(8, 1.5))
    monkeypatch.setattr(scanning, "extract_unless_known", extract_or_die)
    monkeypatch.setattr(scanning, "LIMIT_S", 2.0)
    report = rescan(workspace, music, jobs=2)
    assert (report.added, report.failed) == (2, 2)
    assert failures(workspace) == {"b.ogg": (Reason.CRASHED, ""), "hang.wav": (Reason.TIMED_OUT, "")}
    assert rescan(workspace, music) == ScanReport(unchanged=2, known_failures=2)
    monkeypatch.undo()  # the decoder was updated
    assert rescan(workspace, music, force=True).added == 2


def extract_or_raise(path: Path, settings: Settings, *rest: Any) -> ExtractedAudio:
    """Raise an exception that is no AudioError for every WAV file, as with an incompatible library."""
    if path.suffix == ".wav":
        raise TypeError("open() got an unexpected keyword argument")
    return extract_audio(path, settings, *rest[1:])


def test_an_error_of_our_own_is_no_failure_of_the_file(
    workspace: Workspace, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(music / "c/d.wav", music / "e.wav")
    monkeypatch.setattr(scanning, "extract_unless_known", extract_or_raise)
    expected = r"d\.wav: TypeError: open\(\) got .* the cause is not the file .*unheard doctor"
    with pytest.raises(UnheardError, match=expected) as raised:
        rescan(workspace, music)
    assert raised.value.exit_code == 1
    assert set(by_name(workspace)) == {"a.flac", "b.ogg"}  # everything else is stored
    assert failures(workspace) == {}
    monkeypatch.undo()  # a version that fits was installed
    assert rescan(workspace, music) == ScanReport(added=1, failed=1, unchanged=2, audio_s=2.0)
    assert set(failures(workspace)) == {"e.wav"}


def test_an_error_of_our_own_with_every_file_ends_the_scan(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(8):
        write(tmp_path / "music" / f"{n}.wav", song(n, 1.5))
    monkeypatch.setattr(scanning, "extract_unless_known", extract_or_raise)
    reached: list[int] = []
    with pytest.raises(UnheardError, match=r"0\.wav: TypeError"):
        scan(workspace, [tmp_path / "music"], jobs=2, progress=lambda what, done, total: reached.append(done))
    assert reached == [1, 2, 3, 4]
    assert (by_name(workspace), failures(workspace)) == ({}, {})


def test_failures_are_tried_again_by_other_versions(
    workspace: Workspace, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(music / "c/d.wav", music / "half.wav")
    shutil.copy(music / "a.flac", music / "copy.flac")
    rescan(workspace, music)
    with Library(workspace.library_path) as library:
        versions = {Path(failure.path).name: failure.versions for failure in library.failures()}
    assert versions == {"half.wav": decoder_versions(), "copy.flac": ""}
    for part in ("unheard ", "av ", "soundfile "):
        assert part in decoder_versions()
    assert rescan(workspace, music) == ScanReport(known_failures=2, unchanged=3)
    monkeypatch.setattr(scanning, "decoder_versions", lambda: "newer")
    assert scanning.preview(workspace, [music]) == {"decode": 1, "known failure": 1, "unchanged": 3}
    assert rescan(workspace, music) == ScanReport(failed=1, known_failures=1, unchanged=3)
    assert rescan(workspace, music) == ScanReport(known_failures=2, unchanged=3)


def test_odd_names(workspace: Workspace, music: Path) -> None:
    source = write(music / "x.wav", song(5, 1.5))
    source.rename(music / os.fsdecode(b"caf\xe9.wav"))
    write(music / "\u65e5\u672c #1 'q'.wav", song(6, 1.5))
    report = rescan(workspace, music)
    assert (report.added, report.failed) == (4, 1)
    assert failures(workspace) == {"caf\\xe9.wav": (Reason.UNREADABLE, "")}


def test_bad_calls(workspace: Workspace, music: Path) -> None:
    with pytest.raises(UserError, match="jobs is 0"):
        rescan(workspace, music, jobs=0)
    with pytest.raises(UserError, match="no such file"):
        rescan(workspace, music / "none")


def test_a_preview_counts_and_writes_nothing(workspace: Workspace, music: Path) -> None:
    assert scanning.preview(workspace, [music]) == {"decode": 3}
    assert not workspace.library_path.exists()
    rescan(workspace, music)
    write(music / "new.wav", song(7, 1.5))
    assert scanning.preview(workspace, [music]) == {"decode": 1, "unchanged": 3}
    assert scanning.preview(workspace, [music], force=True) == {"decode": 4}
    assert scanning.preview(workspace, [music], exclude=["new*", "c"]) == {"unchanged": 2}


# ------------------------------------------------------------------------------------------------ second scans


def test_nothing_changes_when_nothing_changed(scanned: Workspace, music: Path) -> None:
    rescan(scanned, music)  # the fixture's files are copies, with change times of their own
    before = mel_bytes(scanned), contents(scanned)
    report = rescan(scanned, music)
    assert report == ScanReport(unchanged=3)
    assert (mel_bytes(scanned), contents(scanned)) == before
    assert rescan(scanned, music, force=True).changed == 3
    assert (mel_bytes(scanned), contents(scanned)) == before


def test_new_files_are_added(scanned: Workspace, music: Path) -> None:
    write(music / "0.wav", song(7, 1.5))
    assert rescan(scanned, music) == ScanReport(added=1, unchanged=3, audio_s=1.5)


def test_a_changed_file_keeps_its_id(scanned: Workspace, music: Path) -> None:
    before = by_name(scanned)["b.ogg"]
    write(music / "b.ogg", song(8, 3.0))
    report = rescan(scanned, music)
    after = by_name(scanned)["b.ogg"]
    assert (report.changed, report.unchanged) == (1, 2)
    assert after.track_id == before.track_id
    assert after.content_hash != before.content_hash
    assert after.duration_s == pytest.approx(3.0, abs=0.01)


def test_old_bytes_that_come_back_elsewhere_are_another_track(scanned: Workspace, music: Path) -> None:
    old = (music / "b.ogg").read_bytes()
    write(music / "b.ogg", song(8, 3.0))
    rescan(scanned, music)
    (music / "old b.ogg").write_bytes(old)
    assert rescan(scanned, music).added == 1
    tracks = by_name(scanned)
    assert tracks["old b.ogg"].track_id == tracks["old b.ogg"].content_hash[:17]
    assert tracks["b.ogg"].track_id == tracks["old b.ogg"].content_hash[:16]


def test_a_touched_file_is_not_decoded(scanned: Workspace, music: Path) -> None:
    data = (music / "b.ogg").read_bytes()
    (music / "b.ogg").unlink()
    (music / "b.ogg").write_bytes(data)
    assert rescan(scanned, music) == ScanReport(updated=1, unchanged=2)
    assert rescan(scanned, music) == ScanReport(unchanged=3)


def test_moved_files_keep_their_ids_and_are_not_decoded(scanned: Workspace, music: Path) -> None:
    before = {track.track_id for track in by_name(scanned).values()}
    (music / "b.ogg").rename(music / "z.ogg")
    assert rescan(scanned, music) == ScanReport(updated=1, unchanged=2)
    after = by_name(scanned)
    assert set(after) == {"a.flac", "d.wav", "z.ogg"}
    assert {track.track_id for track in after.values()} == before


def test_names_that_change_in_a_circle(workspace: Workspace, music: Path) -> None:
    for n in (1, 2, 3):
        write(music / f"{n}.wav", song(10 + n, 1.5))
    rescan(workspace, music)
    before = {track.content_hash: track.track_id for track in by_name(workspace).values()}
    (music / "3.wav").rename(music / "tmp")
    (music / "2.wav").rename(music / "3.wav")
    (music / "1.wav").rename(music / "2.wav")
    (music / "tmp").rename(music / "1.wav")
    report = rescan(workspace, music)
    assert (report.updated, report.added, report.changed) == (3, 0, 0)
    assert {track.content_hash: track.track_id for track in by_name(workspace).values()} == before


def test_a_copy_that_comes_later_is_a_duplicate(scanned: Workspace, music: Path) -> None:
    rescan(scanned, music)  # the fixture's files are copies, with change times of their own
    before = by_name(scanned)
    shutil.copy(music / "b.ogg", music / "0.ogg")
    assert rescan(scanned, music) == ScanReport(failed=1, unchanged=3)
    assert failures(scanned) == {"0.ogg": (Reason.DUPLICATE, before["b.ogg"].track_id)}
    assert rescan(scanned, music) == ScanReport(known_failures=1, unchanged=3)
    assert by_name(scanned) == before


def test_gone_files_are_counted_and_kept(scanned: Workspace, music: Path) -> None:
    (music / "a.flac").unlink()
    assert rescan(scanned, music) == ScanReport(unchanged=2, gone=1)
    assert len(by_name(scanned)) == 3
    assert rescan(scanned, music / "c") == ScanReport(unchanged=1)


def test_a_duplicate_takes_the_place_of_a_kept_file_that_is_gone(workspace: Workspace, music: Path) -> None:
    shutil.copy(music / "a.flac", music / "z.flac")
    rescan(workspace, music)
    kept = by_name(workspace)["a.flac"].track_id
    (music / "a.flac").unlink()
    assert rescan(workspace, music) == ScanReport(updated=1, unchanged=2)
    assert by_name(workspace)["z.flac"].track_id == kept
    assert failures(workspace) == {}


def test_a_mended_file_comes_back_and_a_broken_one_leaves(workspace: Workspace, music: Path) -> None:
    whole = (music / "a.flac").read_bytes()
    (music / "a.flac").write_bytes(whole[: len(whole) // 2])
    assert rescan(workspace, music).failed == 1
    (music / "a.flac").write_bytes(whole)
    assert rescan(workspace, music) == ScanReport(added=1, unchanged=2, audio_s=2.0)
    track_id = by_name(workspace)["a.flac"].track_id
    (music / "a.flac").write_bytes(whole[: len(whole) // 3])
    assert rescan(workspace, music) == ScanReport(failed=1, unchanged=2)
    assert "a.flac" not in by_name(workspace)
    (music / "a.flac").write_bytes(whole)
    rescan(workspace, music)
    assert by_name(workspace)["a.flac"].track_id == track_id


def test_a_lost_store_is_rebuilt_by_force(scanned: Workspace, music: Path) -> None:
    before = mel_bytes(scanned)
    (frames,) = scanned.mels_path.glob("*.frames")
    frames.write_bytes(frames.read_bytes()[:1000])
    with pytest.raises(UserError, match="--force"):
        rescan(scanned, music)
    rescan(scanned, music, force=True)
    assert mel_bytes(scanned) == before


# ------------------------------------------------------------------------------------------------------ tables


def table(music: Path, *rows: str) -> Path:
    path = music / "tracks.csv"
    path.write_text("\n".join(["track_id,path,title,artist", *rows]) + "\n")
    return path


def test_a_table_names_tracks(workspace: Workspace, music: Path) -> None:
    table(music, "t2,b.ogg,Second,A feat. B", "t1,a.flac,,", "t3,none.mp3,Third,")
    shutil.copy(music / "a.flac", music / "copy.flac")
    report = rescan(workspace, music)
    assert (report.added, report.failed) == (2, 1)
    with Library(workspace.library_path) as library:
        tracks = library.tracks()
        (failure,) = library.failures()
    assert list(tracks.ids) == ["t1", "t2"]
    assert [(track.title, track.artists) for track in tracks.items] == [("a", ()), ("Second", ("A", "B"))]
    assert (failure.track_id, failure.reason) == ("t3", Reason.MISSING)
    # New metadata is taken over without decoding; the missing file is looked for again.
    table(music, "t2,b.ogg,Zweites,", "t1,a.flac,,", "t3,c/d.wav,Third,", "t4,copy.flac,,")
    report = rescan(workspace, music)
    assert (report.updated, report.unchanged, report.added, report.failed) == (1, 1, 1, 1)
    with Library(workspace.library_path) as library:
        assert [track.title for track in library.tracks().items] == ["a", "Zweites", "Third"]
        duplicates = [f for f in library.failures() if f.reason is Reason.DUPLICATE]
    assert [(f.track_id, f.duplicate_of) for f in duplicates] == [("t4", "t1")]


def test_a_table_gives_its_ids_to_a_folder_scanned_before(scanned: Workspace, music: Path) -> None:
    table(music, "t1,a.flac,,")
    rescan(scanned, music)
    assert by_name(scanned)["a.flac"].track_id == "t1"
    assert len(by_name(scanned)) == 3
    assert rescan(scanned, music) == ScanReport(unchanged=1)


def test_a_known_track_whose_file_is_gone_is_kept(workspace: Workspace, music: Path) -> None:
    table(music, "t1,a.flac,,", "t2,b.ogg,,")
    rescan(workspace, music)
    (music / "a.flac").unlink()
    assert rescan(workspace, music) == ScanReport(gone=1, unchanged=1)
    assert len(by_name(workspace)) == 2
