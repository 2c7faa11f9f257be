"""Generate the demo's world in a folder: audio files, tables, and the parameters of the simulation.

    out/audio/<band>/<nn title>.<ext>     the music            out/tracks.csv      track_id, path, title, ...
    out/audio/broken-files/               five broken files    out/playlists.csv   playlist_id, position, track_id
    out/world.json                        how it was made      out/truth.json      parameters of the simulation
    out/README.md                         a description

Every file is written atomically. A run that was killed is resumed by the next one, and a finished world is left as it
is. The samples depend only on the seed and the sizes, not on `jobs`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from unheard.atomic_files import write_json, write_text
from unheard.checksums import read_sealed
from unheard.demo.audio_files import write_track
from unheard.demo.broken import BrokenFile, broken_files, write_broken
from unheard.demo.listeners import GeneratedPlaylist, Taste, draw_playlists
from unheard.demo.render import perform
from unheard.demo.world import GeneratedTrack, Part, draw_bands, draw_tracks
from unheard.errors import UserError
from unheard.progress import Progress, silent

VERSION = 1  # of the generator: increase it whenever the same seed gives other files
MARKER = "world.json"


def build_world(
    out: Path,
    *,
    seed: int = 0,
    n_bands: int = 90,
    n_tracks: int = 360,
    n_playlists: int = 2_500,
    seconds: float = 20.0,
    jobs: int = 2,
    progress: Progress = silent,
) -> None:
    """Write a world of imaginary bands and SIMULATED listeners to `out`.

    `seconds` is the typical length of a track; `jobs` processes make the music. Raise UserError for impossible sizes,
    and if `out` holds another world (with another seed or size) or other files.
    """
    if n_bands < 1 or n_tracks < n_bands or n_playlists < 1 or seconds < 1.0 or jobs < 1 or seed < 0:
        raise UserError(
            f"a world of {n_bands} bands, {n_tracks} tracks of {seconds} s and {n_playlists} playlists (seed {seed}, "
            f"{jobs} jobs) cannot be built; expected at least 1 band, a track for each band, 1 s for each track, "
            "1 playlist, 1 job, and a seed of 0 or more"
        )
    plan = {
        "world": "unheard demo",
        "version": VERSION,
        "seed": seed,
        "bands": n_bands,
        "tracks": n_tracks,
        "playlists": n_playlists,
        "seconds": seconds,
    }
    _claim(out, plan)
    rng = np.random.default_rng([seed, VERSION])
    tracks = draw_tracks(draw_bands(n_bands, rng), n_tracks, seconds=seconds, seed=seed, rng=rng)
    broken = broken_files(tracks)
    _perform_all(out, tracks, jobs=jobs, progress=progress)
    for file in broken:
        if not (out / file.path).exists():
            write_broken(out, file)
    tables = ("tracks.csv", "playlists.csv", "truth.json", "README.md")
    if all((out / name).exists() for name in tables):
        return
    progress("simulating listeners", 0, n_playlists)
    playlists = draw_playlists(tracks, n_playlists, rng=rng)
    progress("simulating listeners", n_playlists, n_playlists)
    write_text(out / "tracks.csv", _tracks_csv(tracks, broken))
    write_text(out / "playlists.csv", _playlists_csv(tracks, playlists))
    write_json(out / "truth.json", _truth(plan, tracks, playlists), indent=1, sealed=False)
    write_text(out / "README.md", _readme(plan))


def _claim(out: Path, plan: dict[str, Any]) -> None:
    """Check that `out` is new or holds this world, finished or not; delete temporary files of a killed run."""
    marker = out / MARKER
    if marker.exists():
        try:
            existing = read_sealed(marker)
        except ValueError:
            existing = None
        if existing != plan:
            raise UserError(f"{out}: holds another demo world ({existing}); delete it or name another folder")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: is not empty and not a demo world; name another folder")
    else:
        write_json(marker, plan, sealed=False)
    for leftover in (*out.glob(".*.partial"), *(out / "audio").glob("*/.*.partial")):
        leftover.unlink()


# ---------------------------------------------------------------------------------------------------- music


def _perform_all(out: Path, tracks: Sequence[GeneratedTrack], *, jobs: int, progress: Progress) -> None:
    missing = [track for track in tracks if not (out / track.path).exists()]
    done = len(tracks) - len(missing)
    with _map(min(jobs, len(missing))) as run:
        for _ in run(partial(_perform, out), missing):
            done += 1
            progress("making music", done, len(tracks))


@contextmanager
def _map(jobs: int) -> Iterator[Any]:
    """Yield `map` of this process or of a pool; it spawns, because forking a process with threads may hang."""
    if jobs <= 1:
        yield map
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _perform(out: Path, track: GeneratedTrack) -> None:
    write_track(out / track.path, track, perform(track))


# --------------------------------------------------------------------------------------------------- tables


def _csv(header: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _tracks_csv(tracks: Sequence[GeneratedTrack], broken: Sequence[BrokenFile]) -> str:
    def rows() -> Iterator[Sequence[object]]:
        for t in tracks:
            yield t.track_id, t.path, t.title, t.band.name, t.album, t.release_date, t.band.style.name
        for b in broken:
            yield b.track_id, b.path, b.title, b.artist, "", "", ""

    return _csv(("track_id", "path", "title", "artist", "album", "release_date", "genre"), rows())


def _playlists_csv(tracks: Sequence[GeneratedTrack], playlists: Sequence[GeneratedPlaylist]) -> str:
    return _csv(
        ("playlist_id", "position", "track_id"),
        ((p.playlist_id, position, tracks[row].track_id) for p in playlists for position, row in enumerate(p.tracks)),
    )


def _truth(
    plan: dict[str, Any], tracks: Sequence[GeneratedTrack], playlists: Sequence[GeneratedPlaylist]
) -> dict[str, Any]:
    """Return the parameters of the simulation: for looking at results, never for a model."""

    def part(played: Part | None) -> dict[str, Any] | None:
        return {"instrument": played.instrument.__name__, "character": played.character} if played else None

    bands = {track.band.band_id: track.band for track in tracks}
    return {
        "warning": "SIMULATED. The parameters of the simulated listeners; no model may read this.",
        "plan": plan,
        "taste": asdict(Taste()),
        "bands": {
            band_id: {
                "name": band.name,
                "style": band.style.name,
                "other_style": band.other.name,
                "blend": band.blend,
                "lead": part(band.lead),
                "chords": part(band.chords),
                "bass": part(band.bass),
                "pad": part(band.pad),
                "hidden": band.hidden.tolist(),
                "popularity": band.popularity,
            }
            for band_id, band in bands.items()
        },
        "tracks": {
            track.track_id: {
                **asdict(track.sound),
                "scale": track.scale.name,
                "beats_a_bar": track.band.groove.beats,
                "hidden": track.hidden.tolist(),
                "popularity": track.popularity,
            }
            for track in tracks
        },
        "playlists": {playlist.playlist_id: tracks[playlist.seed_track].track_id for playlist in playlists},
    }


def _readme(plan: dict[str, Any]) -> str:
    return f"""# A generated world of music

Everything here is generated by `unheard demo`: the bands do not exist, the music is synthesised by a program, and the
listeners are **SIMULATED**. Results on it show that the program works; they do not apply to real listeners.

- {plan["tracks"]} tracks by {plan["bands"]} imaginary bands in ten styles, under `audio/`, tagged and listed in
  `tracks.csv`.
- {plan["playlists"]} simulated playlists in `playlists.csv`. A simulated listener prefers a region of audible
  attributes (style, tempo, brightness, mode, drums, ...) and inaudible attributes of bands and tracks; about one pick
  in five depends on popularity only. So a model of the audio can predict these playlists in part, but never completely.
- Five files in `audio/broken-files/` are broken on purpose (empty, a text, silence, cut off, a copy): `unheard scan`
  skips them and `unheard errors` lists them.
- `truth.json` contains the parameters of the simulation. It is for inspection; no model may use it.
- `world.json` says how the folder was made (seed {plan["seed"]}, version {plan["version"]}); the same numbers give the
  same samples.

The files may be used for anything (CC0).
"""
