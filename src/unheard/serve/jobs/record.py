"""What is known of one job, and where it is kept: W/jobs/<id>.json beside its output, W/jobs/<id>.log."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unheard.artefacts import write_json

ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")


class State(StrEnum):
    """How a job is. orphaned: the server ended while it ran; the job says whether its process still lives."""

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
    """How far the present step is. `eta_s`: seconds that it will still take at this pace."""

    model_config = ConfigDict(frozen=True)

    what: str
    done: int
    total: int
    eta_s: float | None = None


class Job(BaseModel):
    """One piece of work. Times are seconds since 1970; `message` is the last line that it wrote."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    verb: str
    command: tuple[str, ...] = Field(description="What a person would type after `unheard`.")
    state: State = State.QUEUED
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    progress: Progress | None = None
    message: str = ""
    pid: int | None = Field(default=None, description="Its process.")
    process_started: str = Field(default="", description="Tells the process from a later one with the same number.")
    still_runs: bool = Field(
        default=False,
        description="Of an orphaned job: its process lives. Nothing else starts until that ends or is stopped.",
    )

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state.is_over and not self.still_runs


def write(folder: Path, job: Job) -> None:
    """Keep a job."""
    write_json(folder / f"{job.job_id}.json", job.model_dump(mode="json"), indent=1)


def read_all(folder: Path) -> dict[str, Job]:
    """Every job that is kept, oldest first; files that are none are passed over."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            job = Job.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError):
            continue
        if path.stem == job.job_id and ID.fullmatch(job.job_id):
            found[job.job_id] = job
    return found


def log_path(folder: Path, job: Job) -> Path:
    return folder / f"{job.job_id}.log"
