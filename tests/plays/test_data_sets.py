"""Test the readers of published data sets, on made-up copies in the layouts in which they are downloaded."""

from __future__ import annotations

import builtins
import io
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders.data_sets import (
    N_TRACKS,
    listen_line,
    listens,
    text,
    vectors,
    write_data_sets,
    write_listenbrainz,
    yambda_events,
)
from unheard.errors import TableError, UserError
from unheard.features.store import FeatureStore
from unheard.library import open_library
from unheard.plays import Play, Plays, Source, import_playlists, read_playlists, read_plays
from unheard.plays.dislikes import dislikes_path, read_dislikes, store_dislikes, with_new
from unheard.plays.formats import DATA_SETS, data_set_of, is_list
from unheard.plays.storage import replace_playlists
from unheard.scan.readymade import user_vectors
from unheard.scan.scan import scan
from unheard.workspace import Workspace


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_sets(tmp_path_factory.mktemp("sets"))


def scanned(folder: Path, *sources: Path) -> Workspace:
    workspace = Workspace.init(folder / "w")
    scan(workspace, list(sources), jobs=1)
    return workspace


@pytest.fixture
def named(sets: Path, tmp_path: Path) -> Workspace:
    """Return a workspace with the tracks that the sets name."""
    return scanned(tmp_path, sets / "library" / "tracks.csv")


def triples(plays: Plays) -> list[tuple[str, str, float | None]]:
    return [(play.playlist_id, play.track_id, play.timestamp) for play in plays]


def expected(listener: str, track: str, start: int = 0) -> list[tuple[str, str, float | None]]:
    """Return what listens() become, given how ids are written; `start` is the time that a data set counts from."""
    rows = [(listener.format(one), track.format(of), float(at - start)) for one, of, at in listens()]
    return sorted(rows, key=lambda row: (row[0], row[2]))


def imported(workspace: Workspace, *paths: Path, min_share: float = 0.5) -> tuple[list[Source], Plays]:
    sources = import_playlists(workspace, list(paths), min_share=min_share)
    return sources, read_plays(workspace)


# --------------------------------------------------------------------------------------------- tracks by name


class _OneBased:
    """Format a listener's number as Last.fm 1K does."""

    def format(self, number: int) -> str:
        return f"user_{number + 1:06d}"


def test_lastfm_1k_has_times_of_plays_and_names_of_tracks(named: Workspace, sets: Path) -> None:
    (source,), plays = imported(named, sets / "lastfm-1k" / "userid-timestamp-artid-artname-traid-traname.tsv")
    rows = [(_OneBased().format(one), f"t{track:03d}", float(at)) for one, track, at in listens()]
    assert triples(plays) == sorted(rows, key=lambda row: (row[0], row[2]))
    assert source.found.misses == ['No "Quotes - Unknown "12']
    assert source.found.match_rate == pytest.approx(len(rows) / (len(rows) + 1))


def test_lastfm_360k_is_refused_because_it_has_no_tracks(named: Workspace, sets: Path) -> None:
    with pytest.raises(UserError, match=r"counts plays of artists and names no tracks; use Last\.fm 1K, or a table"):
        imported(named, sets / "lastfm-1k" / "360k")


def test_dump_of_listens_of_listenbrainz(named: Workspace, sets: Path) -> None:
    (path,) = (sets / "listenbrainz").glob("*.tar.zst")
    (source,), plays = imported(named, path)
    assert triples(plays) == expected("{}", "t{:03d}")
    assert source.found.misses == ["Band 19 - Song 999"]
    assert source.found.invalid == 1
    assert "not a listen" in str(source.found.reasons[0])


def test_spark_dump_of_listenbrainz_has_the_same_plays(named: Workspace, sets: Path) -> None:
    (path,) = (sets / "listenbrainz").glob("*spark*.tar")
    (source,), plays = imported(named, path)
    assert triples(plays) == expected("{}", "t{:03d}")
    assert source.found.match_rate == 1


