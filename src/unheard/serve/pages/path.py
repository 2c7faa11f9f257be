"""The page of a path between two tracks: choose both ends, see the path, play or save it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from unheard.errors import UserError
from unheard.serve import own_lists, queries
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.text import address
from unheard.serve.pages.views import TrackView, show
from unheard.serve.redaction import without_folders
from unheard.serve.schema import Which
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import server_state

router = APIRouter()

FIRST_FOUND = 8
N_STEPS = 10
LENGTHS = (5, 8, 10, 15, 20, 30)
Words = Annotated[str, Query(max_length=1000)]


@router.get("/path")
def path(
    request: Request,
    snapshot: CurrentSnapshot,
    start: Words = "",
    end: Words = "",
    q: Words = "",
    n: Annotated[int, Query(ge=2, le=100)] = N_STEPS,
    which: Which = "all",
) -> Response:
    """Show the path, or the search for an end that is missing (the start first)."""
    missing = "start" if not start else "end" if not end else ""
    chosen = {"start": start, "end": end, "n": n if n != N_STEPS else None, "which": which if which != "all" else None}
    found = show(queries.search(snapshot, q, limit=FIRST_FOUND).items) if q.strip() and missing else []
    problem, steps = "", []
    if not missing:
        try:
            found_path = own_lists.path(snapshot, start, end, n=n, candidates=which)
            steps = [(TrackView(step.track), step.similarity) for step in found_path.items]
        except queries.NotFoundError:
            raise
        except UserError as error:
            problem = without_folders(str(error), server_state(request).config.folders)
    return page(
        request,
        "path.html",
        ends=[(name, label, end_view(snapshot, chosen[name])) for name, label in (("start", "From"), ("end", "To"))],
        missing=missing,
        chosen={name: value for name, value in chosen.items() if value},
        matches=[(shown, address("/path", {**chosen, missing: shown.track_id})) for shown in found],
        without={name: address("/path", {**chosen, name: None}) for name in ("start", "end")},
        turned=address("/path", {**chosen, "start": end, "end": start}),
        steps=steps,
        problem=problem,
        q=q,
        n=n,
        which=which,
        lengths=sorted({*LENGTHS, n}),
    )


def end_view(snapshot: Snapshot, track_id: object) -> TrackView | None:
    """Return an end of the path, None if it is not chosen."""
    return TrackView(queries.track_out(snapshot, queries.row_of(snapshot, str(track_id)))) if track_id else None
