"""Test the lists and histories that services export, as files that look like theirs."""

from __future__ import annotations

import json
import plistlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from unheard.errors import TableError, UserError
from unheard.library import Track, Tracks
from unheard.plays.formats import LIST_READERS, FileReader
from unheard.plays.importing import Source, read_sources
from unheard.plays.matching import Matcher
from unheard.plays.readers.rekordbox import TOO_DEEP

ID = "6rqhFgbbKwnb9MLmUQDhG6"
TRACKS = Tracks(
    (
        Track("halo", path="/music/Beyoncé/01 Halo.ogg", title="Halo", artists=("Beyoncé",), isrc="USSM10804556"),
        Track("hurt", path="/music/x/hurt.mp3", title="Hurt", artists=("Johnny Cash",), mbid="b3015bab-1540-4d4e-9f30"),
        Track("idioteque", path="/music/Radiohead/Kid A/08.mp3", title="Idioteque", artists=("Radiohead",)),
        Track("pesnya", path="/music/Жуки/1.mp3", title="Песня", artists=("Жуки",)),
    )
)
NEW_YEAR = datetime(2024, 1, 1, 10, 0, tzinfo=UTC).timestamp()


def file(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path) -> Source:
    (source,) = read_sources([path], Matcher(TRACKS, []))
    return source


def rows(source: Source) -> list[tuple[str, str, float | None]]:
    return [(play.playlist_id, play.track_id, play.timestamp) for play in source.found.plays]


# ------------------------------------------------------------------------------------------------------- tables

EXPORTIFY = (
    '"Track URI","Track Name","Album Name","Artist Name(s)","Release Date","Duration (ms)","Popularity","Explicit",'
    '"Added By","Added At","Genres","Record Label","Danceability"\n'
    f'"spotify:track:{ID}","Halo","I Am","Beyoncé","2008","261640","80","false","me","2024-01-01T10:00:00Z","","",""\n'
    '"spotify:track:x","Hurt","American IV","Johnny Cash;Fiona Apple","2002","218000","1","false","me","","","",""\n'
    '"spotify:track:y","Nothing","None","Nobody","2002","1","1","false","me","","","",""\n'
)
EXPORTIFY_OLD = (
    "Spotify URI,Track URI,Artist URI(s),Artist Name(s),Album URI,Track Name,Disc Number,ISRC,Added At\n"
    'u,u,a,"Someone, Else",b,Anything,1,USSM10804556,2024-01-01T10:00:00Z\n'
    'u,u,a,"Johnny Cash, Fiona Apple",b,Hurt,1,,\n'
    "u,u,a,Nobody,b,Nothing,1,,\n"
)
SOUNDIIZ = (
    "title;artist;album;isrc;addedDate\nHalo;Beyonce;I Am;;01/01/2024 10:00\nHurt;Johnny Cash;;;\nNothing;Nobody;;;\n"
)


@pytest.mark.parametrize("content", [EXPORTIFY, EXPORTIFY_OLD, SOUNDIIZ, EXPORTIFY.encode("utf-16")])
def test_one_list_in_a_table(content: str | bytes, tmp_path: Path) -> None:
    source = read(file(tmp_path / "My List.csv", content))
    assert rows(source) == [("My List", "halo", NEW_YEAR), ("My List", "hurt", None)]
    assert len(source.found.misses) == 1
    assert source.found.misses[0] == "Nobody - Nothing"


def test_tune_my_music_has_several_lists_in_a_table(tmp_path: Path) -> None:
    text = (
        "Track name,Artist name,Album,Playlist name,Type,ISRC,Spotify - id\n"
        f'Halo,"Beyoncé",I Am,Summer,Playlist,USSM10804556,{ID}\n'
        "Hurt,Johnny Cash,,Winter,Playlist,,\n"
        "Idioteque,Radiohead,,Summer,Playlist,,\n"
    )
    source = read(file(tmp_path / "My library.csv", text))
    assert rows(source) == [("Summer", "halo", None), ("Summer", "idioteque", None), ("Winter", "hurt", None)]


def test_last_fm_tables(tmp_path: Path) -> None:
    """The newest play is first. One exporter writes no header, the other seconds since 1970."""
    plain = "Radiohead,Kid A,Idioteque,02 Jan 2024 10:00\nJohnny Cash,American IV,Hurt,01 Jan 2024 10:00\n"
    expected = [("me", "hurt", NEW_YEAR), ("me", "idioteque", NEW_YEAR + 86_400)]
    assert rows(read(file(tmp_path / "1" / "me.csv", plain))) == expected
    text = (
        "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
        '"1704189600","02 Jan 2024, 10:00","Radiohead","","Kid A","","Idioteque",""\n'
        '"1704103200","01 Jan 2024, 10:00","J. Cash","","","","Hurt (demo)","b3015bab-1540-4d4e-9f30"\n'
        '"0","","Radiohead","","Kid A","","Idioteque",""\n'
    )
    assert rows(read(file(tmp_path / "2" / "me.csv", text))) == [("me", "idioteque", None), *expected]