def test_extracted_listens_are_read_too(named: Workspace, sets: Path, tmp_path: Path) -> None:
    import pyarrow as pa

    (path,) = (sets / "listenbrainz").glob("*.tar.zst")
    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
        text(tmp_path / "dump.tar", stream.read())
    with tarfile.open(tmp_path / "dump.tar") as archive:
        archive.extractall(tmp_path / "dump", filter="data")
    _, plays = imported(named, tmp_path / "dump")
    assert triples(plays) == expected("{}", "t{:03d}")


@pytest.mark.parametrize("time", ["1e999", "9223372036854775808", "-1", '"x"'])
def test_a_listen_without_a_possible_time_is_left_out(named: Workspace, sets: Path, tmp_path: Path, time: str) -> None:
    (path,) = (sets / "listenbrainz").glob("*.tar.zst")
    import pyarrow as pa

    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
        text(tmp_path / "dump.tar", stream.read())
    with tarfile.open(tmp_path / "dump.tar") as archive:
        archive.extractall(tmp_path / "dump", filter="data")
    some = next((tmp_path / "dump").rglob("*.listens"))
    about = '{"artist_name": "a", "track_name": "%s"}'
    bad = f'{{"user_id": 1, "timestamp": {time}, "track_metadata": {about % "b"}}}\n'
    half = f'{{"user_id": 1, "timestamp": 1, "track_metadata": {about % chr(92)}ud800"}}}}\n'
    some.write_text(bad + half + some.read_text(encoding="utf-8"), encoding="utf-8")
    _, plays = imported(named, tmp_path / "dump")
    assert triples(plays) == expected("{}", "t{:03d}")


