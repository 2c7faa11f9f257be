"""Run all stages from a music folder to playlist files, each only if its input has changed.

    scan -> import -> split `live` -> factors -> train -> predict new tracks -> lists

A file `go.json` in the workspace holds hashes of what the factors, the model and the lists were made from, and the
names of the written files. A run that was stopped continues where it stopped, because every stage does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unheard import __version__
from unheard.atomic_files import write_json, write_text
from unheard.checksums import read_sealed
from unheard.errors import MissingStageError, UserError, quoted
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.factors.store import load_factors
from unheard.go.data_size import n_factors
from unheard.go.new_lists import NewList, file_names, lists_of
from unheard.go.small_changes import changes_since_factors
from unheard.go.trust import Trust, trust
from unheard.library import Tracks, open_library
from unheard.locks import one_at_a_time
from unheard.plays import Plays, Source, import_playlists, read_playlists, read_plays
from unheard.plays.likes import import_likes
from unheard.plays.list_marks import is_own_list, marked
from unheard.plays.listened import import_listened
from unheard.progress import Progress, silent
from unheard.recommend.calibrate import calibrate
from unheard.recommend.export import as_text, entries_of, is_playable
from unheard.recommend.models import make_recommender
from unheard.recommend.options import ListOptions
from unheard.recommend.sound import MIN_PLAYLISTS, SOUND, usable_playlists
from unheard.scan.scan import ScanReport, never, scan
from unheard.session import Session
from unheard.splits import Split, Use, load_split, load_splits, renew_live
from unheard.splits.folds import LIVE
from unheard.workspace import Workspace

RECIPE = "blend"
SUFFIX = ".m3u8"
FORMAT = 1

Say = Callable[[str], None]


@dataclass(frozen=True)
class GoOptions:
    """What `go` is asked to do.

    lists        length, artist cap, filters of every list
    max_minutes  after which the training stops with the best weights so far
    stopped      says whether the time to work is over; no further file is read then, and no further stage begins
    """

    output: Path
    jobs: int = 1
    exclude: Sequence[str] = ()
    lists: ListOptions = field(default_factory=lambda: ListOptions(n=25))
    max_minutes: float = 1.0
    stopped: Callable[[], bool] = never


@dataclass(frozen=True)
class GoOutcome:
    """What `go` did.

    lists      written lists; unchanged ones too
    changed    whether any list was made anew
    trust      how far to trust the lists
    """

    scan: ScanReport
    n_tracks: int
    n_playlists: int
    n_unplayed: int
    model: str
    lists: tuple[NewList, ...]
    files: tuple[Path, ...]
    changed: bool
    trust: Trust


@dataclass
class GoState:
    """Contents of go.json: hashes of the input of the last fit and of the last lists, and what was written.

    fit        of everything that the last fit read
    fitted_to  the same without the plays
    """

    fit: str = ""
    fitted_to: str = ""
    lists: str = ""
    folder: str = ""  # absolute path of the folder of the lists
    files: list[str] = field(default_factory=list)
    trained: bool = False
    trust: dict[str, Any] = field(default_factory=dict)


def go(
    workspace: Workspace,
    music: Sequence[Path],
    playlists: Sequence[Path],
    options: GoOptions,
    *,
    say: Say,
    report_import: Callable[[Source], None],
    progress: Progress = silent,
) -> GoOutcome | None:
    """Bring the workspace up to date with `music` and `playlists`, and write the lists to `options.output`.

    Without `music` the library stays as it is; without `playlists`, the plays do.

    say            called with sentences for people
    report_import  called with what was read of each path of `playlists`

    Return None if `options.stopped` ended the run before the lists; the next run goes on from there.

    Raise UserError for a path that does not exist, or if no track can be used; LockedError while another `go` runs.
    """
    with one_at_a_time(workspace.root, "go", "runs `unheard go`"):
        return _go(workspace, music, playlists, options, say, report_import, progress)


def _go(
    workspace: Workspace,
    music: Sequence[Path],
    playlists: Sequence[Path],
    options: GoOptions,
    say: Say,
    report_import: Callable[[Source], None],
    progress: Progress,
) -> GoOutcome | None:
    missing = next((path for path in (*music, *playlists) if not path.exists()), None)
    if missing is not None:
        raise UserError(f"{missing}: no such file or folder; check the path")
    report = ScanReport()
    if music:
        report = scan(
            workspace,
            music,
            jobs=options.jobs,
            exclude=options.exclude,
            remark=say,
            progress=progress,
            stopped=options.stopped,
        )
        if report.left:
            return None
    with open_library(workspace.library_path) as library:
        tracks = library.tracks()
    if not len(tracks):
        named = ", ".join(map(str, music)) or str(workspace.root)
        raise UserError(
            f"{named}: no audio that can be used; `unheard errors -w {quoted(workspace.root)}` has the reasons"
        )
    if playlists:
        _import(workspace, playlists, say, report_import)
    import_likes(workspace)
    import_listened(workspace)
    if options.stopped():
        return None
    state = _read_state(workspace)
    plays = read_plays(workspace).for_tracks(tracks.ids).positive()
    model: str | None = None
    if not _model_is_kept(workspace, tracks, plays, state, say):
        if len(plays) or not _imported(workspace):  # without plays, imported factors say what is known
            renew_live(workspace, left_out=lambda _: None)
        split = load_split(workspace, LIVE)
        fitted_to = _fitted_to(tracks, split)
        fit = _hash([plays_hash(plays), fitted_to])
        if len(plays):
            changed = fit != state.fit
            was_trained = state.trained and not changed
            state.trained = _fit(
                workspace, plays, split, options, changed=changed, was_trained=was_trained, say=say, progress=progress
            )
            if not state.trained and usable_playlists(plays.matrix) >= MIN_PLAYLISTS:
                model = SOUND
            state.fit, state.fitted_to = fit, fitted_to
            _write_state(workspace, state)
    if options.stopped():
        return None
    return _lists(workspace, report, tracks, plays, state, options, model, progress=progress)


def _import(workspace: Workspace, playlists: Sequence[Path], say: Say, report: Callable[[Source], None]) -> None:
    try:
        sources = import_playlists(workspace, playlists)
    except MissingStageError:
        raise
    except UserError as error:  # a folder without playlists is no reason to have no lists
        say(f"no playlists imported: {error}")
        return
    for source in sources:
        report(source)


def _model_is_kept(workspace: Workspace, tracks: Tracks, plays: Plays, state: GoState, say: Say) -> bool:
    """Return whether the trained model stays, because only few playlists changed after its training."""
    there = state.trained and (workspace.model_dir(LIVE, RECIPE) / "predictions.safetensors").is_file()
    if not there or usable_playlists(plays.matrix) < MIN_PLAYLISTS or not workspace.splits_path.is_file():
        return False
    split = load_splits(workspace).get(LIVE)
    changes = changes_since_factors(workspace, plays)
    if split is None or changes is None or not changes.are_small or state.fitted_to != _fitted_to(tracks, split):
        return False
    if changes.n_changed:
        n = f"{changes.n_changed} of {changes.n_before}"
        say(f"{n} playlists changed since the last training: the lists follow them without a new one")
    return True


def _imported(workspace: Workspace) -> bool:
    """Return whether the factors of `live` are a person's own."""
    there = workspace.factors_path(LIVE).is_file()
    return there and load_factors(workspace, LIVE).config.get("source") == "imported"


