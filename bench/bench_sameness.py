"""Measure how well recordings and songs are recognised, on pairs with labels, and what that costs.

    python bench/bench_sameness.py [--audio FOLDER] [--tracks 40] [-o docs/results/sameness.md]

Recordings: tracks of the demo's generator (or of FOLDER) are written again in other encodings, with silence before them
and a lower level, and cut with noise added. Two files are the same recording if they come from one track. The rule of
the program (recommend/sameness.py) is compared with signatures alone. Songs: pairs of titles with labels
(title_pairs.csv). Cost: simulated fingerprints of many tracks.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from unheard.demo.generator import build_world
from unheard.errors import AudioError
from unheard.ingest.audio import decode_blocks
from unheard.library import Track, Tracks
from unheard.recommend.sameness import sameness, similar_sounds
from unheard.recommend.song_titles import song_title
from unheard.scan.audio_extraction import extract_audio
from unheard.spectrograms.acoustic_fingerprint import N_BITS, N_FRAMES, N_MELS, compare
from unheard.spectrograms.near_signatures import near_identical
from unheard.spectrograms.same_recording import Prints, likely_pairs
from unheard.spectrograms.signature import SIGNATURE_DIM
from unheard.workspace import Settings

RATE_HZ = 44_100
SECONDS = 45
PAIRS = Path(__file__).with_name("title_pairs.csv")
Samples = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, help="folder of audio files; the default is generated music")
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--cost-tracks", type=int, default=100_000)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sounds = options.audio or generated(Path(folder) / "world", options.tracks)
        parts = [
            recordings(sounds, Path(folder), options.tracks, is_real=bool(options.audio)),
            songs(),
            cost(options.cost_tracks),
        ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")


def generated(folder: Path, n_tracks: int) -> Path:
    build_world(folder, n_bands=max(2, n_tracks // 3), n_tracks=n_tracks, n_playlists=2, seconds=float(SECONDS), jobs=2)
    return folder / "audio"


# --------------------------------------------------------------------------------------------------- recordings


def recordings(audio: Path, folder: Path, n_tracks: int, *, is_real: bool) -> str:
    """Return a section: recall of each variant, false merges, and errors of same and other recordings."""
    prints: list[Prints] = []
    track_of: list[Path] = []
    variant_of: list[str] = []
    files = sorted(path for path in audio.rglob("*") if path.is_file() and "broken-files" not in path.parts)
    files = [files[i] for i in np.random.default_rng(0).permutation(len(files))]
    for path in files:
        if len(set(track_of)) == n_tracks:
            break
        try:
            samples = np.concatenate(list(decode_blocks(path, sample_rate=RATE_HZ)))[: SECONDS * RATE_HZ]
        except AudioError:
            continue
        for variant, other in variants(samples, folder):
            found = extract_audio(other, Settings())
            prints.append(Prints(found.fingerprint, found.signature))
            track_of.append(path)
            variant_of.append(variant)
    both = Prints(np.stack([one.fingerprint for one in prints]), np.stack([one.signature for one in prints]))
    n = len(prints)
    every = [(a, b) for b in range(n) for a in range(b)]
    same = {(a, b) for a, b in every if track_of[a] == track_of[b]}
    rules = {
        "fingerprints (the program)": in_one_recording(n, similar_sounds(both)),
        "signatures alone (cosine > .98, 2 s)": in_one_recording(n, near_identical(both.signature).tolist()),
    }
    errors = {True: [0.0], False: [1.0]}
    for a, b in every:
        errors[(a, b) in same].append(compare(prints[a].fingerprint, prints[b].fingerprint).error)
    lines = [
        "## Recordings",
        "",
        (
            f"{len(set(track_of))} tracks of {'real' if is_real else 'generated'} music of up to {SECONDS} s, "
            f"{n} files: {len(same)} pairs of one recording, {len(every) - len(same):,} of others."
        ),
        "",
        "| rule | precision | recall | false merges |",
        "| --- | ---: | ---: | ---: |",
    ]
    for rule, merged in rules.items():
        false = len(merged - same)
        lines.append(
            f"| {rule} | {1 - false / max(1, len(merged)):.4f} | {len(merged & same) / len(same):.3f} | {false} |"
        )
    lines += ["", "| against the first file | recall, fingerprints | recall, signatures |", "| --- | ---: | ---: |"]
    pairs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for a, b in sorted(same):
        if variant_of[a] == "FLAC":
            pairs[variant_of[b]].append((a, b))
    for variant, wanted in pairs.items():
        shares = [sum(pair in merged for pair in wanted) / len(wanted) for merged in rules.values()]
        lines.append(f"| {variant} | {shares[0]:.3f} | {shares[1]:.3f} |")
    lines += [
        "",
        (
            f"Errors of one recording: at most {max(errors[True]):.3f}, 99th percentile "
            f"{np.percentile(errors[True], 99):.3f}. Of others: at least {min(errors[False]):.3f}, 1st percentile "
            f"{np.percentile(errors[False], 1):.3f}. The limit is .2."
        ),
    ]
    return "\n".join(lines)


def in_one_recording(n: int, pairs: Iterable[Sequence[int]]) -> set[tuple[int, int]]:
    """Return all pairs of n files that some pairs join, the smaller row first."""
    tracks = Tracks(tuple(Track(f"{row:06d}") for row in range(n)))
    numbers = sameness(tracks, np.array(list(pairs), np.int64).reshape(-1, 2)).recording
    return {(a, b) for b in range(n) for a in range(b) if numbers[a] == numbers[b]}


def variants(samples: Samples, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write and yield the files of one track."""
    rng = np.random.default_rng(0)
    quiet = np.concatenate([np.zeros(int(1.73 * RATE_HZ), np.float32), 0.4 * samples])
    noisy = samples[2 * RATE_HZ + 777 :]
    noisy = noisy + (rng.normal(size=len(noisy)) * samples.std() * 10 ** (-30 / 20)).astype(np.float32)
    for variant, name, sound in (
        ("FLAC", "a.flac", samples),
        ("Ogg Vorbis", "b.ogg", samples),
        ("MP3, 1.7 s of silence before it, -8 dB", "c.mp3", quiet),
        ("AAC 64 kbit/s", "d.m4a", samples),
        ("MP3, 2 s cut, noise at -30 dB", "e.mp3", noisy),
    ):
        path = folder / name
        if path.suffix == ".m4a":
            write_aac(path, sound, bit_rate=64_000)
        else:
            soundfile.write(path, np.clip(sound, -1, 1), RATE_HZ)
        yield variant, path


