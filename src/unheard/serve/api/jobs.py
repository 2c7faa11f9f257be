"""Long work: start it, watch it, stop it."""

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

LOOK_EVERY_S = 0.25
KEEP_ALIVE_S = 15.0


class JobDetail(Job):
    """A job and the end of its output."""

    output: str = Field(description="What it wrote for people.")


@router.post("", status_code=202, summary="Start long work")
def start(server: CurrentServer, request: JobRequest) -> Job:
    """One job runs at a time; others wait. Paths must lie below what the server's operator allows."""
    return server.jobs.add(request)


@router.get("", summary="Every job")
def every(server: CurrentServer) -> list[Job]:
    """Newest first."""
    return server.jobs.all()


@router.get("/{job_id}", summary="One job")
def one(server: CurrentServer, job_id: JobId) -> JobDetail:
    """How far it is, or how it ended."""
    job = _known(server, job_id)
    return JobDetail(**job.model_dump(), output=server.jobs.output(job))


@router.delete("/{job_id}", status_code=202, summary="Stop a job")
def cancel(server: CurrentServer, job_id: JobId) -> Job:
    """Takes it out of the queue, or asks it to stop and, if it does not, ends it. What is done stays done."""
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
    """Server-sent events: the job as JSON whenever it changes, until it is over."""
    _known(server, job_id)
    return StreamingResponse(_events(request, server, job_id), media_type="text/event-stream")


async def _events(request: Request, server: ServerState, job_id: str) -> AsyncIterator[str]:
    told, silent_s = None, 0.0
    while not server.stopping.is_set() and not await request.is_disconnected():
        job = server.jobs.get(job_id)
        if job is None:
            return
        if job != told:
            yield f"event: job\ndata: {job.model_dump_json()}\n\n"
            told, silent_s = job, 0.0
        elif silent_s >= KEEP_ALIVE_S:
            yield ": still here\n\n"
            silent_s = 0.0
        if job.is_over:
            return
        await asyncio.sleep(LOOK_EVERY_S)
        silent_s += LOOK_EVERY_S


def _known(server: ServerState, job_id: str) -> Job:
    job = server.jobs.get(job_id)
    if job is None:
        raise NotFoundError(f"no job {job_id!r}")
    return job
