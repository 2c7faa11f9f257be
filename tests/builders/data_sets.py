"""Write small made-up copies of published data sets, in the layouts in which they are downloaded.

60 tracks by 20 artists, 30 listeners; whoever listens prefers one of two halves of the tracks, so that factors have
something to learn. `write_data_sets` writes one folder a data set; `library/` has the tracks, with vectors, of the sets
that name their tracks (Last.fm, ListenBrainz, MPD, players' libraries).
"""

from __future__ import annotations

import bz2
import io
import json
import plistlib
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

N_TRACKS, N_ARTISTS, N_LISTENERS = 60, 20, 30
START = 1_230_800_000  # January 2009
SPARK_COLUMNS = (
    *("listened_at", "created", "user_id", "recording_msid", "artist_name", "artist_credit_id", "release_name"),
    *("release_mbid", "recording_name", "recording_mbid", "artist_credit_mbids"),
)


def artist(track: int) -> str:
    return f"Band {track % N_ARTISTS}"


def title(track: int) -> str:
    return f"Song {track}"


def mbid(track: int) -> str:
    return f"00000000-0000-4000-8000-{track:012d}"


def vectors(dim: int = 8) -> np.ndarray:
    rng = np.random.default_rng(0)
    half = (np.arange(N_TRACKS) % 2)[:, None]
    return (half + 0.3 * rng.normal(size=(N_TRACKS, dim))).astype(np.float32)


def listens() -> list[tuple[int, int, int]]:
    """Return (listener, track, seconds since 1970) in the order of time; nobody plays the last ten tracks."""
    rng = np.random.default_rng(1)
    found = []
    for listener in range(N_LISTENERS):
        own = np.arange(listener % 2, N_TRACKS - 10, 2)
        chosen = rng.choice(own, 12, replace=False).tolist()
        found += [(listener, track, START + int(rng.integers(100_000)) * 10) for track in chosen]
    return sorted(found, key=lambda one: one[2])


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def write_library(folder: Path) -> None:
    rows = [f"t{track:03d},{title(track)},{artist(track)},{mbid(track)}" for track in range(N_TRACKS)]
    text(folder / "tracks.csv", "track_id,title,artist,mbid\n" + "\n".join(rows) + "\n")
    np.savez(folder / "vectors.npz", track_id=[f"t{track:03d}" for track in range(N_TRACKS)], vector=vectors())


def write_lastfm(folder: Path) -> None:
    lines = []
    for listener in range(N_LISTENERS):  # each listener's plays, newest first, as in the data set
        own = [one for one in listens() if one[0] == listener]
        for _, track, seconds in reversed(own):
            time = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            known = mbid(track) if track % 3 == 0 else ""  # many rows lack ids
            lines.append(f"user_{listener + 1:06d}\t{time}\t\t{artist(track)}\t{known}\t{title(track)}")
    lines.append('user_000001\t2009-05-04T23:08:57Z\t\tNo "Quotes\t\tUnknown "12')
    name = "userid-timestamp-artid-artname-traid-traname.tsv"
    text(folder / name, "\n".join(lines) + "\n")
    text(folder / "360k" / "usersha1-artmbid-artname-plays.tsv", f"{'0' * 39}1\t{mbid(0)}\tband 0\t2137\n")


def listen_line(listener: int, track: int, seconds: int) -> str:
    about: dict[str, Any] = {"artist_name": artist(track), "track_name": title(track), "additional_info": {}}
    if track % 4 == 0:
        about["additional_info"] = {"recording_mbid": mbid(track), "artist_mbids": []}
        about["track_name"] = "Retitled"  # the id decides
    return json.dumps({"user_id": listener, "timestamp": seconds, "track_metadata": about})


