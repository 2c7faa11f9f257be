"""Runs: jobs with progress, skipped files, tracks that are gone, evaluation results, experiments and the report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import TypeAdapter, ValidationError

from unheard.errors import UserError
from unheard.evaluate.result_tables import tables
from unheard.library import Failure, Track, open_library
from unheard.report.served import as_served, served_policy
from unheard.report.stored_results import charts, read_experiments, read_results
from unheard.serve.jobs import JobRequest
from unheard.serve.pages.job_view import job_view
from unheard.serve.pages.layout import page
from unheard.serve.pages.plot import plot
from unheard.serve.pages.text import address_of
from unheard.serve.queries import NotFoundError
from unheard.serve.redaction import without_folders
from unheard.serve.state import ServerState, server_state
from unheard.splits import load_splits
from unheard.workspace import Workspace

router = APIRouter()

SHOWN_JOBS = 30
SHOWN_FAILURES = 200
SHOWN_ROWS = 150  # of a table: dozens of models make thousands of pairs

# Commands that the page can start without further input, with a description.
SIMPLE = (
    ("factors", "Factorise the plays of every split"),
    ("train", "Train the default model"),
    ("evaluate", "Evaluate every model"),
    ("map", "Draw the map"),
    ("report", "Write the report"),
)


@router.get("/runs")
def runs(request: Request) -> Response:
    """Show jobs, results and skipped files."""
    here = server_state(request)
    failures, gone = _failures(here.workspace)
    return page(
        request,
        "runs.html",
        jobs=[job_view(job) for job in here.jobs.all()[:SHOWN_JOBS]],
        simple=SIMPLE,
        reasons=Counter(failure.reason.value for failure in failures).most_common(),
        failures=failures[:SHOWN_FAILURES],
        n_failures=len(failures),
        gone=gone[:SHOWN_FAILURES],
        n_gone=len(gone),
        splits=[name for name in _splits(here.workspace) if here.workspace.results_path(name).is_file()],
        experiments=_experiments(here.workspace),
        report=_report(here.workspace).is_file(),
        plain=lambda text: without_folders(text, here.config.folders),
    )


@router.post("/runs")
def start(request: Request, command: Annotated[str, Form(alias="verb", max_length=40)]) -> Response:
    """Start one of the jobs in SIMPLE."""
    if command not in dict(SIMPLE):
        raise UserError(f"{command!r:.40} cannot be started here; choose one of {', '.join(dict(SIMPLE))}")
    try:
        job_request = TypeAdapter[JobRequest](JobRequest).validate_python({"verb": command})
    except ValidationError as error:
        raise UserError(f"{command}: cannot be started ({error.error_count()} invalid values)") from error
    server_state(request).jobs.add(job_request)
    return RedirectResponse("/runs", 303)


@router.post("/runs/{job_id}/cancel")
def cancel(request: Request, job_id: str) -> Response:
    """Cancel a job."""
    if server_state(request).jobs.cancel(job_id) is None:
        raise NotFoundError(f"There is no run {job_id!r:.60}.")
    return RedirectResponse("/runs", 303)


@router.get("/runs/{job_id}")
def run(request: Request, job_id: str) -> Response:
    """Show a job with its output."""
    here: ServerState = server_state(request)
    job = here.jobs.get(job_id)
    if job is None:
        raise NotFoundError(f"There is no run {job_id!r:.60}.")
    return page(request, "run.html", here="/runs", run=job_view(job), output=here.jobs.output(job))


@router.get("/results/{split}")
def results(request: Request, split: str) -> Response:
    """Show the results of `evaluate` on a split as plots and tables."""
    workspace = server_state(request).workspace
    measured = read_results(workspace, split) if split in _splits(workspace) else None
    if measured is None:
        raise NotFoundError(f"No results for split {split!r:.60}. Run `evaluate` first.")
    return page(
        request,
        "results.html",
        title=f"Split {split}",
        about=f"Evaluated on {measured.day}. Brackets and lines are 95 % intervals.",
        plots=[
            (chart, plot(chart.models, chance=chart.chance, oracle=chart.oracle)) for chart in charts(measured.results)
        ],
        tables=tables(measured.results),
        max_rows=SHOWN_ROWS,
    )


@router.get("/experiments/{name}")
def experiment(request: Request, name: str) -> Response:
    """Show the results of an experiment."""
    for found in read_experiments(server_state(request).workspace):
        if found.name == name:
            return page(
                request,
                "results.html",
                title=found.title,
                about=found.about,
                plots=[],
                tables=found.tables,
                max_rows=SHOWN_ROWS,
            )
    raise NotFoundError(f"There is no experiment {name!r:.60}.")


@router.get("/report")
def report(request: Request) -> Response:
    """Show the report, which plays audio from this server; its policy allows the script inside the file."""
    try:
        written = _report(server_state(request).workspace).read_bytes()
    except FileNotFoundError:
        raise NotFoundError("There is no report yet. Start `report` on the page Jobs and results.") from None
    html = as_served(
        written.decode("utf-8", "replace"),
        sound=lambda track_id: address_of("/sound", track_id),
        home="/",
        icon="/static/icon.svg",
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": served_policy()})


def _report(workspace: Workspace) -> Path:
    return workspace.root / "report" / "index.html"


def _splits(workspace: Workspace) -> list[str]:
    return list(load_splits(workspace)) if workspace.splits_path.is_file() else []


def _experiments(workspace: Workspace) -> list[tuple[str, str]]:
    """Return (name, title) of each experiment; the title names the split of experiments/<name>-<split>.json."""
    try:
        found = read_experiments(workspace)
    except UserError:  # a damaged file, which `unheard report` names
        return []
    splits = sorted(_splits(workspace), key=len, reverse=True)
    titles = Counter(one.title for one in found)
    named = []
    for one in found:
        split = next((split for split in splits if one.name.endswith(f"-{split}")), "")
        more = f", split {split}" if split else f" ({one.name})" if titles[one.title] > 1 else ""
        named.append((one.name, one.title + more))
    return named


def _failures(workspace: Workspace) -> tuple[list[Failure], list[Track]]:
    """Return the files that were skipped, and the tracks whose files are gone."""
    if not workspace.library_path.is_file():
        return [], []
    with open_library(workspace.library_path) as library:
        return library.failures(), [track for track in library.tracks().items if track.gone_since]
