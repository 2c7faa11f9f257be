"""Find damage in every file of a workspace, for `unheard doctor`: each finding names a file and how to mend it.

Everything is read once and compared with its checksums (checksums.py); `quick` reads headers, indexes and sizes only.
`--repair` (repair.py) takes the damaged parts away, so that the command of the finding makes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from unheard import artefacts, atomic_files
from unheard.checksums import MARKER, is_sealed, read_sealed, unseal
from unheard.errors import UnheardError, quoted
from unheard.factors.als import AlsConfig
from unheard.factors.store import KIND as FACTORS
from unheard.factors.store import als_config, load_factors
from unheard.features.store import FeatureStore
from unheard.features.table import SCANNED_KINDS
from unheard.inference.predictions import KIND as PREDICTIONS
from unheard.inference.predictions import (
    NETWORK_FILE,
    RANKER_FILE,
    has_lost_predictions,
    load_predictions,
    predictions_file,
    train_command,
)
from unheard.library import Library, Tracks
from unheard.plays.storage import count_plays, has_checksums, read_playlists, read_plays
from unheard.recommend.first_plays import estimates_path
from unheard.recommend.scales import scale_path
from unheard.spectrograms.shards import list_shards
from unheard.spectrograms.store import check_store, damaged_entries, stored_ids
from unheard.splits import LIVE, load_splits
from unheard.workspace import Workspace, workspace_id

DAMAGED = "damaged"  # folder of a workspace to which `--repair` moves files
LEFT_OUT = (DAMAGED, "backup-format-1", "features", "mels", "plays", "lists", "uploads", "listens", "listening-tests")
KEYS = {
    "thumbs.jsonl": frozenset({"track_id", "thumb", "at"}),
    "played.jsonl": frozenset({"track_id", "at", "event", "player"}),
}
DEFAULT = AlsConfig()
Severity = Literal["damaged", "outdated", "old"]
LINES = ("thumbs.jsonl", "played.jsonl", "runs.jsonl")


@dataclass(frozen=True)
class Finding:
    """Damage of one file.

    command   what mends it: damage is taken away by `unheard doctor --repair`, before another command makes it again
    severity  damaged: content is damaged, lost or of another workspace; outdated: sound, but made from what is there no
              more, so that lists refuse it; old: written before checksums, so that nobody can tell
    """

    path: Path
    what: str
    command: str
    severity: Severity = "damaged"

    @property
    def damaged(self) -> bool:
        return self.severity == "damaged"

    def line(self) -> str:
        """Return the finding as one line."""
        text = " ".join(self.what.split())
        text = text if text.startswith(str(self.path)) else f"{self.path}: {text}"
        return f"{text}; to mend it, run: {self.command}"


def find_damage(workspace: Workspace, *, quick: bool = False, frames: bool = True) -> Iterator[Finding]:
    """Yield every finding in a workspace whose workspace.json is sound.

    quick   headers, indexes and sizes only
    frames  read all spectrograms, which are most of a workspace; only scans, trainings and predictions read them
    """
    first = f"unheard doctor -w {quoted(workspace.root)} --repair && "
    for finding in _findings(workspace, quick=quick, frames=frames):
        yield replace(finding, command=first + finding.command) if finding.damaged else finding


def _findings(workspace: Workspace, *, quick: bool, frames: bool) -> Iterator[Finding]:
    root = quoted(workspace.root)
    if not workspace_id(workspace.root):
        yield Finding(workspace.root / MARKER, "written before checksums", f"unheard migrate -w {root}", severity="old")
    yield from _library(workspace, root)
    yield from _mels(workspace, root, quick=quick or not frames)
    yield from _features(workspace, root, quick=quick)
    yield from _plays(workspace, root, quick=quick)
    yield from _splits(workspace, root)
    yield from _factors(workspace)
    yield from _artefacts(workspace, root, quick=quick)
    yield from _models(workspace)
    yield from _json_files(workspace, root)


def problem_of(check: Callable[[], object]) -> str | None:
    """Return the message of the error that `check` raises, without its advice, or None."""
    try:
        check()
    except (UnheardError, OSError, ValueError, KeyError, TypeError) as error:
        return without_advice(error) if isinstance(error, UnheardError) else f"{type(error).__name__}: {error}"
    return None


def without_advice(error: UnheardError) -> str:
    """Return the message of an error up to what it advises: a finding has a command of its own."""
    return str(error).partition("; ")[0]


def tracks_of(workspace: Workspace) -> Tracks | None:
    """Return the tracks of a workspace, None if the library is missing or damaged."""
    try:
        with Library(workspace.library_path) as library:
            return library.tracks()
    except UnheardError:
        return None


def _library(workspace: Workspace, root: str) -> Iterator[Finding]:
    path, scan = workspace.library_path, f"unheard scan -w {root} MUSIC"
    if not path.is_file():
        if workspace.mels_path.exists() or workspace.plays_dir.exists():
            yield Finding(path, "is missing", scan)
        return
    try:
        with Library(path) as library, library.sqlite_errors():
            for problem in library.damage():
                yield Finding(path, f"damaged ({problem})", scan)
            if not library.counts()["tracks"] and list_shards(workspace.mels_path):
                yield Finding(path, "has no tracks, although spectrograms are stored", scan)
            if n := library.without_checksums():
                yield Finding(
                    path, f"{n} rows were written before checksums", f"unheard migrate -w {root}", severity="old"
                )
    except UnheardError as error:
        yield Finding(path, without_advice(error), scan)


def _mels(workspace: Workspace, root: str, *, quick: bool) -> Iterator[Finding]:
    folder, scan = workspace.mels_path, f"unheard scan -w {root} MUSIC"
    tracks = tracks_of(workspace)
    if tracks is None:
        return
    if problem := problem_of(lambda: check_store(workspace, repair=False)):
        yield Finding(folder, problem, scan)
        return
    with Library(workspace.library_path) as library:
        if not quick:
            for shard, entry in damaged_entries(workspace, library):
                yield Finding(shard.frames_path, f"the spectrogram of track {entry.track_id!r} is damaged", scan)
        have = set(stored_ids(workspace, library))
    if lost := [track for track in tracks.items if _is_scanned(tracks, track.track_id) and track.track_id not in have]:
        what = f"the spectrograms of {len(lost)} tracks, such as {lost[0].track_id!r}, are missing"
        yield Finding(folder, what, scan)
    old = sum(entry.checksum is None for shard in list_shards(folder) for entry in shard.entries())
    if old:
        what = f"{old} spectrograms were written before checksums"
        yield Finding(folder, what, f"unheard scan -w {root} --force MUSIC", severity="old")


def _is_scanned(tracks: Tracks, track_id: str) -> bool:
    """Return whether a track was decoded from a file that was there at the last scan."""
    track = tracks[tracks.ids.row(track_id)]
    return bool(track.content_hash) and not track.gone_since


def _features(workspace: Workspace, root: str, *, quick: bool) -> Iterator[Finding]:
    store, tracks = FeatureStore(workspace.features_dir), tracks_of(workspace)
    for kind in store.kinds():
        again = f"unheard features -w {root} --kind {kind}"
        command = f"unheard scan -w {root} MUSIC" if kind in (*SCANNED_KINDS, "vectors") else again
        path = workspace.features_dir / kind
        try:
            found = f"{len(store.track_ids(kind))} vectors" if quick else store.check(kind)
        except (UnheardError, OSError) as error:
            yield Finding(path, without_advice(error) if isinstance(error, UnheardError) else str(error), command)
            continue
        if "before checksums" in found:
            yield Finding(path, found, f"{again} --force", severity="old")
        if lost := [path for path in path.glob("*.npy") if not path.with_suffix(".safetensors").exists()]:
            yield Finding(lost[0], "its index is missing", command)
    for kind in SCANNED_KINDS if tracks is not None else ():
        try:
            have = store.track_ids(kind)
        except UnheardError:
            continue  # has a finding already
        assert tracks is not None
        lost_ids = [name for name in tracks.ids if name not in have and _is_scanned(tracks, name)]
        if lost_ids:
            what = f"{kind} of {len(lost_ids)} tracks, such as {lost_ids[0]!r}, are missing"
            folder = workspace.features_dir / kind
            severity: Severity = "damaged" if folder.is_dir() else "old"  # a kind that later versions scan
            yield Finding(folder, what, f"unheard scan -w {root} MUSIC", severity)


def _plays(workspace: Workspace, root: str, *, quick: bool) -> Iterator[Finding]:
    def read() -> object:
        return count_plays(workspace) if quick else (read_plays(workspace), read_playlists(workspace))

    command = f"unheard import -w {root} PLAYLISTS"
    if problem := problem_of(read):
        yield Finding(workspace.plays_dir, problem, command)
    elif not has_checksums(workspace):
        yield Finding(workspace.plays_dir, "written before checksums", f"unheard migrate -w {root}", severity="old")
    elif workspace.splits_path.exists() and not workspace.plays_dir.exists() and _needs_plays(workspace):
        yield Finding(workspace.plays_dir, "is missing", command)


def _needs_plays(workspace: Workspace) -> bool:
    """Return whether something was made from plays."""
    return any((workspace.root / "factors").glob("*.safetensors"))


def _splits(workspace: Workspace, root: str) -> Iterator[Finding]:
    path = workspace.splits_path
    if not path.is_file():
        if _needs_plays(workspace):
            yield Finding(path, "is missing", f"unheard split -w {root}")
    elif problem := problem_of(lambda: load_splits(workspace)):
        yield Finding(path, problem, f"unheard split -w {root}")
    else:
        for name, split in load_splits(workspace).items():
            factors = workspace.factors_path(name)
            try:
                found = artefacts.read_config(factors, FACTORS) if factors.is_file() else {}
            except UnheardError:
                continue
            if found.get("split_digest", split.digest) != split.digest:
                what = f"fitted before the split {name!r} was changed"
                yield Finding(factors, what, f"unheard factors -w {root} --split {name}", "outdated")


def _factors(workspace: Workspace) -> Iterator[Finding]:
    """Yield factors that were made with others, or that a model was trained on, and are not there."""
    root = quoted(workspace.root)
    needed = {path.parent.parent.name for path in (workspace.root / "models").glob("*/*/predictions.safetensors")}
    if _needs_plays(workspace):
        needed.add("full")
    for split in sorted(needed):
        if not (path := workspace.factors_path(split)).is_file():
            yield Finding(path, "is missing", how_to_make(workspace, path, root))


def _artefacts(workspace: Workspace, root: str, *, quick: bool) -> Iterator[Finding]:
    """Yield damaged artefacts outside the feature store."""
    for path in files(workspace, "safetensors"):
        if problem := problem_of(lambda path=path: _read(workspace, path, quick=quick)):  # type: ignore[misc]
            yield Finding(path, problem, how_to_make(workspace, path, root))
        elif not artefacts.has_checksums(path):
            yield Finding(path, "written before checksums", how_to_make(workspace, path, root), severity="old")


def _read(workspace: Workspace, path: Path, *, quick: bool) -> None:
    kind = artefacts.kind_of(path)
    if quick:
        artefacts.read_config(path, kind)
        return
    artefacts.load(path, kind)
    match path.relative_to(workspace.root).parts:  # a sound file under another name is damage too
        case ("factors", name):
            load_factors(workspace, name.removesuffix(".safetensors"))
            expected = FACTORS
        case ("models", split, model, "predictions.safetensors"):
            load_predictions(workspace, split, model)
            expected = PREDICTIONS
        case ("models", _, _, name):
            expected = name.removesuffix(".safetensors")
        case _:
            return
    if kind != expected:
        raise ValueError(f"kind {kind!r}, expected {expected!r}")


def how_to_make(workspace: Workspace, path: Path, root: str) -> str:
    """Return the command that makes a file of a workspace again."""
    match path.relative_to(workspace.root).parts:
        case ("factors", name):
            split = name.removesuffix(".safetensors")
            options = _factor_options(workspace) + ("" if split == "full" else f" --split {split}")
            return f"unheard factors -w {root}{options}"
        case ("models", split, model, *_):
            return train_command(workspace, split, model)
        case ("maps", split, name):
            model = name.removesuffix(".safetensors").replace("=", ":")
            return f"unheard map -w {root} --split {split} --model {model}"
        case ("indexes", split, model, _):
            return f"unheard index -w {root} --split {split} --model {model.replace('=', ':')}"
        case ("results", name):
            return f"unheard evaluate -w {root} --split {name.partition('.')[0]}"
        case ("experiments", name):
            return f"unheard experiment {name.partition('.')[0]} -w {root}"
        case ("recordings.safetensors",) | ("go.json",):
            return f"unheard status -w {root}"  # nothing is lost: it is made again when it is needed
        case _:
            return f"ls {root}/{DAMAGED}  # and restore it from a copy, if there is one"


def _factor_options(workspace: Workspace) -> str:
    """Return the options with which other factors of the workspace were made, where they are not the defaults."""
    for path in sorted((workspace.root / "factors").glob("*.safetensors")):
        try:
            config = artefacts.read_config(path, FACTORS)
        except UnheardError:
            continue
        given = als_config(config)
        names = ("dim", "alpha", "regularization", "iterations", "seed")
        options = [
            f" --{name} {getattr(given, name)}" for name in names if getattr(given, name) != getattr(DEFAULT, name)
        ]
        options += [" --weighted"] * (not given.binary) + [" --import FILE"] * (config.get("source") == "imported")
        return "".join(options)
    return ""


def _models(workspace: Workspace) -> Iterator[Finding]:
    """Yield files that a trained model should have and has not."""
    for folder in sorted((workspace.root / "models").glob("*/*")):
        split, model = folder.parent.name, folder.name
        command, needed = train_command(workspace, split, model), list[Path]()
        try:
            if (ranker := folder / RANKER_FILE).is_file():
                config = artefacts.read_config(ranker, "ranker")
                if config.get("complete", True):
                    needed = [predictions_file(folder), folder / "fit.json", scale_path(workspace, split, model)]
            elif (folder / NETWORK_FILE).is_file():
                needed = [predictions_file(folder)] if has_lost_predictions(folder) else []
            elif (folder / "fit.json").is_file():
                needed = [folder / RANKER_FILE]
        except UnheardError:
            continue  # has a finding already
        if needed and split == LIVE and predictions_file(folder).is_file():
            needed.append(estimates_path(workspace, split, model))
        yield from (Finding(path, "is missing", command) for path in needed if not path.is_file())
        try:
            space = load_predictions(workspace, split, model).space
            present = load_factors(workspace, split).config.get("digest")
        except UnheardError:
            continue
        if space and present and space != present and not model.endswith("-full"):
            yield Finding(predictions_file(folder), "the factors were computed again since", command, "outdated")


def _json_files(workspace: Workspace, root: str) -> Iterator[Finding]:
    """Yield damaged JSON files and lines."""
    for path in files(workspace, "json"):
        if path.name in (MARKER, "splits.json"):
            continue
        command = how_to_make(workspace, path, root)
        if problem := problem_of(lambda path=path: _read_json(path)):  # type: ignore[misc]
            yield Finding(path, f"damaged ({problem})", command)
        elif not is_sealed(path) and not _is_list(path):
            yield Finding(path, "written by hand, or before checksums", command, severity="old")
    for sums in files(workspace, "crc32"):
        path = sums.with_suffix("")
        if not path.is_file():
            yield Finding(path, "is missing", how_to_make(workspace, path, root))
    for name in LINES:
        path = workspace.root / name
        if n := len(damaged_lines(path)):
            yield Finding(path, f"{n} lines are damaged", f"cat {root}/{DAMAGED}/{name}")


def _read_json(path: Path) -> object:
    return atomic_files.read_json_rows(path) if _is_list(path) else read_sealed(path)


def _is_list(path: Path) -> bool:
    return path.with_name(f"{path.name}.crc32").is_file()


def damaged_lines(path: Path) -> list[str]:
    """Return the lines of a file of JSON lines that cannot be read; none without the file."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    needed = KEYS.get(path.name, frozenset())
    return [line for line in lines if line and problem_of(lambda line=line: _object(line, path, needed))]  # type: ignore[misc]


def _object(line: str, path: Path, needed: frozenset[str]) -> None:
    values = unseal(line, path)
    if not isinstance(values, dict) or not needed <= values.keys() or (needed and values.keys() - needed - {"player"}):
        raise ValueError("not what unheard writes")


def files(workspace: Workspace, suffix: str) -> list[Path]:
    """Return the files of a workspace with a suffix, without those of stores that are checked as a whole."""
    found = sorted(workspace.root.glob(f"**/*.{suffix}"))
    return [path for path in found if path.relative_to(workspace.root).parts[0] not in LEFT_OUT and path.is_file()]
