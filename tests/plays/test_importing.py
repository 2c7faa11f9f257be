"""Test imports of several files: joined and replaced playlists, unreadable lists, ids of lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unheard.errors import TableError, UserError
from unheard.library import Library, Track
from unheard.plays import import_playlists, read_playlists, read_plays
from unheard.plays.formats import FORMATS
from unheard.plays.list_ids import ListKey, list_ids
from unheard.plays.matching import Matcher
from unheard.plays.storage import Playlist
from unheard.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace.init(tmp_path / "w")
    with Library(made.library_path) as library, library.transaction():
        for name in "abcd":
            library.put_track(Track(name, path=f"/music/{name}/{name}.mp3", title=f"Song {name}"))
    return made


def file(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def m3u(path: Path, *tracks: str) -> Path:
    return file(path, "".join(f"/music/{name}/{name}.mp3\n" for name in tracks))


def stored(workspace: Workspace) -> dict[str, list[str]]:
    plays = read_plays(workspace)
    return {name: plays.tracks_of(name) for name in plays.playlist_ids}


# ----------------------------------------------------------------------------------------------- what adds up


def test_tables_of_one_command_add_up(workspace: Workspace, tmp_path: Path) -> None:
    first = file(tmp_path / "1.csv", "playlist_id,track_id,timestamp\nme,b,2024-01-01\nme,a,2024-01-02\nyou,a,\n")
    second = file(tmp_path / "2.csv", "playlist_id,track_id,timestamp\nme,a,2024-02-01\n")
    for _ in range(2):
        sources = import_playlists(workspace, [first, second])
        assert [source.found.matched for source in sources] == [3, 1]
        assert stored(workspace) == {"me": ["b", "a", "a"], "you": ["a"]}
    assert read_plays(workspace).positions.tolist() == [0, 1, 2, 0]
    import_playlists(workspace, [second])
    assert stored(workspace) == {"me": ["a"], "you": ["a"]}


def test_positions_go_on_from_table_to_table(workspace: Workspace, tmp_path: Path) -> None:
    first = file(tmp_path / "1.csv", "playlist_id,track_id,position\np,b,5\np,a,3\nq,d,7\n")
    second = file(tmp_path / "2.csv", "playlist_id,track_id,position\np,d,4\np,c,-1\n")
    import_playlists(workspace, [first, second])
    assert stored(workspace) == {"p": ["a", "b", "c", "d"], "q": ["d"]}
    assert read_plays(workspace).positions.tolist() == [0, 1, 2, 3, 7]


def test_a_file_that_is_named_twice_is_read_once(workspace: Workspace, tmp_path: Path) -> None:
    table = file(tmp_path / "1.csv", "playlist_id,track_id\nme,b\n")
    m3u(tmp_path / "lists" / "x.m3u", "a", "b")
    import_playlists(workspace, [table, tmp_path / "lists" / ".." / "1.csv"])
    import_playlists(workspace, [tmp_path / "lists", tmp_path / "lists" / "x.m3u"])
    assert stored(workspace) == {"me": ["b"], "x": ["a", "b"]}


def test_a_file_that_cannot_be_read_does_not_stop_the_others(workspace: Workspace, tmp_path: Path) -> None:
    good = file(tmp_path / "1.csv", "playlist_id,track_id\nme,b\n")
    bad = file(tmp_path / "2.csv", "playlist_id,track_id\nme,unknown\n")
    missing = tmp_path / "3.csv"
    sources = import_playlists(workspace, [bad, good, missing])
    assert [[str(problem) for problem in source.problems] for source in sources] == [
        [f"{bad}, row 2: track_id 'unknown' is not in the library; scan it first or pass --skip-unknown"],
        [],
        [f"{missing}: no such file; name {FORMATS}"],
    ]
    assert stored(workspace) == {"me": ["b"]}


def test_good_rows_of_a_table_with_bad_rows_are_stored(workspace: Workspace, tmp_path: Path) -> None:
    table = file(tmp_path / "1.csv", "playlist_id,track_id\nme,b\nme,unknown\nyou,a\n")
    (source,) = import_playlists(workspace, [table])
    assert (source.found.invalid, source.found.reasons[0].row) == (1, 3)
    assert stored(workspace) == {"me": ["b"], "you": ["a"]}


def test_what_is_replaced_is_returned(workspace: Workspace, tmp_path: Path) -> None:
    table = file(tmp_path / "1.csv", "playlist_id,track_id\nme,b\nme,a\nyou,a\n")
    lists = m3u(tmp_path / "x.m3u", "a")
    for dry_run in (False, True):
        sources = import_playlists(workspace, [table, lists], dry_run=dry_run)
        assert [source.replaced for source in sources] == [{}, {}]  # nothing stored, then the same
    file(table, "playlist_id,track_id,weight\nme,b,2\nme,a,1\nyou,a,1\n")
    m3u(lists, "a", "b")
    for dry_run in (True, False):
        sources = import_playlists(workspace, [table, lists], dry_run=dry_run)
        assert [source.replaced for source in sources] == [{"me": 2}, {"x": 1}]


def test_a_dry_run_stores_nothing(workspace: Workspace, tmp_path: Path) -> None:
    (source,) = import_playlists(workspace, [m3u(tmp_path / "x.m3u", "a")], dry_run=True)
    assert source.found.matched == 1
    assert stored(workspace) == {}


# ------------------------------------------------------------------------------------------ what is left out


def test_one_bad_list_does_not_stop_the_others(workspace: Workspace, tmp_path: Path) -> None:
    m3u(tmp_path / "lists" / "1.m3u", "a")
    bad = file(tmp_path / "lists" / "2.m3u8", b"\x89PNG\r\n\x1a\n\0\0\0\xff")
    m3u(tmp_path / "lists" / "3.m3u8", "b")
    (source,) = import_playlists(workspace, [tmp_path / "lists"])
    assert [str(problem).partition(";")[0] for problem in source.problems] == [
        f"{bad}: not UTF-8 and not text in another encoding"
    ]
    assert stored(workspace) == {"1": ["a"], "3": ["b"]}
    with pytest.raises(TableError, match="not UTF-8"):
        import_playlists(workspace, [bad])
    other = file(tmp_path / "mpd.slice.0-999.json", "{}")
    with pytest.raises(UserError, match=r"none of 2 files can be read; the first: .*2\.m3u8: not UTF-8"):
        import_playlists(workspace, [bad, other])


def test_a_folder_of_lists_in_every_format(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    m3u(folder / "one.m3u", "a")
    file(folder / "two.csv", '"Track Name","Artist Name(s)"\nSong b,\n')
    file(folder / "me.csv", "playlist_id,track_id\nme,c\n")
    file(folder / "sub" / "three.xspf", XSPF)
    file(folder / "four.json", '{"playlists": [{"name": "Fav", "items": [{"track": {"trackName": "Song d"}}]}]}')
    file(folder / "songs.txt", "me2\ta\t3\n")
    media = [file(folder / name, "x") for name in ("cover.jpg", "song.mp3", ".hidden.m3u", ".git/x.m3u")]
    others = [file(folder / name, "x y") for name in ("archive.zip", "lyrics.txt", "notes.csv", "tags.json")]
    file(folder / "tracks.csv", "track_id,path,title,artist\nx,x.mp3,Song,Band\n")
    (source,) = import_playlists(workspace, [folder])
    assert source.problems == []
    assert set(source.passed_over) == {*others, folder / "tracks.csv"}
    assert not {*media} & {*source.passed_over}
    assert stored(workspace) == {
        "one": ["a"], "two": ["b"], "me": ["c"], "three": ["d"], "Fav": ["d"], "me2": ["a"]
    }  # fmt: skip


XSPF = """<?xml version="1.0" encoding="UTF-8"?>
<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track><title>Song d</title></track></trackList>
</playlist>"""


def test_the_plays_of_a_workspace_in_the_folder_are_no_list(workspace: Workspace, tmp_path: Path) -> None:
    import_playlists(workspace, [m3u(tmp_path / "one.m3u", "a")])
    (source,) = import_playlists(workspace, [tmp_path])
    assert (stored(workspace), source.passed_over) == ({"one": ["a"]}, [])


# ------------------------------------------------------------------------------------- what lists are called


def test_lists_of_one_stem_are_two_playlists(workspace: Workspace, tmp_path: Path) -> None:
    rock, jazz = m3u(tmp_path / "rock" / "best.m3u8", "a"), m3u(tmp_path / "jazz" / "best.m3u8", "b", "c")
    for paths in ([rock, jazz], [jazz], [tmp_path / "rock", tmp_path / "jazz"], [tmp_path]):
        import_playlists(workspace, paths)
        assert stored(workspace) == {"jazz/best": ["b", "c"], "rock/best": ["a"]}


def test_a_list_keeps_the_id_it_was_imported_under(workspace: Workspace, tmp_path: Path) -> None:
    rock, jazz = m3u(tmp_path / "rock" / "best.m3u", "a"), m3u(tmp_path / "jazz" / "best.m3u", "b")
    import_playlists(workspace, [rock])
    import_playlists(workspace, [jazz])
    assert stored(workspace) == {"best": ["a"], "jazz/best": ["b"]}
    m3u(rock, "a", "d")
    import_playlists(workspace, [jazz, rock])
    assert stored(workspace) == {"best": ["a", "d"], "jazz/best": ["b"]}
    assert {one.playlist_id: one.origin for one in read_playlists(workspace)} == {
        "best": rock.as_posix(),
        "jazz/best": jazz.as_posix(),
    }


def test_a_list_that_was_moved_replaces_its_playlist(workspace: Workspace, tmp_path: Path) -> None:
    old = m3u(tmp_path / "old" / "best.m3u", "a")
    import_playlists(workspace, [old])
    new = old.rename(tmp_path / "best.m3u")
    import_playlists(workspace, [new])
    assert stored(workspace) == {"best": ["a"]}


def test_histories_of_one_folder_are_one_playlist(workspace: Workspace, tmp_path: Path) -> None:
    def history(path: Path, *plays: tuple[str, str]) -> Path:
        streams = [
            {"ts": time, "ms_played": 200_000, "master_metadata_track_name": f"Song {name}"} for name, time in plays
        ]
        return file(path, json.dumps(streams))

    first = history(tmp_path / "mine" / "Streaming_History_Audio_2023.json", ("a", "2023-01-01T00:00:00Z"))
    second = history(tmp_path / "mine" / "Streaming_History_Audio_2024.json", ("b", "2024-01-01T00:00:00Z"))
    yours = history(tmp_path / "yours" / "endsong_0.json", ("c", "2024-01-01T00:00:00Z"))
    import_playlists(workspace, [first, second])
    assert stored(workspace) == {"Spotify history": ["a", "b"]}
    import_playlists(workspace, [yours])
    import_playlists(workspace, [tmp_path / "mine", tmp_path / "yours"])
    assert stored(workspace) == {"Spotify history": ["a", "b"], "yours/Spotify history": ["c"]}
    (source,) = import_playlists(workspace, [second])
    assert source.replaced == {"Spotify history": 2}


def test_lists_within_a_file_keep_their_ids(workspace: Workspace, tmp_path: Path) -> None:
    def lists(path: Path, name: str, track: str) -> Path:
        items = [{"track": {"trackName": f"Song {track}"}}]
        return file(
            path, json.dumps({"playlists": [{"name": name, "items": items}, {"name": "C# / #1", "items": items}]})
        )

    one, two = lists(tmp_path / "Playlist1.json", "Fav", "a"), lists(tmp_path / "Playlist2.json", "Fav", "b")
    for paths in ([one], [two], [tmp_path], [two, one]):
        import_playlists(workspace, paths)
    assert stored(workspace) == {
        "Fav": ["a"], "C# / #1": ["a"], "Playlist2/Fav": ["b"], "Playlist2/C# / #1": ["b"]
    }  # fmt: skip
    assert {playlist.name for playlist in read_playlists(workspace)} == {"Fav", "C# / #1"}


def test_a_list_does_not_replace_a_playlist_of_a_table(workspace: Workspace, tmp_path: Path) -> None:
    import_playlists(workspace, [file(tmp_path / "p.csv", "playlist_id,track_id\nbest,a\n")])
    import_playlists(workspace, [m3u(tmp_path / "mine" / "best.m3u", "b")])
    assert stored(workspace) == {"best": ["a"], "mine/best": ["b"]}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/x/a.m3u", "/x/b.m3u"], ["a", "b"]),
        (["/x/a.m3u", "/y/a.m3u"], ["x/a", "y/a"]),
        (["/1/x/a.m3u", "/2/x/a.m3u", "/3/a.m3u"], ["1/x/a", "2/x/a", "3/a"]),
        (["/x/a.m3u", "/x/a.m3u8"], ["a.m3u", "a.m3u8"]),
        (["/x/a.m3u", "/x/a.m3u8", "/y/a.m3u"], ["a.m3u", "a.m3u8", "a"]),
        (["/a.m3u", "/x/a.m3u"], ["a", "x/a"]),
        (["/x/Für e.lise.m3u"], ["Für e.lise"]),
        (["/x/Fu\u0308r.m3u"], ["F\u00fcr"]),
    ],
)
def test_ids(paths: list[str], expected: list[str]) -> None:
    assert list_ids([ListKey(Path(path)) for path in paths], []) == expected


def test_a_list_and_a_table_of_one_command_are_two_playlists(workspace: Workspace, tmp_path: Path) -> None:
    lists = m3u(tmp_path / "lists" / "best.m3u", "b")
    table = file(tmp_path / "p.csv", "playlist_id,track_id\nbest,a\n")
    for _ in range(2):
        import_playlists(workspace, [lists, table])
        assert stored(workspace) == {"best": ["a"], "lists/best": ["b"]}


def test_a_playlist_of_unknown_origin_is_replaced() -> None:
    assert list_ids([ListKey(Path("/x/a.m3u"))], [Playlist("a", "a")]) == ["a"]


# ---------------------------------------------------------------------------------------------------- the matcher


def test_the_matcher_is_made_once_and_its_names_when_they_are_needed(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for name in ("__post_init__", "_index_names"):
        plain = getattr(Matcher, name)

        def counted(self: Matcher, name: str = name, plain: object = plain) -> None:
            made.append(name)
            plain(self)  # type: ignore[operator]

        monkeypatch.setattr(Matcher, name, counted)
    lists = [m3u(tmp_path / f"{number}.m3u", "a", "b") for number in range(20)]
    import_playlists(workspace, lists)
    assert made == ["__post_init__"]
    lists.append(
        file(tmp_path / "names.m3u", "#EXTINF:1,Song c\n/elsewhere/1.mp3\n#EXTINF:1,Song d\n/elsewhere/2.mp3\n")
    )
    import_playlists(workspace, lists)
    assert made == ["__post_init__", "__post_init__", "_index_names"]
    assert stored(workspace)["names"] == ["c", "d"]