def write_listenbrainz(folder: Path) -> None:
    months: dict[str, list[str]] = {}
    for listener, track, seconds in listens():
        month = datetime.fromtimestamp(seconds, UTC)
        months.setdefault(f"{month.year}/{month.month}", []).append(listen_line(listener, track, seconds))
    name = "listenbrainz-listens-dump-2611-20260730-000002-full"
    members = {f"{name}/listens/{month}.listens": "\n".join(lines) + "\n" for month, lines in months.items()}
    first = next(iter(members))
    members[first] += listen_line(0, 999, START) + "\n" + "{damaged\n"
    members[f"{name}/COPYING"] = "CC0"
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    write_tar(packed, {member: content.encode() for member, content in members.items()})
    with pa.CompressedOutputStream(pa.OSFile(str(folder / f"{name}.tar.zst"), "wb"), "zstd") as out:
        out.write(packed.getvalue())
    name = "listenbrainz-spark-dump-2593-20260712-000004-full"
    rows = listens()
    parts = {}
    for number, part in enumerate((rows[::2], rows[1::2])):
        content = io.BytesIO()
        pq.write_table(spark_table(part), content)
        parts[f"{name}/{number}.parquet"] = content.getvalue()
    with (folder / f"{name}.tar").open("wb") as file:
        write_tar(file, parts)


