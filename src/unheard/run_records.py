"""Append one line to W/runs.jsonl for every training and evaluation: what ran, with what, and what came out.

    {"time": "2026-01-31T12:00:00+00:00", "command": "train", "arguments": [...], "seconds": 81.2,
     "versions": {"unheard": ..., "python": ..., "numpy": ..., "torch": ..., "implicit": ...},
     "settings": {...}, "seed": 0, "figures": {...}}

Lines are only appended, so two processes may write at once; `read_runs` passes over a line that a full disk has cut.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unheard.atomic_files import append_lines
from unheard.checksums import read_sealed, seal, unseal
from unheard.workspace import Workspace

PACKAGES = ("unheard", "implicit", "numpy", "scipy", "torch")


def record_run(
    workspace: Workspace,
    command: str,
    *,
    arguments: Sequence[str],
    seconds: float,
    settings: Mapping[str, Any],
    seed: int,
    figures: Mapping[str, Any],
) -> None:
    """Append one run. Settings and figures are plain data; NaN is written as null.

    arguments  of the command line
    seconds    of wall time
    """
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "arguments": list(arguments),
        "seconds": round(seconds, 3),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "settings": dict(settings),
        "seed": seed,
        "figures": {name: _finite(value) for name, value in figures.items()},
    }
    text = seal(json.dumps(line, ensure_ascii=False, allow_nan=False, default=str), workspace.runs_path)
    append_lines(workspace.runs_path, [text])


def _finite(value: object) -> object:
    """Return a figure, or None for one that JSON has no word for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def last_figures(history: Path) -> dict[str, float]:
    """Return the figures of the last epoch of each stage of a training, from its history.json; none without one."""
    try:
        stages = read_sealed(history)["stages"]
        return {
            f"stage {number} {name}": float(value)
            for number, stage in enumerate(stages, start=1)
            for name, value in (stage["epochs"] or [{}])[-1].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def read_runs(workspace: Workspace) -> list[dict[str, Any]]:
    """Return all recorded runs, oldest first."""
    if not workspace.runs_path.is_file():
        return []
    found = []
    for line in workspace.runs_path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found.append(unseal(line, workspace.runs_path))
        except ValueError:
            continue
    return found
