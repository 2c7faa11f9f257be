"""Build a home library from recordings, run `unheard go` on it with more and more playlists, and measure the lists.

    python bench/home_library.py DATA OUT [--sizes 0,1,3,10,50] [--jobs 2]

DATA has audio/, tracks.csv and playlists.csv (SIMULATED listeners). OUT/music gets nested folders: albums with their
artist, a folder of compilations, a folder of single files; every fifth file is written anew as FLAC, M4A, MP3, WAV or
AIFF, and recordings of more than five minutes as several parts, as rips of long mixes are. 30 % of the tracks are
hidden: they are in no playlist that `go` sees. OUT/playlists holds the M3U files.

The table shows, for the first 10 tracks of each list: hits, the share that is in the whole playlist of the listener;
same album, the share from an album that has a fifth or more of the playlist; and both by chance among the candidates.
Without playlists: the share of tracks of a radio list from the album of its first track.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

HIDDEN = 0.3
SUFFIXES = (".flac", ".m4a", ".mp3", ".wav", ".aiff")
CODECS = {".flac": "flac", ".m4a": "aac", ".mp3": "libmp3lame", ".wav": "pcm_s16le", ".aiff": "pcm_s16be"}
LONG_S, PART_S = 300.0, 200.0
DOMINANT = 0.2
TOP = 10


def main() -> None:
    options = parse()
    library = options.out / "library.json"
    if not library.is_file():
        library.write_text(json.dumps(build(options.data, options.out)), encoding="utf-8")
    tracks: dict[str, dict[str, str]] = json.loads(library.read_text(encoding="utf-8"))
    playlists = choose(options.data, tracks)
    print("| playlists | model | lists | hits | by chance | same album | by chance | seconds |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for size in options.sizes:
        names = list(playlists)[:size]
        folder = options.out / "playlists"  # always the same one: a list keeps its place
        write_playlists(folder, {name: playlists[name] for name in names}, tracks)
        started = time.monotonic()
        done = run_go(options, folder if size else None, options.out / f"lists-{size}")
        seconds = time.monotonic() - started
        print(f"| {size} | {done['model']} | {row(options.out, size, playlists, tracks)} | {seconds:.0f} |", flush=True)


# ------------------------------------------------------------------------------------------------------- the library


def build(data: Path, out: Path) -> dict[str, dict[str, str]]:
    """Write OUT/music; return file, id, artist, album and whether it is hidden by name of each new track."""
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, str]] = {}
    rows = list(csv.DictReader((data / "tracks.csv").open(encoding="utf-8", newline="")))
    for number, track in enumerate(rows):
        source = data / track["path"]
        folder = folder_of(track, number, rng)
        (out / "music" / folder).mkdir(parents=True, exist_ok=True)
        length_s = duration_s(source)
        n_parts = max(1, int(length_s // PART_S)) if length_s > LONG_S else 1
        for part in range(n_parts):
            title = track["title"] + (f" (part {part + 1})" if n_parts > 1 else "")
            name = re.sub(r'[<>:"/\\|?*]', "-", f"{number % 20 + 1:02} {title}")
            anew = n_parts > 1 or (number % 5 == 0 and length_s > 0)
            suffix = SUFFIXES[(number // 5 + part) % len(SUFFIXES)] if anew else source.suffix
            target = out / "music" / folder / f"{name}{suffix}"
            if target.exists():  # an interrupted run goes on
                pass
            elif anew:
                encode(source, target, track | {"title": title}, start_s=part * PART_S, parts=n_parts)
            else:
                shutil.copyfile(source, target)
            found[f"{track['track_id']}-{part}"] = {
                "file": str(target.relative_to(out)),
                "track": track["track_id"],
                "album": track["album"],
                "hidden": "yes" if rng.random() < HIDDEN else "",
            }
        print(f"\r{number + 1} of {len(rows)} recordings", end="", file=sys.stderr)
    print(f", {len(found)} files", file=sys.stderr)
    return found


def folder_of(track: dict[str, str], number: int, rng: np.random.Generator) -> str:
    """Return where a person might keep the file: by artist and album, among compilations, or loose."""
    artist, album = (re.sub(r'[<>:"/\\|?*]', "-", track[name]) or "Unknown" for name in ("artist", "album"))
    kind = rng.random()
    if kind < 0.15:
        return f"Compilations/Best of {2000 + number % 3}/CD{number % 2 + 1}"
    return "unsorted" if kind < 0.25 else f"{artist}/{album}"


def duration_s(path: Path) -> float:
    """Return the length of a file; 0 for the few that FFmpeg refuses, which are copied as they are."""
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            return (container.duration or 0) / 1e6
    except av.FFmpegError:
        return 0.0


def encode(source: Path, target: Path, track: dict[str, str], *, start_s: float, parts: int) -> None:
    """Write a part of `source`, or all of it, in the format of the suffix of `target`, with tags."""
    end_s = start_s + PART_S if parts > 1 else float("inf")
    with av.open(str(source), metadata_errors="ignore") as read, av.open(str(target), "w") as written:
        rate = 44_100
        stream = cast("AudioStream", written.add_stream(CODECS[target.suffix], rate=rate))
        stream.layout = "stereo"
        resampler = av.AudioResampler(stream.format.name, "stereo", rate)
        written.metadata.update({"title": track["title"], "artist": track["artist"], "album": track["album"]})
        time_s, n_samples = 0.0, 0

        def write(pieces: list[AudioFrame]) -> None:
            nonlocal n_samples
            for piece in pieces:
                piece.pts, piece.time_base = n_samples, Fraction(1, rate)
                n_samples += piece.samples
                written.mux(stream.encode(piece))

        for frame in read.decode(audio=0):
            time_s += frame.samples / frame.sample_rate
            if time_s <= start_s:
                continue
            if time_s > end_s:
                break
            frame.pts = None
            write(resampler.resample(frame))
        write(resampler.resample(None))
        written.mux(stream.encode(None))


# ------------------------------------------------------------------------------------------------------ the playlists


def choose(data: Path, tracks: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """Return 50 playlists with at least 8 tracks that are not hidden, as names of new tracks; also the hidden ones."""
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for name, track in tracks.items():
        parts[track["track"]].append(name)
    whole: defaultdict[str, list[str]] = defaultdict(list)
    for row in csv.DictReader((data / "playlists.csv").open(encoding="utf-8", newline="")):
        whole[row["playlist_id"]] += parts.get(row["track_id"], [])
    usable = [name for name in sorted(whole) if sum(not tracks[track]["hidden"] for track in whole[name]) >= 8]
    chosen = np.random.default_rng(1).permutation(len(usable))[:50]
    return {usable[int(index)]: whole[usable[int(index)]] for index in chosen}


def write_playlists(folder: Path, playlists: dict[str, list[str]], tracks: dict[str, dict[str, str]]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, listed in playlists.items():
        lines = ["#EXTM3U", *(f"../{tracks[track]['file']}" for track in listed if not tracks[track]["hidden"])]
        (folder / f"{name}.m3u8").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_go(options: argparse.Namespace, playlists: Path | None, lists: Path) -> dict[str, object]:
    words = [
        sys.executable,
        "-m",
        "unheard",
        "go",
        str(options.out / "music"),
        *([str(playlists)] if playlists else []),
    ]
    words += ["-w", str(options.out / "workspace"), "-o", str(lists), "-j", str(options.jobs), "--json"]
    ran = subprocess.run(words, check=True, stdout=subprocess.PIPE, env=os.environ, text=True)
    found: dict[str, object] = json.loads(ran.stdout)
    return found


# ------------------------------------------------------------------------------------------------------- the figures


def row(out: Path, size: int, playlists: dict[str, list[str]], tracks: dict[str, dict[str, str]]) -> str:
    """Return number of lists, hits, album hits, each with chance, as cells of a table."""
    of_file = {track["file"]: name for name, track in tracks.items()}
    lists = {file.stem: read(file, out, of_file) for file in sorted((out / f"lists-{size}").glob("*.m3u8"))}
    if not size:
        same, chance = [], []
        for listed in lists.values():
            album = tracks[listed[0]]["album"]
            same.append(np.mean([tracks[name]["album"] == album for name in listed[1 : TOP + 1]]))
            chance.append((sum(t["album"] == album for t in tracks.values()) - 1) / (len(tracks) - 1))
        return f"{len(lists)} | - | - | {np.mean(same):.3f} | {np.mean(chance):.3f}"
    seen = {name for playlist in list(playlists)[:size] for name in playlists[playlist] if not tracks[name]["hidden"]}
    candidates = [name for name in tracks if name not in seen]
    figures = []
    for playlist in list(playlists)[:size]:
        listed = lists[f"New for {playlist}"][:TOP]
        whole = set(playlists[playlist])
        known = [tracks[name]["album"] for name in whole if not tracks[name]["hidden"]]
        albums = {album for album, n in Counter(known).items() if n >= DOMINANT * len(known)}
        figures.append(
            [
                np.mean([name in whole for name in listed]),
                np.mean([name in whole for name in candidates]),
                np.mean([tracks[name]["album"] in albums for name in listed]),
                np.mean([tracks[name]["album"] in albums for name in candidates]),
            ]
        )
    return f"{len(lists)} | " + " | ".join(f"{value:.3f}" for value in np.mean(figures, axis=0))


def read(file: Path, out: Path, of_file: dict[str, str]) -> list[str]:
    """Return the tracks of an M3U file."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    paths = [os.path.relpath(os.path.normpath(file.parent / line), out) for line in lines]
    return [of_file[path] for path in paths if path in of_file]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")], default=[0, 1, 3, 10, 50])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
