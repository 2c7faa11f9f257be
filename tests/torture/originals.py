"""Write a small valid file of every kind that unheard reads, with the function that reads it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mutagen.id3 import APIC, ID3, SYLT, TIT2, USLT
from PIL import Image

from tests.builders import data_sets
from tests.ingest import sounds
from tests.ingest.test_cover_art import tag_flac, tag_mp4, tag_vorbis
from tests.models.test_keras_files import random_kernels, write_keras_2
from unheard import artefacts
from unheard.errors import AudioError
from unheard.ids import IdMap
from unheard.ingest.limited import limited
from unheard.ingest.lyrics import read_lyrics
from unheard.ingest.patches import patch_ids
from unheard.ingest.tables import read_rows
from unheard.ingest.track_details import details_reader
from unheard.ingest.vectors import read_vectors
from unheard.library import Track, Tracks
from unheard.models.pretrained import convert
from unheard.plays.importing import read_sources
from unheard.plays.matching import Matcher
from unheard.scan.audio_extraction import extract_audio
from unheard.scan.readymade import extract_stored_patches
from unheard.scan.sources import find_sources
from unheard.serve.thumbnails import cover_thumbnail
from unheard.splits import read_splits
from unheard.workspace import Settings

SETTINGS = Settings()
SECONDS, RATE_HZ = 1.3, 16_000
Read = Callable[[Path], object]


@dataclass(frozen=True)
class Original:
    """A valid file: `kind` groups it in results, `read` is what unheard does with it."""

    kind: str
    path: Path
    read: Read


def write_originals(folder: Path) -> list[Original]:
    """Write one file of every kind below `folder`, each in a folder of its own."""
    return [*_audio(folder / "audio"), *_arrays(folder / "arrays"), *_lists(folder / "lists"), *_sets(folder / "sets")]


# ---------------------------------------------------------------------------------------------------------- readers


def read_audio(path: Path) -> None:
    """Do what a scan and the server do with an audio file."""
    limited(cover_thumbnail, path, 112)
    limited(read_lyrics, path)
    extract_audio(path, SETTINGS, path.parent)


def read_patches(path: Path) -> None:
    for track_id in limited(patch_ids, path, SETTINGS):
        try:
            limited(extract_stored_patches, path, track_id, SETTINGS)
        except AudioError:  # a failure of one track
            continue


def read_source(path: Path) -> None:
    """Do what a scan does with a table, vectors, or details of a data set."""
    found = find_sources([path])
    for vectors in found.vectors:
        read_vectors(vectors)


def read_details(path: Path) -> None:
    read = details_reader(path)
    assert read is not None
    list(read(path, WANTED))


def read_lists(path: Path) -> None:
    """Do what an import does."""
    read_sources([path], MATCHER, skip_unknown=True)


def read_sidecar(path: Path) -> None:
    """Read the picture or the lyrics beside a track."""
    track = path.with_name("track.mp3")
    limited(cover_thumbnail, track, 112)
    limited(read_lyrics, track)


def read_artefact(path: Path) -> None:
    artefacts.load_mapped(path, "test")
    artefacts.load(path, "test")
    artefacts.read_config(path, "test")


def read_weights(path: Path) -> None:
    convert("choi", path)


WANTED = frozenset(str(n) for n in range(1000, 6000)) | {f"m{n:03d}" for n in range(100)}
MATCHER = Matcher(
    Tracks(
        tuple(
            Track(f"t{n:03d}", f"/music/{n}.mp3", data_sets.title(n), (data_sets.artist(n),), mbid=data_sets.mbid(n))
            for n in range(data_sets.N_TRACKS)
        )
    ),
    [],
)


# ------------------------------------------------------------------------------------------------------------- audio

SNDFILE = ("a.wav", "a.flac", "a.mp3", "a.ogg", "a.opus", "a.aiff", "a.w64", "a.caf", "a.au", "a.rf64", "a.voc")
FFMPEG = {
    "alac.m4a": ("alac", "ipod"), "webm.webm": ("libopus", "webm"), "mka.mka": ("flac", "matroska"),
    "mka.mp3.mka": ("libmp3lame", "matroska"), "wv.wv": ("wavpack", "wv"), "ac3.ac3": ("ac3", "ac3"),
    "eac3.eac3": ("eac3", "eac3"), "tta.tta": ("tta", "tta"), "mp2.mp2": ("mp2", "mp2"), "avi.avi": ("mp2", "avi"),
    "adpcm.wav": ("adpcm_ms", "wav"), "ts.ts": ("aac", "mpegts"), "flv.flv": ("aac", "flv"), "nut.nut": ("flac", "nut"),
    "mov.mov": ("pcm_s16le", "mov"), "oga.oga": ("flac", "ogg"),
}  # fmt: skip


def _audio(folder: Path) -> list[Original]:
    samples = sounds.song(0, SECONDS, rate=RATE_HZ)
    paths = [_written(folder, name, samples) for name in (*SNDFILE, "a.m4a", "a.aac", "a.wma")]
    for name, (codec, container) in FFMPEG.items():
        (folder / name).mkdir(parents=True)
        tags = {"title": "Song", "artist": "Band", "date": "2020"}
        rate = 44_100 if container == "flv" else 48_000 if codec == "libopus" else 32_000
        paths.append(
            sounds.write_with(
                folder / name / name, sounds.song(0, SECONDS, rate=rate), codec, container, rate=rate, tags=tags
            )
        )
    by_name = {path.name: path for path in paths}
    _tag_mp3(by_name["a.mp3"])
    for name, tag in (("a.flac", tag_flac), ("a.ogg", tag_vorbis), ("a.m4a", tag_mp4)):
        tag(by_name[name])
    joined = _written(folder, "joined.ogg", samples)
    joined.write_bytes(2 * joined.read_bytes())
    return [Original(path.name.partition(".")[2], path, read_audio) for path in [*paths, joined]]


def _written(folder: Path, name: str, samples: np.ndarray) -> Path:
    return sounds.write(folder / name / name, samples, rate=16_000)


def _tag_mp3(path: Path) -> None:
    tags = ID3()
    tags.add(TIT2(encoding=3, text="Song"))
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="front", data=_picture("PNG")))
    tags.add(USLT(encoding=3, lang="deu", desc="", text="One\n[00:01.00]Two"))
    tags.add(SYLT(encoding=3, lang="eng", format=2, type=1, text=[("One", 10), ("Two", 20)]))
    tags.save(path)


def _picture(form: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((40, 40), 50).convert("RGB").save(out, form)
    return out.getvalue()


# ------------------------------------------------------------------------------------------------------------ arrays


def _arrays(folder: Path) -> list[Original]:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    ids, matrix = [f"t{n:03d}" for n in range(30)], rng.normal(size=(30, 6)).astype(np.float32)
    made: list[tuple[str, str, Read]] = []
    np.savez(folder / "v.npz", track_id=ids, vector=matrix)
    np.savez_compressed(folder / "c.npz", track_id=ids, vector=matrix)
    made += [("npz", "v.npz", read_source), ("npz", "c.npz", read_source)]
    for name, compression in (("v.parquet", "snappy"), ("z.parquet", "zstd"), ("n.parquet", "none")):
        pq.write_table(pa.table({"track_id": ids, "vector": list(matrix)}), folder / name, compression=compression)
        made.append(("parquet", name, read_source))
    patches = (rng.random((3, 513, 256)) * 0.1).astype(np.float16)
    for name, options in (("p.h5", {}), ("g.h5", {"compression": "gzip", "chunks": (1, 513, 256)})):
        with h5py.File(folder / name, "w") as file:
            file.create_dataset("patches", data=patches, **options)
            file["track_id"] = [b"a", b"b", b"b"]
        made.append(("hdf5", name, read_patches))
    with h5py.File(folder / "groups.h5", "w") as file:
        file.create_dataset("one/a", data=patches[:1], compression="gzip")
        file.create_dataset("b", data=patches[:1], compression="gzip")
    made.append(("hdf5", "groups.h5", read_patches))
    write_keras_2(folder / "choi.h5", random_kernels())
    made.append(("weights", "choi.h5", read_weights))
    artefacts.save(folder / "a.safetensors", "test", config={"n": 1}, arrays={"x": matrix}, ids={"track": IdMap(ids)})
    made.append(("safetensors", "a.safetensors", read_artefact))
    return [_in_own_folder(Original(kind, folder / name, read)) for kind, name, read in made]


def _in_own_folder(original: Original) -> Original:
    path = original.path.parent / f"{original.path.name} of its own" / original.path.name
    path.parent.mkdir()
    original.path.rename(path)
    return Original(original.kind, path, original.read)


# ------------------------------------------------------------------------------------------------------------- lists


def _lists(folder: Path) -> list[Original]:
    folder.mkdir(parents=True)
    paths = [f"/music/{n}.mp3" for n in range(6)]
    labels = [f"{data_sets.artist(n)} - {data_sets.title(n)}" for n in range(6)]
    m3u = "#EXTM3U\n" + "".join(f"#EXTINF:12,{label}\n{path}\n" for label, path in zip(labels, paths, strict=True))
    pls = "[playlist]\n" + "".join(f"File{n}={path}\nTitle{n}={labels[n]}\n" for n, path in enumerate(paths))
    wpl = "<smil><body><seq>" + "".join(f'<media src="{path}"/>' for path in paths) + "</seq></body></smil>"
    table = "playlist_id,track_id,position,timestamp\n" + "".join(
        f"p{n % 2},t{n:03d},{n},{10**9 + n}\n" for n in range(30)
    )
    names = "Artist Name,Track Name,Added At\n" + "".join(
        f'"{data_sets.artist(n)}","{data_sets.title(n)}",2020-01-02T03:04:05Z\n' for n in range(10)
    )
    tracks = "track_id,path,title,artist,release_date\n" + "".join(f"t{n},{n}.mp3,S {n},A,2001-02\n" for n in range(9))
    taste = "".join(f"u{n % 3}\tt{n:03d}\t{n + 1}\n" for n in range(20))
    split = {"own": {"fold": {f"t{n}": n % 3 for n in range(9)}, "use": {"train": [0], "val": [1], "test": [2]}}}
    history = [{"endTime": "2021-01-02 03:04", "artistName": "Band 1", "trackName": "Song 1", "msPlayed": 60_000}]
    scrobbles = [{"track_metadata": {"artist_name": "Band 1", "track_name": "Song 1"}, "listened_at": 1_600_000_000}]
    texts: tuple[tuple[str, str, str | bytes, Read], ...] = (
        ("m3u", "a.m3u", m3u, read_lists),
        ("m3u", "latin.m3u", m3u.replace("Band", "B\xe4nd").encode("latin-1"), read_lists),
        ("m3u8", "a.m3u8", m3u, read_lists), ("pls", "a.pls", pls, read_lists), ("wpl", "a.wpl", wpl, read_lists),
        ("csv", "table.csv", table, read_lists), ("csv", "utf16.csv", table.encode("utf-16"), read_lists),
        ("csv", "names.csv", names, read_lists), ("csv", "tracks.csv", tracks, read_tracks),
        ("tsv", "table.tsv", table.replace(",", "\t"), read_lists), ("txt", "taste.txt", taste, read_lists),
        ("splits", "splits.json", json.dumps(split), read_splits),
        ("json", "StreamingHistory_music_0.json", json.dumps(history * 5), read_lists),
        ("jsonl", "listens.jsonl", "\n".join(json.dumps(one) for one in scrobbles * 5), read_lists),
        ("lyrics", "track.lrc", "[ti:x]\n[offset:10]\n[00:01.50]One <00:02>two\n[01:02]Three", read_sidecar),
        ("cover", "cover.jpg", _picture("JPEG"), read_sidecar), ("cover", "folder.png", _picture("PNG"), read_sidecar),
        ("cover", "front.gif", _picture("GIF"), read_sidecar), ("cover", "album.webp", _picture("WEBP"), read_sidecar),
    )  # fmt: skip
    pq.write_table(
        pa.table({"playlist_id": ["p"] * 9, "track_id": [f"t{n:03d}" for n in range(9)]}), folder / "p.parquet"
    )
    found = [_in_own_folder(Original("parquet", folder / "p.parquet", read_lists))]
    for kind, name, content, read in texts:
        path = data_sets.text(folder / f"{name} of its own" / name, content)
        found.append(Original(kind, path, read))
    return found


def read_tracks(path: Path) -> None:
    list(read_rows(path, required=("track_id", "path"), optional=("title", "artist", "release_date")))
    find_sources([path])


# ------------------------------------------------------------------------------------------------------- data sets

DETAILS = ("artist_item_mapping.parquet", "song_meta.json", "id_information.csv")
SOURCES = ("embeddings.parquet", "id_essentia.tsv.bz2", "vectors.npz")
KINDS = {".npy": "npy", ".bz2": "tsv.bz2", ".zst": "tar.zst"}


def _sets(folder: Path) -> list[Original]:
    data_sets.write_data_sets(folder)
    found = []
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        kind = KINDS.get(path.suffix, path.suffix[1:])
        if path.suffix == ".npy":
            if path.name == "5000.npy":
                found.append(Original(kind, path, read_mel))
        elif path.name == "tracks.csv":
            continue
        elif path.name in DETAILS:
            found.append(Original(kind, path, read_details))
        elif path.name in SOURCES:
            found.append(Original(kind, path, read_source))
        else:
            found.append(Original(kind, path, read_lists))
    return found


def read_mel(path: Path) -> None:
    """Read the folder of a file; a file that cannot be used is left out with one line."""
    left_out: list[str] = []
    read_vectors(path.parents[1], left_out=left_out.append)
    assert all("\n" not in line for line in left_out)