def test_apple_music_tables(tmp_path: Path) -> None:
    activity = (
        "Apple Id Number,Artist Name,Event Start Timestamp,Event Type,Play Duration Milliseconds,Song Name\n"
        "1,Radiohead,2024-01-02T10:00:00.000Z,PLAY_END,281000,Idioteque\n"
        "1,Johnny Cash,2024-01-01T10:00:00.000Z,PLAY_END,218000,Hurt\n"
        "1,Johnny Cash,2024-01-01T10:00:00.000Z,LYRIC_DISPLAY,,Hurt\n"
        "1,Beyoncé,2024-01-01T11:00:00.000Z,PLAY_END,4000,Halo\n"
    )
    name = "Apple Music Play Activity"
    source = read(file(tmp_path / f"{name}.csv", activity))
    assert rows(source) == [(name, "hurt", NEW_YEAR), (name, "idioteque", NEW_YEAR + 86_400)]
    assert source.found.left_out == {"events that are no plays": 1, "plays of less than 30 seconds": 1}
    daily = (
        "Country,Track Identifier,Media type,Date Played,Play Count,Skip Count,Track Description\n"
        "DE,1,AUDIO,20240101,3,0,Johnny Cash - Hurt\n"
        "DE,1,AUDIO,20240102,0,1,Radiohead - Idioteque\n"
    )
    source = read(file(tmp_path / "daily.csv", daily))
    (play,) = source.found.plays
    assert (play.track_id, play.weight, play.timestamp) == ("hurt", 3.0, NEW_YEAR - 36_000)
    assert source.found.left_out == {"rows with 0 plays": 1}
    text = "Name\tArtist\tAlbum\tTime\tPlays\tLast Played\tLocation\r"
    text += "Idioteque\tRadiohead\tKid A\t281\t0\t\t\r"
    text += "Any\tBody\t\t1\t2\t\tMac:Music:x\rHurt\tJohnny Cash\t\t1\t\t1/31/24, 7:01 PM\t\r"
    source = read(file(tmp_path / "Fav.txt", text.encode("utf-16")))
    assert {track for _, track, _ in rows(source)} == {"idioteque", "hurt"}


def test_a_table_of_names_in_another_encoding(tmp_path: Path) -> None:
    source = read(file(tmp_path / "p.csv", "Title,Artist\nПесня,Жуки\nHurt,Johnny Cash\n".encode("cp1251")))
    assert [track for _, track, _ in rows(source)] == ["pesnya", "hurt"]
    assert source.found.notes == ["p.csv is not UTF-8; it was read as cp1251"]


def test_bad_rows_of_a_table_of_names(tmp_path: Path) -> None:
    text = "Title,Artist,Play Count\nHalo,Beyoncé,2\n,,\n"
    text += "Hurt,Johnny Cash,many\n,Radiohead,1\nIdioteque,Radiohead,\n\nHurt,Johnny Cash,0\n"
    source = read(file(tmp_path / "p.csv", text))
    assert [(play.track_id, play.weight) for play in source.found.plays] == [("halo", 2.0), ("idioteque", 1.0)]
    assert [(reason.row, reason.problem) for reason in source.found.reasons] == [
        (4, "plays is 'many'"),
        (5, "no title, ISRC or path"),
    ]
    assert source.found.left_out == {"blank rows": 1, "rows with 0 plays": 1}
    with pytest.raises(TableError, match=r"row 2: no title, ISRC or path \(2 of 3 rows cannot be read"):
        read(file(tmp_path / "q.csv", "Title,Artist\n,a\n,b\nHalo,Beyoncé\n"))


# --------------------------------------------------------------------------------------------------------- JSON


def spotify_item(title: str, artist: str) -> dict[str, object]:
    track = {"trackName": title, "artistName": artist, "albumName": "A", "trackUri": "spotify:track:x"}
    return {"track": track, "episode": None, "localTrack": None, "addedDate": "2024-01-01"}