def test_a_line_of_any_length_is_passed_over(
    named: Workspace, sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unheard.plays.readers import listenbrainz

    lines = [listen_line(0, 1, 1000), "x" * 5000, listen_line(0, 2, 2000), "y" * 5000]
    file = text(tmp_path / "1.listens", "\n".join(lines))
    monkeypatch.setattr(listenbrainz, "MAX_LINE", 1000)
    (source,), plays = imported(named, file)
    assert [track for _, track, _ in triples(plays)] == ["t001", "t002"]
    assert [(reason.row, reason.problem) for reason in source.found.reasons] == [
        (2, "longer than 1,000 bytes"),
        (4, "longer than 1,000 bytes"),
    ]


def test_damaged_archive_is_one_line(named: Workspace, tmp_path: Path) -> None:
    write_listenbrainz(tmp_path)
    for path, problem in (("*.tar.zst", "damaged archive"), ("*spark*.tar", "damaged")):
        (found,) = tmp_path.glob(path)
        found.write_bytes(found.read_bytes()[: found.stat().st_size // 2])
        with pytest.raises(TableError, match=problem) as error:
            imported(named, found)
        assert "\n" not in str(error.value)


def test_archive_without_listens_is_refused(named: Workspace, tmp_path: Path) -> None:
    from tests.builders.data_sets import write_tar

    path = tmp_path / "listenbrainz-public-dump.tar"
    with path.open("wb") as file:
        write_tar(file, {"README": b"nothing"})
    with pytest.raises(TableError, match=r"no \.listens and no \.parquet"):
        imported(named, path)


def test_mpd_and_its_challenge_set(named: Workspace, sets: Path) -> None:
    _, plays = imported(named, sets / "mpd")
    assert plays.tracks_of("1000001") == ["t003", "t005"]
    assert plays.tracks_of("7") == [f"t{track:03d}" for one, track, _ in listens() if one == 7]
    assert "1000000" not in plays.playlist_ids  # it has a title and no tracks
    names = {playlist.playlist_id: playlist.name for playlist in read_playlists(named)}
    assert names["7"] == "list 7"


def test_libraries_of_players(named: Workspace, sets: Path) -> None:
    (source,), plays = imported(named, sets / "players")
    assert plays.tracks_of("Sets/Friday") == ["t002", "t000"]
    assert plays.tracks_of("evening") == ["t001", "t002"]
    assert plays.tracks_of("morning") == ["t003", "t004"]
    assert plays.tracks_of("Mine") == ["t006"]
    counts = [(play.track_id, play.weight) for play in plays if play.playlist_id == "Play counts"]
    assert counts == [("t001", 1), ("t002", 2), ("t003", 3)]
    assert source.found.left_out == {"entries of tracks that are not in the collection": 1}


# ------------------------------------------------------------------------------------------------ tracks by id


def test_music4all_onion(sets: Path, tmp_path: Path) -> None:
    folder = sets / "music4all-onion"
    workspace = scanned(tmp_path, folder / "id_essentia.tsv.bz2", folder / "id_information.csv")
    _, plays = imported(workspace, folder)  # the table of counts repeats the plays
    assert triples(plays) == expected("{}", "m{:03d}")
    _, counts = imported(workspace, folder / "userid_trackid_count.tsv.bz2")
    assert counts.matrix.sum() == sum(2 + track % 3 for _, track, _ in listens())
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
        stored = user_vectors(FeatureStore(workspace.features_dir), tracks).values
    assert (tracks[7].title, tracks[7].artists, tracks[7].album) == ("Song 7", ("Band 7",), "Album 7")
    np.testing.assert_allclose(stored, vectors(), rtol=1e-5)


def yambda_workspace(sets: Path, folder: Path) -> Workspace:
    return scanned(folder, sets / "yambda" / "embeddings.parquet", sets / "yambda" / "artist_item_mapping.parquet")


def yambda_truth(min_share: float) -> Counter[tuple[str, str, float]]:
    """Return (listener, track, weight) by the documented rule, event by event."""
    events = yambda_events()
    undone = {(uid, item) for uid, _, item, _ in events["undislikes"]}
    disliked = {(uid, item) for uid, _, item, _ in events["dislikes"]} - undone
    unliked = {(uid, item) for uid, _, item, _ in events["unlikes"]}
    rows = [(uid, item, 1.0) for uid, _, item, _ in events["likes"] if (uid, item) not in unliked]
    rows += [
        (uid, item, min(percent / 100, 1.0))
        for uid, _, item, percent in events["listens"]
        if percent / 100 >= min_share
    ]
    kept = [(str(uid), str(item), round(weight, 4)) for uid, item, weight in rows if (uid, item) not in disliked]
    return Counter(kept)


def weights(plays: Plays) -> Counter[tuple[str, str, float]]:
    return Counter((play.playlist_id, play.track_id, round(play.weight, 4)) for play in plays)


@pytest.mark.parametrize("min_share", [0.5, 0.25, 1.0])
@pytest.mark.parametrize("files", ["flat/50m", "flat/50m/multi_event.parquet"])
def test_yambda_follows_the_rule_of_partial_plays_likes_and_dislikes(
    sets: Path, tmp_path: Path, files: str, min_share: float
) -> None:
    workspace = yambda_workspace(sets, tmp_path)
    (source,), plays = imported(workspace, sets / "yambda" / files, min_share=min_share)
    assert weights(plays) == yambda_truth(min_share)
    assert source.found.left_out["likes and dislikes that were taken back"] == 2
    assert source.found.left_out["dislikes"] == 3
    assert any("their listeners dislike are left out" in note for note in source.found.notes)


def test_sequences_of_yambda_are_the_flat_listens(sets: Path, tmp_path: Path) -> None:
    workspace = yambda_workspace(sets, tmp_path)
    flat = imported(workspace, sets / "yambda" / "flat" / "50m" / "listens.parquet")[1]
    sequences = imported(workspace, sets / "yambda" / "sequential")[1]
    assert triples(sequences) == triples(flat)
    assert sequences.weights.tolist() == flat.weights.tolist()


def test_dislike_of_another_file_or_a_later_listen_leaves_no_play(sets: Path, tmp_path: Path) -> None:
    workspace = yambda_workspace(sets, tmp_path)
    flat = sets / "yambda" / "flat" / "50m"
    _, plays = imported(workspace, flat / "listens.parquet", flat / "dislikes.parquet")
    disliked = {(str(uid), str(item)) for uid, _, item, _ in yambda_events()["dislikes"][:3]}
    pairs = {(play.playlist_id, play.track_id) for play in plays}
    assert not pairs & disliked
    assert (plays.weights > 0).all()
    alone = import_playlists(workspace, [flat / "dislikes.parquet"])
    assert len(read_plays(workspace)) == len(plays)
    assert "0 plays of tracks that their listeners dislike are left out" in alone[0].found.notes


@pytest.mark.parametrize("order", [["listens dislikes"], ["listens", "dislikes"], ["dislikes", "listens", "listens"]])
def test_dislikes_hold_for_earlier_and_later_imports(sets: Path, tmp_path: Path, order: list[str]) -> None:
    """Whenever the dislikes are imported, the stored plays are those of one import of both."""
    flat = sets / "yambda" / "flat" / "50m"
    for number, files in enumerate((["listens dislikes"], order)):
        workspace = yambda_workspace(sets, tmp_path / str(number))
        for command in files:
            import_playlists(workspace, [flat / f"{name}.parquet" for name in command.split()])
        found = triples(read_plays(workspace))
        if number == 0:
            expected_plays = found
    assert found == expected_plays
    pairs = {(one.playlist_id, one.track_id) for one in read_dislikes(workspace)}
    assert pairs == {(str(uid), str(item)) for uid, _, item, _ in yambda_events()["dislikes"][:3]}


def test_a_listener_who_dislikes_everything_has_no_playlist(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    plays = Plays.of([Play("a", "x", 0), Play("a", "y", 1), Play("b", "x", 0)])
    replace_playlists(workspace, plays, names={"b": "B"}, origins={"b": "/b"})
    new = Plays.of([Play("a", "x", 0, -1.0), Play("a", "y", 1, -1.0), Play("b", "z", 0, -1.0), Play("c", "x", 0, -1.0)])
    store_dislikes(workspace, with_new(read_dislikes(workspace), new))
    assert [(one.playlist_id, one.name, one.origin) for one in read_playlists(workspace)] == [("b", "B", "/b")]
    later = with_new(read_dislikes(workspace), Plays.of([Play("a", "y", 0, -1.0)]))  # a's are replaced, b's stay
    assert {(one.playlist_id, one.track_id) for one in later} == {("a", "y"), ("b", "z"), ("c", "x")}


def test_damaged_dislikes_are_one_line(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    dislikes_path(workspace).parent.mkdir(exist_ok=True)
    dislikes_path(workspace).write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"dislikes\.parquet: damaged"):
        read_dislikes(workspace)


def test_details_of_yambda(sets: Path, tmp_path: Path) -> None:
    workspace = yambda_workspace(sets, tmp_path)
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
    assert len(tracks.ids) == N_TRACKS  # not the item of the mapping that has no embedding
    assert tracks[tracks.ids.row("1000")].artists == ("artist 0", "artist 19")


def test_melon(sets: Path, tmp_path: Path) -> None:
    folder = sets / "melon"
    workspace = scanned(tmp_path, folder / "song_meta.json", folder / "arena_mel_0")
    (source,), plays = imported(workspace, folder)
    for number in (0, 26, 29):
        assert plays.tracks_of(str(60_000 + number)) == [
            str(5000 + track) for one, track, _ in listens() if one == number
        ]
    assert {one.name for one in read_playlists(workspace)} == {f"목록 {number}" for number in range(30)}
    assert {path.name for path in source.passed_over} >= {"song_meta.json"}
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
        values = user_vectors(FeatureStore(workspace.features_dir), tracks).values
    assert [tracks[0].release_date, tracks[1].release_date] == ["2014", "2014-05-12"]
    mel = np.load(folder / "arena_mel_0" / "5" / "5003.npy")
    np.testing.assert_allclose(values[3, :48], mel.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(values[3, 96:144], np.abs(np.diff(mel, axis=1)).mean(axis=1), rtol=1e-5)


def test_spectrogram_that_cannot_be_used_is_left_out_with_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "mel"
    for number, shape in ((1000, (48, 30)), (1001, (40, 30))):
        (folder / "1").mkdir(parents=True, exist_ok=True)
        np.save(folder / "1" / f"{number}.npy", np.ones(shape, np.float32))
    text(folder / "1" / "1002.npy", b"damaged")
    remarks: list[str] = []
    workspace = Workspace.init(tmp_path / "w")
    report = scan(workspace, [folder], jobs=1, remark=remarks.append)
    assert report.added == 1
    assert [line.partition(":")[0] for line in remarks] == [str(folder / "1" / f"{n}.npy") for n in (1001, 1002)]


def test_details_without_vectors_are_refused(sets: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name the file with their vectors too"):
        scanned(tmp_path, sets / "melon" / "song_meta.json")


# ------------------------------------------------------------------------------------------------------ shared


def test_every_data_set_has_a_file_and_no_file_is_of_two(sets: Path) -> None:
    files = [path for path in sets.rglob("*") if path.is_file()]
    owners = {path: [one.name for one in DATA_SETS if one.is_file(path)] for path in files}
    assert all(len(names) <= 1 for names in owners.values())
    assert {name for names in owners.values() for name in names} == {one.name for one in DATA_SETS}


def test_files_of_other_names_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of music has 100,000 files that are none of these."""
    paths = [text(tmp_path / name, "a\tb\n") for name in ("song.mp3", "cover.jpg", "notes.txt", "table.csv", "x.tsv")]
    opened: list[str] = []
    for module in (builtins, io):  # Path.open is io.open

        def spy(file: Any, *args: Any, real: Any = module.open, **options: Any) -> Any:
            opened.append(Path(file).name)
            return real(file, *args, **options)

        monkeypatch.setattr(module, "open", spy)
    assert [data_set_of(path) for path in paths] == [None] * len(paths)
    assert set(opened) == {"x.tsv"}


def test_table_that_names_its_tracks_is_not_music4all(named: Workspace, tmp_path: Path) -> None:
    rows = "me\tx1\t2024-01-01\tSong 3\tBand 3\n"
    path = text(tmp_path / "mine.tsv", f"user_id\ttrack_id\ttimestamp\ttitle\tartist\n{rows}")
    assert data_set_of(path) is None
    assert imported(named, path)[1].tracks_of("me") == ["t003"]


def test_files_of_features_are_no_plays(sets: Path) -> None:
    for name in (
        "yambda/embeddings.parquet",
        "yambda/artist_item_mapping.parquet",
        "yambda/flat/50m/unlikes.parquet",
        "melon/song_meta.json",
        "music4all-onion/id_essentia.tsv.bz2",
        "music4all-onion/id_information.csv",
    ):
        assert data_set_of(sets / name) is None, name
        assert not is_list(sets / name), name


def test_misses_take_no_positions_and_batches_do_not_matter(
    sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unheard.plays.readers import listenbrainz

    (path,) = (sets / "listenbrainz").glob("*.tar.zst")
    rows = [f"t{track:03d},Song {track},Band {track % 20}" for track in range(0, N_TRACKS, 3)]
    table = text(tmp_path / "tracks.csv", "track_id,title,artist\n" + "\n".join(rows))
    np.savez(tmp_path / "vectors.npz", track_id=[row[:4] for row in rows], vector=vectors()[::3])
    workspace = scanned(tmp_path, table)
    results = []
    for n_lines in (100_000, 7):
        monkeypatch.setattr(listenbrainz, "LINES", n_lines)
        (source,), plays = imported(workspace, path)
        results.append((triples(plays), plays.positions.tolist(), source.found.missed, sorted(source.found.misses)))
    assert results[0] == results[1]
    for row in range(len(plays.playlist_ids)):
        own = plays.positions[plays.starts[row] : plays.starts[row + 1]]
        assert own.tolist() == list(range(len(own)))


def test_share_out_of_range_is_refused(sets: Path, tmp_path: Path) -> None:
    workspace = yambda_workspace(sets, tmp_path)
    with pytest.raises(UserError, match=r"min share is 1\.5, expected 0 to 1"):
        imported(workspace, sets / "yambda" / "flat" / "50m" / "listens.parquet", min_share=1.5)
