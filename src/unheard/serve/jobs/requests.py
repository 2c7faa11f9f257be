"""What somebody may ask for over HTTP, and the command line that it becomes.

Nothing of a request is read by a shell, and nothing that does not come from a fixed list can be taken for an option.
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
    """Read tags, decode, store spectrograms."""

    verb: Literal["scan"]
    sources: Paths = Field(description="Folders, files or tables, below what the server's operator allows.")


class ImportRequest(_Request):
    """Import playlists or listens."""

    verb: Literal["import"]
    files: Paths = Field(description="Files or folders, below what the server's operator allows.")
    skip_unknown: bool = False


class SplitRequest(_Request):
    """Decide which tracks train, tune and test."""

    verb: Literal["split"]


class FactorsRequest(_Request):
    """Compute factors of the plays."""

    verb: Literal["factors"]
    split: Name | None = None


class TrainRequest(_Request):
    """Train a model."""

    verb: Literal["train"]
    recipe: Name | None = None
    split: Name | None = None


class EvaluateRequest(_Request):
    """Measure models."""

    verb: Literal["evaluate"]
    split: Name | None = None


class ReportRequest(_Request):
    """Make the report, in the folder `report` of the workspace."""

    verb: Literal["report"]


class MapRequest(_Request):
    """Draw the catalogue as a map."""

    verb: Literal["map"]
    split: Name | None = None
    model: Model | None = None


JobRequest = Annotated[
    ScanRequest
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
    """A path outside of what the operator allows."""


def command_line(request: JobRequest, workspace: Path, roots: Sequence[Path]) -> list[str]:
    """Arguments of `unheard`; NotAllowedError for a path outside of `roots` and the workspace."""
    verb, where = request.verb, ["-w", str(workspace)]
    match request:
        case ScanRequest(sources=paths):
            return [verb, *where, "-j", "1", "--", *(str(allowed(path, workspace, roots)) for path in paths)]
        case ImportRequest(files=paths):
            skip = ["--skip-unknown"] if request.skip_unknown else []
            return [verb, *where, *skip, "--", *(str(allowed(path, workspace, roots)) for path in paths)]
        case SplitRequest():
            return [verb, *where]
        case ReportRequest():
            return [verb, *where, "-o", str(workspace / "report")]
    split = ["--split", request.split] if request.split else []
    if isinstance(request, MapRequest):
        return [verb, *where, *split, *(["--model", request.model] if request.model else [])]
    recipe = [request.recipe] if isinstance(request, TrainRequest) and request.recipe else []
    return [verb, *where, *split, *recipe]


def allowed(path: str, workspace: Path, roots: Sequence[Path]) -> Path:
    """The file or folder that a path means, links followed; relative ones are looked for below each root."""
    homes = [root.resolve() for root in (*roots, workspace)]
    for home in homes:
        try:
            found = (home / path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):  # not there, a zero byte, links in a circle
            continue
        if any(found.is_relative_to(other) for other in homes):
            return found
    names = ", ".join(str(root) for root in roots) or "none was named"
    raise NotAllowedError(
        f"{path!r}: not below a folder that this server may read ({names}); start it with --music-root FOLDER"
    )