def test_spotify_playlists(tmp_path: Path) -> None:
    items = [spotify_item("Halo", "Beyoncé"), {"track": None, "episode": {"name": "E"}, "addedDate": "2024-01-01"}]
    lists = [{"name": "Fav", "items": items}, {"name": "Fav", "items": [spotify_item("Hurt", "Johnny Cash")]}]
    source = read(file(tmp_path / "Playlist1.json", json.dumps({"playlists": lists})))
    assert [(name, track) for name, track, _ in rows(source)] == [("Fav", "halo"), ("Fav (2)", "hurt")]
    assert source.found.left_out == {"entries without a track (podcasts, videos, audiobooks)": 1}


def test_spotify_library(tmp_path: Path) -> None:
    tracks = [{"artist": "Radiohead", "album": "Kid A", "track": "Idioteque", "uri": "spotify:track:z"}]
    content = {"tracks": tracks, "albums": [], "shows": [], "episodes": [], "artists": [{"name": "X", "uri": "y"}]}
    assert rows(read(file(tmp_path / "YourLibrary.json", json.dumps(content)))) == [("Liked songs", "idioteque", None)]


def test_spotify_histories(tmp_path: Path) -> None:
    year = [
        {"endTime": "2024-01-01 10:00", "artistName": "Johnny Cash", "trackName": "Hurt", "msPlayed": 200_000},
        {"endTime": "2024-01-01 10:01", "artistName": "Beyoncé", "trackName": "Halo", "msPlayed": 1_500},
    ]
    streams = [
        {
            "ts": f"2024-01-0{day}T10:00:00Z",
            "ms_played": ms_played,
            "master_metadata_track_name": title,
            "master_metadata_album_artist_name": "Radiohead",
            "spotify_track_uri": "spotify:track:z",
            "reason_end": reason,
        }
        for day, title, ms_played, reason in [(3, "Idioteque", 281_000, "fwdbtn"), (2, "Idioteque", 2_000, "trackdone")]
    ]
    streams.append({"ts": "2024-01-04T10:00:00Z", "ms_played": 99_000, "master_metadata_track_name": None})
    file(tmp_path / "StreamingHistory_music_0.json", json.dumps(year))
    file(tmp_path / "Streaming_History_Audio_2024.json", json.dumps(streams))
    source = read(tmp_path)
    assert {play.playlist_id for play in source.found.plays} == {"Spotify history"}
    times = sorted((play.timestamp or 0.0, play.track_id) for play in source.found.plays)
    assert [(round((time - NEW_YEAR) / 86_400), track) for time, track in times] == [
        (0, "hurt"),
        (1, "idioteque"),
        (2, "idioteque"),
    ]
    assert source.found.left_out == {
        "plays of less than 30 seconds": 1,
        "entries without a track (podcasts, videos, audiobooks)": 1,
    }


LAST_FM = [
    {
        "artist": {"mbid": "", "#text": "Radiohead"},
        "name": "Idioteque",
        "mbid": "",
        "album": {"#text": "Kid A"},
        "date": {"uts": "1704103200", "#text": "01 Jan 2024, 10:00"},
    },
    {"artist": {"#text": "Radiohead"}, "name": "Idioteque", "@attr": {"nowplaying": "true"}},
]
LISTENS = [
    {
        "listened_at": 1_704_103_200,
        "track_metadata": {
            "artist_name": "Radiohead",
            "track_name": "Idioteque",
            "additional_info": {"recording_mbid": "f", "isrc": ""},
        },
    }
]


@pytest.mark.parametrize(
    "content",
    [
        LAST_FM,
        [{"track": LAST_FM, "@attr": {"page": "1"}}],
        {"recenttracks": {"track": LAST_FM}},
        {"username": "me", "scrobbles": [{"track": "Idioteque", "artist": "Radiohead", "date": 1_704_103_200_000}]},
        LISTENS,
        {"payload": {"count": 1, "listens": LISTENS}},
    ],
)
def test_listens(content: object, tmp_path: Path) -> None:
    assert rows(read(file(tmp_path / "me.json", json.dumps(content)))) == [("me", "idioteque", NEW_YEAR)]


def test_listens_one_a_line(tmp_path: Path) -> None:
    text = "\n".join(json.dumps(listen) for listen in LISTENS * 2)
    assert len(rows(read(file(tmp_path / "2024" / "1.jsonl", text)))) == 2


@pytest.mark.parametrize("content", ["{}", "[]", "[1]", '{"name": "package", "version": "1"}', "nonsense"])
def test_json_of_no_service(content: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="expected"):
        read(file(tmp_path / "x.json", content))
    with pytest.raises(UserError, match="no playlists in it among its 1 files"):
        read(tmp_path)


# ---------------------------------------------------------------------------------------------------------- XML


