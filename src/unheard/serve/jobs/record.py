"""The state of one job and its files: W/jobs/<id>.json, with its output in W/jobs/<id>.log."""

from __future__ import annotations

import re
import time
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unheard.atomic_files import write_json
from unheard.checksums import read_sealed
from unheard.thumbs import Version, file_version

SETTLED_NS = 1_000_000_000
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


class JobFiles:
    """Reads the files of jobs that have changed since they were read before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[str, Version] = {}
        self._folder_version: Version | None = None

    def changed(self) -> list[Job]:
        """Return the jobs whose files are new or have changed, oldest first; other files are skipped."""
        version = file_version(self.folder)
        is_settled = time.time_ns() - version[1] > SETTLED_NS  # two changes within a tick of the clock are one to it
        if version == self._folder_version and is_settled:
            return []
        self._folder_version = version if is_settled else None
        found = []
        for path in self.folder.glob("*.json"):
            version = file_version(path)
            if self._seen.get(path.name) != version and (job := _read(path)) is not None:
                self._seen[path.name] = version
                found.append(job)
        return sorted(found, key=lambda job: (job.created_at, job.job_id))


def _read(path: Path) -> Job | None:
    try:
        job = Job.model_validate(read_sealed(path))
    except (OSError, ValueError, ValidationError):
        return None
    return job if path.stem == job.job_id and ID.fullmatch(job.job_id) else None


def ask_to_cancel(folder: Path, job: Job) -> None:
    """Ask the process that runs the jobs to cancel one."""
    _cancel_path(folder, job).touch()


def is_asked_to_cancel(folder: Path, job: Job) -> bool:
    """Return whether another process has asked to cancel a job."""
    return _cancel_path(folder, job).exists()


def forget_request_to_cancel(folder: Path, job: Job) -> None:
    """Remove what `ask_to_cancel` has written."""
    _cancel_path(folder, job).unlink(missing_ok=True)


def _cancel_path(folder: Path, job: Job) -> Path:
    return folder / f"{job.job_id}.cancel"


def log_path(folder: Path, job: Job) -> Path:
    return folder / f"{job.job_id}.log"
