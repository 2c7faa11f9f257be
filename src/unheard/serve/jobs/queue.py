"""One job at a time for each workspace; the others wait in the order in which they were asked for.

Jobs are kept in files, so a server that starts again knows them. What ran when the last server ended without stopping
it is shown as orphaned; while its process lives, nothing else is started.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from unheard.errors import UserError
from unheard.serve.jobs import process, record
from unheard.serve.jobs.log import LogReader, text_for_people
from unheard.serve.jobs.record import Job, State
from unheard.serve.jobs.requests import JobRequest, command_line

LOOK_EVERY_S = 0.25
WRITE_EVERY_S = 1.0
PATIENCE_S = {signal.SIGINT: 10.0, signal.SIGTERM: 5.0}  # until the next stronger signal
MAX_WAITING = 20
STRONGER = {signal.SIGINT: signal.SIGTERM, signal.SIGTERM: signal.SIGKILL}
LEFT_ALIVE = "the server that started this ended, but it still runs; nothing else starts until it ends or is cancelled"
LEFT_DEAD = "the server ended while this ran; start it again"
LOST = (OSError, UserError)  # what reading and writing the files of jobs raises


class Jobs:
    """The queue of a workspace and the thread that works it off; may be used from many threads."""

    def __init__(self, workspace: Path, roots: Sequence[Path] = ()) -> None:
        self.workspace, self.roots = workspace, tuple(roots)
        self.folder = workspace / "jobs"
        self._lock = threading.RLock()
        self._jobs = record.read_all(self.folder)
        self._unwanted: set[str] = set()
        self._changed = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    # -------------------------------------------------------------------------------------------- for everybody

    def start(self) -> None:
        """Take up the work."""
        for job in list(self._jobs.values()):
            if job.state is State.RUNNING or (job.state is State.ORPHANED and self._lives(job) != job.still_runs):
                self._orphan(job)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the running job to stop and wait for it; what waits stays in the queue for the next start."""
        self._stopping = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join()

    def all(self) -> list[Job]:
        """Every job, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def get(self, job_id: str) -> Job | None:
        with self._lock:
            return self._jobs.get(job_id)

    def output(self, job: Job) -> str:
        """What a job wrote for people, its end if it is long."""
        return text_for_people(record.log_path(self.folder, job))

    def add(self, request: JobRequest) -> Job:
        """Put work into the queue; UserError for a path that may not be read, or when too much waits."""
        command = command_line(request, self.workspace, self.roots)
        with self._lock:
            if sum(job.state is State.QUEUED for job in self._jobs.values()) >= MAX_WAITING:
                raise UserError(f"{MAX_WAITING} jobs are waiting; cancel one or wait")
            job_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
            job = Job(job_id=job_id, verb=request.verb, command=tuple(command), created_at=time.time())
            record.write(self.folder, job)
            self._jobs[job_id] = job
        self._changed.set()
        return job

    def cancel(self, job_id: str) -> Job | None:
        """Take a job out of the queue, or ask it to stop; one that is over stays as it is. None if there is none."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return None
            if job.state is State.QUEUED:
                with suppress(*LOST):  # it does not run, whether or not that can be kept
                    self._keep(job, state=State.CANCELLED, ended_at=time.time())
                return self._jobs[job_id]
            if job.state is State.RUNNING:
                self._unwanted.add(job_id)
            elif job.still_runs and self._lives(job) and job.pid is not None:
                process.send(job.pid, signal.SIGINT)
            return job

    # -------------------------------------------------------------------------------------------- the thread

    def _work(self) -> None:
        while not self._stopping:
            job = self._next()
            if job is None:
                self._changed.wait(LOOK_EVERY_S if self._orphans() else None)
                self._changed.clear()
            else:
                try:
                    self._run(job)
                except LOST as error:  # a full disk, a folder that went away: the next job may fare better
                    self._fail(job, error)

    def _next(self) -> Job | None:
        with self._lock:
            if self._orphans():
                return None
            job = next((job for job in self._jobs.values() if job.state is State.QUEUED), None)
            return job and self._keep(job, on_disk=False, state=State.RUNNING, started_at=time.time())

    def _run(self, job: Job) -> None:
        log = record.log_path(self.folder, job)
        running = process.start(job.command, log)
        try:
            self._follow(job, running, LogReader(log))
        except LOST:  # nobody could follow it any further, and the next job must not run beside it
            process.send(running.pid, signal.SIGKILL)
            running.wait()
            raise

    def _follow(self, job: Job, running: subprocess.Popen[bytes], reader: LogReader) -> None:
        job, kept_at = self._keep(job, pid=running.pid, process_started=process.started(running.pid)), 0.0
        signalled: signal.Signals | None = None
        patience_ends_s = 0.0
        while True:
            try:
                running.wait(LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                over = False
            else:
                over = True
            now = time.monotonic()
            if reader.read() or over:
                job = self._keep(
                    job, on_disk=over or now - kept_at > WRITE_EVERY_S, progress=reader.progress, message=reader.message
                )
                kept_at = now if now - kept_at > WRITE_EVERY_S else kept_at
            if over:
                break
            if self._is_unwanted(job) and now >= patience_ends_s and signalled is not signal.SIGKILL:
                signalled = signal.SIGINT if signalled is None else STRONGER[signalled]
                process.send(running.pid, signalled)
                patience_ends_s = now + PATIENCE_S.get(signalled, 0.0)
        state = State.CANCELLED if signalled else State.DONE if running.returncode == 0 else State.FAILED
        self._keep(job, state=state, ended_at=time.time(), exit_code=running.returncode)

    def _fail(self, job: Job, error: Exception) -> None:
        """What went wrong is shown, and kept if that is possible at all."""
        with self._lock:
            latest = self._jobs[job.job_id]
            failed = self._keep(
                latest, on_disk=False, state=State.FAILED, ended_at=time.time(), message=f"could not go on: {error}"
            )
            with suppress(*LOST):
                record.write(self.folder, failed)

    def _is_unwanted(self, job: Job) -> bool:
        return self._stopping or job.job_id in self._unwanted

    def _orphans(self) -> list[Job]:
        """Jobs of an earlier server that still run; those that have ended since are marked so."""
        with self._lock:
            left = [job for job in self._jobs.values() if job.still_runs]
            for job in left:
                if not self._lives(job):
                    self._orphan(job, ended_at=time.time())
            return [job for job in left if self._jobs[job.job_id].still_runs]

    def _orphan(self, job: Job, *, ended_at: float | None = None) -> None:
        """Tell that the server of a job ended, and whether its process lives."""
        lives = self._lives(job)
        message = LEFT_ALIVE if lives else LEFT_DEAD
        with suppress(*LOST):  # a workspace that cannot be written to can still be looked at
            self._keep(job, state=State.ORPHANED, still_runs=lives, message=message, ended_at=ended_at)

    def _lives(self, job: Job) -> bool:
        return job.pid is not None and job.process_started != "" and process.started(job.pid) == job.process_started

    def _keep(self, job: Job, *, on_disk: bool = True, **changes: object) -> Job:
        """The job with changes, for everybody to see."""
        with self._lock:
            job = job.model_copy(update=changes)
            self._jobs[job.job_id] = job
            if on_disk:
                record.write(self.folder, job)
            return job