def test_apple_library(tmp_path: Path) -> None:
    content = {
        "Tracks": {
            "1": {"Name": "Halo", "Artist": "Beyoncé", "Play Count": 7, "Play Date UTC": datetime(2024, 1, 1, 10)},  # noqa: DTZ001
            "2": {"Name": "?", "Location": "file:///Users/me/Music/Radiohead/Kid%20A/08.mp3"},
            "3": {"Name": "Nothing", "Artist": "Nobody", "Play Count": 1},
        },
        "Playlists": [
            {"Name": "Library", "Master": True, "Playlist Items": [{"Track ID": 1}]},
            {"Name": "Music", "Distinguished Kind": 4, "Playlist Items": [{"Track ID": 1}]},
            {"Name": "Mine", "Playlist Items": [{"Track ID": 2}, {"Track ID": 1}, {"Track ID": 9}]},
            {"Name": "Empty"},
        ],
    }  # fmt: skip
    source = read(file(tmp_path / "Library.xml", plistlib.dumps(content)))
    assert rows(source) == [("Mine", "idioteque", None), ("Mine", "halo", None), ("Play counts", "halo", NEW_YEAR)]
    assert source.found.plays.weights.tolist() == [1, 1, 7]
    with pytest.raises(TableError, match="not a property list"):
        read(file(tmp_path / "Other.xml", "<plist><dict>"))


XSPF = """<?xml version="1.0" encoding="UTF-8"?>
<playlist version="1" xmlns="http://xspf.org/ns/0/"><title>Fav</title><trackList>
<track><location>file:///music/Beyonc%C3%A9/01%20Halo.ogg</location></track>
<track><identifier>https://musicbrainz.org/recording/B3015BAB-1540-4d4e-9f30-000000000000</identifier>
<creator>Johnny Cash</creator><title>Hurt</title></track>
</trackList></playlist>"""
JSPF = {
    "playlist": {
        "title": "Fav",
        "track": [
            {"location": ["file:///music/Beyonc%C3%A9/01%20Halo.ogg"], "identifier": ["x"]},
            {"creator": "Johnny Cash", "title": "Hurt"},
        ],
    }
}
PLS = "[playlist]\nFile2=x.mp3\nTitle2=Johnny Cash - Hurt\n"
PLS += "File1=/music/Beyoncé/01 Halo.ogg\nLength1=1\nNumberOfEntries=2\nVersion=2\n"
WPL = """<?wpl version="1.0"?><smil><head><title>Fav</title></head><body><seq>
<media src="..\\music\\Beyoncé\\01 Halo.ogg"/><media src="x.wma" trackTitle="Hurt" trackArtist="Johnny Cash"/>
</seq></body></smil>"""


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("xspf", XSPF),
        ("xspf", XSPF.replace("UTF-8", "UTF-16").encode("utf-16")),
        ("jspf", json.dumps(JSPF)),
        ("json", json.dumps(JSPF)),
        ("pls", PLS),
        ("pls", PLS.encode("latin-1")),
        ("wpl", WPL),
    ],
)
def test_lists_of_players(suffix: str, content: str | bytes, tmp_path: Path) -> None:
    source = read(file(tmp_path / f"p.{suffix}", content))
    assert rows(source) == [("p", "halo", None), ("p", "hurt", None)]
    assert source.found.names.get("p", "Fav") == "Fav"


