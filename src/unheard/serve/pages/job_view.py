"""What the pages say of a job: its state in words, when it was asked for, and how long it took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from unheard.serve.jobs import Job, State
from unheard.serve.pages.text import lasting

WORDS = {State.QUEUED: "waiting", State.ORPHANED: "lost"}  # where the name of the state is none for people


@dataclass(frozen=True)
class JobView:
    """One job on a page, as it was at `now` (seconds since 1970)."""

    job: Job
    now: float

    @property
    def state(self) -> str:
        """How a person would say it."""
        return "still runs" if self.job.still_runs else WORDS.get(self.job.state, self.job.state.value)

    @property
    def colour(self) -> str:
        """The class of the state."""
        return State.RUNNING.value if self.job.still_runs else self.job.state.value

    @property
    def works(self) -> bool:
        """Whether it runs under this server, which knows how far it is."""
        return self.job.state is State.RUNNING

    @property
    def share(self) -> float | None:
        """How much of its present step is done; None if nobody knows."""
        at = self.job.progress
        return at.done / at.total if at and at.total else None

    @property
    def asked_at(self) -> str:
        """When it was asked for, as HTML writes a time."""
        return datetime.fromtimestamp(self.job.created_at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def asked(self) -> str:
        """The same for people, where no script turns it into local time."""
        return datetime.fromtimestamp(self.job.created_at, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")

    @property
    def running_s(self) -> int | None:
        """Seconds since it began; None unless it runs."""
        begun = self.job.started_at
        return None if begun is None or not (self.works or self.job.still_runs) else max(0, round(self.now - begun))

    @property
    def took(self) -> str:
        """How long it ran; empty if it never did, or nobody saw its end."""
        begun, ended = self.job.started_at, self.job.ended_at
        return "" if begun is None or ended is None else lasting(ended - begun)


def job_view(job: Job) -> JobView:
    return JobView(job, time.time())
