"""A job as the pages show it: its state in words, the time of the request, and how long it took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from unheard.serve.jobs import Job, State
from unheard.serve.pages.text import duration

STATE_NAMES = {State.QUEUED: "waiting", State.ORPHANED: "lost"}  # the other states are shown by their own name


@dataclass(frozen=True)
class JobView:
    """One job on a page, as it was at `now` (seconds since 1970)."""

    job: Job
    now: float

    @property
    def state(self) -> str:
        """The state in words."""
        return "still runs" if self.job.still_runs else STATE_NAMES.get(self.job.state, self.job.state.value)

    @property
    def colour(self) -> str:
        """The CSS class of the state."""
        return State.RUNNING.value if self.job.still_runs else self.job.state.value

    @property
    def is_running(self) -> bool:
        """Whether this server runs the job, so that it has progress."""
        return self.job.state is State.RUNNING

    @property
    def share(self) -> float | None:
        """The completed share of the current step; None if unknown."""
        at = self.job.progress
        return at.done / at.total if at and at.total else None

    @property
    def requested_at(self) -> str:
        """The time of the request, for the attribute of a time element."""
        return datetime.fromtimestamp(self.job.created_at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def requested(self) -> str:
        """The time of the request for people; a script replaces it by local time."""
        return datetime.fromtimestamp(self.job.created_at, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")

    @property
    def running_s(self) -> int | None:
        """Seconds since the start of a running job, else None."""
        begun = self.job.started_at
        return (
            None if begun is None or not (self.is_running or self.job.still_runs) else max(0, round(self.now - begun))
        )

    @property
    def took(self) -> str:
        """How long it ran; empty if it did not start or its end is unknown."""
        begun, ended = self.job.started_at, self.job.ended_at
        return "" if begun is None or ended is None else duration(ended - begun)


def job_view(job: Job) -> JobView:
    return JobView(job, time.time())