def _fit(
    workspace: Workspace,
    plays: Plays,
    split: Split,
    options: GoOptions,
    *,
    changed: bool,
    was_trained: bool,
    say: Say,
    progress: Progress,
) -> bool:
    """Fit factors, and train if there are enough playlists; return whether the default model is trained on them.

    changed      whether the factors have to be fitted again
    was_trained  whether the last run trained the model, and nothing has changed since
    """
    there = workspace.factors_path(LIVE).is_file() and workspace.factors_path("full").is_file()
    if not there or (changed and not _imported(workspace)):
        config = AlsConfig(dim=n_factors(len(plays.playlist_ids), len(plays)))
        compute_factors(workspace, LIVE, config, progress=progress)
    if usable_playlists(plays.matrix) < MIN_PLAYLISTS:
        return False
    if was_trained and (workspace.model_dir(LIVE, RECIPE) / "predictions.safetensors").is_file():
        return True
    from unheard.models.ranker_recipe import load_any_recipe
    from unheard.training.train import train

    try:
        train(workspace, load_any_recipe(RECIPE), split, max_minutes=options.max_minutes, progress=progress)
    except UserError as error:
        say(f"lists are ranked by sound and artist, because the model cannot be trained: {error}")
        return False
    try:
        calibrate(workspace, LIVE, RECIPE, progress=progress)
    except UserError as error:
        say(f"lists of known and new tracks are not calibrated: {error}")
    return True


