"""A workspace of format 1 answers after its migration what it answered before."""

from __future__ import annotations

import csv
import filecmp
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.builders.command_line import RECIPE, run_command
from tests.builders.format_1 import contents, database, name_format_1, other_files, rows_of, version_of, write_mels
from unheard.errors import LockedError, UserError
from unheard.features.current import current_features
from unheard.features.store import FeatureStore
from unheard.library import ADDED_COLUMNS, Library, Track
from unheard.migration import migrate as migration
from unheard.migration.migrate import Migrated, migrate, unfinished
from unheard.plays.storage import read_plays
from unheard.scan.scan import scan
from unheard.spectrograms.store import open_store
from unheard.workspace import Settings, Workspace


@pytest.fixture(scope="module")
def migrated(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of format 1 after its migration by the command. Read it only."""
    root = shutil.copytree(unpacked / "format-1", tmp_path_factory.mktemp("migrated") / "w")
    ran = run_command("migrate", "-w", root)
    assert ran.code == 0, ran
    assert "disk space" in ran.stderr
    assert f"{root}: format 2; backup: {root}/backup-format-1" in ran.stderr
    return root


# ----------------------------------------------------------------------------------------------- what is carried over


def test_status_counts_what_was_there(migrated: Path) -> None:
    state = json.loads(run_command("status", "-w", migrated, "--json").stdout)
    expected = {"tracks": 20, "spectrograms": 20, "playlists": 60, "plays": 760, "failures": 7}
    assert {name: state[name] for name in expected} == expected
    assert state["models"] == {"artists": ["reduced-rank", "tiny"]}


def test_tracks_failures_and_plays_are_the_rows_of_the_old_tables(migrated: Path, unpacked: Path) -> None:
    old, new = rows_of(unpacked / "format-1"), contents(migrated)
    names = [name for name in Track.__dataclass_fields__ if name not in ADDED_COLUMNS]
    as_rows = [tuple(getattr(track, name) for name in names) for track in new["tracks"]]
    assert as_rows == [(*row[:3], tuple(json.loads(row[3])), *row[4:]) for row in old["tracks"]]
    assert {getattr(track, name) for track in new["tracks"] for name in ADDED_COLUMNS} == {"", 0}
    found = [
        (f.path, f.track_id, f.reason.value, f.detail, f.size, f.mtime_ns, f.duplicate_of) for f in new["failures"]
    ]
    assert found == old["failures"]
    assert {failure.versions for failure in new["failures"]} == {""}
    plays = [(p.playlist_id, p.position, p.track_id, p.weight, p.timestamp) for p in new["plays"]]
    assert plays == old["plays"]


def test_spectrograms_are_the_frames_of_mels_bin(migrated: Path, unpacked: Path) -> None:
    frames = np.fromfile(unpacked / "format-1" / "mels.bin", np.uint8).reshape(-1, 128)
    expected = {name: frames[a : a + n].tobytes() for name, a, n in rows_of(unpacked / "format-1")["spectrograms"]}
    assert contents(migrated)["mels"] == expected


def test_vectors_are_those_of_the_old_table(migrated: Path, unpacked: Path) -> None:
    expected: dict[str, dict[str, bytes]] = {}
    for kind, track_id, vector in rows_of(unpacked / "format-1")["vectors"]:
        expected.setdefault(kind, {})[track_id] = vector
    store = FeatureStore(migrated / "features")
    assert store.kinds() == sorted(expected)
    for kind, vectors in expected.items():
        found = store.read(kind)
        assert {name: row.tobytes() for name, row in zip(found.ids, found.values, strict=True)} == vectors


def test_a_vector_of_an_older_file_is_still_stale(migrated: Path) -> None:
    workspace = Workspace.open(migrated)
    with Library(workspace.library_path) as library:
        tracks = library.tracks()
    n = {kind: len(current_features(workspace, tracks, kind).ids) for kind in ("statistics", "signature", "musicnn")}
    assert n == {"statistics": 20, "signature": 20, "musicnn": 11}


@pytest.mark.parametrize("model", ["reduced-rank", "tiny"])
def test_lists_are_those_of_the_version_that_wrote_format_1(
    migrated: Path, unpacked: Path, model: str, tmp_path: Path
) -> None:
    shared = ("-w", migrated, "--split", "artists", "--model", model, "--candidates", "cold", "-n", 10)
    for name, words in (("recs", ("recommend", "--all-playlists")), ("sim", ("similar", "--test-tracks"))):
        ran = run_command(*words, *shared, "-o", tmp_path / f"{name}.csv")
        assert ran.code == 0, ran
        with (unpacked / f"{model}-{name}.csv").open() as before, (tmp_path / f"{name}.csv").open() as after:
            expected, found = list(csv.reader(before)), list(csv.reader(after))
        assert [row[:3] for row in found] == [row[:3] for row in expected]
        old_scores, new_scores = ([float(row[3]) for row in rows[1:]] for rows in (expected, found))
        np.testing.assert_allclose(new_scores, old_scores, atol=1e-5)


def test_training_finds_that_nothing_has_changed(
    migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models were trained before the workspace had features of the kind musicnn."""
    monkeypatch.setenv("UNHEARD_PROGRESS", "json")
    root = shutil.copytree(migrated, tmp_path / "w")
    shutil.rmtree(root / "features" / "musicnn")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    for recipe, file in (("reduced-rank", "ranker"), (tmp_path / "tiny.toml", "checkpoint")):
        ran = run_command("train", "-w", root, recipe, "--split", "artists")
        assert ran.code == 0, ran
        assert "nothing has changed" in ran.stderr
        path = Path("models", "artists", Path(recipe).stem, f"{file}.safetensors")
        assert filecmp.cmp(root / path, migrated / path, shallow=False)


# -------------------------------------------------------------------------------------------------------- the backup


def test_the_backup_restores_format_1(migrated: Path, unpacked: Path, tmp_path: Path) -> None:
    before, backup = unpacked / "format-1", migrated / "backup-format-1"
    assert rows_of(backup) == rows_of(before)
    for name in ("workspace.json", "mels.bin"):
        assert filecmp.cmp(backup / name, before / name, shallow=False)
    assert (backup / "mels.bin").samefile(migrated / "mels" / "0000.frames")  # needs no space of its own
    root = shutil.copytree(migrated, tmp_path / "w")
    for name in ("library.sqlite", "workspace.json", "mels.bin"):
        shutil.copyfile(root / "backup-format-1" / name, root / name)
    assert (version_of(root), rows_of(root)) == (1, rows_of(before))
    migrate(root)
    assert contents(root) == contents(migrated)


def test_the_old_tables_and_their_space_are_gone(migrated: Path, unpacked: Path) -> None:
    with database(migrated) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert db.execute("PRAGMA freelist_count").fetchone() == (0,)
    assert names == {"tracks", "file_failures", "digests"}
    assert (migrated / "library.sqlite").stat().st_size < (unpacked / "format-1" / "library.sqlite").stat().st_size / 4
    assert not (migrated / "mels.bin").exists()


def test_a_second_migration_changes_nothing(migrated: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in migrated.rglob("*") if path.name != "lock"}
    ran = run_command("migrate", "-w", migrated)
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr.strip() == f"{migrated}: already format 2; nothing to do"
    assert {path: path.stat().st_mtime_ns for path in migrated.rglob("*") if path.name != "lock"} == before


def test_doctor_says_when_the_backup_may_be_deleted(old: Path) -> None:
    migrate(old)
    assert "may be deleted" in run_command("doctor", "-w", old).stdout
    (old / "plays" / "plays-1.parquet").write_bytes(b"damaged")
    ran = run_command("doctor", "-w", old)
    assert (ran.code, f"keep {old}/backup-format-1 until" in ran.stdout) == (2, True)
    shutil.rmtree(old / "backup-format-1")
    assert "backup" not in run_command("doctor", "-w", old).stdout


# -------------------------------------------------------------------------------------------------------- afterwards


def test_a_scan_tries_only_failures_of_unknown_versions_again(old: Path, tmp_path: Path) -> None:
    """Two stored tracks, a copy and a text file, as files of these sizes and times."""
    music = tmp_path / "music"
    music.mkdir()
    with database(old) as db:
        for n, (track_id,) in enumerate(db.execute("SELECT track_id FROM tracks LIMIT 2").fetchall()):
            path = music / f"{n}.ogg"
            path.write_bytes(bytes(10 + n))
            found = (str(path), path.stat().st_size, path.stat().st_mtime_ns, track_id)
            db.execute("UPDATE tracks SET path = ?, size = ?, mtime_ns = ? WHERE track_id = ?", found)
        for name, reason in (("copy.ogg", "duplicate"), ("list.mp3", "not-audio")):
            path = music / name
            path.write_text("eggs")
            found = (str(path), path.stat().st_size, path.stat().st_mtime_ns, reason)
            one = "path = (SELECT MIN(path) FROM failures WHERE reason = ?)"
            db.execute(f"UPDATE failures SET path = ?, size = ?, mtime_ns = ? WHERE {one}", found)
        db.execute("UPDATE failures SET duplicate_of = (SELECT MIN(track_id) FROM tracks) WHERE path LIKE '%copy.ogg'")
    migrate(old)
    vectors = sorted((old / "features").rglob("*"))
    first, second = (scan(Workspace.open(old), [music], jobs=1) for _ in range(2))
    assert (first.unchanged, first.failed, first.known_failures, first.added) == (2, 1, 1, 0)
    assert (second.unchanged, second.failed, second.known_failures) == (2, 0, 2)
    made = {"acoustic-fingerprint"}  # from the stored spectrograms: format 1 did not have this kind
    assert [path for path in sorted((old / "features").rglob("*")) if not made.intersection(path.parts)] == vectors


def test_a_workspace_without_a_scan_is_migrated(tmp_path: Path) -> None:
    Workspace.init(tmp_path, Settings("parity"))
    name_format_1(tmp_path)
    assert migrate(tmp_path) == Migrated(changed=True, backup=None)
    assert Workspace.open(tmp_path).settings == Settings("parity")
    assert [path.name for path in tmp_path.iterdir()] == ["workspace.json"]


def test_what_a_version_between_two_releases_has_stored_stays(migrated: Path, tmp_path: Path) -> None:
    """It wrote the new folders, but still 1 into workspace.json, and called the table of failures as format 1 did."""
    root = shutil.copytree(migrated, tmp_path / "w")
    shutil.rmtree(root / "backup-format-1")
    name_format_1(root)
    with database(root) as db:
        db.execute("DROP TABLE digests")
        db.execute("DROP INDEX file_failures_duplicate_of")
        db.execute("ALTER TABLE file_failures RENAME TO failures")
        db.execute("UPDATE failures SET versions = 'some'")
    migrate(root)
    after, expected = contents(root), contents(migrated)
    assert {failure.versions for failure in after.pop("failures")} == {"some"}
    assert after == {name: value for name, value in expected.items() if name != "failures"}


# ---------------------------------------------------------------------------------------------------- unusual contents


def test_positions_beyond_32_bits_become_ranks(old: Path) -> None:
    with database(old) as db:
        db.execute("DELETE FROM plays")
        rows = [
            ("a", 2**40, "t1", 1, None),
            ("a", -(2**40), "t2", 2.5, 7.25),
            ("b", 3, "t1", 0, 1e9),
            ("ä", -5, "t3", 1, 0),
        ]
        db.executemany("INSERT INTO plays VALUES (?, ?, ?, ?, ?)", rows)
    migrate(old)
    found = [tuple(play) for play in read_plays(Workspace.open(old))]
    assert found == [
        ("a", "t2", 0, 2.5, 7.25),
        ("a", "t1", 1, 1.0, None),
        ("b", "t1", 3, 0.0, 1e9),
        ("ä", "t3", -5, 1.0, 0.0),
    ]


def test_many_plays_are_read_in_blocks(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unheard.migration.format_1.PLAYS_AT_ONCE", 7)
    monkeypatch.setattr("unheard.migration.format_1.VECTORS_AT_ONCE", 3)
    rng = np.random.default_rng(3)
    pairs = sorted({(f"p{a}é", int(b)) for a, b in rng.integers(0, 30, (400, 2))})
    rows = [
        (playlist, position, f"t{rng.integers(50)}", float(rng.integers(5)), 5.5 if rng.integers(2) else None)
        for playlist, position in pairs
    ]
    with database(old) as db:
        db.execute("DELETE FROM plays")
        db.executemany("INSERT INTO plays VALUES (?, ?, ?, ?, ?)", rows)
    expected = rows_of(old)
    migrate(old)
    found = contents(old)
    assert [(p.playlist_id, p.position, p.track_id, p.weight, p.timestamp) for p in found["plays"]] == rows
    ids, blob = found["features statistics"]
    assert blob == b"".join(vector for kind, _, vector in expected["vectors"] if kind == "statistics")
    assert len(ids) == 20


def test_which_vectors_count(old: Path) -> None:
    """Vectors of users are `vectors` now; those without a track, or of unknown origin, are left behind."""
    with database(old) as db:
        first, second = (row[0] for row in db.execute("SELECT track_id FROM tracks LIMIT 2"))
        vector = np.array([1, 2, 3], "<f4").tobytes()
        rows = [("user", first, vector), ("user", "gone", vector), ("musicnn-mtt", first, vector)]
        rows += [("musicnn-mtt", second, vector), ("statistics", "gone", bytes(2232))]
        db.executemany("INSERT INTO vectors VALUES (?, ?, ?)", rows)
        mark = db.execute("SELECT content_hash FROM tracks WHERE track_id = ?", (second,)).fetchone()[0]
        db.execute("INSERT INTO marks VALUES ('musicnn-mtt', ?, ?)", (second, mark))
    migrate(old)
    workspace = Workspace.open(old)
    with Library(workspace.library_path) as library:
        tracks = library.tracks()
    found = {kind: current_features(workspace, tracks, kind) for kind in ("vectors", "musicnn-mtt")}
    assert {kind: list(features.ids) for kind, features in found.items()} == {
        "vectors": [first],
        "musicnn-mtt": [second],
    }
    assert found["vectors"].values.tolist() == [[1, 2, 3]]
    assert "gone" not in FeatureStore(workspace.features_dir).track_ids("statistics")


def test_the_parity_front_end_keeps_two_bytes_a_value(old: Path) -> None:
    frames = np.fromfile(old / "mels.bin", np.uint8).reshape(-1, 128).astype(np.float16)
    write_mels(old, frames)
    marker = json.loads((old / "workspace.json").read_text()) | {"front_end": "parity"}
    (old / "workspace.json").write_text(json.dumps(marker))
    expected = {name: frames[a : a + n].tobytes() for name, a, n in rows_of(old)["spectrograms"]}
    migrate(old)
    assert contents(old)["mels"] == expected


def test_lost_frames_are_decoded_again(old: Path) -> None:
    frames = np.fromfile(old / "mels.bin", np.uint8).reshape(-1, 128)
    write_mels(old, frames[:1000])
    ends = {name: a + n for name, a, n in rows_of(old)["spectrograms"]}
    lost = sum(end > 1000 for end in ends.values())
    assert 0 < lost < 20
    ran = run_command("migrate", "-w", old)
    assert f"spectrograms of {lost} tracks are lost" in ran.stderr
    assert set(contents(old)["mels"]) == {name for name, end in ends.items() if end <= 1000}


def test_without_hard_links_mels_bin_is_copied(old: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    with_links = migration.space_for(old).needed
    monkeypatch.setattr(os, "link", refuse)
    assert migration.space_for(old).needed == with_links + (old / "mels.bin").stat().st_size
    migrate(old)
    assert not (old / "backup-format-1" / "mels.bin").samefile(old / "mels" / "0000.frames")
    assert contents(old) == contents(migrated)


# ----------------------------------------------------------------------------------------------------------- refusals


def test_a_disk_that_is_too_small_is_named_before_anything_is_written(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(old.rglob("*"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40 - 9, 9))
    error = run_command("migrate", "-w", old).stderr.strip().splitlines()[-1]
    assert error.startswith(f"error: {old}: its migration needs 0.00 GiB of disk space and 0.00 GiB are free")
    assert sorted(old.rglob("*")) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE vectors SET vector = x'0102' WHERE track_id = 'beludell-02'", "differ in length"),
        ("UPDATE vectors SET vector = 'text' WHERE kind = 'signature'", "not float32"),
        ("UPDATE plays SET position = 'first' WHERE position = 2", "damaged .plays"),
        ("DROP TABLE vectors", "no such table"),
        ("DROP TABLE failures", "no such table"),
    ],
)
def test_a_damaged_table_is_one_line(old: Path, damage: str, message: str) -> None:
    with database(old) as db:
        db.execute(damage)
    with pytest.raises(UserError, match=rf"library\.sqlite: .*{message}.*restore it from a copy") as caught:
        migrate(old)
    assert "\n" not in str(caught.value)
    assert version_of(old) == 1
    with database(old) as db:
        assert "file_failures" not in {name for (name,) in db.execute("SELECT name FROM sqlite_master")}


@pytest.mark.parametrize("part", [slice(0, 100), slice(20_000, 60_000)], ids=["header", "pages"])
def test_a_damaged_library_is_one_line(old: Path, part: slice) -> None:
    path, files = old / "library.sqlite", other_files(old)
    content = bytearray(path.read_bytes())
    content[part] = bytes(len(content[part]))
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"library\.sqlite: .*restore it from a copy") as caught:
        migrate(old)
    assert "\n" not in str(caught.value)
    assert other_files(old) == files
    assert path.read_bytes() == content


def test_folders_that_are_not_of_format_1_are_left_alone(old: Path) -> None:
    (old / "plays").mkdir()
    (old / "plays" / "mine.txt").write_text("keep me")
    with pytest.raises(UserError, match="plays: a workspace of format 1 has none; move it away"):
        migrate(old)
    assert (old / "plays" / "mine.txt").read_text() == "keep me"
    assert version_of(old) == 1


@pytest.mark.parametrize("name", ["library.sqlite", "backup-format-1/lock"])
def test_a_workspace_that_is_written_to_is_not_migrated(old: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a scan of an earlier version, or by another migration."""
    monkeypatch.setattr(migration, "LOCK_S", 0.01)
    (old / "backup-format-1").mkdir()
    with database(old, name) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockedError, match="another process writes to it; wait"):
            migrate(old)
    assert version_of(old) == 1
    assert migrate(old).changed
    assert not unfinished(Workspace.open(old))


def test_a_file_that_cannot_be_written_is_one_line(old: Path) -> None:
    (old / "backup-format-1").write_text("a file of that name")
    with pytest.raises(UserError, match=r"backup-format-1: cannot be written .*make it writable"):
        migrate(old)
    assert version_of(old) == 1


def test_times_are_unknown_where_they_were(migrated: Path) -> None:
    assert all(math.isnan(time) for time in read_plays(Workspace.open(migrated)).timestamps)
    with Library(migrated / "library.sqlite") as library:
        assert len(open_store(Workspace.open(migrated), library)) == 20