BOMB = '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE x [<!ENTITY a "aa">]><playlist><title>&a;</title></playlist>'


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("xspf", "<playlist>"),
        ("xspf", "<html></html>"),
        ("xspf", '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><playlist>&b;</playlist>'),
        ("xspf", BOMB.replace("UTF-8", "UTF-16").encode("utf-16")),
        ("xspf", BOMB.replace("UTF-8", "UTF-16").encode("utf-16-be")),
        ("pls", "[playlist]\n"),
        ("wpl", "\0"),
        ("jspf", "{"),
    ],
)
def test_damaged_lists_of_players(suffix: str, content: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(TableError):
        read(file(tmp_path / f"p.{suffix}", content))


def test_a_text_that_names_entities_is_no_declaration(tmp_path: Path) -> None:
    named = XSPF.replace("<trackList>", "<annotation><![CDATA[<!ENTITY]]></annotation><trackList>")
    assert rows(read(file(tmp_path / "p.xspf", named))) == [("p", "halo", None), ("p", "hurt", None)]


def test_deep_folders_of_rekordbox(tmp_path: Path) -> None:
    """Folders within 50 are named; what is deeper is counted, and ends nothing."""
    inner = '<NODE Type="1" KeyType="0" Name="deep"><TRACK Key="1"/></NODE>'
    depth = 100_000
    folders = '<NODE Type="0" Name="f">' * depth + inner + "</NODE>" * depth
    fifty = '<NODE Type="0" Name="g">' * 50 + inner + "</NODE>" * 50
    content = (
        '<DJ_PLAYLISTS><COLLECTION><TRACK TrackID="1" Name="Halo" Artist="Beyoncé"/></COLLECTION>'
        f"<PLAYLISTS>{folders}{fifty}{inner}</PLAYLISTS></DJ_PLAYLISTS>"
    )
    found = read(file(tmp_path / "r.xml", content)).found
    assert set(found.names.values()) == {"g/" * 50 + "deep", "deep"}
    assert found.left_out == {TOO_DEEP: 1}


def test_a_binary_property_list_that_contains_itself(tmp_path: Path) -> None:
    """An array whose only element is itself: the reader of Python recurses without end."""
    trailer = bytes(6) + bytes([1, 1]) + (1).to_bytes(8) + (0).to_bytes(8) + (10).to_bytes(8)
    with pytest.raises((TableError, UserError)):
        read(file(tmp_path / "Library.xml", b"bplist00" + b"\xa1\x00" + b"\x08" + trailer))


# --------------------------------------------------------------------------------------------- hostile numbers

LONG = "9" * 5_000  # more digits than Python turns into a number
HOSTILE_PLIST = (
    '<?xml version="1.0"?><plist version="1.0"><dict><key>Tracks</key><dict><key>1</key><dict><key>Name</key>'
    "<string>x</string><key>Play Count</key><integer>%s</integer></dict></dict><key>Playlists</key><array/></dict>"
    "</plist>"
)
HOSTILE_ENDSONG = (
    '[{"ts": "2020-01-01T00:00:00Z", "ms_played": %s, "master_metadata_track_name": "x", '
    '"master_metadata_album_artist_name": "y"}]'
)
HOSTILE_LISTENS = '[{"listened_at": %s, "track_metadata": {"track_name": "x", "artist_name": "y"}}]'
HOSTILE_SLICE = '{"playlists": [{"pid": %s, "name": "x", "tracks": [{"pos": %s, "track_uri": "spotify:track:x"}]}]}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.pls", f"[playlist]\nFile{LONG}=x.mp3\n"),
        ("turkish.pls", "[playlist]\nFİle1=x.mp3\n"),  # an i to a pattern without case, and no key
        ("b.csv", "track_name,artist_name,ms_played\nx,y,²\n"),
        ("c.csv", f"track_name,artist_name,ms_played\nx,y,{LONG}\n"),
        ("d.xml", HOSTILE_PLIST % LONG[:400]),
        ("e.xml", HOSTILE_PLIST % LONG),
        *((f"endsong_{n}.json", HOSTILE_ENDSONG % number) for n, number in enumerate(("1e999", LONG[:400], LONG))),
        *((f"listens_{n}.json", HOSTILE_LISTENS % number) for n, number in enumerate(("Infinity", LONG[:400], LONG))),
        *((f"mpd.slice.{n}-1.json", HOSTILE_SLICE % (x, x)) for n, x in enumerate(("1e999", LONG[:400], LONG))),
        ("f.csv", "playlist_id,track_id,position,weight,timestamp\na,b,1e999,²,9999999999999999999999\n"),
        ("g.csv", f"playlist_id,track_id,timestamp\na,b,{LONG}\n"),
        ("h.csv", f"track_name,artist_name,played_at\nx,y,{LONG}/1/2\n"),
        ("i.csv", f"track_name,artist_name,play_count\nx,y,{LONG}\n"),
    ],
    ids=lambda value: value if len(value) < 30 else "",
)
def test_numbers_without_bounds_are_refused_by_their_reader(tmp_path: Path, name: str, text: str) -> None:
    path = file(tmp_path / name, text)
    try:
        FileReader(Matcher(TRACKS, []), skip_unknown=False).read(path)
    except TableError as error:
        assert str(path) in str(error)  # noqa: PT017 - or it is read


def test_a_reader_that_fails_stops_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a file makes its reader raise."""
    good, bad = file(tmp_path / "a.m3u", "hurt.mp3\n"), file(tmp_path / "b.pls", PLS)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault\nof two lines")

    monkeypatch.setitem(LIST_READERS, ".pls", broken)
    found = read_sources([bad, good], Matcher(TRACKS, []))
    assert [str(one) for one in found[0].problems] == [
        f"{bad}: cannot be read (ZeroDivisionError: a fault); write or download it again"
    ]
    assert not found[1].problems
