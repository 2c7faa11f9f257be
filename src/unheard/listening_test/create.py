"""Create a study: get every model's list, skip tracks without usable audio, plan the items, render the clips.

A model's list for a seed is the top of `Session.neighbours(seed, candidates="cold")` without tracks that cannot be
played (no file, too short, damaged, silent in the middle). The reference is the list of the oracle, which uses all
plays. The anchor is a list of random cold tracks that are in no list of the seed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unheard.arrays import Rows
from unheard.errors import AudioError, UserError
from unheard.listening_test import clips
from unheard.listening_test.clips import Level
from unheard.listening_test.design import plan
from unheard.listening_test.study import (
    ANCHOR,
    REFERENCE,
    Kind,
    Rater,
    Screening,
    Study,
    study_dir,
    write_study,
)
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.csv_lists import tests_with_plays
from unheard.recommend.models import ORACLE
from unheard.session import Session
from unheard.splits import EVALUATION_SPLITS, load_split
from unheard.workspace import Workspace

SPARE = 20  # entries of a list beyond k, to replace tracks that cannot be played
TOKEN_BYTES = 16
MIN_CLIP_S, MAX_CLIP_S = 1.0, 60.0


@dataclass(frozen=True)
class StudyOptions:
    """Options of a new study. `seeds` are track ids, or "auto:N"; `seeds_per_rater` None means all of them."""

    name: str
    models: tuple[str, ...]
    seeds: str
    n_raters: int
    kind: Kind = "rate"
    k: int = 3
    clip_s: float = 20.0
    split: str | None = None
    seeds_per_rater: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Created:
    """A new study, and one line for each track that was skipped because it cannot be played."""

    folder: Path
    study: Study
    skipped: tuple[str, ...]


@dataclass
class _Audible:
    """Whether tracks can be played; their level is measured at the first call."""

    catalogue: Catalogue
    clip_s: float
    progress: Progress
    levels: dict[str, Level | None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __call__(self, track_id: str) -> bool:
        if track_id not in self.levels:
            track = self.catalogue.tracks[self.catalogue.track_row(track_id)]
            try:
                if not track.path:
                    raise UserError(f"{track_id}: has no audio file")
                samples = clips.excerpt(Path(track.path), duration_s=track.duration_s, clip_s=self.clip_s)
                self.levels[track_id] = clips.level(Path(track.path), samples)
            except UserError as error:
                self.levels[track_id] = None
                self.problems.append(str(error))
            self.progress("measuring loudness", len(self.levels), len(self.levels))
        return self.levels[track_id] is not None


def create(workspace: Workspace, options: StudyOptions, *, progress: Progress = silent) -> Created:
    """Make W/listening-tests/<name>. The result depends only on `options` and the workspace, except the links' tokens.

    Raise UserError if the study exists, for impossible numbers, and if too few tracks can be played.
    """
    folder = study_dir(workspace, options.name)
    if (folder / "study.json").exists():
        raise UserError(f"{folder}: this study exists already, perhaps with answers; choose another --name")
    _check(options)
    rng = np.random.default_rng(options.seed)
    split = load_split(workspace, options.split, prefer=EVALUATION_SPLITS).name
    oracle = Session(workspace.root, split=split, model=ORACLE, seed=options.seed)
    catalogue = oracle.catalogue
    sessions = {
        model: Session(workspace.root, split=split, model=model, seed=options.seed) for model in options.models
    } | {REFERENCE: oracle}
    for session in sessions.values():
        session.update_predictions()
    audible = _Audible(catalogue, options.clip_s, progress)
    seeds = _seeds(catalogue, options.seeds, audible, rng)
    per_rater = len(seeds) if options.seeds_per_rater is None else options.seeds_per_rater
    if not 1 <= per_rater <= len(seeds):
        raise UserError(f"--seeds-per-rater {per_rater}: expected 1 to {len(seeds)}, the number of seeds")
    lists = {}
    for seed in seeds:
        named = {condition: _list(session, seed, options.k, audible) for condition, session in sessions.items()}
        lists[seed] = named | {ANCHOR: _anchors(catalogue, seed, named, options.k, audible, rng)}
    tracks = sorted({track for of_seed in lists.values() for ranked in of_seed.values() for track in ranked} | {*seeds})
    volume_clip = _volume_clip(catalogue, tracks, audible, rng)
    tracks = sorted({*tracks, volume_clip})
    order = [tracks[index] for index in rng.permutation(len(tracks))]
    conditions = (*options.models, REFERENCE, ANCHOR)
    planned = plan(lists, conditions, kind=options.kind, n_raters=options.n_raters, seeds_per_rater=per_rater, rng=rng)
    study = Study(
        name=options.name,
        kind=options.kind,
        split=catalogue.split.name,
        models=options.models,
        k=options.k,
        seed=options.seed,
        clip_s=options.clip_s,
        loudness_lufs=clips.common_lufs(level for track in tracks if (level := audible.levels[track])),
        seeds=tuple(seeds),
        lists=lists,
        clips={track: f"{number:04d}.mp3" for number, track in enumerate(order, start=1)},
        volume_clip=volume_clip,
        screening=Screening(),
        raters=tuple(
            Rater(f"r{number:02d}", secrets.token_urlsafe(TOKEN_BYTES), items)
            for number, items in enumerate(planned, start=1)
        ),
    )
    _render(folder / "clips", study, audible, progress)
    write_study(folder, study)
    return Created(folder, study, tuple(audible.problems))


def _check(options: StudyOptions) -> None:
    if not options.models or len(set(options.models)) < len(options.models):
        raise UserError(f"--models {','.join(options.models)}: expected different models, such as triplet,ridge")
    for name in {ORACLE, REFERENCE, ANCHOR} & set(options.models):
        raise UserError(f"--models: {name!r} is always included as a hidden condition; leave it out")
    for option, value in (("--raters", options.n_raters), ("--k", options.k)):
        if value < 1:
            raise UserError(f"{option} {value}: expected at least 1")
    if not MIN_CLIP_S <= options.clip_s <= MAX_CLIP_S:
        raise UserError(f"--clip-s {options.clip_s:g}: expected {MIN_CLIP_S:g} to {MAX_CLIP_S:g} seconds")


def _seeds(catalogue: Catalogue, text: str, audible: _Audible, rng: np.random.Generator) -> list[str]:
    """Return the seeds of the study: the tracks named in `text`, or N of the test tracks that have plays."""
    how, colon, number = text.partition(":")
    if how != "auto" or not colon:
        seeds = [name for part in text.split(",") if (name := part.strip())]
        if not seeds or len(set(seeds)) < len(seeds):
            raise UserError(f"--seeds {text}: expected different track ids with commas between them, or auto:N")
        for name in seeds:
            catalogue.track_row(name)
            if not audible(name):
                raise UserError(f"--seeds: {audible.problems[-1]}; name another seed, or shorten the clips (--clip-s)")
        return seeds
    if not number.isdecimal() or int(number) < 1:
        raise UserError(f"--seeds {text}: expected a number above 0 after auto:, such as auto:8")
    chosen: list[str] = []
    for row in _spread(catalogue, rng.permutation(tests_with_plays(catalogue))):
        if len(chosen) == int(number):
            break
        if audible(catalogue.tracks.ids[row]):
            chosen.append(catalogue.tracks.ids[row])
    if len(chosen) < int(number):
        raise UserError(
            f"--seeds {text}: {len(chosen)} test tracks have plays and {audible.clip_s:g} s of sound; ask for fewer, "
            "or shorten the clips (--clip-s)"
        )
    return chosen


def _spread(catalogue: Catalogue, rows: Rows) -> list[int]:
    """Reorder rows: first one track of every genre, then a second of every genre, ...; new artists come first."""
    order: list[tuple[int, int, int]] = []
    of_artist: dict[int, int] = {}
    of_genre: dict[tuple[int, str], int] = {}
    for index, row in enumerate(rows):
        artist, genre = int(catalogue.main_artist[row]), catalogue.tracks[int(row)].genre
        n_artist = of_artist[artist] = of_artist.get(artist, -1) + 1
        n_genre = of_genre[n_artist, genre] = of_genre.get((n_artist, genre), -1) + 1
        order.append((n_artist, n_genre, index))
    return [int(rows[index]) for _, _, index in sorted(order)]


def _list(session: Session, seed: str, k: int, audible: _Audible) -> tuple[str, ...]:
    """Return the first k neighbours that can be played."""
    chosen: list[str] = []
    for item in session.neighbours(seed, candidates="cold", n=k + SPARE):
        if len(chosen) == k:
            break
        if audible(item.track_id):
            chosen.append(item.track_id)
    if len(chosen) < k:
        raise UserError(
            f"{session.model} has {len(chosen)} audible cold neighbours of {seed!r}, expected {k}; lower --k, shorten "
            "the clips (--clip-s), or scan more music"
        )
    return tuple(chosen)


def _anchors(
    catalogue: Catalogue,
    seed: str,
    named: dict[str, tuple[str, ...]],
    k: int,
    audible: _Audible,
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """Return k cold tracks that are in no list of the seed and not by its artist."""
    excluded = {seed, *(track for tracks in named.values() for track in tracks)}
    own = catalogue.main_artist[catalogue.track_row(seed)]
    chosen: list[str] = []
    for row in rng.permutation(catalogue.candidates("cold", new=True)):
        track_id = catalogue.tracks.ids[row]
        if len(chosen) == k:
            break
        if track_id not in excluded and catalogue.main_artist[row] != own and audible(track_id):
            chosen.append(track_id)
    if len(chosen) < k:
        raise UserError(
            f"{len(chosen)} audible cold tracks are left as random anchors of {seed!r}, expected {k}; lower --k or "
            "scan more music"
        )
    return tuple(chosen)


def _volume_clip(catalogue: Catalogue, used: Sequence[str], audible: _Audible, rng: np.random.Generator) -> str:
    """Return a track to set the volume with, if possible one that is not `used` in the study."""
    others = [track for track in catalogue.tracks.ids if track not in set(used)]
    tried = (others[index] for index in rng.permutation(len(others))[:SPARE])
    return next((track for track in tried if audible(track)), used[0])


def _render(folder: Path, study: Study, audible: _Audible, progress: Progress) -> None:
    """Write every clip, in the random order of their names, so that file dates reveal nothing."""
    for old in folder.glob("*.mp3"):  # of a run that was stopped
        old.unlink()
    for done, (track_id, name) in enumerate(sorted(study.clips.items(), key=lambda item: item[1]), start=1):
        track, level = audible.catalogue.tracks[audible.catalogue.track_row(track_id)], audible.levels[track_id]
        if level is None:
            raise AssertionError(f"{track_id} was chosen and cannot be played")
        try:
            samples = clips.excerpt(Path(track.path), duration_s=track.duration_s, clip_s=study.clip_s)
        except AudioError as error:
            raise UserError(f"{error}; the file changed while the study was made, run the command again") from error
        clips.write_clip(folder / name, samples, gain_db=study.loudness_lufs - level.lufs)
        progress("rendering", done, len(study.clips))
