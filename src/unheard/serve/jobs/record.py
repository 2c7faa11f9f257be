"""The state of one job and its files: W/jobs/<id>.json, with its output in W/jobs/<id>.log."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unheard.artefacts import write_json
from unheard.checksums import read_sealed

ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")


class State(StrEnum):
    """The state of a job. orphaned: the server ended while it ran; `still_runs` says whether its process exists."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ORPHANED = "orphaned"

    @property
    def is_over(self) -> bool:
        return self not in (State.QUEUED, State.RUNNING)


class Progress(BaseModel):
    """Progress of the current step. `eta_s`: estimated seconds until its end."""

    model_config = ConfigDict(frozen=True)

    what: str
    done: int
    total: int
    eta_s: float | None = None


class Job(BaseModel):
    """One job. Times are seconds since 1970; `message` is the last line of its output."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    verb: str
    batch: str = Field(
        default="",
        description="Id that jobs which were requested together share. One starts only if the one before it is done.",
    )
    command: tuple[str, ...] = Field(description="Arguments of `unheard`.")
    state: State = State.QUEUED
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    progress: Progress | None = None
    message: str = ""
    pid: int | None = Field(default=None, description="Id of its process.")
    process_started: str = Field(
        default="", description="Start time of the process, which distinguishes it from a later one with the same id."
    )
    still_runs: bool = Field(
        default=False,
        description="For an orphaned job: its process still exists. No other job starts until it ends.",
    )

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.state.is_over and not self.still_runs


def write(folder: Path, job: Job) -> None:
    """Write the file of a job."""
    write_json(folder / f"{job.job_id}.json", job.model_dump(mode="json"), indent=1)


def read_all(folder: Path) -> dict[str, Job]:
    """Return every stored job by id, oldest first; other files are skipped."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            job = Job.model_validate(read_sealed(path))
        except (OSError, ValueError, ValidationError):
            continue
        if path.stem == job.job_id and ID.fullmatch(job.job_id):
            found[job.job_id] = job
    return found


def log_path(folder: Path, job: Job) -> Path:
    return folder / f"{job.job_id}.log"
