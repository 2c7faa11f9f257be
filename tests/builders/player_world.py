"""A small library as music players see it: albums, genres, years, odd ids, and a few real files with tags."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from mutagen.flac import FLAC, Picture
from PIL import Image

from unheard.library import Library, Track
from unheard.workspace import Workspace

GENRES = ("Rock", "Ambient; Drone", "Jazz / Funk", "")
LYRICS = "[ar:Artist 0]\n[00:01.50]First line\n[00:00.20]Zero\n[00:02.00][00:03.00]Twice"
ODD = "a/b ü?&#\u2028"  # the id of a track, of which an address can hold almost nothing
WITH_FILE = ("t00-0", "t00-1", "t01-0", ODD)
GONE, WITHOUT_FILE, WITHOUT_ALBUM = "t02-0", "t02-1", "t03-0"
RATE_HZ = 8000


def build(music_world: Path, folder: Path) -> Path:
    """Copy the workspace of music_world.py into `folder`, and return it with the library changed as below.

    Artist k has the albums "First" and "Second" of 1990 + k; the files of artists 0 and 1 exist.
    """
    root = shutil.copytree(music_world, folder / "w")
    music = folder / "music"
    workspace = Workspace.open(root)
    with Library(workspace.library_path) as library:
        tracks = list(library.tracks().items)
        odd = replace(tracks[0], track_id=ODD, title="Odd & <b>", path="/music/odd.flac")
        with library.transaction():
            for track in [*tracks, odd]:
                library.put_track(_changed(track, music))
    return root


def _changed(track: Track, music: Path) -> Track:
    if not track.track_id.startswith("t") and track.track_id != ODD:
        return track
    artist, number = (int(track.track_id[1:3]), int(track.track_id[4:])) if track.track_id != ODD else (0, 7)
    track = replace(
        track,
        album="First" if number < 4 else "Second",
        release_date=str(1990 + artist),
        genre=GENRES[artist % len(GENRES)],
        size=3_000_000 + number,
        mtime_ns=(1_600_000_000 + 1000 * artist + number) * 10**9,
    )
    if track.track_id in WITH_FILE:
        path = music / f"Artist {artist}" / track.album / f"{number}.flac"
        write_flac(path, track)
        return replace(track, path=str(path), size=path.stat().st_size, duration_s=2.0)
    if track.track_id == GONE:
        return replace(track, gone_since="2026-01-01")
    if track.track_id == WITHOUT_FILE:
        return replace(track, path="")
    return replace(track, album="") if track.track_id == WITHOUT_ALBUM else track


def write_flac(path: Path, track: Track) -> None:
    """Write two seconds of a tone, with tags; the first track has a red cover and lyrics."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * np.sin(np.arange(2 * RATE_HZ) * 0.3), RATE_HZ)
    tags = FLAC(path)
    tags["title"], tags["artist"] = track.title, track.artist
    if track.track_id == "t00-0":
        tags["lyrics"] = LYRICS
        picture, out = Picture(), io.BytesIO()
        Image.new("RGB", (64, 64), "red").save(out, "PNG")
        picture.type, picture.mime, picture.data = 3, "image/png", out.getvalue()
        tags.add_picture(picture)
    tags.save()
