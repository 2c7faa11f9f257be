"""Requests for jobs, and the command line of each.

No shell reads a request, and no value of a request can be taken for an option of the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from unheard.errors import UserError

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$")]
Model = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}(:factors(@[0-9]{1,9})?)?$")]
PathText = Annotated[str, Field(min_length=1, max_length=4096)]
Paths = Annotated[tuple[PathText, ...], Field(min_length=1, max_length=100)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScanRequest(_Request):
    """Scan audio files: read tags, decode, store spectrograms."""

    verb: Literal["scan"]
    sources: Paths = Field(description="Folders, files or tables in the workspace or a folder given with --music-root.")
    jobs: int = Field(default=1, ge=1, le=256, description="Number of processes that decode.")


class ImportRequest(_Request):
    """Import playlists or listens."""

    verb: Literal["import"]
    files: Paths = Field(description="Files or folders in the workspace or a folder given with --music-root.")
    skip_unknown: bool = False


class SplitRequest(_Request):
    """Split tracks into training, validation and test."""

    verb: Literal["split"]


class FactorsRequest(_Request):
    """Factorise the plays."""

    verb: Literal["factors"]
    split: Name | None = None


class TrainRequest(_Request):
    """Train a model."""

    verb: Literal["train"]
    recipe: Name | None = None
    split: Name | None = None


class EvaluateRequest(_Request):
    """Evaluate the models."""

    verb: Literal["evaluate"]
    split: Name | None = None


class ReportRequest(_Request):
    """Write the report to the folder `report` of the workspace."""

    verb: Literal["report"]


class MapRequest(_Request):
    """Draw the map of the catalogue."""

    verb: Literal["map"]
    split: Name | None = None
    model: Model | None = None


class GoRequest(_Request):
    """Bring everything up to date: scan, import, train, and write lists to the folder `lists` of the workspace."""

    verb: Literal["go"]
    music: Annotated[tuple[PathText, ...], Field(max_length=1)] = ()
    playlists: Annotated[tuple[PathText, ...], Field(max_length=100)] = ()


JobRequest = Annotated[
    GoRequest
    | ScanRequest
    | ImportRequest
    | SplitRequest
    | FactorsRequest
    | TrainRequest
    | EvaluateRequest
    | ReportRequest
    | MapRequest,
    Field(discriminator="verb"),
]


class NotAllowedError(UserError):
    """A path outside the allowed folders."""


def command_line(request: JobRequest, workspace: Path, roots: Sequence[Path]) -> list[str]:
    """Return the arguments of `unheard`; NotAllowedError for a path outside of `roots` and the workspace."""
    command = [request.verb, "-w", str(workspace)]
    match request:
        case ScanRequest(sources=paths, jobs=jobs):
            return [*command, "-j", str(jobs), "--", *(str(allowed(path, workspace, roots)) for path in paths)]
        case ImportRequest(files=paths):
            skip = ["--skip-unknown"] if request.skip_unknown else []
            return [*command, *skip, "--", *(str(allowed(path, workspace, roots)) for path in paths)]
        case GoRequest(music=music, playlists=lists):
            named = [word for path in lists for word in ("--playlists", str(allowed(path, workspace, roots)))]
            folder = [str(allowed(path, workspace, roots)) for path in music]
            return [*command, "-o", str(workspace / "lists"), *named, "--", *folder]
        case SplitRequest():
            return command
        case ReportRequest():
            return [*command, "-o", str(workspace / "report")]
    split = ["--split", request.split] if request.split else []
    if isinstance(request, MapRequest):
        return [*command, *split, *(["--model", request.model] if request.model else [])]
    recipe = [request.recipe] if isinstance(request, TrainRequest) and request.recipe else []
    return [*command, *split, *recipe]


def allowed(path: str, workspace: Path, roots: Sequence[Path]) -> Path:
    """Return the existing file or folder of a path, with links resolved; a relative path is tried in each root.

    NotAllowedError if there is none inside `roots` and the workspace.
    """
    homes = [root.resolve() for root in (*roots, workspace)]
    for home in homes:
        try:
            found = (home / path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):  # it does not exist, has a zero byte, or a cycle of links
            continue
        if any(found.is_relative_to(other) for other in homes):
            return found
    raise NotAllowedError(  # does not name the folders of this machine
        f"{path!r}: outside the folders that jobs may read; start the server with --music-root FOLDER"
    )
