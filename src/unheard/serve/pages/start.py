"""The page that fills a workspace: choose music and playlists, and follow the jobs until there are lists.

The job is the command `unheard go`. If it fails, the page shows why.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from unheard.errors import UnheardError, UserError
from unheard.library import open_library
from unheard.plays import count_plays
from unheard.serve.jobs import Job, JobRequest, State
from unheard.serve.jobs.requests import GoRequest, allowed
from unheard.serve.music_folders import parent, subfolders
from unheard.serve.pages.job_view import job_view
from unheard.serve.pages.layout import page
from unheard.serve.state import ServerState, server_state
from unheard.serve.uploads import store
from unheard.workspace import Workspace

router = APIRouter()
TypedPath = Annotated[str, Query(max_length=4096)]
GivenPath = Annotated[str, Form(max_length=4096)]

# What each job does, for a person who has read no documentation.
STAGES = {"go": "Read the music, learn from the playlists, make lists"}


@router.get("/start")
def start(request: Request, music: TypedPath = "", playlists: TypedPath = "") -> Response:
    """Show the form, or the jobs that it started; `music` is the folder whose folders are listed."""
    here = server_state(request)
    jobs = batch(here)
    return page(
        request,
        "start.html",
        music=music,
        playlists=playlists,
        folders=subfolders(music, here.workspace.root, here.config.music_roots),
        parent=parent(music, here.workspace.root, here.config.music_roots),
        roots=[str(root) for root in here.config.music_roots],
        jobs=[(job_view(job), STAGES[job.verb]) for job in jobs],
        runs_now=any(not job.is_over for job in jobs),
        failed=next((job for job in jobs if job.state in (State.FAILED, State.ORPHANED)), None),
        ready=here.has_snapshot,
        missing=_missing(here),
        counts=_counts(here.workspace),
    )


@router.get("/start/folders")
def folders(request: Request, typed: TypedPath = "") -> dict[str, str | list[str]]:
    """Return the folders that complete a typed path, and the one above it."""
    here = server_state(request)
    root, roots = here.workspace.root, here.config.music_roots
    return {"folders": subfolders(typed, root, roots), "parent": parent(typed, root, roots)}


@router.post("/start")
def begin(
    request: Request,
    music: GivenPath = "",
    playlists: GivenPath = "",
    files: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:
    """Start the jobs."""
    here = server_state(request)
    if any(not job.is_over for job in batch(here)):
        raise UserError("the jobs of an earlier request are still running; cancel them first")
    uploads = [file for file in files or () if file.filename]
    here.jobs.add_batch(_requests(here, music.strip(), playlists.strip(), uploads))
    return RedirectResponse("/start", 303)


def batch(here: ServerState) -> list[Job]:
    """Return the jobs that the page started last, in their order."""
    newest_first = here.jobs.all()
    name = next((job.batch for job in newest_first if job.batch), "")
    return [job for job in reversed(newest_first) if name and job.batch == name]


def _requests(here: ServerState, music: str, playlists: str, uploads: list[UploadFile]) -> list[JobRequest]:
    """Return the jobs for a folder of music and playlists; UserError for a wrong path."""
    root, roots, counts = here.workspace.root, here.config.music_roots, _counts(here.workspace)
    if music and not allowed(music, root, roots).is_dir():
        raise UserError(f"{music}: expected a folder with music, found a file")
    if not music and not counts["tracks"]:
        raise UserError("choose the folder with your music first")
    paths = [str(allowed(playlists, root, roots))] if playlists else []
    if uploads:
        folder = root / "uploads"  # always the same one: a list that is uploaded again replaces the earlier one
        store(uploads, folder)
        paths.append(str(folder))
    return [GoRequest(verb="go", music=(music,) if music else (), playlists=tuple(paths))]


def _missing(here: ServerState) -> str:
    """Return what the workspace lacks for lists, in the words of the error; empty if there are lists."""
    try:
        here.snapshot()
    except UnheardError as error:
        return str(error)
    return ""


def _counts(workspace: Workspace) -> dict[str, int]:
    """Return the numbers of tracks, skipped files and playlists."""
    if not workspace.library_path.is_file():
        return {"tracks": 0, "failures": 0, "playlists": 0}
    with open_library(workspace.library_path) as library:
        counts = library.counts()
    return {**counts, "playlists": count_plays(workspace).playlists}
