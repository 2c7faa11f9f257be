"""Make a study: ask every model, find tracks that can be heard, lay out who hears what, render the clips.

A model's list for a seed is the top of `Session.neighbours(seed, candidates="cold")`, less what cannot be heard (no
file, too short, damaged, silent in the middle). The reference is the oracle's list: what all plays together say, and no
model of sound can know. The anchor is a list of cold tracks drawn at random among those in no list of the seed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unheard.errors import AudioError, UserError
from unheard.ids import Rows
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
from unheard.recommend.build import ORACLE
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.lists import tests_with_plays
from unheard.session import Session
from unheard.splits import EVALUATION_SPLITS, load_split
from unheard.workspace import Workspace

SPARE = 20  # entries of a list beyond k, for tracks that cannot be heard
TOKEN_BYTES = 16
SHORTEST_CLIP_S, LONGEST_CLIP_S = 1.0, 60.0


@dataclass(frozen=True)
class Wanted:
    """What a study is to be. `seeds` are track ids, or "auto:N"; `seeds_per_rater` None means all of them."""

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
    """A new study, and what was left out of its lists because it cannot be heard."""

    folder: Path
    study: Study
    left_out: tuple[str, ...]


@dataclass
class _Audible:
    """Which tracks can be heard, measured when first asked for."""

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
                sound = clips.excerpt(Path(track.path), duration_s=track.duration_s, clip_s=self.clip_s)
                self.levels[track_id] = clips.level(Path(track.path), sound)
            except UserError as error:
                self.levels[track_id] = None
                self.problems.append(str(error))
            self.progress("listening", len(self.levels), len(self.levels))
        return self.levels[track_id] is not None


def create(workspace: Workspace, wanted: Wanted, *, progress: Progress = silent) -> Created:
    """Make W/listening-tests/<name>. All but the links' tokens follows from `wanted` and the workspace.

    UserError if there is such a study, for impossible numbers, and where too few tracks can be heard.
    """
    folder = study_dir(workspace, wanted.name)
    if (folder / "study.json").exists():
        raise UserError(f"{folder}: there is such a study, perhaps with answers; choose another --name")
    _check(wanted)
    rng = np.random.default_rng(wanted.seed)
    split = load_split(workspace, wanted.split, prefer=EVALUATION_SPLITS).name
    first = Session(workspace.root, split=split, model=ORACLE, seed=wanted.seed)
    catalogue = first.catalogue
    sessions = {
        model: Session(workspace.root, split=split, model=model, seed=wanted.seed) for model in wanted.models
    } | {REFERENCE: first}
    for session in sessions.values():
        session.update_predictions()
    audible = _Audible(catalogue, wanted.clip_s, progress)
    seeds = _seeds(catalogue, wanted.seeds, audible, rng)
    per_rater = len(seeds) if wanted.seeds_per_rater is None else wanted.seeds_per_rater
    if not 1 <= per_rater <= len(seeds):
        raise UserError(f"--seeds-per-rater {per_rater}: expected 1 to {len(seeds)}, the number of seeds")
    lists = {}
    for seed in seeds:
        named = {condition: _list(session, seed, wanted.k, audible) for condition, session in sessions.items()}
        lists[seed] = named | {ANCHOR: _anchors(catalogue, seed, named, wanted.k, audible, rng)}
    heard = sorted({track for of_seed in lists.values() for tracks in of_seed.values() for track in tracks} | {*seeds})
    volume_clip = _volume_clip(catalogue, heard, audible, rng)
    heard = sorted({*heard, volume_clip})
    order = [heard[place] for place in rng.permutation(len(heard))]
    conditions = (*wanted.models, REFERENCE, ANCHOR)
    planned = plan(lists, conditions, kind=wanted.kind, n_raters=wanted.n_raters, seeds_per_rater=per_rater, rng=rng)
    study = Study(
        name=wanted.name,
        kind=wanted.kind,
        split=catalogue.split.name,
        models=wanted.models,
        k=wanted.k,
        seed=wanted.seed,
        clip_s=wanted.clip_s,
        loudness_lufs=clips.common_lufs(found for track in heard if (found := audible.levels[track])),
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


def _check(wanted: Wanted) -> None:
    if not wanted.models or len(set(wanted.models)) < len(wanted.models):
        raise UserError(f"--models {','.join(wanted.models)}: expected different models, such as triplet,ridge")
    for name in {ORACLE, REFERENCE, ANCHOR} & set(wanted.models):
        raise UserError(f"--models: {name!r} is always among the candidates, hidden; leave it out")
    for option, value in (("--raters", wanted.n_raters), ("--k", wanted.k)):
        if value < 1:
            raise UserError(f"{option} {value}: expected at least 1")
    if not SHORTEST_CLIP_S <= wanted.clip_s <= LONGEST_CLIP_S:
        raise UserError(f"--clip-s {wanted.clip_s:g}: expected {SHORTEST_CLIP_S:g} to {LONGEST_CLIP_S:g} seconds")


def _seeds(catalogue: Catalogue, wanted: str, audible: _Audible, rng: np.random.Generator) -> list[str]:
    """The tracks that the study asks about: those named, or N of the test tracks that have plays."""
    how, colon, number = wanted.partition(":")
    if how != "auto" or not colon:
        seeds = [name for part in wanted.split(",") if (name := part.strip())]
        if not seeds or len(set(seeds)) < len(seeds):
            raise UserError(f"--seeds {wanted}: expected different track ids with commas between them, or auto:N")
        for name in seeds:
            catalogue.track_row(name)
            if not audible(name):
                raise UserError(f"--seeds: {audible.problems[-1]}; name another seed, or shorten the clips (--clip-s)")
        return seeds
    if not number.isdecimal() or int(number) < 1:
        raise UserError(f"--seeds {wanted}: expected a number above 0 behind auto:, such as auto:8")
    found: list[str] = []
    for row in _spread(catalogue, rng.permutation(tests_with_plays(catalogue))):
        if len(found) == int(number):
            break
        if audible(catalogue.tracks.ids[row]):
            found.append(catalogue.tracks.ids[row])
    if len(found) < int(number):
        raise UserError(
            f"--seeds {wanted}: {len(found)} test tracks have plays and {audible.clip_s:g} s of sound; ask for fewer, "
            "or shorten the clips (--clip-s)"
        )
    return found


def _spread(catalogue: Catalogue, rows: Rows) -> list[int]:
    """Rows in turns: first one of every genre, then the next of every genre; artists not yet there come first."""
    order: list[tuple[int, int, int]] = []
    of_artist: dict[int, int] = {}
    of_genre: dict[tuple[int, str], int] = {}
    for place, row in enumerate(rows):
        artist, genre = int(catalogue.main_artist[row]), catalogue.tracks[int(row)].genre
        again = of_artist[artist] = of_artist.get(artist, -1) + 1
        turn = of_genre[again, genre] = of_genre.get((again, genre), -1) + 1
        order.append((again, turn, place))
    return [int(rows[place]) for _, _, place in sorted(order)]


def _list(session: Session, seed: str, k: int, audible: _Audible) -> tuple[str, ...]:
    """The first k neighbours that can be heard."""
    found: list[str] = []
    for item in session.neighbours(seed, candidates="cold", n=k + SPARE):
        if len(found) == k:
            break
        if audible(item.track_id):
            found.append(item.track_id)
    if len(found) < k:
        raise UserError(
            f"{session.model} has {len(found)} audible cold neighbours of {seed!r}, expected {k}; lower --k, shorten "
            "the clips (--clip-s), or scan more music"
        )
    return tuple(found)


def _anchors(
    catalogue: Catalogue,
    seed: str,
    named: dict[str, tuple[str, ...]],
    k: int,
    audible: _Audible,
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """k cold tracks in no list of the seed and not by its artist."""
    taken = {seed, *(track for tracks in named.values() for track in tracks)}
    own = catalogue.main_artist[catalogue.track_row(seed)]
    found: list[str] = []
    for row in rng.permutation(catalogue.candidates("cold", new=True)):
        track_id = catalogue.tracks.ids[row]
        if len(found) == k:
            break
        if track_id not in taken and catalogue.main_artist[row] != own and audible(track_id):
            found.append(track_id)
    if len(found) < k:
        raise UserError(
            f"{len(found)} audible cold tracks are left as random anchors of {seed!r}, expected {k}; lower --k or scan "
            "more music"
        )
    return tuple(found)


def _volume_clip(catalogue: Catalogue, heard: Sequence[str], audible: _Audible, rng: np.random.Generator) -> str:
    """A track to set the volume with: one that the study does not ask about, if there is any."""
    others = [track for track in catalogue.tracks.ids if track not in set(heard)]
    tried = (others[place] for place in rng.permutation(len(others))[:SPARE])
    return next((track for track in tried if audible(track)), heard[0])


def _render(folder: Path, study: Study, audible: _Audible, progress: Progress) -> None:
    """Write every clip, in the random order of their names, so that no date tells what belongs together."""
    for old in folder.glob("*.mp3"):  # of a run that was stopped
        old.unlink()
    for done, (track_id, name) in enumerate(sorted(study.clips.items(), key=lambda item: item[1]), start=1):
        track, found = audible.catalogue.tracks[audible.catalogue.track_row(track_id)], audible.levels[track_id]
        if found is None:
            raise AssertionError(f"{track_id} was chosen and cannot be heard")
        try:
            sound = clips.excerpt(Path(track.path), duration_s=track.duration_s, clip_s=study.clip_s)
        except AudioError as error:
            raise UserError(f"{error}; it changed while the study was made, start again") from error
        clips.write_clip(folder / name, sound, gain_db=study.loudness_lufs - found.lufs)
        progress("rendering", done, len(study.clips))
