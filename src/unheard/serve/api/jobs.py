"""Start, watch and cancel jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from unheard.serve.api.parameters import CurrentServer
from unheard.serve.jobs import Job, JobRequest
from unheard.serve.jobs.record import ID
from unheard.serve.queries import NotFoundError
from unheard.serve.state import ServerState

router = APIRouter(prefix="/jobs", tags=["Jobs"])
JobId = Annotated[str, Path(pattern=f"^{ID.pattern}$")]

POLL_EVERY_S = 0.25
KEEP_ALIVE_S = 15.0


class JobDetail(Job):
    """A job and the end of its output."""

    output: str = Field(description="Its output without lines of progress.")


@router.post("", status_code=202, summary="Start a job")
def start(server: CurrentServer, wanted: JobRequest) -> Job:
    """Jobs run one at a time; others wait. Paths must be inside the workspace or a folder given with --music-root."""
    return server.jobs.add(wanted)


@router.get("", summary="All jobs")
def every(server: CurrentServer) -> list[Job]:
    """Newest first."""
    return server.jobs.all()


@router.get("/{job_id}", summary="One job")
def one(server: CurrentServer, job_id: JobId) -> JobDetail:
    """Progress, or result, and output."""
    job = _known(server, job_id)
    return JobDetail(**job.model_dump(), output=server.jobs.output(job))


@router.delete("/{job_id}", status_code=202, summary="Cancel a job")
def cancel(server: CurrentServer, job_id: JobId) -> Job:
    """Remove it from the queue, or interrupt it; it is killed if it does not end. Completed steps are kept."""
    _known(server, job_id)
    job = server.jobs.cancel(job_id)
    assert job is not None
    return job


@router.get(
    "/{job_id}/events",
    summary="Watch a job",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "A `job` event for every change."}},
)
def watch(request: Request, server: CurrentServer, job_id: JobId) -> StreamingResponse:
    """Server-sent events: the job as JSON whenever it changes, until it has ended."""
    _known(server, job_id)
    return StreamingResponse(_events(request, server, job_id), media_type="text/event-stream")


async def _events(request: Request, server: ServerState, job_id: str) -> AsyncIterator[str]:
    sent, silent_s = None, 0.0
    while not server.stopping.is_set() and not await request.is_disconnected():
        job = server.jobs.get(job_id)
        if job is None:
            return
        if job != sent:
            yield f"event: job\ndata: {job.model_dump_json()}\n\n"
            sent, silent_s = job, 0.0
        elif silent_s >= KEEP_ALIVE_S:
            yield ": keep-alive\n\n"
            silent_s = 0.0
        if job.is_over:
            return
        await asyncio.sleep(POLL_EVERY_S)
        silent_s += POLL_EVERY_S


def _known(server: ServerState, job_id: str) -> Job:
    job = server.jobs.get(job_id)
    if job is None:
        raise NotFoundError(f"no job {job_id!r}")
    return job