def write_aac(path: Path, samples: Samples, *, bit_rate: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        stream.bit_rate = bit_rate
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
        frame.sample_rate = RATE_HZ
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=RATE_HZ, frame_size=stream.codec_context.frame_size
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


# -------------------------------------------------------------------------------------------------------- songs


def songs() -> str:
    """Return a section: precision and recall of the title rules, and every pair that they get wrong."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    counts: Counter[tuple[bool, bool]] = Counter()
    wrong = []
    for row in rows:
        tracks = [
            Track(n, title=row[f"title_{n}"], artists=tuple(filter(None, (row[f"artist_{n}"],)))) for n in ("1", "2")
        ]
        first, second = sameness(Tracks(tuple(tracks)), np.empty((0, 2), np.int64)).song
        wanted = row["same"] == "yes"
        counts[wanted, bool(first == second)] += 1
        if wanted != (first == second):
            kind = "missed" if wanted else "false merge"
            titles = [f"{row[f'artist_{n}']} - {row[f'title_{n}']}".replace("|", "\\|") for n in ("1", "2")]
            wrong.append(f"| {kind} | {titles[0]} | {titles[1]} | {row['note']} |")
    n_merged = counts[True, True] + counts[False, True]
    return "\n".join(
        [
            "## Songs by title",
            "",
            (
                f"{len(rows)} pairs written by hand, in English, Spanish, Portuguese, Italian, French, German, "
                "Russian, Polish, Turkish, Japanese, Korean and Chinese: "
                f"{counts[True, True] + counts[True, False]} of one song, "
                f"{counts[False, True] + counts[False, False]} of two."
            ),
            "",
            (
                f"Precision {counts[True, True] / n_merged:.3f} ({counts[False, True]} false merges), "
                f"recall {counts[True, True] / (counts[True, True] + counts[True, False]):.3f}. Wrong are:"
            ),
            "",
            "| | first | second | note |",
            "| --- | --- | --- | --- |",
            *wrong,
        ]
    )


# --------------------------------------------------------------------------------------------------------- cost


def cost(n_tracks: int) -> str:
    """Return a section: CPU seconds for a library of simulated fingerprints and titles."""
    rng = np.random.default_rng(0)
    bits = (
        rng.integers(0, 1 << N_BITS, (n_tracks, N_FRAMES // 8)) & rng.integers(0, 1 << N_BITS, (n_tracks, 1))
    ).repeat(8, axis=1)
    words = (bits | (((1 << N_BITS) - 1) << N_BITS)).astype(np.float32)
    seconds = time.process_time()
    n_pairs = sum(1 for _ in likely_pairs(words))
    seconds = time.process_time() - seconds
    equal_s = [cpu_seconds_of_equal(n) for n in (1_000, 10_000)]
    titles = [f"Song {n} ({'Live at Wembley' if n % 3 else 'feat. Guest'} {n})" for n in range(n_tracks)]
    title_s = time.process_time()
    for title in titles:
        song_title(title)
    title_s = time.process_time() - title_s
    return "\n".join(
        [
            "## Cost",
            "",
            (
                f"{n_tracks:,} simulated tracks: {seconds:.1f} CPU seconds for {n_pairs:,} likely pairs, which "
                f"take 0.2 ms each to compare; {title_s:.1f} for the titles. 1,000 tracks of one sound take "
                f"{equal_s[0]:.2f} seconds, 10,000 {equal_s[1]:.2f}. Recordings are kept in "
                "W/recordings.safetensors until "
                "fingerprints change. Hashing the audio of a file takes 12 ms a megabyte, a fingerprint 3 ms."
            ),
        ]
    )


def cpu_seconds_of_equal(n_tracks: int) -> float:
    """Return the CPU seconds of grouping tracks with one and the same fingerprint and signature."""
    rng = np.random.default_rng(0)
    known = ((1 << N_BITS) - 1) << N_BITS
    frames = np.append(rng.integers(0, 1 << N_BITS, N_FRAMES) | known, np.zeros(N_MELS)).astype(np.float32)
    signature = rng.normal(size=SIGNATURE_DIM).astype(np.float32)
    prints = Prints(np.tile(frames, (n_tracks, 1)), np.tile(signature / np.linalg.norm(signature), (n_tracks, 1)))
    began = time.process_time()
    assert len(similar_sounds(prints)) == n_tracks - 1
    return time.process_time() - began


if __name__ == "__main__":
    main()
