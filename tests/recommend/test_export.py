"""Tests of exports, read by strict parsers."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.plays.importing import read_sources
from unheard.plays.matching import Matcher
from unheard.recommend.export import CSV_COLUMNS, ListEntry, entries_of, export, one_line, relative_path
from unheard.recommend.reasons import Explanation
from unheard.recommend.recommend import Recommendation

DECOMPOSED = unicodedata.normalize("NFD", "Motörhead")


def entries(tracks: Tracks) -> list[ListEntry]:
    reasons = (Explanation('Queen - "Flash", live', "q", 0.5),)
    found = [
        Recommendation(row + 1, row, track.track_id, track.label, 0.1 + 0.2 / (row + 1), reasons)
        for row, track in enumerate(tracks.items)
    ]
    return entries_of(found, tracks)


@pytest.fixture
def tracks(tmp_path: Path) -> Tracks:
    music = tmp_path / "music"
    return Tracks(
        (
            Track("a", str(music / DECOMPOSED / "100% #1.flac"), "Ace\nof Spades", (DECOMPOSED,), duration_s=166.6),
            Track("b", str(music / "Björk" / "Jóga.mp3"), "Jóga", ("Björk", "Guest"), "Homogenic", mbid="m-1"),
            Track("c", "", "No file", ("Nobody",)),
            Track("d", str(music / "two\nlines.ogg"), "Lines"),
            Track("e", str(tmp_path / "lists" / "#hash.ogg"), "", (), duration_s=3.2),
        )
    )


def read_m3u8(path: Path) -> list[tuple[int, str, str]]:
    """(seconds, label, path) of each entry; fails on anything players stumble over."""
    raw = path.read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    lines = raw.decode("utf-8").split("\n")
    assert lines[0] == "#EXTM3U"
    assert lines[1].startswith("#PLAYLIST:")
    assert lines.pop() == ""
    entries = []
    for info, place in zip(lines[2::2], lines[3::2], strict=True):
        assert info.startswith("#EXTINF:")
        assert not place.startswith("#")
        seconds, label = info.removeprefix("#EXTINF:").split(",", 1)
        entries.append((int(seconds), label, place))
    return entries


def test_m3u8(tracks: Tracks, tmp_path: Path) -> None:
    path = tmp_path / "lists" / "found.m3u8"
    assert export(path, entries(tracks), title="For\rme") == 3
    assert read_m3u8(path) == [
        (167, f"{DECOMPOSED} - Ace of Spades", f"../music/{DECOMPOSED}/100% #1.flac"),
        (-1, "Björk, Guest - Jóga", "../music/Björk/Jóga.mp3"),
        (3, "e", "./#hash.ogg"),
    ]
    assert "#PLAYLIST:For me\n" in path.read_text(encoding="utf-8")
    for (*_, place), row in zip(read_m3u8(path), (0, 1, 4), strict=True):
        assert (path.parent / place).resolve() == Path(tracks[row].path).resolve()


def test_m3u8_in_a_relative_folder(tracks: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    export(Path("found.m3u8"), entries(tracks)[:2])
    assert read_m3u8(tmp_path / "found.m3u8")[1][2] == "music/Björk/Jóga.mp3"


def test_jspf(tracks: Tracks, tmp_path: Path) -> None:
    path = tmp_path / "found.jspf"
    assert export(path, entries(tracks), title="T") == 3
    playlist = json.loads(path.read_text(encoding="utf-8"))["playlist"]
    assert playlist["title"] == "T"
    first, second, third = playlist["track"]
    assert unquote(urlparse(first["location"][0]).path) == tracks[0].path
    assert first["duration"] == 166600
    assert "duration" not in second
    assert second["identifier"] == ["https://musicbrainz.org/recording/m-1"]
    assert (second["creator"], second["title"], second["album"]) == ("Björk, Guest", "Jóga", "Homogenic")
    assert second["annotation"] == 'near Queen - "Flash", live'
    assert "creator" not in third


def test_csv_round_trip(tracks: Tracks, tmp_path: Path) -> None:
    path, items = tmp_path / "found.CSV", entries(tracks)
    assert export(path, items) == 5
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = "rank,track_id,score,artist,title,album,duration_s,path,why,match"
    assert ",".join(rows[0]) == names
    for rank, (row, item) in enumerate(zip(rows, items, strict=True), start=1):
        track = item.track
        assert (int(row["rank"]), row["track_id"], float(row["score"])) == (rank, track.track_id, item.score)
        texts = (track.artist, track.title, track.album, track.path, item.why)
        assert tuple(row[name] for name in ("artist", "title", "album", "path", "why")) == texts
    assert [row["duration_s"] for row in rows] == ["166.6", "", "", "", "3.2"]


def test_json_round_trip(tracks: Tracks, tmp_path: Path) -> None:
    path, items = tmp_path / "found.json", entries(tracks)
    assert export(path, items) == 5
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [(row["rank"], row["track_id"], row["score"]) for row in rows] == [
        (rank, item.track.track_id, item.score) for rank, item in enumerate(items, start=1)
    ]
    assert rows[0]["reasons"] == [{"track_id": "q", "label": 'Queen - "Flash", live', "similarity": 0.5}]


def test_tracks_alone_are_a_list_of_the_same_schema(tracks: Tracks, tmp_path: Path) -> None:
    """Values that only a model can give are empty."""
    plain = [ListEntry(track) for track in tracks.items]
    csv_file, json_file = tmp_path / "list.csv", tmp_path / "list.json"
    assert export(csv_file, plain) == export(json_file, plain) == 5
    with csv_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert {(row["score"], row["why"]) for row in rows} == {("", "")}
    values = json.loads(json_file.read_text(encoding="utf-8"))
    assert {(row["score"], row["confidence"]) for row in values} == {(None, None)}
    assert export(tmp_path / "list.m3u8", plain) == export(tmp_path / "list.jspf", plain) == 3


@pytest.mark.parametrize("suffix", [".m3u8", ".jspf", ".csv", ".json"])
def test_an_empty_list_is_a_valid_file(tracks: Tracks, tmp_path: Path, suffix: str) -> None:
    assert export(tmp_path / f"x{suffix}", []) == 0
    assert (tmp_path / f"x{suffix}").stat().st_size > 0


@pytest.mark.parametrize("name", ["found.xls", "found"])
def test_the_error_for_an_unknown_suffix_lists_the_known_ones(tracks: Tracks, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"unknown suffix.*use one of \.m3u8, \.jspf, \.csv, \.json"):
        export(tmp_path / name, [])
    assert not list(tmp_path.iterdir())


def test_export_replaces_in_place(tracks: Tracks, tmp_path: Path) -> None:
    path = tmp_path / "found.m3u8"
    export(path, entries(tracks))
    export(path, entries(tracks)[:1])
    assert len(read_m3u8(path)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_one_line() -> None:
    assert one_line(" a\tb\x00c\u2028d\x85e\r\nf ") == "a b c d e f"


def test_relative_paths() -> None:
    assert relative_path(Path("/music/a b/c.mp3"), Path("/music/lists")) == "../a b/c.mp3"
    assert relative_path(Path("/music/ c.mp3"), Path("/music")) == "./ c.mp3"


def test_import_reads_an_exported_playlist(tracks: Tracks, tmp_path: Path) -> None:
    path = tmp_path / "lists" / "found.m3u8"
    for track in tracks.items:
        if track.path:
            Path(track.path).parent.mkdir(parents=True, exist_ok=True)
            Path(track.path).touch()
    export(path, entries(tracks))
    found = read_sources([path], Matcher(tracks, []))[0].found
    assert found.plays.tracks_of("found") == ["a", "b", "e"]
    assert found.misses == []
