"""The checks of the `doctor` command: libraries, decoders, devices, disk and a workspace's consistency."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from unheard.errors import UnheardError, quoted
from unheard.library import Library
from unheard.migration.migrate import backup_dir, has_backup, unfinished
from unheard.plays.storage import count_plays, storage_problem
from unheard.system_errors import explain_sqlite
from unheard.workspace import Workspace

LIBRARIES = ("torch", "av", "soundfile", "soxr", "implicit", "numpy")
FORMATS = ("wav", "flac", "ogg", "mp3")


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    ok: bool
    what: str
    found: str


def run_checks(workspace: Workspace | None, *, damaged: bool = False) -> list[Check]:
    """Run every check, the machine's first.

    damaged  whether damage was found in the workspace (damage.py)
    """
    checks = [*_machine(), *_decoders()]
    if workspace is not None:
        checks += [*_disk(workspace), *_consistency(workspace)]
        checks += _backup(workspace, in_order=not damaged and all(check.ok for check in checks))
    return checks


def _machine() -> Iterator[Check]:
    yield Check(sys.version_info >= (3, 11), "Python", f"{platform.python_version()} on {platform.platform()}")
    yield Check(True, "libraries", ", ".join(f"{name} {version(name)}" for name in LIBRARIES))
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU, training uses the CPU"
    yield Check(True, "device", f"{device}; {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    from unheard.inference.device import native_bf16, uses_bf16

    used = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    native, precision = native_bf16(used), "bfloat16" if uses_bf16(used) else "float32"
    yield Check(True, "bfloat16", f"{'native' if native else 'not native'}, training uses {precision}")


def _decoders() -> Iterator[Check]:
    """Encode a second of noise in each format and read it back."""
    import soundfile

    from unheard.ingest.audio import decode_blocks

    noise = np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in FORMATS:
            path = Path(folder) / f"noise.{suffix}"
            try:
                soundfile.write(path, noise, 22_050)
                samples = sum(len(block) for block in decode_blocks(path, sample_rate=22_050))
                whole = abs(samples - len(noise)) < 2_400
                yield Check(whole, f"decode {suffix}", f"{samples / 22_050:.2f} of 2.00 s")
            except UnheardError as error:
                yield Check(False, f"decode {suffix}", f"{error}; reinstall with `pip install --force-reinstall av`")
            except Exception as error:  # noqa: BLE001 - whatever goes wrong in a decoder is what this looks for
                advice = "install the versions of requirements.lock"
                yield Check(False, f"decode {suffix}", f"{type(error).__name__}: {error}; {advice}")


def _disk(workspace: Workspace) -> Iterator[Check]:
    free = shutil.disk_usage(workspace.root).free / 2**30
    used = _size_bytes(workspace.root) / 2**30
    yield Check(free > 1, "disk", f"{free:.1f} GiB free, the workspace uses {used:.2f} GiB")


def _size_bytes(folder: Path) -> int:
    """Return the size of all files in a folder; those that other commands remove meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):  # rglob raises for a folder that is removed meanwhile
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(parent, name).stat().st_size
    return total


def _consistency(workspace: Workspace) -> Iterator[Check]:
    if not workspace.library_path.exists():
        yield Check(True, "library", f"nothing scanned yet; next: unheard scan -w {quoted(workspace.root)} MUSIC")
        return
    try:
        yield from _library_checks(workspace)
    except UnheardError as error:
        yield Check(False, "library", str(error))
    except sqlite3.Error as error:
        explained = explain_sqlite(error, workspace.library_path)
        if explained is None:
            raise
        yield Check(False, "library", str(explained))


def _backup(workspace: Workspace, *, in_order: bool) -> Iterator[Check]:
    """Say whether the backup of a migration may be deleted."""
    if not has_backup(workspace):
        return
    folder = backup_dir(workspace)
    try:
        finished = not unfinished(workspace)
    except UnheardError:  # a damaged library, which has a line of its own
        finished = True
    if not finished:
        yield Check(
            False, "backup", f"the migration is not finished; run `unheard migrate -w {quoted(workspace.root)}`"
        )
    elif in_order:
        size = _size_bytes(folder) / 2**30
        yield Check(True, "backup", f"{folder} ({size:.2f} GiB) may be deleted: everything above is in order")
    else:
        yield Check(True, "backup", f"keep {folder} until the problems above are solved")


def _library_checks(workspace: Workspace) -> Iterator[Check]:
    from unheard.spectrograms.shards import list_shards
    from unheard.spectrograms.store import open_store

    with Library(workspace.library_path) as library:
        yield Check(True, "library", str(library.counts()))
        if list_shards(workspace.mels_path):
            try:
                store = open_store(workspace, library)
                found = f"{len(store)} tracks, {int(store.n_frames.sum())} frames in {len(store.shards)} shards"
                yield Check(True, "mel store", found)
            except UnheardError as error:
                yield Check(False, "mel store", str(error))
        problem = storage_problem(workspace)
        yield Check(problem is None, "plays", problem or str(asdict(count_plays(workspace))))
        missing = sum(bool(track.path) and not Path(track.path).exists() for track in library.tracks().items)
        yield Check(True, "files", f"audio files of {missing} tracks are missing" if missing else "all present")