def write_tar(file: Any, members: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def spark_table(rows: list[tuple[int, int, int]]) -> pa.Table:
    tracks = [track for _, track, _ in rows]
    times = pa.array([seconds * 1_000_000 for _, _, seconds in rows], pa.timestamp("us"))
    values = {
        "listened_at": times,
        "created": times,
        "user_id": pa.array([listener for listener, _, _ in rows], pa.int64()),
        "recording_msid": [f"1{mbid(track)[1:]}" for track in tracks],
        "artist_name": [artist(track).upper() for track in tracks],
        "artist_credit_id": pa.array([None] * len(rows), pa.int64()),
        "release_name": pa.array([""] * len(rows)),
        "release_mbid": pa.array([None] * len(rows), pa.string()),
        "recording_name": [f"{title(track)} (Remastered 2009)" for track in tracks],
        "recording_mbid": pa.array([mbid(track) if track % 2 else None for track in tracks], pa.string()),
        "artist_credit_mbids": pa.array([None] * len(rows), pa.list_(pa.string())),
    }
    return pa.table({name: values[name] for name in SPARK_COLUMNS})


def write_music4all(folder: Path) -> None:
    rows = listens()
    plays = "user_id\ttrack_id\ttimestamp\n" + "".join(
        f"{listener}\tm{track:03d}\t{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}\n"
        for listener, track, seconds in rows
    )
    counts = "user_id\ttrack_id\tcount\n" + "".join(f"{one}\tm{track:03d}\t{2 + track % 3}\n" for one, track, _ in rows)
    features = "id\t" + "\t".join(f"f{n}" for n in range(8)) + "\n"
    for track, vector in enumerate(vectors()):
        features += f"m{track:03d}\t" + "\t".join(f"{value:.6g}" for value in vector) + "\n"
    for name, content in (
        ("userid_trackid_timestamp", plays),
        ("userid_trackid_count", counts),
        ("id_essentia", features),
    ):
        text(folder / f"{name}.tsv.bz2", bz2.compress(content.encode()))
    lines = [f"m{track:03d}\t{artist(track)}\t{title(track)}\tAlbum {track % 30}" for track in range(N_TRACKS)]
    text(folder / "id_information.csv", "id\tartist\tsong\talbum_name\n" + "\n".join(lines) + "\n")


def yambda_events() -> dict[str, list[tuple[int, int, int, int]]]:
    """Return kind -> (uid, seconds since the start, item_id, played percent)."""
    rows = [(user * 100, seconds - START, 1000 + track) for user, track, seconds in listens()]
    played = [(user, at, item, (100, 55, 30, 180)[number % 4]) for number, (user, at, item) in enumerate(rows)]
    first = rows[:8]
    return {
        "listens": played,
        "likes": [(user, at + 5, item, 0) for user, at, item in first[:4]],
        "unlikes": [(user, at + 10, item, 0) for user, at, item in first[3:4]],
        "dislikes": [(user, at + 5, item, 0) for user, at, item in first[4:8]],
        "undislikes": [(user, at + 10, item, 0) for user, at, item in first[7:8]],
    }


def write_yambda(folder: Path) -> None:
    events = yambda_events()
    flat = folder / "flat" / "50m"
    everything: list[tuple[int, int, int, int | None, str]] = []
    for kind, rows in events.items():
        columns: dict[str, Any] = {
            "uid": pa.array([row[0] for row in rows], pa.uint32()),
            "timestamp": pa.array([row[1] for row in rows], pa.uint32()),
            "item_id": pa.array([row[2] for row in rows], pa.uint32()),
            "is_organic": pa.array([1] * len(rows), pa.uint8()),
        }
        if kind == "listens":
            columns["played_ratio_pct"] = pa.array([row[3] for row in rows], pa.uint16())
            columns["track_length_seconds"] = pa.array([200] * len(rows), pa.uint32())
        parquet(flat / f"{kind}.parquet", columns)
        for uid, at, item, percent in rows:
            everything.append((uid, at, item, percent if kind == "listens" else None, kind.removesuffix("s")))
    everything.sort(key=lambda row: (row[0], row[1]))
    parquet(
        flat / "multi_event.parquet",
        {
            "uid": pa.array([row[0] for row in everything], pa.uint32()),
            "timestamp": pa.array([row[1] for row in everything], pa.uint32()),
            "item_id": pa.array([row[2] for row in everything], pa.uint32()),
            "played_ratio_pct": pa.array([row[3] for row in everything], pa.uint16()),
            "event_type": pa.array([row[4] for row in everything]).dictionary_encode(),
        },
    )
    users = sorted({row[0] for row in events["listens"]})
    own = [sorted((row for row in events["listens"] if row[0] == user), key=lambda row: row[1]) for user in users]
    parquet(
        folder / "sequential" / "50m" / "listens.parquet",
        {
            "uid": pa.array(users, pa.uint32()),
            "timestamp": pa.array([[row[1] for row in rows] for rows in own], pa.list_(pa.uint32())),
            "item_id": pa.array([[row[2] for row in rows] for rows in own], pa.list_(pa.uint32())),
            "played_ratio_pct": pa.array([[row[3] for row in rows] for rows in own], pa.list_(pa.uint16())),
        },
    )
    items = pa.array(range(1000, 1000 + N_TRACKS), pa.uint32())
    embed = pa.array([row.astype(float).tolist() for row in vectors()], pa.list_(pa.float64()))
    parquet(folder / "embeddings.parquet", {"item_id": items, "embed": embed, "normalized_embed": embed})
    artists = [(track % N_ARTISTS, 1000 + track) for track in range(N_TRACKS)] + [(19, 1000), (3, 99)]
    parquet(
        folder / "artist_item_mapping.parquet",
        {
            "artist_id": pa.array([one for one, _ in artists], pa.uint32()),
            "item_id": pa.array([item for _, item in artists], pa.uint32()),
        },
    )


def write_melon(folder: Path) -> None:
    lists: dict[int, list[int]] = {}
    for listener, track, _ in listens():
        lists.setdefault(listener, []).append(5000 + track)
    names = ["train"] * (N_LISTENERS - 4) + ["val"] * 2 + ["test"] * 2
    for name in ("train", "val", "test"):
        content = [
            {
                "id": 60_000 + number,
                "plylst_title": f"목록 {number}",
                "songs": songs,
                "tags": ["록"],
                "like_cnt": number,
                "updt_date": "2013-12-19 18:36:19.000",
            }
            for number, songs in sorted(lists.items())
            if names[number] == name
        ]
        text(folder / f"{name}.json", json.dumps(content, ensure_ascii=False))
    songs = [
        {
            "song_gn_dtl_gnr_basket": ["GN0901"],
            "issue_date": "20140512" if track else "20140000",
            "album_name": f"Album {track % 30}",
            "album_id": track % 30,
            "artist_id_basket": [track % N_ARTISTS],
            "song_name": title(track),
            "song_gn_gnr_basket": ["GN0900"],
            "artist_name_basket": [artist(track)],
            "id": 5000 + track,
        }
        for track in range(N_TRACKS)
    ]
    text(folder / "song_meta.json", json.dumps(songs, ensure_ascii=False))
    rng = np.random.default_rng(2)
    for track, vector in enumerate(vectors(48)):
        file = folder / "arena_mel_0" / "5" / f"{5000 + track}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, (vector[:, None] + 0.1 * rng.normal(size=(48, 40))).astype(np.float32))


def write_mpd(folder: Path) -> None:
    lists: dict[int, list[int]] = {}
    for listener, track, _ in listens():
        lists.setdefault(listener, []).append(track)

    def tracks(some: list[int], positions: list[int] | None = None) -> list[dict[str, Any]]:
        return [
            {"pos": at, "artist_name": artist(track), "track_uri": f"spotify:track:{track}", "track_name": title(track)}
            for at, track in zip(positions or range(len(some)), some, strict=True)
        ]

    playlists = [{"pid": one, "name": f"list {one}", "tracks": tracks(some)} for one, some in lists.items()]
    text(folder / "data" / "mpd.slice.0-29.json", json.dumps({"info": {}, "playlists": playlists}))
    given = [
        {"pid": 1_000_000, "name": "title only", "num_holdouts": 10, "num_samples": 0, "num_tracks": 10, "tracks": []},
        {"pid": 1_000_001, "num_holdouts": 10, "num_samples": 2, "num_tracks": 12, "tracks": tracks([3, 5], [7, 11])},
    ]
    text(folder / "challenge_set.json", json.dumps({"date": "", "version": "v1", "playlists": given}))


def write_players(folder: Path) -> None:
    nodes = "".join(f'<TRACK TrackID="{n}" Name="{title(n)}" Artist="{artist(n)}" PlayCount="{n}"/>' for n in range(4))
    lists = (
        '<NODE Type="0" Name="ROOT" Count="1"><NODE Name="Sets" Type="0" Count="1">'
        '<NODE Name="Friday" Type="1" KeyType="0" Entries="3"><TRACK Key="2"/><TRACK Key="0"/><TRACK Key="77"/></NODE>'
        "</NODE></NODE>"
    )
    text(
        folder / "rekordbox.xml",
        f'<?xml version="1.0" encoding="UTF-8"?><DJ_PLAYLISTS Version="1.0.0"><PRODUCT Name="rekordbox"/>'
        f'<COLLECTION Entries="4">{nodes}</COLLECTION><PLAYLISTS>{lists}</PLAYLISTS></DJ_PLAYLISTS>',
    )
    xspf = "".join(f"<track><creator>{artist(n)}</creator><title>{title(n)}</title></track>" for n in (1, 2))
    text(
        folder / "evening.xspf",
        f'<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>{xspf}</trackList></playlist>',
    )
    jspf = [{"creator": artist(n), "title": title(n)} for n in (3, 4)]
    text(folder / "morning.jspf", json.dumps({"playlist": {"title": "Morning", "track": jspf}}))
    library = {
        "Tracks": {str(n): {"Track ID": n, "Name": title(n), "Artist": artist(n)} for n in (5, 6)},
        "Playlists": [{"Name": "Mine", "Playlist Items": [{"Track ID": 6}]}],
    }
    text(folder / "Library.xml", plistlib.dumps(library))


def write_gtzan(folder: Path) -> None:
    """Write the index of an audio set of mirdata, and the two files that it names."""
    tracks = {}
    for seed, name in enumerate(("blues.00000", "rock.00001")):
        file = f"gtzan_genre/genres/{name[:-6]}/{name}.wav"
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / file, 0.1 * np.random.default_rng(seed).standard_normal(22050 * 3), 22050)
        tracks[name] = {"audio": [file, "0" * 32]}
    text(folder / "gtzan_genre_index_1.0.json", json.dumps({"version": "1.0", "tracks": tracks}))


def write_data_sets(folder: Path) -> Path:
    """Write all of them below a folder, and return it."""
    write_library(folder / "library")
    write_lastfm(folder / "lastfm-1k")
    write_listenbrainz(folder / "listenbrainz")
    write_music4all(folder / "music4all-onion")
    write_yambda(folder / "yambda")
    write_melon(folder / "melon")
    write_mpd(folder / "mpd")
    write_players(folder / "players")
    write_gtzan(folder / "gtzan")
    return folder
