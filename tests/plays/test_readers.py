"""Test every playlist format with one small library."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.errors import Reason, TableError, UserError
from unheard.library import Failure, Track, Tracks
from unheard.plays import Imported, Play
from unheard.plays.importing import read_sources
from unheard.plays.matching import Matcher

TRACKS = Tracks(
    (
        Track("a", path="/music/Beyoncé/01 Halo.ogg", title="Halo", artists=("Beyoncé",)),
        Track("b", path="/music/x/two.mp3", title="Two (Live)", artists=("X", "Y"), isrc="GBAYE0601498"),
        Track("c", path="/music/x/three.mp3", title="Three", artists=("X",), mbid="b3015bab-1540-4d4e"),
    )
)
FAILURES = [
    Failure("/music/copy/two.mp3", Reason.DUPLICATE, "", track_id="b2", duplicate_of="b"),
    Failure("/music/bad.mp3", Reason.TRUNCATED, "", track_id="bad"),
    Failure("/music/orphan.mp3", Reason.DUPLICATE, "", track_id="orphan", duplicate_of="gone"),
]


def imported(path: Path, *, skip_unknown: bool = False) -> Imported:
    return read(path, TRACKS, FAILURES, skip_unknown=skip_unknown)


def read(path: Path, tracks: Tracks, failures: list[Failure], *, skip_unknown: bool = False) -> Imported:
    (source,) = read_sources([path], Matcher(tracks, failures), skip_unknown=skip_unknown)
    return source.found


def ids(found: Imported) -> list[tuple[str, str, int]]:
    return [(play.playlist_id, play.track_id, play.position) for play in found.plays]


def file(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# ---------------------------------------------------------------------------------------------------- tables


def test_a_table(tmp_path: Path) -> None:
    text = (
        "playlist_id,track_id,position,weight,timestamp\np,b,3,2.5,1700000000\np,b2,1,,2020-01-02\nq,a,1,,\nq,bad,2,,\n"
    )
    found = imported(file(tmp_path, "p.csv", text))
    assert list(found.plays) == [
        Play("p", "b", 1, 1.0, 1_577_923_200.0),  # the duplicate's plays are the kept track's
        Play("p", "b", 3, 2.5, 1_700_000_000.0),
        Play("q", "a", 1),
    ]
    assert (found.matched, found.missed, found.misses) == (3, 1, ["bad (its file was skipped: truncated)"])
    assert found.match_rate == 0.75


def test_a_duplicate_of_a_track_that_is_gone_is_a_miss(tmp_path: Path) -> None:
    assert imported(file(tmp_path, "p.csv", "playlist_id,track_id\np,orphan\n")).missed == 1


def test_parquet_gives_the_same(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"playlist_id": [1, 1], "track_id": ["a", "b"], "position": [1, 0], "weight": [1.0, None]}),
        tmp_path / "p.parquet",
    )
    assert list(imported(tmp_path / "p.parquet").plays) == [Play("1", "b", 0), Play("1", "a", 1)]


def test_without_positions_rows_are_counted_per_playlist(tmp_path: Path) -> None:
    path = file(tmp_path, "p.csv", "track_id,playlist_id\na,p\nb,q\na,p\nc,p\n")
    assert ids(imported(path)) == [("p", "a", 0), ("p", "a", 1), ("p", "c", 2), ("q", "b", 0)]


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("", None, "empty"),
        ("playlist_id,track_id\n", None, "no rows"),
        ("playlist,track_id\np,a\n", None, "no column 'playlist_id', found playlist, track_id"),
        ("playlist_id,track_id\np,zzz\n", 2, "'zzz' is not in the library; scan it first or pass --skip-unknown"),
        ("playlist_id,track_id\np,\n", 2, "track_id is empty"),
        ("playlist_id,track_id\n,a\n", 2, "playlist_id is empty"),
        ("playlist_id,track_id,position\np,a,1\np,b,1\np,c,1\n", 3, "position 1 of playlist 'p' is also in row 2"),
        ("playlist_id,track_id,position\np,a,1\np,b,\np,c,\n", 3, "some rows have a position"),
        ("playlist_id,track_id,position\np,a,1.5\n", 2, "whole number"),
        ("playlist_id,track_id,position\np,a,x\n", 2, "position is 'x'"),
        ("playlist_id,track_id,position\np,a,99999999999999999999\n", 2, "whole number"),
        ("playlist_id,track_id,weight\np,a,0\n", None, "no plays in it"),
        ("playlist_id,track_id,weight\np,a,-1\n", 2, "above 0"),
        ("playlist_id,track_id,weight\np,a,nan\n", 2, "weight is nan"),
        ("playlist_id,track_id,weight\np,a,many\n", 2, "weight is 'many'"),
        ("playlist_id,track_id,timestamp\np,a,yesterday\n", 2, "timestamp is 'yesterday'"),
        (b"playlist_id,track_id\n\xff,a\n", 2, "not UTF-8"),
    ],
)
def test_bad_tables(text: str | bytes, row: int | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=message) as caught:
        imported(file(tmp_path, "p.csv", text))
    assert caught.value.row == row


def test_unknown_ids_can_be_skipped(tmp_path: Path) -> None:
    path = file(tmp_path, "p.csv", "playlist_id,track_id\np,zzz\np,a\np,zzz\n")
    found = imported(path, skip_unknown=True)
    assert ids(found) == [("p", "a", 1)]
    assert (found.misses, found.missed) == (["zzz (unknown)"], 2)


# -------------------------------------------------------------------------------------- Million Playlist slices


def mpd(*tracks: dict, pid: object = 7) -> str:
    return json.dumps({"info": {}, "playlists": [{"pid": pid, "name": "n", "tracks": list(tracks)}]})


def entry(pos: object, uri: str, artist: str = "", title: str = "") -> dict:
    return {"pos": pos, "track_uri": uri, "artist_name": artist, "track_name": title}


def test_slices(tmp_path: Path) -> None:
    content = mpd(
        entry(0, "spotify:track:a"),
        entry(1, "spotify:track:other", "BEYONCE", "Halo (Remastered 2009)"),
        entry(2, "spotify:track:no", "Nobody", "Nothing"),
        entry(3, "spotify:track:a"),
    )
    found = imported(file(tmp_path, "mpd.slice.0-999.json", content))
    assert ids(found) == [("7", "a", 0), ("7", "a", 1), ("7", "a", 3)]
    assert found.misses == ["Nobody - Nothing"]
    file(tmp_path, "mpd.slice.1000-1999.json", mpd(entry(0, "b"), pid=8))
    assert len(imported(tmp_path).plays) == 4


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"playlists": 3}',
        '{"playlists": [{"pid": 1}]}',
        '{"playlists": [{"tracks": []}]}',
        mpd("x"),  # type: ignore[arg-type]
        mpd(entry(0, "a"), entry(0, "b")),
        mpd(entry("first", "a")),
        mpd(entry(-1, "a")),
        b"\xff\xfe\x00",
        "[" * 100_000,
    ],
)
def test_bad_slices(content: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(TableError):
        imported(file(tmp_path, "mpd.slice.0-999.json", content))


def test_a_playlist_in_two_slices(tmp_path: Path) -> None:
    for name in ("mpd.slice.0-999.json", "mpd.slice.1000-1999.json"):
        file(tmp_path, name, mpd(entry(0, "a")))
    (source,) = read_sources([tmp_path], Matcher(TRACKS, FAILURES))
    assert ids(source.found) == [("7", "a", 0)]
    assert [type(problem) for problem in source.problems] == [TableError]
    assert "mpd.slice.1000-1999.json: playlist 7 is also in" in str(source.problems[0])


# ------------------------------------------------------------------------------------------------------- M3U


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_m3u8(start: str, end: str, tmp_path: Path) -> None:
    nfd = unicodedata.normalize("NFD", "/music/Beyoncé/01 Halo.ogg")
    lines = [
        "#EXTM3U",
        "/music/Beyoncé/01 Halo.ogg",
        nfd,
        "file:///music/Beyonc%C3%A9/01%20Halo.ogg",
        "/music/Beyonc%C3%A9/01%20Halo.ogg",
        "D:\\Backup\\Beyoncé\\01 Halo.ogg",
        "#EXTINF:200,Beyoncé - Halo",
        "https://example.org/stream",
        "",
        "# a remark",
        "/music/../music/copy/two.mp3",
        "#EXTINF:1,Nobody - Nothing",
        "/elsewhere/1.mp3",
    ]
    found = imported(file(tmp_path, "Für Elise.m3u8", start + end.join(lines)))
    assert ids(found) == [("Für Elise", "a", n) for n in range(6)] + [("Für Elise", "b", 6)]
    assert found.misses == ["Nobody - Nothing"]


def test_a_web_page_is_no_list_and_an_empty_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="a web page"):
        imported(file(tmp_path, "p.m3u", "<!DOCTYPE html><html>not found</html>"))
    assert imported(file(tmp_path, "q.m3u", "#EXTM3U\n")).notes == ["q.m3u has no entries"]


def test_m3u_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    tracks = Tracks((Track("t", path=str(tmp_path / "music" / "y.ogg"), title="y"),))
    for line in ("../music/y.ogg", "..\\music\\y.ogg", "../music/./y.ogg"):
        path = file(tmp_path, "lists/p.m3u", line)
        assert ids(read(path, tracks, [])) == [("p", "t", 0)]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("latin-1", "Beyoncé"),
        ("cp1251", "Жуки"),
        ("koi8-r", "Жуки"),
        ("cp866", "Жуки"),
        ("cp1250", "Dvořák"),
        ("cp1253", "Μίκης"),
        ("cp932", "宇多田ヒカル"),
        ("gb18030", "周杰伦"),
        ("cp949", "아이유"),
        ("mac-roman", "Beyoncé"),
        ("utf-16", "Жуки"),
    ],
)
@pytest.mark.parametrize("suffix", ["m3u", "m3u8"])
def test_m3u_in_the_encoding_that_the_library_fits(encoding: str, name: str, suffix: str, tmp_path: Path) -> None:
    tracks = Tracks((Track("t", path=f"/music/{name}/1.mp3"), Track("u", path="/music/Ünder/2.mp3")))
    lines = [f"/music/{name}/1.mp3\r\n".encode(encoding)]
    if encoding != "utf-16":
        lines.append("/music/Ünder/2.mp3\n".encode())  # other programs have added lines in UTF-8
    assert [entry[1] for entry in ids(read(file(tmp_path, f"p.{suffix}", b"".join(lines)), tracks, []))] == [
        "t",
        *["u"] * (encoding != "utf-16"),
    ]


def test_m3u_names_its_encoding(tmp_path: Path) -> None:
    tracks = Tracks((Track("t", path="/music/Æ/1.mp3"), Track("u", path="/music/Ж/1.mp3")))
    line = "/music/Ж/1.mp3\n".encode("cp1251")  # Æ in cp1252
    assert ids(read(file(tmp_path, "p.m3u", line), tracks, [])) == [("p", "t", 0)]
    assert ids(read(file(tmp_path, "q.m3u", b"#EXTENC:windows-1251\n" + line), tracks, [])) == [("q", "u", 0)]


@pytest.mark.parametrize(
    "lines",
    [
        "#EXTINF:1,Halo - Beyoncé\n/x/1.m4a",  # Apple Music: the title first
        "#EXTINF:1,Beyoncé – Halo\n/x/1.m4a",
        "#EXTINF:1,Beyoncé — Halo\n/x/1.m4a",
        '#EXTINF:1,"Beyoncé - Halo"\n/x/1.m4a',
        '#EXTINF:-1 tvg-name="a, b" group="c",Beyoncé - Halo\n/x/1.m4a',
        "#EXTINF:1,Halo\n/x/1.m4a",
        "#EXTINF:1,01. Beyoncé - Halo\n/x/1.m4a",
        "#EXTINF:1,Halo - Remastered 2009 - Beyoncé\n/x/1.m4a",
        "#EXTINF:1,Beyoncé - Halo - Radio Edit\n/x/1.m4a",
        '"/music/Beyoncé/01 Halo.ogg"',
        "'/music/Beyoncé/01 Halo.ogg'",
        "/music/Beyoncé/01 Halo.flac",
        "/converted/Beyonce/01 Halo.m4a",
        "D:\\Music\\BEYONCÉ\\01 halo.MP3",
        "file://localhost/music/Beyonc%C3%A9/01%20Halo.ogg",
        "/x/Beyoncé - Halo.mp3",
        "/x/01. Beyoncé - Halo.mp3",
        "/x/Beyoncé/Album/07 - Halo.mp3",
    ],
)
def test_m3u_as_other_programs_write_it(lines: str, tmp_path: Path) -> None:
    assert ids(imported(file(tmp_path, "p.m3u8", f"#EXTM3U\n{lines}\n"))) == [("p", "a", 0)]


def test_m3u_as_windows_writes_it(tmp_path: Path) -> None:
    """In cp1252 an ellipsis is byte 0x85, which Unicode would call a line end; so would U+2028 in a title."""
    tracks = Tracks((Track("e", path="/music/It’s… fine.ogg"),))
    path = file(tmp_path, "p.m3u", "/music/It’s… fine.ogg\r\n".encode("cp1252"))
    assert ids(read(path, tracks, [])) == [("p", "e", 0)]
    path = file(tmp_path, "q.m3u8", "#EXTM3U\n#EXTINF:1,one\u2028two\n/music/It’s… fine.ogg\n")
    found = read(path, tracks, [])
    assert (ids(found), found.misses) == ([("q", "e", 0)], [])


def test_a_folder_of_m3us(tmp_path: Path) -> None:
    file(tmp_path, "one.m3u", "/music/x/two.mp3")
    file(tmp_path, "sub/two.m3u8", "/music/x/three.mp3")
    file(tmp_path, "three.m3u", "/music/x/two.mp3")
    file(tmp_path, "three.m3u8", "/music/x/three.mp3")
    assert ids(imported(tmp_path)) == [("one", "b", 0), ("three.m3u", "b", 0), ("three.m3u8", "c", 0), ("two", "c", 0)]


# --------------------------------------------------------------------------------------------- Taste Profile


def test_taste_profile(tmp_path: Path) -> None:
    found = imported(file(tmp_path, "train_triplets.txt", "u1\ta\t5\nu1\tzzz\t1\nu2\tb2\t1\nu1\tb\t2\n"))
    assert list(found.plays) == [Play("u1", "a", 0, 5.0), Play("u1", "b", 2, 2.0), Play("u2", "b", 0, 1.0)]
    assert found.misses == ["zzz"]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("u1\ta\n", 1),
        ("u1\ta\t1\nu1,a,1\nx\n", 2),
        ("u1\ta\t0\n", None),
        ("u1\ta\tx\n", 1),
        ("\ta\t1\n", 1),
        ("", None),
    ],
)
def test_bad_taste_profiles(content: str, row: int | None, tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        imported(file(tmp_path, "t.txt", content))
    assert caught.value.row == row
    with pytest.raises(TableError, match="not UTF-8"):
        imported(file(tmp_path, "u.txt", b"u\t\xff\t1\n"))


# ------------------------------------------------------------------------------------------------- anything


def test_what_is_no_playlist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        imported(tmp_path / "none.csv")
    with pytest.raises(UserError, match="not a format"):
        imported(file(tmp_path, "p.docx", "x"))
    with pytest.raises(UserError, match="no playlists in it"):
        imported(tmp_path)


@given(
    data=st.binary(max_size=200),
    suffix=st.sampled_from([".csv", ".parquet", ".json", ".m3u", ".m3u8", ".txt", ".tsv"]),
    head=st.sampled_from([b"", b"playlist_id,track_id\n", b'{"playlists": [', b"#EXTM3U\n", b"u\ta\t"]),
)
def test_random_bytes(data: bytes, suffix: str, head: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / f"playlist{suffix}"
    path.write_bytes(head + data)
    try:
        found = imported(path, skip_unknown=True)
    except UserError:
        return
    assert found.matched == len(found.plays)
