"""The queue of jobs of a workspace: one runs at a time, the others wait in the order of their requests.

Jobs are stored in files, so a restarted server has them, and every process of a server can add and see them. One of
them, which has called `start`, runs them. A job that was running when the previous server ended is orphaned; while its
process exists, no other job starts.
"""

from __future__ import annotations

import logging
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
from unheard.serve.redaction import without_folders

POLL_EVERY_S = 0.25
WRITE_EVERY_S = 1.0
GRACE_S = {signal.SIGINT: 10.0, signal.SIGTERM: 5.0}  # until the next stronger signal
MAX_WAITING = 20
STRONGER = {signal.SIGINT: signal.SIGTERM, signal.SIGTERM: signal.SIGKILL}
LEFT_ALIVE = "its server ended, but the job still runs; no other job starts until it ends or is cancelled"
LEFT_DEAD = "the server ended while the job was running; start it again"
FILE_ERRORS = (OSError, UserError)  # raised by reading and writing the files of jobs


class Jobs:
    """The queue and the thread that runs its jobs; safe to use from several threads."""

    def __init__(self, workspace: Path, roots: Sequence[Path] = ()) -> None:
        self.workspace, self.roots = workspace, tuple(roots)
        self.folder = workspace / "jobs"
        self._lock = threading.RLock()
        self._files = record.JobFiles(self.folder)
        self._jobs: dict[str, Job] = {}
        self._cancelled: set[str] = set()
        self._changed = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._read()

    # -------------------------------------------------------------------------------------------- any thread

    def start(self) -> None:
        """Start the thread, which runs the jobs that are waiting."""
        self._read()
        for job in list(self._jobs.values()):
            if job.state is State.RUNNING or (job.state is State.ORPHANED and self._is_alive(job) != job.still_runs):
                self._orphan(job)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    @property
    def is_started(self) -> bool:
        """Whether this process runs the jobs."""
        return self._thread is not None

    def stop(self) -> None:
        """Interrupt the running job and wait for its end; waiting jobs stay in the queue for the next start."""
        self._stopping = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join()

    def all(self) -> list[Job]:
        """Return every job, newest first. Jobs are returned without the folders of this machine."""
        with self._lock:
            self._read()
            return [self._shown(job) for job in reversed(self._jobs.values())]

    def get(self, job_id: str) -> Job | None:
        with self._lock:
            self._read()
            job = self._jobs.get(job_id)
            return job and self._shown(job)

    def output(self, job: Job) -> str:
        """Return the end of a job's output without lines of progress."""
        return self._plain(text_for_people(record.log_path(self.folder, job)))

    def _shown(self, job: Job) -> Job:
        """Return a job as clients see it: without the folders of this machine."""
        command = tuple(self._plain(word) or "." for word in job.command)
        return job.model_copy(update={"command": command, "message": self._plain(job.message)})

    def _plain(self, text: str) -> str:
        return without_folders(text, (self.workspace, *self.roots)) if "/" in text or "\\" in text else text

    def add(self, request: JobRequest) -> Job:
        """Add a job to the queue; UserError for a path outside the allowed folders, or if too many are waiting."""
        return self._add([request], batch="")[0]

    def add_batch(self, requests: Sequence[JobRequest]) -> list[Job]:
        """Add jobs that run one after the other for as long as they end well; the errors are those of `add`."""
        return self._add(requests, batch=secrets.token_hex(6))

    def _add(self, requests: Sequence[JobRequest], *, batch: str) -> list[Job]:
        commands = [command_line(request, self.workspace, self.roots) for request in requests]
        added = []
        with self._lock:
            self._read()
            if sum(job.state is State.QUEUED for job in self._jobs.values()) + len(requests) > MAX_WAITING:
                raise UserError(f"{MAX_WAITING} jobs are waiting; cancel one or wait")
            for request, command in zip(requests, commands, strict=True):
                job_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
                job = Job(job_id=job_id, verb=request.verb, batch=batch, command=tuple(command), created_at=time.time())
                record.write(self.folder, job)
                self._jobs[job_id] = job
                added.append(job)
        self._changed.set()
        return [self._shown(job) for job in added]

    def cancel(self, job_id: str) -> Job | None:
        """Remove a job from the queue, or interrupt it if it runs; return it, or None if it does not exist.

        If another process runs the jobs, it does so a moment later.
        """
        with self._lock:
            self._read()
            job = self._jobs.get(job_id)
            if job is None:
                return None
            if self._thread is None and not job.state.is_over:
                with suppress(OSError):
                    record.ask_to_cancel(self.folder, job)
                return job
            if job.state is State.QUEUED:
                with suppress(*FILE_ERRORS):  # it does not run, whether or not its file can be written
                    self._update(job, state=State.CANCELLED, ended_at=time.time())
                return self._shown(self._jobs[job_id])
            if job.state is State.RUNNING:
                self._cancelled.add(job_id)
            elif job.still_runs and self._is_alive(job) and job.pid is not None:
                process.send(job.pid, signal.SIGINT)
            return self._shown(job)

    # -------------------------------------------------------------------------------------------- the thread

    def _work(self) -> None:
        while not self._stopping:
            job = self._next()
            if job is None:
                self._changed.wait(POLL_EVERY_S)  # other processes add jobs too
                self._changed.clear()
            else:
                try:
                    self._run(job)
                except Exception as error:  # a full disk, a deleted folder, or a fault here: the next job may succeed
                    if not isinstance(error, FILE_ERRORS):
                        logging.getLogger("unheard").exception("job %s", job.job_id)
                    self._fail(job, error)

    def _next(self) -> Job | None:
        with self._lock:
            self._read()
            if self._orphans():
                return None
            self._cancel_what_cannot_start()
            job = next((job for job in self._jobs.values() if job.state is State.QUEUED), None)
            return job and self._update(job, on_disk=False, state=State.RUNNING, started_at=time.time())

    def _cancel_what_cannot_start(self) -> None:
        """Cancel the waiting jobs of batches in which an earlier job has ended without being done."""
        failed: dict[str, Job] = {}
        for job in list(self._jobs.values()):
            if job.state is State.QUEUED and record.is_asked_to_cancel(self.folder, job):
                with suppress(*FILE_ERRORS):
                    self._update(job, state=State.CANCELLED, ended_at=time.time())
                    record.forget_request_to_cancel(self.folder, job)
            elif job.state is State.QUEUED and job.batch in failed:
                message = f"not started, because `{failed[job.batch].verb}` did not end well"
                with suppress(*FILE_ERRORS):
                    self._update(job, state=State.CANCELLED, ended_at=time.time(), message=message)
            elif job.batch and job.state.is_over and job.state is not State.DONE:
                failed.setdefault(job.batch, job)

    def _run(self, job: Job) -> None:
        log = record.log_path(self.folder, job)
        running = process.start(job.command, log, readable=(*self.roots, self.workspace))
        try:
            self._follow(job, running, LogReader(log))
        except BaseException:  # nothing would follow the process any more, and the next job must not run beside it
            process.send(running.pid, signal.SIGKILL)
            running.wait()
            raise

    def _follow(self, job: Job, running: subprocess.Popen[bytes], reader: LogReader) -> None:
        job, written_at = self._update(job, pid=running.pid, process_started=process.started(running.pid)), 0.0
        signalled: signal.Signals | None = None
        grace_ends_s = 0.0
        while True:
            try:
                running.wait(POLL_EVERY_S)
            except subprocess.TimeoutExpired:
                over = False
            else:
                over = True
            now = time.monotonic()
            if reader.read() or over:
                job = self._update(
                    job,
                    on_disk=over or now - written_at > WRITE_EVERY_S,
                    progress=reader.progress,
                    message=reader.message,
                )
                written_at = now if now - written_at > WRITE_EVERY_S else written_at
            if over:
                break
            if self._is_cancelled(job) and now >= grace_ends_s and signalled is not signal.SIGKILL:
                signalled = signal.SIGINT if signalled is None else STRONGER[signalled]
                process.send(running.pid, signalled)
                grace_ends_s = now + GRACE_S.get(signalled, 0.0)
        state = State.CANCELLED if signalled else State.DONE if running.returncode == 0 else State.FAILED
        self._update(job, state=state, ended_at=time.time(), exit_code=running.returncode)
        with suppress(OSError):
            record.forget_request_to_cancel(self.folder, job)

    def _fail(self, job: Job, error: Exception) -> None:
        """Mark a job as failed, on disk if that is possible."""
        with self._lock:
            latest = self._jobs[job.job_id]
            failed = self._update(
                latest, on_disk=False, state=State.FAILED, ended_at=time.time(), message=f"cannot continue: {error}"
            )
            with suppress(*FILE_ERRORS):
                record.write(self.folder, failed)

    def _is_cancelled(self, job: Job) -> bool:
        return self._stopping or job.job_id in self._cancelled or record.is_asked_to_cancel(self.folder, job)

    def _orphans(self) -> list[Job]:
        """Return the jobs of an earlier server that still run; mark those that have ended since."""
        with self._lock:
            left = [job for job in self._jobs.values() if job.still_runs]
            for job in left:
                if not self._is_alive(job):
                    self._orphan(job, ended_at=time.time())
            return [job for job in left if self._jobs[job.job_id].still_runs]

    def _orphan(self, job: Job, *, ended_at: float | None = None) -> None:
        """Mark a job as orphaned, with whether its process still exists."""
        alive = self._is_alive(job)
        message = LEFT_ALIVE if alive else LEFT_DEAD
        with suppress(*FILE_ERRORS):  # a read-only workspace can still be browsed
            self._update(job, state=State.ORPHANED, still_runs=alive, message=message, ended_at=ended_at)

    def _is_alive(self, job: Job) -> bool:
        return job.pid is not None and job.process_started != "" and process.started(job.pid) == job.process_started

    def _read(self) -> None:
        """Read jobs that other processes have added, and in a process that does not run them, changed."""
        with self._lock:
            changed = [job for job in self._files.changed() if self._thread is None or job.job_id not in self._jobs]
            if changed:
                self._jobs.update((job.job_id, job) for job in changed)
                ordered = sorted(self._jobs.values(), key=lambda job: (job.created_at, job.job_id))
                self._jobs = {job.job_id: job for job in ordered}

    def _update(self, job: Job, *, on_disk: bool = True, **changes: object) -> Job:
        """Change a job in memory and, with `on_disk`, in its file; return it."""
        with self._lock:
            job = job.model_copy(update=changes)
            self._jobs[job.job_id] = job
            if on_disk:
                record.write(self.folder, job)
            return job