def _lists(
    workspace: Workspace,
    report: ScanReport,
    tracks: Tracks,
    plays: Plays,
    state: GoState,
    options: GoOptions,
    model: str | None,
    *,
    progress: Progress,
) -> GoOutcome:
    """Make and write the lists, if anything that they depend on has changed."""
    stored = read_playlists(workspace)
    options.output.mkdir(parents=True, exist_ok=True)
    session = Session(workspace.root, split=LIVE, model=model)
    inputs = _hash(
        [
            state.fit,
            plays_hash(plays),
            session.model,
            json.dumps(sorted(session.disliked)),
            repr(options.lists),
            str(options.output.absolute()),
            json.dumps([[p.playlist_id, p.name] for p in stored]),
            json.dumps([[t.track_id, t.path, t.label, t.source_hash, t.gone_since, t.genre] for t in tracks.items]),
        ]
    )
    files = tuple(options.output / name for name in state.files)
    unplayed = len(session.catalogue.candidates("cold", new=True))
    about = (report, len(tracks), len(plays.playlist_ids), unplayed, session.model)
    if inputs == state.lists and files and all(file.is_file() for file in files):
        return GoOutcome(*about, (), files, changed=False, trust=Trust(**state.trust))
    if session.unpredicted_tracks:
        session.update_predictions(progress=progress)
    made = [
        one
        for one in lists_of(session, stored, options.lists, progress)
        if any(is_playable(session.catalogue.tracks[item.row]) for item in one.tracks)
    ]
    names = [_free_name(options.output, name) for name in file_names([one.title for one in made])]
    files = tuple(options.output / name for name in names)
    for file, one in zip(files, made, strict=True):
        text = as_text(entries_of(one.tracks, session.catalogue.tracks), "m3u8", title=one.title, folder=file.parent)
        write_text(file, marked(text, SUFFIX))
    folder = str(options.output.absolute())
    if state.folder == folder:  # lists of playlists that are no longer there
        kept = {name.casefold() for name in names}
        for old in state.files:
            if old.casefold() not in kept and is_own_list(options.output / old):
                (options.output / old).unlink()
    state.folder = folder
    how_far = trust(session.catalogue, make_recommender(workspace, session.catalogue, session.model), session.notice)
    state.lists, state.files, state.trust = inputs, names, asdict(how_far)
    _write_state(workspace, state)
    return GoOutcome(*about, tuple(made), files, changed=True, trust=how_far)


def _free_name(folder: Path, name: str) -> str:
    """Return a file name for a list; a file of that name that a person made is not replaced."""
    file = folder / f"{name}{SUFFIX}"
    taken = file.exists() and not is_own_list(file)
    return f"{name} (unheard){SUFFIX}" if taken else file.name


# ------------------------------------------------------------------------------------------------------------ state


def plays_hash(plays: Plays) -> str:
    """Return a hash of all plays with the ids of their playlists and tracks; tracks without plays do not change it."""
    played, rows = np.unique(plays.track_rows, return_inverse=True)
    columns = (rows.astype(np.int64), plays.starts, plays.weights)
    ids = json.dumps([list(plays.playlist_ids), list(plays.track_ids.take(played))])
    return _hash([ids, *(np.ascontiguousarray(column).tobytes() for column in columns)])


def _fitted_to(tracks: Tracks, split: Split) -> str:
    """Return a hash of what a training reads besides plays: the split, the features of its train and validation tracks.

    Other tracks do not change a training.
    """
    uses = split.uses(tracks.ids)
    rows = np.flatnonzero((uses == Use.TRAIN) | (uses == Use.VAL))
    return _hash([split.digest, *(tracks[int(row)].source_hash for row in rows), RECIPE, __version__])


def _hash(parts: Iterable[str | bytes]) -> str:
    sha256 = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        sha256.update(len(data).to_bytes(8, "little"))
        sha256.update(data)
    return sha256.hexdigest()


def _state_path(workspace: Workspace) -> Path:
    return workspace.root / "go.json"


def _read_state(workspace: Workspace) -> GoState:
    """Return the stored state; an empty one if there is none or it is damaged, so that everything is made anew."""
    try:
        found = read_sealed(_state_path(workspace))
        if found.pop("format") != FORMAT:
            return GoState()
        return GoState(**found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return GoState()


def _write_state(workspace: Workspace, state: GoState) -> None:
    write_json(_state_path(workspace), {"format": FORMAT, **asdict(state)}, indent=1)
